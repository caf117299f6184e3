# SPDX-License-Identifier: Apache-2.0
"""The names of what jobs read, write and wait for: output tables and partition dependencies.

A definition may ask for the table of another one while its own module is still being imported, so
names are looked up in the modules loaded so far (`find_name`). A namespace that is not set on the
definition stands as `{{ db }}` until the compiler fills in the team's.
"""

import json
import re
import sys

from catena.api import ttypes
from catena.api.output_names import part_prefix, sanitize
from catena.api.struct import DefinitionError

FOLDERS = ("group_bys", "joins", "staging_queries")


def _bindings(module, kind):
    for name, value in list(vars(module).items()):
        if name.startswith("__"):
            continue
        if isinstance(value, kind):
            yield name, value
        elif isinstance(value, (list, tuple)):
            yield from ((f"{name}_{i}", v) for i, v in enumerate(value) if isinstance(v, kind))
        elif isinstance(value, dict):
            yield from ((f"{name}_{k}", v) for k, v in value.items() if isinstance(v, kind))


def repository_modules():
    return [
        (name, module)
        for name, module in list(sys.modules.items())
        if name.split(".")[0] in FOLDERS and "." in name and module is not None
    ]


def _keeps_its_name(value, module_name: str) -> bool:
    """A GroupBy with a name of its own, in a Join's file, is not named after that file."""
    return (
        isinstance(value, ttypes.GroupBy)
        and not module_name.startswith("group_bys.")
        and value.metaData is not None
        and bool(value.metaData.name)
    )


def named_objects(kind):
    """(team.file.var, object) of every module-level object of a kind, each object once.

    An object belongs to the module whose body made it, however often it is imported elsewhere.
    """
    seen: dict[int, tuple] = {}
    for module_name, module in repository_modules():
        for variable, value in _bindings(module, kind):
            if _keeps_its_name(value, module_name):
                continue
            own = value.module == module_name
            if id(value) not in seen or (own and not seen[id(value)][2]):
                name = f"{module_name.partition('.')[2]}.{sanitize(variable)}"
                seen[id(value)] = (name, value, own)
    return [(name, value) for name, value, _ in seen.values()]


def find_name(value) -> str | None:
    for name, candidate in named_objects(type(value)):
        if candidate is value:
            return name
    return value.metaData.name if getattr(value, "metaData", None) is not None else None


def output_table_name(conf, full_name: bool = False) -> str:
    name = find_name(conf)
    if not name:
        raise DefinitionError(
            f"this {type(conf).__name__} has no name yet; bind it to a variable "
            "of its module before asking for its table"
        )
    table = sanitize(name)
    return f"{conf.metaData.outputNamespace or '{{ db }}'}.{table}" if full_name else table


get_join_output_table_name = output_table_name
get_staging_query_output_table_name = output_table_name
group_by_output_table_name = output_table_name


def log_table_name(conf, full_name: bool = False) -> str:
    return output_table_name(conf, full_name) + "_logged"


def join_part_name(part: ttypes.JoinPart) -> str:
    return part_prefix(find_name(part.groupBy), part.prefix)


def join_part_output_table_name(join, part, full_name: bool = False) -> str:
    return f"{output_table_name(join, full_name)}_{join_part_name(part)}"


def wait_for_simple_schema(table, lag, start, end, query=None) -> dict | None:
    """The partition of a table that a scheduler waits for. `table` may carry `/sub=partitions`."""
    if not table:
        return None
    clean, _, sub_partitions = table.partition("/")
    column = (query.partitionColumn if query is not None else None) or "ds"
    day = "{{ ds }}" if lag == 0 else f"{{{{ macros.ds_add(ds, -{lag}) }}}}"
    return {
        "name": f"wait_for_{clean}_{column}" + (f"_minus_{lag}" if lag else ""),
        "spec": f"{clean}/{column}={day}" + (f"/{sub_partitions}" if sub_partitions else ""),
        "start": start,
        "end": end,
    }


def wait_for_name(dependency: str) -> str:
    name = "wait_for_" + re.sub("[^a-zA-Z0-9]", "_", dependency)
    return re.sub("_+", "_", name).rstrip("_")


def dedupe_in_order(values) -> list:
    return list(dict.fromkeys(values))


def get_dependencies(source, dependencies=None, meta_data=None, lag: int = 0) -> list[str]:
    """Dependencies of one source, each a JSON string, as Chronon writes them."""
    inner = source.events or source.entities or source.joinSource
    query = inner.query
    start = query.startPartition if query is not None else None
    end = query.endPartition if query is not None else None
    if meta_data is not None:
        return list(meta_data.dependencies or [])
    if dependencies:
        found = [
            {"name": wait_for_name(d), "spec": d, "start": start, "end": end} for d in dependencies
        ]
    elif source.entities is not None:
        tables = [inner.snapshotTable] + ([inner.mutationTable] if inner.mutationTable else [])
        found = [wait_for_simple_schema(table, lag, start, end, query) for table in tables]
    else:
        table = inner.table if source.events is not None else output_table_name(inner.join, True)
        found = [wait_for_simple_schema(table, lag, start, end, query)]
    return [json.dumps(entry) for entry in found if entry is not None]


def get_bootstrap_dependencies(bootstrap_parts) -> list[str]:
    result = []
    for part in bootstrap_parts or []:
        query = part.query
        result.append(
            json.dumps(
                wait_for_simple_schema(
                    part.table,
                    0,
                    query.startPartition if query is not None else None,
                    query.endPartition if query is not None else None,
                    query,
                )
            )
        )
    return result


def get_query(source):
    return (source.events or source.entities or source.joinSource).query


def get_columns(source):
    return list((get_query(source).selects or {}).keys())


def get_table(source) -> str:
    if source.joinSource is not None:
        return output_table_name(source.joinSource.join, True)
    return (source.entities.snapshotTable if source.entities else source.events.table).split("/")[0]


def get_topic(source):
    return source.entities.mutationTopic if source.entities else source.events.topic


def get_max_window_for_gb_in_days(group_by) -> int:
    """At least 1; hours and minutes count as the days they begin."""
    per_day = {ttypes.TimeUnit.MINUTES: 1440, ttypes.TimeUnit.HOURS: 24, ttypes.TimeUnit.DAYS: 1}
    windows = [w for a in group_by.aggregations or [] for w in a.windows or []]
    return max([1] + [-(-w.length // per_day[w.timeUnit]) for w in windows])

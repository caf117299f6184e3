# SPDX-License-Identifier: Apache-2.0
"""Which columns a lowered GroupBy or Join puts out, where each comes from, and its type."""

from dataclasses import dataclass

from catena.api import output_names
from catena.api.ttypes import Operation
from catena.compile import sql, types

_ALWAYS = {"ds": "STRING"}
# Scalars by Chronon's DataKind.
_KINDS = dict(
    enumerate("BOOLEAN BYTE SHORT INT LONG FLOAT DOUBLE STRING BINARY DATE TIMESTAMP".split())
)


@dataclass(frozen=True)
class OutputColumn:
    name: str
    input: str | None  # the column that was aggregated or passed through
    type: str | None
    part: str | None = None  # name of the join part; None for the left side


def expression_type(expression: str, column_types: dict) -> str | None:
    try:
        return sql.translate(expression, column_types).type
    except sql.SqlError:
        return None  # reported where expressions are checked


def underlying(source: dict) -> dict:
    return source.get("events") or source.get("entities") or source.get("joinSource") or {}


def begins_with_entities(source: dict) -> bool:
    """Whether the rows of a source are entities; of a chain, where it begins."""
    while "joinSource" in source:
        source = source["joinSource"]["join"].get("left") or {}
    return "entities" in source


def table_of(source: dict) -> str | None:
    inner = underlying(source)
    return inner.get("table") or inner.get("snapshotTable")


def input_columns(source: dict, schemas) -> dict[str, str] | None:
    """What a source's expressions may read: {column: type or None}; None when not known."""
    if "joinSource" in source:
        columns, complete = join_columns(source["joinSource"]["join"], schemas)
        return {**{c.name: c.type for c in columns}, **_ALWAYS} if complete else None
    schema = schemas.get(table_of(source))
    if schema is None:
        return None
    return {**dict(map(tuple, schema)), **_ALWAYS}


def selected_columns(source: dict, schemas) -> dict[str, str | None] | None:
    """{output column of the Query: type}; without selects every column of the table."""
    inputs = input_columns(source, schemas)
    query = underlying(source).get("query") or {}
    selects = query.get("selects")
    if not selects:
        if inputs is None:
            return None
        return {name: kind for name, kind in inputs.items() if name not in _ALWAYS}
    return {name: expression_type(text, inputs or {}) for name, text in selects.items()}


def derivation_order(derivations, given) -> tuple[list, list[str]]:
    """Each derivation behind those that it needs, and the names of a circle if there is one.

    A name in an expression is a given column when there is one, else another derivation.
    """
    by_name = {d["name"]: d for d in derivations if d["name"] != "*"}
    ordered, path = {}, []

    def visit(name):
        if name in ordered:
            return []
        if name in path:
            return [*path[path.index(name) :], name]
        path.append(name)
        try:
            needs = sql.translate(by_name[name]["expression"]).columns
        except (sql.SqlError, TypeError):
            needs = ()  # reported where expressions are checked
        for need in sorted(needs):
            if need not in given and need in by_name and (circle := visit(need)):
                return circle
        path.pop()
        ordered[name] = by_name[name]
        return []

    circle = next((circle for name in by_name if (circle := visit(name))), [])
    return list(ordered.values()), circle


def with_derived(column_types: dict, derivations) -> dict:
    """The types of what expressions of derivations may read: given columns, then each other."""
    known = dict(column_types)
    for derivation in derivation_order(derivations, column_types)[0]:
        kind = expression_type(derivation["expression"], known)
        known.setdefault(derivation["name"], kind)
    return known


def derived(columns: list[OutputColumn], derivations, beside=None) -> list[OutputColumn]:
    """`beside`: types of what expressions may read besides the columns."""
    if not derivations:
        return columns
    known = with_derived({**(beside or {}), **{c.name: c.type for c in columns}}, derivations)
    replaced = {d["expression"] for d in derivations} | {d["name"] for d in derivations}
    result = []
    for derivation in derivations:
        if derivation["name"] == "*":
            result += [c for c in columns if c.name not in replaced]
        else:
            kind = expression_type(derivation["expression"], known)
            result.append(OutputColumn(derivation["name"], None, kind))
    return result


def aggregation_columns(aggregation: dict, column_types: dict) -> list[OutputColumn]:
    operation = Operation._VALUES_TO_NAMES.get(aggregation.get("operation"))
    if operation is None:
        return []
    column, buckets = aggregation.get("inputColumn"), aggregation.get("buckets")
    windows = [(w["length"], w["timeUnit"]) for w in aggregation.get("windows") or []]
    names = output_names.aggregation_columns(
        column, aggregation["operation"], aggregation.get("argMap"), windows, buckets
    )
    kind = types.aggregated(
        operation, column_types.get(column), bool(buckets), bool(aggregation.get("elementWise"))
    )
    return [OutputColumn(name, column, kind) for name in names]


def base_group_by_columns(group_by: dict, schemas) -> tuple[list[OutputColumn], bool]:
    """Value columns before derivations; False when they cannot all be known."""
    first = (group_by.get("sources") or [{}])[0]
    selected = selected_columns(first, schemas) if underlying(first) else None
    if group_by.get("aggregations") is not None:
        columns = [
            c for a in group_by["aggregations"] for c in aggregation_columns(a, selected or {})
        ]
        return columns, True
    keys = group_by.get("keyColumns") or []
    if selected is None:
        return [], False
    return [OutputColumn(c, c, t) for c, t in selected.items() if c not in keys], True


def group_by_columns(group_by: dict, schemas) -> tuple[list[OutputColumn], bool]:
    columns, complete = base_group_by_columns(group_by, schemas)
    beside = key_types(group_by, schemas)
    return derived(columns, group_by.get("derivations"), beside), complete


def key_types(group_by: dict, schemas) -> dict[str, str | None]:
    """What derivations of a GroupBy may read besides its values."""
    first = (group_by.get("sources") or [{}])[0]
    selected = (selected_columns(first, schemas) if underlying(first) else None) or {}
    keys = {key: selected.get(key) for key in group_by.get("keyColumns") or []}
    return {**keys, "ts": "LONG", **_ALWAYS}


def left_columns(join: dict, schemas) -> dict[str, str | None] | None:
    """Columns of the left side, with `ts` for events; None when not known."""
    selected = selected_columns(join["left"], schemas)
    if selected is None:
        return None
    if "events" in join["left"]:
        selected = {**selected, "ts": "LONG"}
    return selected


def base_join_columns(join: dict, schemas) -> tuple[list[OutputColumn], bool]:
    """Before the Join's own derivations: left columns, ds, parts, external parts."""
    left = left_columns(join, schemas)
    columns = [OutputColumn(n, None, t) for n, t in {**(left or {}), **_ALWAYS}.items()]
    complete = left is not None
    for part in join.get("joinParts") or []:
        group_by = part["groupBy"]
        name = (group_by.get("metaData") or {}).get("name") or ""
        found, known = group_by_columns(group_by, schemas)
        complete = complete and known
        prefix = output_names.part_prefix(name, part.get("prefix"))
        columns += [OutputColumn(f"{prefix}_{c.name}", c.input, c.type, prefix) for c in found]
    for part in join.get("onlineExternalParts") or []:
        source = part["source"]
        prefix = output_names.external_prefix(source["metadata"]["name"], part.get("prefix"))
        if source.get("offlineGroupBy"):
            found, known = group_by_columns(source["offlineGroupBy"], schemas)
            complete = complete and known
        else:
            fields = (source.get("valueSchema") or {}).get("params") or []
            kinds = [_KINDS.get((f.get("dataType") or {}).get("kind")) for f in fields]
            found = [
                OutputColumn(f["name"], f["name"], k) for f, k in zip(fields, kinds, strict=True)
            ]
        columns += [OutputColumn(f"{prefix}_{c.name}", c.input, c.type, prefix) for c in found]
    return columns, complete


def join_columns(join: dict, schemas) -> tuple[list[OutputColumn], bool]:
    """Columns of a Join's output table. Derivations replace part columns, never left ones."""
    columns, complete = base_join_columns(join, schemas)
    if not join.get("derivations"):
        return columns, complete
    left = [c for c in columns if c.part is None]
    names = {d["name"] for d in join["derivations"]}
    beside = {c.name: c.type for c in left}
    features = derived([c for c in columns if c.part is not None], join["derivations"], beside)
    return [c for c in left if c.name not in names] + features, complete

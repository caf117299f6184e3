# SPDX-License-Identifier: Apache-2.0
"""GroupBy: keys, sources and the aggregations over them.

What a definition leaves out (queries, time columns, accuracy, names) is filled in by the compiler,
which sees the whole repository and the tables' schemas; here nothing is guessed. The sources given
are copied, so that one Source can be shared by many definitions.
"""

import json

from catena.api import ttypes
from catena.api.aggregation import Aggregation, Aggregations, DefaultAggregation
from catena.api.derivation import Derivation
from catena.api.operation import Operation, collector, generic_collector, op_to_str
from catena.api.output_names import get_output_col_names
from catena.api.source import as_source, underlying_source
from catena.api.struct import DefinitionError, suggest, where_called
from catena.api.ttypes import Accuracy, TimeUnit, Window
from catena.api.window import window_to_str_pretty

__all__ = [
    "Accuracy",
    "Aggregation",
    "Aggregations",
    "DefaultAggregation",
    "Derivation",
    "GroupBy",
    "Operation",
    "TimeUnit",
    "Window",
    "collector",
    "copy_source",
    "generic_collector",
    "get_output_col_names",
    "op_to_str",
    "refuse_near_miss",
    "validate_group_by",
    "window_to_str_pretty",
]

_DEFAULT_UPLOAD_SCHEDULE = "@daily"


def refuse_near_miss(kind: str, kwargs: dict, known) -> None:
    """Unknown arguments go to customJson, as in Chronon, unless they look like a slip."""
    for key in kwargs:
        hint = suggest(key, known, cutoff=0.9)
        if hint:
            raise DefinitionError(f'{kind} has no argument "{key}"{hint}')


def copy_source(value, what: str):
    """A copy down to the Query; the parent Join of a JoinSource stays the same object."""
    source = as_source(value, what).shallow_copy()
    for field in source.FIELDS:
        inner = getattr(source, field)
        if inner is not None:
            inner = inner.shallow_copy()
            if inner.query is not None:
                inner.query = inner.query.shallow_copy()
                if inner.query.selects is not None:
                    inner.query.selects = dict(inner.query.selects)
            setattr(source, field, inner)
    return source


def _column_tags(aggregations) -> dict:
    return {
        column: aggregation.tags
        for aggregation in aggregations or []
        if aggregation.tags
        for column in get_output_col_names(aggregation)
    }


def GroupBy(sources, keys, aggregations=None, online=None, production=None,
            backfill_start_date=None, dependencies=None, env=None, table_properties=None,
            output_namespace=None, accuracy=None, lag=0, offline_schedule="@daily",
            upload_schedule=_DEFAULT_UPLOAD_SCHEDULE, name=None, tags=None, derivations=None,
            historical_backfill=None, deprecation_date=None, description=None,
            is_incremental=None, exact_windows=None, **kwargs) -> ttypes.GroupBy:  # fmt: skip
    """`aggregations=None` passes the latest row of every key through (entity sources only).

    `exact_windows=True`: an event counts when query - window <= its time < query; tails are not
    rounded to hops. Backfills only: what is uploaded and streamed is kept by hops.

    Unknown keyword arguments are kept in metaData.customJson.
    """
    arguments = [a for a in GroupBy.__code__.co_varnames[: GroupBy.__code__.co_argcount]]
    refuse_near_miss("GroupBy", kwargs, arguments)
    if not sources:
        raise DefinitionError("GroupBy needs at least one source")
    sources = list(sources) if isinstance(sources, (list, tuple)) else [sources]
    aggregations = None if aggregations is None else list(aggregations)
    for aggregation in aggregations or []:
        if not isinstance(aggregation, ttypes.Aggregation):
            raise DefinitionError(
                f"aggregations must be a list of Aggregation, got {type(aggregation).__name__}"
            )
    custom = {**kwargs, "lag": lag, "groupby_tags": tags, "column_tags": _column_tags(aggregations)}
    if exact_windows is not None:
        if not isinstance(exact_windows, bool):
            raise DefinitionError(f"exact_windows must be True or False, not {exact_windows!r}")
        custom["exact_windows"] = exact_windows
    if upload_schedule != _DEFAULT_UPLOAD_SCHEDULE:
        custom["uploadSchedule"] = upload_schedule
    try:
        custom_json = json.dumps(custom)
    except TypeError as error:
        raise DefinitionError(f"extra arguments of GroupBy must be JSON values: {error}") from None
    group_by = ttypes.GroupBy(
        sources=[copy_source(source, "sources") for source in sources],
        keyColumns=[keys] if isinstance(keys, str) else list(keys),
        aggregations=aggregations,
        accuracy=accuracy,
        backfillStartDate=backfill_start_date,
        derivations=derivations,
        isIncremental=is_incremental,
        metaData=ttypes.MetaData(
            name=name,
            online=online,
            production=production,
            customJson=custom_json,
            tableProperties=table_properties,
            outputNamespace=output_namespace,
            modeToEnvMap=env,
            offlineSchedule=offline_schedule,
            historicalBackfill=historical_backfill,
            deprecationDate=deprecation_date,
            description=description,
        ),
    )
    group_by.dependencies, group_by.lag = dependencies, lag
    group_by.where, group_by.module = where_called()
    return group_by


def validate_group_by(group_by: ttypes.GroupBy) -> None:
    """What can be checked without the repository; the compiler checks the rest."""
    for aggregation in group_by.aggregations or []:
        if not aggregation.inputColumn:
            raise DefinitionError(f"{op_to_str(aggregation.operation)} needs an input_column")
    if group_by.aggregations is None:
        for source in group_by.sources:
            if source.events is not None or getattr(underlying_source(source), "mutationTable", 0):
                raise DefinitionError("aggregations=None needs entity sources without mutations")

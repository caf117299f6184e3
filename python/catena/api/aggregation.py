# SPDX-License-Identifier: Apache-2.0
"""Aggregation: one input column, one operation, any number of windows and buckets."""

from catena.api import ttypes
from catena.api.operation import Operation, parse_operation
from catena.api.source import as_source, underlying_source
from catena.api.struct import DefinitionError, suggest, where_called
from catena.api.window import as_window

__all__ = ["Aggregation", "Aggregations", "DefaultAggregation"]

_ARGUMENTS = (
    "input_column",
    "operation",
    "windows",
    "buckets",
    "tags",
    "element_wise",
    "arg_map",
    "inputColumn",
    "elementWise",
    "argMap",
)


def Aggregation(
    input_column=None,
    operation=None,
    windows=None,
    buckets=None,
    tags=None,
    element_wise=None,
    **kwargs,
) -> ttypes.Aggregation:
    """Operation defaults to LAST; without windows the aggregation is over all time."""
    for key in kwargs:
        if key not in _ARGUMENTS:
            raise DefinitionError(f'Aggregation has no argument "{key}"{suggest(key, _ARGUMENTS)}')
    number, arguments = parse_operation(Operation.LAST if operation is None else operation)
    arguments.update(kwargs.get("argMap") or kwargs.get("arg_map") or {})
    if windows is not None:
        windows = [windows] if isinstance(windows, (str, ttypes.Window)) else windows
        windows = [as_window(window) for window in windows]
    if isinstance(buckets, str):
        buckets = [buckets]
    aggregation = ttypes.Aggregation(
        inputColumn=input_column if input_column is not None else kwargs.get("inputColumn"),
        operation=number,
        argMap=arguments,
        windows=windows,
        buckets=buckets,
        elementWise=element_wise if element_wise is not None else kwargs.get("elementWise"),
    )
    aggregation.tags = tags
    aggregation.where, aggregation.module = where_called()
    return aggregation


def Aggregations(**name_to_aggregation):
    """Aggregations(amount=Aggregation(operation=Operation.SUM)): the name is the input column."""
    for name, aggregation in name_to_aggregation.items():
        if not isinstance(aggregation, ttypes.Aggregation):
            raise DefinitionError(f"{name} must be an Aggregation")
        if not aggregation.inputColumn:
            aggregation.inputColumn = name
    return list(name_to_aggregation.values())


def DefaultAggregation(keys, sources, operation=Operation.LAST, tags=None):
    """One aggregation for every selected column that is neither a key nor a time."""
    sources = sources if isinstance(sources, (list, tuple)) else [sources]
    result = []
    for source in sources:
        query = underlying_source(as_source(source)).query
        if query is None or query.selects is None:
            raise DefinitionError("DefaultAggregation needs a Query with selects in every source")
        skip = {*keys, "ts", "is_before", "mutation_ts", "ds", query.timeColumn}
        result += [
            Aggregation(input_column=column, operation=operation, tags=tags)
            for column in query.selects
            if column not in skip
        ]
    return result

# SPDX-License-Identifier: Apache-2.0
"""Operation: what an aggregation does. Those with arguments are called: Operation.LAST_K(10)."""

from catena.api import ttypes
from catena.api.struct import DefinitionError, suggest

__all__ = ["Operation", "collector", "generic_collector", "op_to_str", "parse_operation"]


def collector(operation: int):
    return lambda k: (operation, {"k": str(k)})


def generic_collector(operation: int, required: list[str], **defaults):
    def collect(*args, **kwargs):
        if len(args) > len(required):
            raise DefinitionError(
                f"{op_to_str(operation)} takes {required}, got {len(args)} values"
            )
        arguments = {**defaults, **dict(zip(required, args)), **kwargs}
        missing = [name for name in required if name not in arguments]
        if missing:
            raise DefinitionError(f"{op_to_str(operation)} needs {missing}")
        return operation, {name: str(value) for name, value in arguments.items()}

    return collect


class Operation(ttypes.Operation):
    """The integers of ttypes.Operation, and what takes arguments as a function of them."""

    APPROX_UNIQUE_COUNT_LGK = collector(ttypes.Operation.APPROX_UNIQUE_COUNT)
    BOUNDED_UNIQUE_COUNT_K = collector(ttypes.Operation.BOUNDED_UNIQUE_COUNT)
    # Doubles added as they come: faster, and the order of additions shows in the last digits.
    PLAIN_SUM = (ttypes.Operation.SUM, {"sum": "plain"})
    PLAIN_AVERAGE = (ttypes.Operation.AVERAGE, {"sum": "plain"})
    HISTOGRAM_K = collector(ttypes.Operation.HISTOGRAM)
    FREQUENT_K = collector(ttypes.Operation.HISTOGRAM)  # Zipline's spelling.
    APPROX_HISTOGRAM_K = collector(ttypes.Operation.APPROX_HISTOGRAM_K)
    FIRST_K = collector(ttypes.Operation.FIRST_K)
    LAST_K = collector(ttypes.Operation.LAST_K)
    TOP_K = collector(ttypes.Operation.TOP_K)
    BOTTOM_K = collector(ttypes.Operation.BOTTOM_K)
    APPROX_PERCENTILE = generic_collector(
        ttypes.Operation.APPROX_PERCENTILE, ["percentiles"], k=128
    )


def op_to_str(operation: int) -> str:
    return ttypes.Operation._VALUES_TO_NAMES[operation].lower()


def parse_operation(value) -> tuple[int, dict[str, str]]:
    """(integer, arguments) of Operation.SUM, "SUM" or Operation.LAST_K(10)."""
    arguments: dict[str, str] = {}
    if isinstance(value, tuple) and len(value) == 2:
        value, arguments = value
    if isinstance(value, str):
        names = ttypes.Operation._NAMES_TO_VALUES
        if value.upper() not in names:
            raise DefinitionError(f'unknown operation "{value}"{suggest(value.upper(), names)}')
        value = names[value.upper()]
    if callable(value):
        raise DefinitionError(
            "this operation takes an argument; write for example "
            "Operation.LAST_K(10) or Operation.APPROX_PERCENTILE([0.5])"
        )
    if isinstance(value, bool) or value not in ttypes.Operation._VALUES_TO_NAMES:
        raise DefinitionError(f"unknown operation {value!r}; use a name of Operation")
    return value, {str(key): str(argument) for key, argument in arguments.items()}

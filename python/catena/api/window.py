# SPDX-License-Identifier: Apache-2.0
"""Window: how far back an aggregation looks. "5m", "1h", "7d" or Window(7, TimeUnit.DAYS)."""

import re

from catena.api import ttypes
from catena.api.struct import DefinitionError
from catena.api.ttypes import TimeUnit, Window

__all__ = ["TimeUnit", "Window", "as_window", "window_suffix", "window_to_str_pretty"]

_UNITS = {"m": TimeUnit.MINUTES, "h": TimeUnit.HOURS, "d": TimeUnit.DAYS}
_LETTERS = {unit: letter for letter, unit in _UNITS.items()}


def as_window(value) -> Window:
    if isinstance(value, Window):
        return value
    match = re.fullmatch(r"\s*([0-9]+)\s*([mhd])\s*", value) if isinstance(value, str) else None
    if match is None or int(match[1]) == 0:
        raise DefinitionError(
            f'{value!r} is not a window; write "5m", "1h", "7d" or Window(7, TimeUnit.DAYS)'
        )
    return Window(int(match[1]), _UNITS[match[2]])


def window_suffix(length: int, time_unit: int) -> str:
    """`7d`: as it stands in output column names."""
    return f"{length}{_LETTERS[time_unit]}"


def window_to_str_pretty(window: Window) -> str:
    return f"{window.length} {ttypes.TimeUnit._VALUES_TO_NAMES[window.timeUnit].lower()}"

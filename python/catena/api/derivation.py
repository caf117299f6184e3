# SPDX-License-Identifier: Apache-2.0
"""Derivation: a column computed from the outputs of a GroupBy or a Join."""

from catena.api import ttypes
from catena.api.struct import where_called

__all__ = ["Derivation"]


def Derivation(name: str, expression: str, description: str | None = None) -> ttypes.Derivation:
    """name="*", expression="*" keeps every column that is not merely renamed by another one."""
    derivation = ttypes.Derivation(name, expression)
    if description:
        derivation.metaData = ttypes.MetaData(description=description)
    derivation.where, derivation.module = where_called()
    return derivation

# SPDX-License-Identifier: Apache-2.0
"""Query and the selects of a Query."""

from catena.api.ttypes import Query

__all__ = ["Query", "select", "selects"]


def select(*columns: str, **alias_to_expression: str) -> dict[str, str]:
    """select("user_id", dollars="cents / 100"): output column -> Spark SQL expression."""
    return {**{column: column for column in columns}, **alias_to_expression}


selects = select  # Zipline's spelling.

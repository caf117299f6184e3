# SPDX-License-Identifier: Apache-2.0
"""StagingQuery: a free query whose result becomes a table, and Sources that read that table."""

from catena.api import ttypes
from catena.api.table_names import output_table_name

__all__ = [
    "StagingQuery",
    "StagingQueryEntitySource",
    "StagingQueryEventSource",
    "get_staging_query_dependencies",
]

StagingQuery = ttypes.StagingQuery


def StagingQueryEventSource(staging_query, query, is_cumulative=False) -> ttypes.Source:
    return ttypes.Source(
        events=ttypes.EventSource(
            table=output_table_name(staging_query, True), query=query, isCumulative=is_cumulative
        )
    )


def StagingQueryEntitySource(staging_query, query) -> ttypes.Source:
    return ttypes.Source(
        entities=ttypes.EntitySource(
            snapshotTable=output_table_name(staging_query, True), query=query
        )
    )


def get_staging_query_dependencies(staging_query, lag: int = 0) -> list[str]:
    table = output_table_name(staging_query, True)
    return [f"{table.split('.')[0]}.chronon_signal_partitions/ds={{{{ ds }}}}/table_name={table}"]

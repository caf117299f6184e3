# SPDX-License-Identifier: Apache-2.0
from ai.chronon.api.ttypes import EntitySource, Source
from ai.chronon.group_by import GroupBy, DefaultAggregation, Operation
from ai.chronon.query import Query, select
from ai.chronon.utils import get_staging_query_output_table_name
from staging_queries.shop import orders

users = Source(entities=EntitySource(
    snapshotTable="shop.users",
    query=Query(selects=select("user_id", "country", "vip"), start_partition="2026-01-01"),
))
v1 = GroupBy(sources=[users], keys=["user_id"], aggregations=None)

mutated = Source(entities=EntitySource(
    snapshotTable="shop.balances", mutationTable="shop.balance_changes/hr=00:00",
    mutationTopic="balance-changes",
    query=Query(selects=select("user_id", "balance"), time_column="ts",
                mutation_time_column="mutation_ts", reversal_column="is_before"),
))
balances = GroupBy(sources=mutated, keys=["user_id"],
                   aggregations=DefaultAggregation(keys=["user_id"], sources=[mutated],
                                                   operation=Operation.MAX))

staged = GroupBy(
    sources=Source(entities=EntitySource(
        snapshotTable=get_staging_query_output_table_name(orders.v1, True),
        query=Query(selects=select("user_id", "orders"), partition_column="day"))),
    keys=["user_id"], aggregations=None, online=False)

# SPDX-License-Identifier: Apache-2.0
from ai.chronon.api.ttypes import JoinSource, Source
from ai.chronon.group_by import Accuracy, Aggregation, GroupBy, Operation, TimeUnit, Window
from ai.chronon.query import Query, select
from joins.shop.training import parent

v1 = GroupBy(
    sources=Source(joinSource=JoinSource(join=parent, query=Query(
        selects=select("user_id", spent="shop_purchases_v1_price_sum_3d"),
        start_partition="2026-02-02", time_column="ts"))),
    keys=["user_id"],
    aggregations=[Aggregation(input_column="spent", operation=Operation.AVERAGE,
                              windows=[Window(24, TimeUnit.HOURS)])],
    accuracy=Accuracy.TEMPORAL,
)

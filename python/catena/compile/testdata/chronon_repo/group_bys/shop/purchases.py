# SPDX-License-Identifier: Apache-2.0
from ai.chronon.api.ttypes import EventSource, Source
from ai.chronon.group_by import (
    Accuracy, Aggregation, Derivation, GroupBy, Operation, TimeUnit, Window,
)
from ai.chronon.query import Query, select

WINDOWS = [Window(length=n, timeUnit=TimeUnit.DAYS) for n in (3, 14)]

old = Source(events=EventSource(
    table="shop.purchases_old",
    query=Query(selects=select(user_id="CAST(uid AS BIGINT)", price="price / 100"),
                time_column="UNIX_TIMESTAMP(ts) * 1000", end_partition="2026-01-31",
                start_partition="2025-01-01"),
))
new = Source(events=EventSource(
    table="shop.purchases/hr=00", topic="purchases",
    query=Query(selects=select("user_id", "price"), wheres=["price > 0", "user_id IS NOT NULL"],
                time_column="ts", start_partition="2026-02-01"),
))

v1 = GroupBy(
    sources=[old, new],
    keys=["user_id"],
    aggregations=[
        Aggregation(input_column="price", operation=Operation.SUM, windows=WINDOWS,
                    tags={"kind": "money"}),
        Aggregation(input_column="price", operation=Operation.LAST_K(5), windows=[WINDOWS[0]]),
        Aggregation(input_column="price", operation=Operation.APPROX_PERCENTILE([0.5, 0.9])),
        Aggregation(input_column="price"),
    ],
    online=True,
    tags={"owner": "shop"},
    lag=1,
    env={"backfill": {"EXECUTOR_MEMORY": "4G"}},
    derivations=[Derivation("*", "*"),
                 Derivation("half", "price_sum_3d / 2", description="half of it")],
    some_argument={"kept": [1, 2]},
)

snapshot = GroupBy(
    sources=Source(events=EventSource(table="shop.purchases", query=Query(
        selects={"user_id": "user_id", "country": "country"}, time_column="ts"))),
    keys=["user_id"],
    aggregations=[Aggregation(input_column="price", operation=Operation.COUNT, buckets=["country"])],
    accuracy=Accuracy.SNAPSHOT,
    backfill_start_date="2026-01-01",
    historical_backfill=False,
    output_namespace="elsewhere",
    table_properties={"own": "yes"},
    description="counts",
    production=False,
    dependencies=["a.b/ds={{ ds }}"],
)

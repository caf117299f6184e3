# SPDX-License-Identifier: Apache-2.0
"""What the generator of the bench writes, and the right sides of the parent Join."""

from catena.api import (
    Accuracy, Aggregation, EntitySource, EventSource, GroupBy, Operation, Query, Source, select,
)

transactions = Source(events=EventSource(
    table="bench.transactions",
    query=Query(selects=select("transaction_id", "user_id", "merchant_id", "amount", "currency"),
                time_column="ts")))

merchants = GroupBy(
    sources=[Source(entities=EntitySource(
        snapshotTable="bench.merchants",
        query=Query(selects=select("merchant_id", "category", "country", "tier"))))],
    keys=["merchant_id"],
    aggregations=None,
)

scores = GroupBy(
    sources=[Source(events=EventSource(
        table="bench.risk_scores",
        query=Query(selects=select("merchant_id", "risk_score"), time_column="ts")))],
    keys=["merchant_id"],
    aggregations=[Aggregation(input_column="risk_score", operation=Operation.LAST)],
    accuracy=Accuracy.TEMPORAL,
)

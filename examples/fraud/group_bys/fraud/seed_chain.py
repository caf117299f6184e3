# SPDX-License-Identifier: Apache-2.0
"""The chain of the design document: its listings of Step 1 to 4, unmodified, below one source that
they read and do not define. What they leave out is inferred; `catena compile` says what."""

from catena.api import (
    Aggregation, EntitySource, EventSource, GroupBy, Join, JoinPart, JoinSource, Operation, Query,
    Source,
)

risk_events = Source(events=EventSource(table="risk.scores", topic="risk-events"))

# Define the data sources
transactions = Source(
    events=EventSource(
        table="payments.transactions",
        topic="payment-events"  # Kafka topic
    )
)

merchant_profiles = Source(
    entities=EntitySource(
        snapshotTable="merchants.profiles"  # Hive table
    )
)

risk_scores = GroupBy(
    sources=[risk_events],
    keys=["merchant_id"],
    aggregations=[
        Aggregation(
            operation=Operation.LAST,
            input_column="risk_score"
        )
    ]
)

# This Join MUST be processed by Spark
enriched_transactions = Join(
    name="enriched_transactions",
    left=transactions,
    right_parts=[
        JoinPart(group_by=merchant_profiles),
        JoinPart(group_by=risk_scores)
    ]
)

# This CANNOT be processed by Flink - must use Spark
user_merchant_risk = GroupBy(
    name="user_merchant_risk",
    sources=JoinSource(  # ← This triggers Spark-only execution
        join=enriched_transactions,
        query=Query(
            selects={
                "user_id": "user_id",
                "merchant_risk": "risk_score",
                "amount": "transaction_amount"
            }
        )
    ),
    keys=["user_id"],
    aggregations=[
        Aggregation(
            input_column="merchant_risk",
            operation=Operation.AVERAGE,
            windows=["1h", "24h", "7d"]
        )
    ]
)

# This simple GroupBy CAN be processed by Flink
simple_transaction_stats = GroupBy(
    name="simple_transaction_stats",
    sources=[transactions],  # Direct source, not JoinSource!
    keys=["user_id"],
    aggregations=[
        Aggregation(
            input_column="amount",
            operation=Operation.SUM,
            windows=["5m", "1h"]  # Flink handles tiling
        )
    ]
)

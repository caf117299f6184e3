# SPDX-License-Identifier: Apache-2.0
"""Nine features of a user, over the same parent Join as the seed's chain."""

from catena.api import Aggregation, GroupBy, JoinSource, Operation, Query, select
from group_bys.fraud.seed_chain import enriched_transactions

WINDOWS = ["1h", "24h", "7d"]

v1 = GroupBy(
    sources=JoinSource(
        join=enriched_transactions,
        query=Query(
            selects=select("user_id", "amount", "transaction_id", merchant_risk="risk_score"),
        ),
    ),
    keys=["user_id"],
    aggregations=[
        Aggregation(input_column="merchant_risk", operation=Operation.AVERAGE, windows=WINDOWS),
        Aggregation(input_column="amount", operation=Operation.SUM, windows=WINDOWS),
        Aggregation(input_column="transaction_id", operation=Operation.COUNT, windows=WINDOWS),
    ],
)

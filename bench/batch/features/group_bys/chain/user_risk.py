# SPDX-License-Identifier: Apache-2.0
"""The chained GroupBy: nine features of a user over the enriched transactions."""

from catena.api import Accuracy, Aggregation, GroupBy, JoinSource, Operation, Query, select
from joins.chain.enriched import v1 as enriched

WINDOWS = ["1h", "24h", "7d"]

v1 = GroupBy(
    sources=JoinSource(join=enriched, query=Query(
        selects=select("user_id", "transaction_id", "amount",
                       risk="chain_sources_scores_risk_score_last"), time_column="ts")),
    keys=["user_id"],
    aggregations=[
        Aggregation(input_column="risk", operation=Operation.AVERAGE, windows=WINDOWS),
        Aggregation(input_column="amount", operation=Operation.SUM, windows=WINDOWS),
        Aggregation(input_column="transaction_id", operation=Operation.COUNT, windows=WINDOWS),
    ],
    accuracy=Accuracy.TEMPORAL,
)

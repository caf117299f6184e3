# SPDX-License-Identifier: Apache-2.0
"""How a product was rated in the last seven days."""

from catena.api import Accuracy, Aggregation, EventSource, GroupBy, Operation, Query, Source

ratings = Source(
    events=EventSource(
        table="shop.ratings",
        query=Query(selects={"product_id": "product_id", "stars": "stars"}, time_column="ts"),
    )
)

v1 = GroupBy(
    sources=[ratings],
    keys=["product_id"],
    aggregations=[
        Aggregation(input_column="stars", operation=Operation.AVERAGE, windows=["7d"]),
    ],
    accuracy=Accuracy.TEMPORAL,  # As of each order, not of the midnight before it.
)

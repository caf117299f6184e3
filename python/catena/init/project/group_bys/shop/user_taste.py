# SPDX-License-Identifier: Apache-2.0
"""How the products that a user ordered had been rated: a GroupBy over the rows of a Join."""

from catena.api import Accuracy, Aggregation, GroupBy, JoinSource, Operation, Query
from joins.shop import rated_orders

v1 = GroupBy(
    sources=JoinSource(
        join=rated_orders.v1,
        query=Query(
            selects={
                "user_id": "user_id",
                "rating": "shop_product_rating_v1_stars_average_7d",
                "amount": "amount",
            },
            time_column="ts",
        ),
    ),
    keys=["user_id"],
    aggregations=[
        Aggregation(input_column="rating", operation=Operation.AVERAGE, windows=["30d"]),
        Aggregation(input_column="amount", operation=Operation.SUM, windows=["30d"]),
    ],
    accuracy=Accuracy.TEMPORAL,  # As of each order, not of the midnight before it.
)

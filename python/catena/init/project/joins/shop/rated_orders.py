# SPDX-License-Identifier: Apache-2.0
"""Every order with the rating that its product had: the parent Join of the chain."""

from catena.api import EventSource, Join, JoinPart, Query, Source
from group_bys.shop import product_rating

orders = Source(
    events=EventSource(
        table="shop.orders",
        query=Query(
            selects={"user_id": "user_id", "product_id": "product_id", "amount": "amount"},
            time_column="ts",
        ),
    )
)

v1 = Join(left=orders, right_parts=[JoinPart(group_by=product_rating.v1)])

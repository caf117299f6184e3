# SPDX-License-Identifier: Apache-2.0
"""What was known about a user at each order."""

from catena.api import EventSource, Join, JoinPart, Query, Source
from group_bys.shop import user_taste

spine = Source(
    events=EventSource(
        table="shop.orders",
        query=Query(selects={"user_id": "user_id"}, time_column="ts"),
    )
)

v1 = Join(left=spine, right_parts=[JoinPart(group_by=user_taste.v1)])

# SPDX-License-Identifier: Apache-2.0
"""Every checkout, with what was known about its user at that moment."""

from ai.chronon.api.ttypes import EventSource, Source
from ai.chronon.join import Join, JoinPart
from ai.chronon.query import Query, select
from group_bys.quickstart import purchases, returns, users

checkouts = Source(
    events=EventSource(
        table="data.checkouts",
        query=Query(selects=select("user_id"), time_column="ts"),
    )
)

v1 = Join(
    left=checkouts,
    right_parts=[
        JoinPart(group_by=group_by) for group_by in (purchases.v1, returns.v1, users.v1)
    ],
    online=True,
)

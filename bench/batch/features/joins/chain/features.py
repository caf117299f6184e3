# SPDX-License-Identifier: Apache-2.0
"""The nine features of its user, point in time, for every transaction."""

from catena.api import EventSource, Join, JoinPart, Query, Source, select
from group_bys.chain.user_risk import v1 as user_risk

v1 = Join(
    left=Source(events=EventSource(
        table="bench.transactions",
        query=Query(selects=select("transaction_id", "user_id"), time_column="ts"))),
    right_parts=[JoinPart(group_by=user_risk)],
)

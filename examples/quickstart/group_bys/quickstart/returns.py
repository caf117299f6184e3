# SPDX-License-Identifier: Apache-2.0
"""What a user sent back in the last 3, 14 and 30 days."""

from ai.chronon.api.ttypes import EventSource, Source
from ai.chronon.group_by import Aggregation, GroupBy, Operation, TimeUnit, Window
from ai.chronon.query import Query, select

WINDOWS = [Window(length=days, timeUnit=TimeUnit.DAYS) for days in (3, 14, 30)]

source = Source(
    events=EventSource(
        table="data.returns",
        query=Query(selects=select("user_id", "refund_amt"), time_column="ts"),
    )
)

v1 = GroupBy(
    sources=[source],
    keys=["user_id"],
    aggregations=[
        Aggregation(input_column="refund_amt", operation=operation, windows=WINDOWS)
        for operation in (Operation.SUM, Operation.COUNT, Operation.AVERAGE)
    ],
    online=True,
)

# SPDX-License-Identifier: Apache-2.0
"""What a fraud model sees of a user and a merchant at a point in time."""

from catena.api import EventSource, Join, JoinPart, Source
from group_bys.fraud import user_risk
from group_bys.fraud.seed_chain import (
    merchant_profiles, risk_scores, simple_transaction_stats, user_merchant_risk,
)

v1 = Join(
    left=Source(events=EventSource(table="demo.spine")),
    right_parts=[
        JoinPart(group_by=user_merchant_risk),
        JoinPart(group_by=user_risk.v1),
        JoinPart(group_by=simple_transaction_stats),
        JoinPart(group_by=risk_scores),
        JoinPart(group_by=merchant_profiles),
    ],
)

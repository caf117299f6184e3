# SPDX-License-Identifier: Apache-2.0
"""What is known about a user as of the last snapshot."""

from ai.chronon.api.ttypes import EntitySource, Source
from ai.chronon.group_by import GroupBy
from ai.chronon.query import Query, select

source = Source(
    entities=EntitySource(
        snapshotTable="data.users",
        query=Query(selects=select("user_id", "account_created_ds", "email_verified")),
    )
)

v1 = GroupBy(sources=[source], keys=["user_id"], aggregations=None, online=True)

# SPDX-License-Identifier: Apache-2.0
from ai.chronon.api.ttypes import EventSource, Source
from ai.chronon.group_by import Aggregation, GroupBy, Operation
from ai.chronon.join import (
    BootstrapPart, ContextualSource, DataType, Derivation, ExternalPart, ExternalSource, Join,
    JoinPart, LabelPart,
)
from ai.chronon.query import Query, select
from group_bys.shop import purchases, users
from group_bys.shop.users import balances

checkouts = Source(events=EventSource(
    table="shop.checkouts", topic="checkouts",
    query=Query(selects=select("user_id", "buyer", "amount"), time_column="ts",
                start_partition="2026-02-01"),
))

parent = Join(left=checkouts, right_parts=[
    JoinPart(group_by=purchases.v1, tags={"a": "b"}),
    JoinPart(group_by=users.v1, prefix="buyer", key_mapping={"buyer": "user_id"}, tags={"c": 1}),
], online=False, check_consistency=True, sample_percent=50.0, tags={"t": True},
    additional_env=["X=1"], extra="kept")

inline = GroupBy(name="shop.inline_counts", sources=[Source(events=EventSource(
    table="shop.views", query=Query(selects=select("user_id"), time_column="ts")))],
    keys=["user_id"], aggregations=[Aggregation(input_column="page", operation=Operation.COUNT)])

full = Join(
    left=checkouts,
    right_parts=[JoinPart(group_by=balances), JoinPart(group_by=inline)],
    row_ids=["user_id"],
    skew_keys={"user_id": ["0"]},
    bootstrap_parts=[BootstrapPart(table="shop.logged", key_columns=["user_id"],
                                   query=Query(selects=select(f="g + 1"), start_partition="2026-02-03"))],
    online_external_parts=[
        ExternalPart(ContextualSource(fields=[("request", DataType.STRING)])),
        ExternalPart(ExternalSource(name="score.service", team="risk",
                                    key_fields=[("user_id", DataType.LONG)],
                                    value_fields=[("score", DataType.DOUBLE),
                                                  ("tags", DataType.MAP(DataType.STRING, DataType.LIST(DataType.INT)))]),
                     prefix="s", key_mapping={"user_id": "user_id"}),
    ],
    label_part=LabelPart(labels=[JoinPart(group_by=users.v1)], left_start_offset=30,
                         left_end_offset=10),
    derivations=[Derivation("*", "*"),
                 Derivation("score", "ext_s_score_service_score * 2")],
    offline_schedule="@never", description="everything", deprecation_date="2027-01-01",
)

# SPDX-License-Identifier: Apache-2.0
from ai.chronon.api.ttypes import MetaData, StagingQuery

v1 = StagingQuery(
    query="SELECT * FROM raw.orders WHERE ds BETWEEN '{{ start_date }}' AND '{{ end_date }}'",
    startPartition="2026-01-01",
    metaData=MetaData(name="orders", outputNamespace="shop_db", dependencies=["raw.orders/ds={{ ds }}"]),
)

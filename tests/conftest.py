# SPDX-License-Identifier: Apache-2.0
"""One real server of a kind for all tests of a session that want it."""

import pytest
from servers import KafkaBroker, RedisServer


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory):
    with KafkaBroker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory):
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server

# SPDX-License-Identifier: Apache-2.0
"""The chain over a real Kafka broker, its records in Avro by a schema registry: the schema of the
payments changes while the stream runs, the registry is away for a while, and the features are those
of a backfill of the same logs."""

import json
import random

import pytest
from feature_repository import CHAINED, RISK, SIMPLE, FeatureRepository, now_millis
from integration_test import HOUR, MINUTE, asked_of, random_rows, split
from kafka_stream_test import (compare_with_backfill, folded, produce, start, wait_until_folded,
                               wait_until_said)
from schema_registry import SchemaRegistry

SEED = 20261127
RISK_SCHEMA = {"type": "record", "name": "Risk", "fields": [
    {"name": "merchant_id", "type": "int"}, {"name": "score", "type": ["null", "double"]},
    {"name": "ts", "type": {"type": "long", "logicalType": "timestamp-millis"}}]}
FIRST = {"type": "record", "name": "Payment", "fields": [
    {"name": "user_id", "type": "long"}, {"name": "merchant_id", "type": "long"},
    {"name": "amount", "type": "double"}, {"name": "ts", "type": "long"}]}
# Another order, a field more in front, null allowed, a narrower key.
SECOND = {"type": "record", "name": "Payment", "fields": [
    {"name": "currency", "type": "string", "default": "EUR"},
    {"name": "ts", "type": "long"}, {"name": "amount", "type": ["null", "double"]},
    {"name": "merchant_id", "type": "int"}, {"name": "user_id", "type": "long"}]}


@pytest.fixture
def registry():
    with SchemaRegistry() as server:
        yield server


@pytest.fixture
def repository(tmp_path, kafka_broker, registry):
    settings = (f"kafka:\n  bootstrap.servers: {kafka_broker.address}\n"
                f"  registry_host: 127.0.0.1\n  registry_port: {registry.port}\n")
    with FeatureRepository(tmp_path, settings, "kafka", f"-{tmp_path.name}") as repository:
        repository.create_topics()
        registry.register(f"{repository.payments}-value", FIRST)
        registry.register(f"{repository.risks}-value", RISK_SCHEMA)
        yield repository


def test_schemas_change_while_the_stream_runs(repository, registry):
    rng = random.Random(SEED)
    now = now_millis()
    first = random_rows(rng, 500, now - 2 * HOUR, now - HOUR)
    second = random_rows(rng, 500, now - HOUR, now - MINUTE)
    produce(repository, first)
    process = start(repository)
    wait_until_folded(repository, process, first)

    registry.register(f"{repository.payments}-value", SECOND)
    produce(repository, second)
    wait_until_folded(repository, process, first + second)
    shown = repository.topic_rows(repository.payments)
    assert {row.get("currency") for row in shown} == {None, "EUR"}
    assert sorted((row["ts"], row["amount"]) for row in shown) == sorted(
        (row["ts"], row["amount"]) for row in split(first + second)["t.payments"])
    compare_with_backfill(repository, asked_of(rng, now - 100 * MINUTE, now - MINUTE, 200))
    assert repository.terminate(process)[0] == 128 + 15


def test_a_registry_that_is_away_stalls_the_stream_and_bad_records_are_seen(repository, registry):
    rng = random.Random(SEED + 1)
    now = now_millis()
    rows = random_rows(rng, 200, now - HOUR, now - MINUTE)
    produce(repository, rows)
    process = start(repository)
    wait_until_folded(repository, process, rows)

    registry.register(f"{repository.payments}-value", SECOND)
    registry.stop()
    late = [{"user_id": 1, "merchant_id": 1, "amount": 2.5, "ts": now - 5000},
            {"user_id": 1, "merchant_id": 1, "amount": 2.5, "ts": now + HOUR}]
    with SchemaRegistry(of=registry) as another:
        elsewhere = f"{repository.payments}/registry_port={another.port}"
        repository.produce(elsewhere, "user_id", late)
        repository.run("topic", "produce", elsewhere, "--raw", text="no Avro\n")
    wait_until_said(repository, process, 0, " stalled ", "schema registry")
    assert folded(repository)[SIMPLE] == len(split(rows)["t.payments"])
    registry.start()
    wait_until_said(repository, process, 0, " resumed ")

    def dealt_with() -> bool:
        counts = [repository.health()[name]["counts"] for name in (SIMPLE, CHAINED)]
        return all(count["folded"] == len(split(rows)["t.payments"]) + 1
                   and count["dead_lettered"] == 2 for count in counts)
    repository.wait_until(dealt_with, "the late one is folded", process, "stream")
    assert folded(repository)[RISK] == len(split(rows)["t.risk"])
    letters = [json.loads(line) for line in
               repository.run("dlq", "show", repository.payments).splitlines()]
    assert [letter["_raw"] for letter in letters if "_raw" in letter] == ["no Avro"]
    assert [letter["amount"] for letter in letters if "_raw" not in letter] == [2.5]
    assert repository.terminate(process)[0] == 128 + 15
    code, _, errors = repository.ask("topic", "produce", repository.payments,
                                     text='{"user_id": 1, "ts": 5}\n')
    assert code == 1 and "standard input:1" in errors and "merchant_id" in errors

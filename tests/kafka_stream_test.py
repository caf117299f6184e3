# SPDX-License-Identifier: Apache-2.0
"""The chain over a real Kafka broker: what is fetched is what a backfill of the same logs says, and
a broker that dies and comes back costs nothing but the wait."""

import random

import pytest
from feature_repository import (CHAINED, FINAL, RISK, SIMPLE, FeatureRepository, Http, conf_path,
                                now_millis)
from integration_test import (HOUR, JOIN_PATH, MINUTE, asked_of, backfilled, random_rows,
                              split)

SEED = 20261126
STREAM = ("group-by-streaming", "--conf-path", conf_path(FINAL), "--gate", "watermark",
          "--lag-millis", "120000")


@pytest.fixture
def repository(tmp_path, kafka_broker):
    with FeatureRepository.on_kafka(tmp_path, kafka_broker) as repository:
        repository.create_topics()
        yield repository


def produce(repository: FeatureRepository, rows: list[dict]) -> None:
    tables = split(rows)
    repository.produce(repository.risks, "merchant_id", tables["t.risk"],
                       "--append-time-field", "ts")
    repository.produce(repository.payments, "user_id", tables["t.payments"],
                       "--append-time-field", "ts")


def folded(repository: FeatureRepository) -> dict[str, int]:
    return {name: chain["counts"]["folded"] for name, chain in repository.health().items()}


def expected_counts(rows: list[dict]) -> dict[str, int]:
    tables = split(rows)
    payments = len(tables["t.payments"])
    return {CHAINED: payments, SIMPLE: payments, RISK: len(tables["t.risk"])}


def test_features_are_those_of_the_backfill_of_the_same_logs(repository, kafka_broker):
    rng = random.Random(SEED)
    now = now_millis()
    rows = random_rows(rng, 1500, now - 2 * HOUR, now - MINUTE)
    produce(repository, rows)
    process = repository.start("stream", *STREAM, "--kafka-bootstrap", kafka_broker.address)
    repository.wait_until(lambda: "ready" in repository.log("stream").split("\n"), "ready", process,
                          "stream")  # Before, there may be no state to ask about.
    repository.wait_until(lambda: folded(repository) == expected_counts(rows), "all is folded",
                          process, "stream")
    asked = asked_of(rng, now - 100 * MINUTE, now - MINUTE, 200)
    repository.run("topic", "archive", repository.risks, "--table", "t.risk")
    repository.run("topic", "archive", repository.payments, "--table", "t.payments")
    expected = backfilled(repository, asked)
    server = Http(repository, repository.start("serve", "serve", "--port", "0"), "serve")
    answers = server.results(JOIN_PATH, {"requests": [
        {"keys": {key: row[key] for key in ("user_id", "merchant_id")}, "atMillis": row["ts"]}
        for row in asked]})
    assert len(expected) == len(answers) == len(asked)
    for row, answer in zip(expected, answers):
        assert answer["status"] == "Success" and "incomplete" not in answer
        assert answer["features"] == {name: row[name] for name in answer["features"]}, row
    assert repository.terminate(process)[0] == 128 + 15


def test_a_broker_that_dies_stalls_the_stream_and_loses_nothing(repository, kafka_broker):
    def said_since(line: int, *words: str) -> bool:
        said = repository.log("stream").splitlines()[line:]
        return any(all(word in text for word in words) for text in said)

    rng = random.Random(SEED + 1)
    now = now_millis()
    before = random_rows(rng, 400, now - 2 * HOUR, now - HOUR)
    after = random_rows(rng, 400, now - HOUR, now - MINUTE)
    produce(repository, before)
    process = repository.start("stream", *STREAM)
    repository.wait_until(lambda: "ready" in repository.log("stream").split("\n"), "ready", process,
                          "stream")
    for _ in range(2):
        lines = len(repository.log("stream").splitlines())
        kafka_broker.kill()
        repository.wait_until(lambda: said_since(lines, " stalled ", kafka_broker.address),
                              "it says what it waits for", process, "stream")
        kafka_broker.start()
        repository.wait_until(lambda: said_since(lines, " resumed "), "it goes on", process,
                              "stream")
    produce(repository, after)
    repository.wait_until(lambda: folded(repository) == expected_counts(before + after),
                          "all is folded", process, "stream")
    assert repository.terminate(process)[0] == 128 + 15

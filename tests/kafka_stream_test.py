# SPDX-License-Identifier: Apache-2.0
"""The chain over a real Kafka broker, with its state in RocksDB or a real Redis: what is fetched is
what a backfill of the same logs says, and a server that dies and comes back costs nothing but the
wait."""

import random

import pytest
from feature_repository import (CHAINED, FINAL, RISK, SIMPLE, FeatureRepository, Http, conf_path,
                                now_millis)
from integration_test import (HOUR, JOIN_PATH, MINUTE, asked_of, backfilled, random_rows,
                              split)
from servers import RedisServer

SEED = 20261126
STALLED = "Chain stalled: what it needs does not answer"
STREAM = ("group-by-streaming", "--conf-path", conf_path(FINAL), "--gate", "watermark",
          "--lag-millis", "120000")


@pytest.fixture
def redis(tmp_path):
    """One that dies in the test, and remembers nothing of what was before."""
    (tmp_path / "redis").mkdir()
    with RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def repository(request, tmp_path, kafka_broker):
    """On Redis where the test has one."""
    server = request.getfixturevalue("redis") if "redis" in request.fixturenames else None
    with FeatureRepository.on_kafka(tmp_path, kafka_broker, server) as repository:
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


def alerts(repository: FeatureRepository) -> list[str]:
    return [alert["text"] for alert in repository.health()[CHAINED]["alerts"]]


def expected_counts(rows: list[dict]) -> dict[str, int]:
    tables = split(rows)
    payments = len(tables["t.payments"])
    return {CHAINED: payments, SIMPLE: payments, RISK: len(tables["t.risk"])}


def start(repository: FeatureRepository, *flags):
    """Returns once there is state to ask about."""
    process = repository.start("stream", *STREAM, *flags)
    repository.wait_until(lambda: "ready" in repository.log("stream").split("\n"), "ready", process,
                          "stream")
    return process


def wait_until_folded(repository: FeatureRepository, process, rows: list[dict]) -> None:
    repository.wait_until(lambda: folded(repository) == expected_counts(rows), "all is folded",
                          process, "stream")


def wait_until_said(repository: FeatureRepository, process, line: int, *words: str) -> None:
    """Of the log's lines from `line` on."""
    def said() -> bool:
        lines = repository.log("stream").splitlines()[line:]
        return any(all(word in text for word in words) for text in lines)
    repository.wait_until(said, f"it says {words}", process, "stream")


def compare_with_backfill(repository: FeatureRepository, asked: list[dict]) -> None:
    """What another process serves, as of each row's time."""
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


def test_features_are_those_of_the_backfill_of_the_same_logs(repository, kafka_broker):
    rng = random.Random(SEED)
    now = now_millis()
    rows = random_rows(rng, 1500, now - 2 * HOUR, now - MINUTE)
    produce(repository, rows)
    process = start(repository, "--kafka-bootstrap", kafka_broker.address)
    wait_until_folded(repository, process, rows)
    compare_with_backfill(repository, asked_of(rng, now - 100 * MINUTE, now - MINUTE, 200))
    assert repository.terminate(process)[0] == 128 + 15


def test_a_broker_that_dies_stalls_the_stream_and_loses_nothing(repository, kafka_broker):
    rng = random.Random(SEED + 1)
    now = now_millis()
    before = random_rows(rng, 400, now - 2 * HOUR, now - HOUR)
    after = random_rows(rng, 400, now - HOUR, now - MINUTE)
    produce(repository, before)
    process = start(repository)
    for _ in range(2):
        lines = len(repository.log("stream").splitlines())
        kafka_broker.kill()
        wait_until_said(repository, process, lines, " stalled ", kafka_broker.address)
        repository.wait_until(lambda: STALLED in alerts(repository), "an alert says so", process,
                              "stream")
        kafka_broker.start()
        wait_until_said(repository, process, lines, " resumed ")
        repository.wait_until(lambda: STALLED not in alerts(repository), "it is over", process,
                              "stream")
    produce(repository, after)
    wait_until_folded(repository, process, before + after)
    assert repository.terminate(process)[0] == 128 + 15


def test_a_topic_that_grows_is_read_whole(repository, kafka_broker):
    rng = random.Random(SEED + 3)
    now = now_millis()
    before = random_rows(rng, 400, now - 2 * HOUR, now - HOUR)
    after = random_rows(rng, 400, now - HOUR, now - MINUTE)
    produce(repository, before)
    process = start(repository)
    wait_until_folded(repository, process, before)
    for topic in (repository.payments, repository.risks):
        kafka_broker.grow(topic, 5)
    wait_until_said(repository, process, 0, " resumed ")
    produce(repository, after)
    records = repository.topic_rows(repository.payments)
    assert {record["_partition"] for record in records} == set(range(5))
    wait_until_folded(repository, process, before + after)
    compare_with_backfill(repository, asked_of(rng, now - 100 * MINUTE, now - MINUTE, 200))
    assert repository.terminate(process)[0] == 128 + 15


def test_a_redis_that_forgot_everything_is_filled_again_from_the_topics(redis, repository):
    rng = random.Random(SEED + 2)
    now = now_millis()
    before = random_rows(rng, 600, now - 2 * HOUR, now - HOUR)
    after = random_rows(rng, 600, now - HOUR, now - MINUTE)
    produce(repository, before)
    process = start(repository)
    wait_until_folded(repository, process, before)
    lines = len(repository.log("stream").splitlines())
    redis.kill()
    wait_until_said(repository, process, lines, " stalled ", redis.address)
    produce(repository, after)
    redis.start()
    wait_until_said(repository, process, lines, " resumed ")
    wait_until_folded(repository, process, before + after)
    compare_with_backfill(repository, asked_of(rng, now - 100 * MINUTE, now - MINUTE, 200))
    assert repository.terminate(process)[0] == 128 + 15

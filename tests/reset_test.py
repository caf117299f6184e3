# SPDX-License-Identifier: Apache-2.0
"""`catena state reset`: refused beside a running stream, and what is streamed afterwards is what an
undisturbed stream made of the same topics; from a time on, what lies before is told as missing."""

import json
import random

import pytest
from feature_repository import (CHAINED, FINAL, RISK, SIMPLE, FeatureRepository, conf_path,
                                now_millis)
from integration_test import HOUR, KEYS, MINUTE, random_rows, split

SEED = 20261128


@pytest.fixture(params=["rocksdb", "redis"])
def repository(request, tmp_path):
    kv = "rocksdb:state"
    if request.param == "redis":
        kv = f"redis://{request.getfixturevalue('redis_server').address}?prefix={tmp_path.name}"
    with FeatureRepository(tmp_path, kv=kv) as repository:
        yield repository


def stream(repository: FeatureRepository, folded: dict[str, int]):
    """The process, once everything is folded."""
    process = repository.start("stream", "group-by-streaming", "--conf-path", conf_path(FINAL),
                               "--gate", "watermark", "--lag-millis", "120000")

    def done() -> bool:
        code, text, _ = repository.ask("monitor", "--json")  # Fails before there is any state.
        chains = json.loads(text)["chains"] if code == 0 else []
        health = {chain["group_by"]: chain for chain in chains}
        return all(name in health and health[name]["counts"].get("folded") == count
                   for name, count in folded.items())
    repository.wait_until(done, "all is folded", process, "stream")
    return process


def fetched(repository: FeatureRepository, times: list[int]) -> list[list[dict]]:
    return [repository.fetch("join", FINAL, KEYS, time) for time in times]


def test_a_reset_store_is_streamed_into_what_it_was(repository):
    rng = random.Random(SEED)
    now = now_millis()
    rows = random_rows(rng, 600, now - 2 * HOUR, now - MINUTE)
    tables = split(rows)
    folded = {CHAINED: len(tables["t.payments"]), SIMPLE: len(tables["t.payments"]),
              RISK: len(tables["t.risk"])}
    repository.create_topics()
    repository.produce(repository.risks, "merchant_id", tables["t.risk"],
                       "--append-time-field", "ts")
    repository.produce(repository.payments, "user_id", tables["t.payments"],
                       "--append-time-field", "ts")
    process = stream(repository, folded)
    reset = ("state", "reset", "--conf-path", conf_path(CHAINED))
    code, _, errors = repository.ask(*reset)
    assert code == 75, errors
    repository.terminate(process)
    times = [now - MINUTE, now - HOUR, now - 90 * MINUTE]
    expected = fetched(repository, times)

    planned = repository.run(*reset, "--dry-run")
    assert f"{CHAINED}: forget about" in planned and f"{RISK}: forget about" in planned
    assert f"{SIMPLE}:" not in planned and "where a new stream begins" in planned
    assert fetched(repository, times) == expected

    assert "reset 2 GroupBys" in repository.run(*reset)
    forgotten = fetched(repository, times[:1])[0]
    assert forgotten != expected[0]
    repository.terminate(stream(repository, folded))
    assert fetched(repository, times) == expected
    assert repository.run("state", "verify").count(": sound") == 3

    middle = now - HOUR
    repository.run("state", "reset", "--conf-path", conf_path(SIMPLE), "--to-millis", middle)
    later = sum(row["ts"] >= middle for row in tables["t.payments"])
    repository.terminate(stream(repository, folded | {SIMPLE: later}))
    answer = repository.fetch("group-by", SIMPLE, [{"user_id": 1}], now - MINUTE)[0]
    assert answer["incomplete"], answer


def test_what_cannot_be_meant_is_refused(tmp_path):
    with FeatureRepository(tmp_path) as repository:
        repository.create_topics()
        reset = ("state", "reset", "--conf-path", conf_path(CHAINED))
        code, _, errors = repository.ask(*reset)
        assert code == 1 and "there is no online state yet" in errors
        repository.terminate(stream(repository, {CHAINED: 0, RISK: 0}))
        for flags, said in ((("--to-offset", "0"), "--only"),
                            (("--only", "--to-offset", "x"), "PARTITION:OFFSET"),
                            (("--only", "--to-offset", "7"), "holds offsets 0 to 0"),
                            (("--only", "--to-offset", "9:0"), "partitions 0 to 2"),
                            (("--to-millis", 1, "--to-offset", "0"), "not both"),
                            (("--to-millis", now_millis() * 1000), "this lies ahead")):
            code, _, errors = repository.ask(*reset, *flags)
            assert code == 2 and said in errors, (flags, errors)

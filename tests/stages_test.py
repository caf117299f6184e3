# SPDX-License-Identifier: Apache-2.0
"""A chain as two processes with the enriched topic between, either killed again and again.

    payments, risks -> `--stage enrich` -> enriched topic -> `--stage aggregate` -> fetch
                           kill -9                               kill -9

    on file topics with RocksDB, and over Kafka; CATENA_CRASHES / 5 kills in all
    afterwards: each payment is in the enriched topic once; the counts add up; every feature of
    every key, now and in the past, is what one undisturbed process says, and the definition

The gate is `watermark`, as in crash_stream_test.py, whose traffic and definition these are.
"""

import os
import random
import time

import pytest
from crash_stream_test import (OUT_OF_ORDERNESS, STREAM, USERS, Log, Servers, Traffic, everything,
                               open_repository, run_until_caught_up, write_traffic)
from feature_repository import CHAINED, RISK, SIMPLE, FeatureRepository, now_millis

CRASHES = max(int(os.environ.get("CATENA_CRASHES", "50")) // 5, 4)
CRASHES_OF = {"file": CRASHES - CRASHES // 3, "kafka": CRASHES // 3}
SEED = int(os.environ.get("CATENA_SEED", "0")) or time.time_ns() % 1_000_000
ENRICHED = "t.enriched.v1"
OTHER_STORE = ("-Z", "kv.url=rocksdb:undisturbed")
ENRICH_STORE = ("-Z", "kv.url=rocksdb:enriching")


class Stage:
    """One of the two processes, by its name."""

    def __init__(self, repository: FeatureRepository, name: str, topic: str, store: tuple = ()):
        self.repository, self.name = repository, name
        self.arguments = (*STREAM, "--stage", name, "-Z", f"publish_topic={topic}", *store)
        self.process = None

    def start(self) -> None:
        self.process = self.repository.start(self.name, *self.arguments)

    def kill(self) -> None:
        assert self.process.poll() is None, self.repository.log(self.name)[-3000:]
        self.repository.kill(self.process)

    def terminate(self) -> None:
        code, seconds = self.repository.terminate(self.process)
        assert code == 128 + 15 and seconds <= 10, self.repository.log(self.name)[-3000:]


def nothing_waits(repository: FeatureRepository, chains: set, *flags) -> bool:
    health = repository.health(*flags)
    return chains <= set(health) and all(health[name]["records_waiting"] == 0 for name in chains)


def take_down(repository: FeatureRepository, topic: str, began: int, ended: int,
              rng: random.Random) -> None:
    """What is in the topics, and some moments to ask for."""
    repository.times = [ended + 1, *(rng.randrange(began, ended) for _ in range(5))]
    repository.payment_rows = repository.topic_rows(repository.payments)
    repository.risk_rows = repository.topic_rows(repository.risks)
    repository.enriched_rows = repository.topic_rows(topic)


@pytest.fixture(scope="module", params=CRASHES_OF)
def crashed(request, tmp_path_factory):
    """A repository whose two stages were killed again and again, and have caught up since."""
    print(f"CATENA_SEED={SEED} stages: {CRASHES_OF[request.param]} kills")
    rng = random.Random(SEED)
    folder = tmp_path_factory.mktemp(f"stages-{request.param}")
    with open_repository(request.param, request, folder) as (repository, servers):
        assert isinstance(servers, Servers)
        topic = f"enriched{repository.payments.removeprefix('payment-events')}"
        write_traffic(repository, rng)
        repository.create_topics()
        repository.run("topic", "create", topic, "--partitions", "2")
        stages = [Stage(repository, "enrich", topic, ENRICH_STORE),
                  Stage(repository, "aggregate", topic)]
        began = now_millis()
        traffic = Traffic(repository)
        traffic.start()
        for stage in stages:
            stage.start()
        for _ in range(CRASHES_OF[request.param]):
            time.sleep(rng.uniform(0.3, 1.5))
            killed = rng.choice(stages)
            killed.kill()
            time.sleep(rng.uniform(0.0, 0.3))
            killed.start()
        time.sleep(0.5)
        traffic.stop()
        ended = now_millis()
        enrich, aggregate = stages
        repository.wait_until(
            lambda: nothing_waits(repository, {ENRICHED, RISK}, *ENRICH_STORE), "all is enriched",
            enrich.process, "enrich")
        time.sleep(OUT_OF_ORDERNESS / 1000 + 1)  # The watermark passes the last of them.
        enrich.terminate()
        repository.wait_until(
            lambda: nothing_waits(repository, {CHAINED, SIMPLE, RISK}), "all is folded",
            aggregate.process, "aggregate")
        time.sleep(1.1)  # The job reports once a second.
        aggregate.terminate()
        repository.counts = {name: chain["counts"] for name, chain in repository.health().items()}
        repository.published = repository.health(*ENRICH_STORE)[ENRICHED]["counts"]
        take_down(repository, topic, began, ended, rng)
        yield repository


def test_each_payment_is_enriched_once(crashed):
    readable = {(row["_partition"], row["_offset"]): row for row in crashed.payment_rows
                if "_raw" not in row}
    rows = [row for row in crashed.enriched_rows if row.get("_origin_offset") is not None]
    assert len(rows) == len(readable) > 100
    log = Log(crashed.payment_rows, crashed.risk_rows)
    for row in rows:
        payment = readable.pop((row["_origin_partition"], row["_origin_offset"]))
        assert {name: row[name] for name in ("user_id", "merchant_id", "amount", "ts")} == {
            name: payment[name] for name in ("user_id", "merchant_id", "amount", "ts")}
        assert row["t_merchant_risk_v1_score_last"] == log.risk_at(payment["merchant_id"],
                                                                  payment["ts"])
        assert row["_incomplete"] is False


def test_the_counts_add_up_to_what_was_produced(crashed):
    unreadable = sum("_raw" in row for row in crashed.payment_rows)
    readable = len(crashed.payment_rows) - unreadable
    nobody = sum("_raw" not in row and row["user_id"] is None for row in crashed.payment_rows)
    assert crashed.published["folded"] == readable
    assert crashed.published["dead_lettered"] == unreadable
    chained = crashed.counts[CHAINED]
    assert chained["folded"] == readable - nobody
    assert chained["null_key"] == nobody and chained["dead_lettered"] == 0
    for counts in (*crashed.counts.values(), crashed.published):
        assert counts["consumed"] == sum(counts[kind] for kind in (
            "folded", "filtered", "null_key", "dead_lettered", "late_beyond_retention",
            "duplicate")), counts


def test_every_value_is_what_one_undisturbed_process_says_and_the_definition(crashed):
    run_until_caught_up(crashed, "undisturbed", *OTHER_STORE)
    after_kills = everything(crashed, crashed.times)
    assert after_kills == everything(crashed, crashed.times, *OTHER_STORE)
    log = Log(crashed.payment_rows, crashed.risk_rows)
    for moment, rows in zip(crashed.times, after_kills):
        assert len(rows) == USERS
        for user, row in enumerate(rows):
            expected = log.features(user, moment)
            assert {name: row["features"][name] for name in expected} == expected, (user, moment)

# SPDX-License-Identifier: Apache-2.0
"""kill -9 of a streaming chain at random moments: nothing is lost, nothing counts twice.

    while events are produced: start the stream, kill it somewhere, again: CATENA_CRASHES times in
    all, four of five on file topics with RocksDB, the others, ten at least, on Kafka with Redis,
    where every other time Redis is killed too, and comes back with what it wrote to its file, and
    every eighth time the broker
    afterwards: the conserved counts add up to what was produced; every feature of every key, now
    and in the past, is what an undisturbed stream over the same topics says; and what the
    definition says of the log

The gate is `watermark`: event times are given by the clock as the record is sent, so the right
sides' watermark tells what has been seen, whatever the kills delayed. Producers are stopped while
the broker is away: what they had stamped would arrive later than OUT_OF_ORDERNESS declares.

That a stream which writes its offset apart from its state does not pass is shown by
src/catena/streaming/crash_test.cc.
"""

import bisect
import contextlib
import json
import os
import pathlib
import random
import time
from fractions import Fraction

import pytest
from feature_repository import (CHAINED, FINAL, RISK, SIMPLE, FeatureRepository, conf_path,
                                now_millis)
from servers import RedisServer

CRASHES = int(os.environ.get("CATENA_CRASHES", "50"))
# Few of these are no test: the broker is killed by every eighth, and a run needs a while to begin.
CRASHES_OF = {"file": CRASHES - CRASHES // 5, "kafka": max(CRASHES // 5, 10)}
SEED = int(os.environ.get("CATENA_SEED", "0")) or time.time_ns() % 1_000_000
USERS, MERCHANTS = 25, 12
MINUTE = 60_000
HOUR = 60 * MINUTE
# Milliseconds between the clock's reading and the append that a busy machine may take.
OUT_OF_ORDERNESS = 3000
STREAM = ("group-by-streaming", "--conf-path", conf_path(FINAL), "--gate", "watermark",
          "--lag-millis", "120000", "-Z", f"out_of_orderness_ms={OUT_OF_ORDERNESS}")
OTHER_STORE = ("-Z", "kv.url=rocksdb:undisturbed")


def write_traffic(repository: FeatureRepository, rng: random.Random) -> None:
    def maybe(value):
        return None if rng.random() < 0.03 else value
    with open(repository.folder / "payments.ndjson", "w") as file:
        for _ in range(max(120_000, 1000 * CRASHES)):
            if rng.random() < 0.01:
                file.write("no record\n")
                continue
            file.write(json.dumps({
                "user_id": maybe(rng.randrange(USERS)), "merchant_id": maybe(
                    rng.randrange(MERCHANTS)), "amount": round(rng.uniform(-9, 99), 2)}) + "\n")
    with open(repository.folder / "risk.ndjson", "w") as file:
        for _ in range(max(20_000, 200 * CRASHES)):
            file.write(json.dumps({"merchant_id": rng.randrange(MERCHANTS),
                                   "score": maybe(rng.randrange(101) / 100)}) + "\n")


def caught_up(repository: FeatureRepository, *flags) -> bool:
    chains = repository.health(*flags)
    return len(chains) == 3 and all(chain["records_waiting"] == 0 for chain in chains.values())


def run_until_caught_up(repository: FeatureRepository, log: str, *flags) -> dict:
    """The counts of each GroupBy after a clean stop."""
    process = repository.start(log, *STREAM, *flags)
    repository.wait_until(lambda: "ready" in repository.log(log).split("\n"), "ready", process, log)
    repository.wait_until(lambda: caught_up(repository, *flags), "nothing waits", process, log)
    time.sleep(1.1)  # The job reports once a second.
    counts = {name: chain["counts"] for name, chain in repository.health(*flags).items()}
    code, seconds = repository.terminate(process)
    assert code == 128 + 15 and seconds <= 10
    return counts


class Log:
    """What the definition says of the records in the topics."""

    def __init__(self, payments: list, risks: list):
        self.risks = {}
        for risk in sorted(risks, key=lambda row: (row["ts"], row["_partition"], row["_offset"])):
            times, scores = self.risks.setdefault(risk["merchant_id"], ([], []))
            if risk["score"] is None or (times and times[-1] == risk["ts"]):
                continue  # Of a tie the first encountered counts.
            times.append(risk["ts"])
            scores.append(risk["score"])
        self.payments = {}
        for row in payments:
            if "_raw" in row:
                continue
            enriched = row | {"risk": self.risk_at(row["merchant_id"], row["ts"])}
            self.payments.setdefault(row["user_id"], []).append(enriched)

    def risk_at(self, merchant, time: int):
        times, scores = self.risks.get(merchant, ([], []))
        seen = bisect.bisect_left(times, time)
        return scores[seen - 1] if seen else None

    def features(self, user: int, time: int) -> dict:
        rows = [row for row in self.payments.get(user, []) if row["ts"] < time]
        risks = [row["risk"] for row in rows if row["risk"] is not None]
        recent = [row["risk"] for row in rows if row["risk"] is not None
                  and row["ts"] >= (time - 5 * MINUTE) // (5 * MINUTE) * (5 * MINUTE)]
        amounts = [Fraction(row["amount"]) for row in rows]
        return {
            "t_user_spend_v1_amount_count": len(rows) or None,
            "t_user_spend_v1_amount_sum": float(sum(amounts)) if rows else None,
            "t_user_risk_v1_risk_count": len(risks) or None,
            "t_user_risk_v1_amount_sum_24h": float(sum(amounts)) if rows else None,
            "t_user_risk_v1_risk_average_24h": mean(risks),
            "t_user_risk_v1_risk_average_5m": mean(recent),
        }


def mean(values: list):
    return float(sum(map(Fraction, values))) / len(values) if values else None


def everything(repository: FeatureRepository, times: list[int], *flags) -> list:
    keys = [{"user_id": user, "merchant_id": user % MERCHANTS} for user in range(USERS)]
    return [repository.fetch("join", FINAL, keys, time, *flags) for time in times]


class Traffic:
    """Producers at a steady rate, from the beginning of their files at each start."""

    def __init__(self, repository: FeatureRepository):
        self.repository = repository
        self.running = []

    def start(self) -> None:
        self.running = [
            self.repository.start("producer", "topic", "produce", topic, file, "--key", key,
                                  "--rate", rate, "--now-field", "ts", "--raw")
            for topic, file, key, rate in (
                (self.repository.risks, "risk.ndjson", "merchant_id", "60/s"),
                (self.repository.payments, "payments.ndjson", "user_id", "400/s"))]

    def stop(self) -> None:
        for producer in self.running:
            # It may have been stopped before it knew how to stop, or have given up (75) on a broker
            # that came back too slowly: what counts is what is in the topic.
            assert self.repository.terminate(producer)[0] in (128 + 15, -15, 75), (
                self.repository.log("producer")[-3000:])


class Servers:
    """What is killed with the stream, now and then."""

    def __init__(self, broker=None, redis=None):
        self.broker, self.redis = broker, redis

    def are_meant(self, crash: int) -> bool:
        return self.redis is not None and (crash % 2 == 0 or crash % 8 == 5)

    def kill(self, crash: int, traffic: Traffic) -> None:
        if crash % 2 == 0:
            self.redis.kill()
            self.redis.start()
        else:
            traffic.stop()
            self.broker.kill()
            self.broker.start()
            traffic.start()


def crash_once(repository: FeatureRepository, crash: int, servers: Servers, traffic: Traffic,
               rng: random.Random) -> None:
    """At any moment after the start, or when the stream is at work, or waits for a server."""
    said = repository.log("stream").count("ready\n") if crash > 0 else 0
    process = repository.start("stream", *STREAM, "-Z",
                               f"checkpoint_interval={rng.choice((50, 400, 5000))}")
    if servers.are_meant(crash) or rng.random() < 0.5:
        repository.wait_until(lambda: repository.log("stream").count("ready\n") > said, "ready",
                              process, "stream")
    time.sleep(rng.uniform(0.0, 0.4))
    if servers.are_meant(crash):
        servers.kill(crash, traffic)
        time.sleep(rng.uniform(0.0, 0.4))
    assert process.poll() is None, repository.log("stream")[-3000:]
    repository.kill(process)


@contextlib.contextmanager
def open_repository(kind: str, request, folder: pathlib.Path):
    if kind == "file":
        with FeatureRepository(folder) as repository:
            yield repository, Servers()
        return
    broker = request.getfixturevalue("kafka_broker")
    (folder / "redis").mkdir()
    with RedisServer(folder / "redis", "--appendonly", "yes") as redis, \
            FeatureRepository.on_kafka(folder, broker, redis) as repository:
        yield repository, Servers(broker, redis)


@pytest.fixture(scope="module", params=CRASHES_OF)
def crashed(request, tmp_path_factory):
    """A repository whose stream was killed again and again, and has caught up since."""
    crashes = CRASHES_OF[request.param]
    print(f"CATENA_SEED={SEED} CATENA_CRASHES={CRASHES}: {crashes}")
    rng = random.Random(SEED)
    folder = tmp_path_factory.mktemp(f"crash-{request.param}")
    with open_repository(request.param, request, folder) as (repository, servers):
        repository.crashes = crashes
        write_traffic(repository, rng)
        repository.create_topics()
        began = now_millis()
        traffic = Traffic(repository)
        traffic.start()
        for crash in range(crashes):
            crash_once(repository, crash, servers, traffic, rng)
        ended = now_millis()
        traffic.stop()
        repository.waiting = {name: chain["records_waiting"]
                              for name, chain in repository.health().items()}
        repository.counts = run_until_caught_up(repository, "last")
        repository.times = [ended + 1, *(rng.randrange(began, ended) for _ in range(8))]
        repository.payment_rows = repository.topic_rows(repository.payments)
        repository.risk_rows = repository.topic_rows(repository.risks)
        yield repository


def test_the_counts_add_up_to_what_was_produced(crashed):
    produced = {CHAINED: len(crashed.payment_rows), SIMPLE: len(crashed.payment_rows),
                RISK: len(crashed.risk_rows)}
    assert min(produced.values()) > 10 * crashed.crashes
    # The killed runs did the work, not the one that caught up after them.
    assert all(crashed.waiting[name] < count / 2 for name, count in produced.items())
    for name, counts in crashed.counts.items():
        accounted = sum(counts[kind] for kind in ("folded", "filtered", "null_key",
                                                  "dead_lettered", "late_beyond_retention",
                                                  "duplicate"))
        assert counts["consumed"] == accounted == produced[name], (name, counts)
        assert counts["duplicate"] == counts["forced"] == 0
    unreadable = sum("_raw" in row for row in crashed.payment_rows)
    nobody = sum("_raw" not in row and row["user_id"] is None for row in crashed.payment_rows)
    for name in (CHAINED, SIMPLE):
        assert crashed.counts[name]["dead_lettered"] == unreadable > 0
        assert crashed.counts[name]["null_key"] == nobody > 0


def test_every_value_is_what_an_undisturbed_stream_says(crashed):
    counts = run_until_caught_up(crashed, "undisturbed", *OTHER_STORE)
    assert counts == crashed.counts
    after_kills = everything(crashed, crashed.times)
    undisturbed = everything(crashed, crashed.times, *OTHER_STORE)
    assert after_kills == undisturbed
    values = [value for row in after_kills[0] for value in row["features"].values()]
    assert sum(value is not None for value in values) > 0.8 * len(values)
    assert not any("incomplete" in row for rows in after_kills for row in rows)


def test_every_value_is_what_the_definition_says_of_the_log(crashed):
    log = Log(crashed.payment_rows, crashed.risk_rows)
    for moment, rows in zip(crashed.times, everything(crashed, crashed.times)):
        for user, row in enumerate(rows):
            expected = log.features(user, moment)
            got = {name: row["features"][name] for name in expected}
            assert got == expected, (user, moment)


def test_one_record_more_or_less_would_be_noticed(crashed):
    """The negative control: the comparison above sees a single lost or doubled record."""
    whole = Log(crashed.payment_rows, crashed.risk_rows)
    at = random.Random(SEED).choice([i for i, row in enumerate(crashed.payment_rows)
                                     if row.get("user_id") is not None])
    user, moment = crashed.payment_rows[at]["user_id"], crashed.times[0]
    right = whole.features(user, moment)
    for changed in (crashed.payment_rows[:at] + crashed.payment_rows[at + 1:],
                    crashed.payment_rows + [crashed.payment_rows[at]]):
        assert Log(changed, crashed.risk_rows).features(user, moment) != right

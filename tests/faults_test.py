# SPDX-License-Identifier: Apache-2.0
"""What a stream depends on hangs, crawls, or is full; and more comes than it can fold. It stalls,
says so, and goes on by itself: every record counts once.

    each test prints how long after the end of its fault the stream had folded all that waited
"""

import os
import random
import signal
import subprocess
import threading
import time

import pytest
from feature_repository import (CHAINED, FINAL, RISK, SIMPLE, FeatureRepository, conf_path,
                                now_millis)
from integration_test import MINUTE, random_rows, split
from servers import RedisServer

SEED = int(os.environ.get("CATENA_SEED", "0")) or time.time_ns() % 1_000_000
OVERLOAD = int(os.environ.get("CATENA_OVERLOAD", "60000"))
STREAM = ("group-by-streaming", "--conf-path", conf_path(FINAL), "--gate", "watermark",
          "--lag-millis", "120000")
# Of the stream: cache and write buffers of the store, DuckDB, the client's queues, and a margin.
RSS_MAX_MB = 700


class Stream:
    """The chain in small under a running process."""

    def __init__(self, repository: FeatureRepository):
        print(f"CATENA_SEED={SEED}")
        self.repository = repository
        self.rng = random.Random(SEED)
        self.produced = {CHAINED: 0, SIMPLE: 0, RISK: 0}
        repository.create_topics()
        self.end = now_millis() - 90 * MINUTE
        self.produce(300)
        self.process = repository.start("stream", *STREAM)
        self.wait_until(lambda: "ready" in repository.log("stream").split("\n"), "ready")

    def produce(self, count: int) -> None:
        """The next minutes, in order of time."""
        begin, self.end = self.end, self.end + 10 * MINUTE
        tables = split(random_rows(self.rng, count, begin, self.end))
        for topic, key, table in ((self.repository.risks, "merchant_id", "t.risk"),
                                  (self.repository.payments, "user_id", "t.payments")):
            self.repository.produce(topic, key, tables[table], "--append-time-field", "ts")
        for name in self.produced:
            self.produced[name] += len(tables["t.risk" if name == RISK else "t.payments"])

    def wait_until(self, holds, what: str) -> None:
        self.repository.wait_until(holds, what, self.process, "stream")

    def wait_until_said(self, word: str) -> None:
        lines = len(self.repository.log("stream").splitlines())
        self.wait_until(lambda: any(word in line for line in self.repository.log("stream")
                                    .splitlines()[lines:]), f"it says {word}")

    def is_all_folded(self) -> bool:
        return {name: chain["counts"]["folded"]
                for name, chain in self.repository.health().items()} == self.produced

    def wait_until_folded(self, what: str) -> None:
        began = time.monotonic()
        self.wait_until(self.is_all_folded, "all is folded")
        print(f"{what}: all folded {time.monotonic() - began:.2f} s after its end")

    def values(self, at_millis: int) -> list[dict]:
        keys = [{"user_id": user, "merchant_id": 1} for user in range(20)]
        return self.repository.fetch("join", FINAL, keys, at_millis)

    def end_well(self) -> None:
        assert self.repository.terminate(self.process)[0] == 128 + 15
        assert self.repository.run("state", "verify").count(": sound") == 3


@pytest.fixture
def redis(tmp_path):
    (tmp_path / "redis").mkdir()
    with RedisServer(tmp_path / "redis") as server:
        yield server


def test_a_redis_that_hangs_stalls_the_stream_until_it_answers(tmp_path, redis):
    kv = f"redis://{redis.address}?timeout_ms=300"
    with FeatureRepository(tmp_path, kv=kv) as repository:
        stream = Stream(repository)
        redis.pause()
        stream.produce(300)
        stream.wait_until_said(" stalled ")
        redis.resume()
        stream.wait_until_folded("a Redis that hung")
        # To own the store would end the stream.
        for command in (("snapshot", "copy"), ("compact",), ("restore", "copy")):
            code, _, said = repository.ask("state", *command)
            assert code == 75 and "a process streams into this store" in said
        stream.produce(100)
        stream.wait_until_folded("what was refused")
        stream.end_well()


def test_a_redis_that_crawls_slows_the_stream_and_no_more(tmp_path, redis):
    with FeatureRepository(tmp_path, kv=f"redis://{redis.address}") as repository:
        stream = Stream(repository)
        stopped = threading.Event()

        def crawl() -> None:
            while not stopped.wait(0.02):
                redis.pause()
                time.sleep(0.1)
                redis.resume()
        crawling = threading.Thread(target=crawl)
        crawling.start()
        try:
            stream.produce(300)
            stream.wait_until(stream.is_all_folded, "all is folded")
        finally:
            stopped.set()
            crawling.join()
        assert " stalled " not in repository.log("stream")
        stream.end_well()


def test_a_broker_that_hangs_stalls_the_stream_until_it_answers(tmp_path, kafka_broker):
    with FeatureRepository.on_kafka(tmp_path, kafka_broker) as repository:
        stream = Stream(repository)
        stream.produce(300)
        kafka_broker.pause()
        try:
            stream.wait_until_said(" stalled ")
            assert stream.values(stream.end)
        finally:
            kafka_broker.resume()
        began = time.monotonic()
        stream.wait_until(lambda: " resumed " in repository.log("stream"), "it resumes")
        print(f"a broker that hung: resumed {time.monotonic() - began:.2f} s after its end")
        stream.produce(300)
        stream.wait_until(stream.is_all_folded, "all is folded")
        stream.end_well()


def test_a_full_disk_stops_the_writes_and_not_the_reads(tmp_path, monkeypatch):
    library, full = tmp_path / "full_disk.so", tmp_path / "disk-is-full"
    source = os.path.join(os.path.dirname(__file__), "full_disk.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", library, source],
                   check=True)
    (tmp_path / "repository").mkdir()
    with FeatureRepository(tmp_path / "repository") as repository:
        monkeypatch.setenv("FULL_DISK_WHILE", str(full))
        monkeypatch.setenv("LD_PRELOAD", str(library))
        stream = Stream(repository)
        monkeypatch.delenv("LD_PRELOAD")
        moment = stream.end
        before = stream.values(moment)
        full.touch()
        stream.produce(300)
        stream.wait_until_said(" stalled ")
        assert stream.values(moment) == before  # Asked of the stream's process, which goes on.
        full.unlink()
        stream.wait_until_folded("a full disk")
        assert repository.log("stream").count(" resumed ") == 1
        assert stream.values(moment) == before != stream.values(stream.end)
        stream.end_well()


def peak_mb(pid: int) -> float:
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:")) / 1024


@pytest.mark.parametrize("topics", ["file", "kafka"])
def test_more_than_it_can_fold_waits_in_the_topic_not_in_memory(topics, tmp_path, request):
    if topics == "kafka":
        repository = FeatureRepository.on_kafka(tmp_path, request.getfixturevalue("kafka_broker"))
    else:
        repository = FeatureRepository(tmp_path)
    with repository:
        stream = Stream(repository)
        idle = peak_mb(stream.process.pid)
        tables = split(random_rows(stream.rng, OVERLOAD, stream.end, now_millis() - MINUTE))
        stream.process.send_signal(signal.SIGSTOP)  # However fast it folds, all of it has to wait.
        for topic, key, table in ((repository.risks, "merchant_id", "t.risk"),
                                  (repository.payments, "user_id", "t.payments")):
            repository.produce(topic, key, tables[table], "--append-time-field", "ts")
        for name in stream.produced:
            stream.produced[name] += len(tables["t.risk" if name == RISK else "t.payments"])
        waiting = max(chain["records_waiting"] for chain in repository.health().values())
        began = time.monotonic()
        stream.process.send_signal(signal.SIGCONT)
        stream.wait_until(stream.is_all_folded, "all is folded")
        peak = peak_mb(stream.process.pid)
        print(f"{topics}: {waiting} records waited, all folded {time.monotonic() - began:.1f} s "
              f"later, peak RSS {peak:.0f} MB ({idle:.0f} MB before)")
        assert waiting >= OVERLOAD / 4 and peak < RSS_MAX_MB
        stream.end_well()


@pytest.mark.parametrize("store", ["rocksdb", "redis"])
def test_two_processes_that_stream_into_one_store_are_one_too_many(store, tmp_path, request):
    kv = ("rocksdb:state" if store == "rocksdb"
          else f"redis://{request.getfixturevalue('redis').address}")
    with FeatureRepository(tmp_path, kv=kv) as repository:
        stream = Stream(repository)
        second = repository.start("second", *STREAM)
        if store == "rocksdb":  # It is owned: who comes is refused.
            refused, said, code = second, f"pid {stream.process.pid}", 75
        else:  # The one before may be believed dead: who comes takes over.
            stream.produce(300)
            refused, said, code = stream.process, "one process owns a store", 2
            stream.process = second
        assert refused.wait(60) == code
        assert said in repository.log("second" if refused is second else "stream")
        stream.produce(300)
        stream.wait_until_folded(f"a second process on {store}")
        stream.end_well()

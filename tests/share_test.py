# SPDX-License-Identifier: Apache-2.0
"""The enriching of a chain shared by processes that come and go: a real broker deals the partitions
out, the state of the other stage is in a real Redis.

    payments -> enrich 1, enrich 2, later enrich 3 -> enriched topic -> aggregate -> Redis -> fetch
                kill -9 ^           ^ SIGTERM

    afterwards: every payment is folded once, the counts add up, and every feature of every key is
    what the definition says of the log; what did not move was not touched
"""

import os
import random
import re
import time

import pytest
from crash_stream_test import (OUT_OF_ORDERNESS, USERS, Log, Traffic, everything, open_repository,
                               write_traffic)
from feature_repository import CHAINED, FeatureRepository, now_millis
from stages_test import Stage, nothing_waits, take_down

SEED = int(os.environ.get("CATENA_SEED", "0")) or time.time_ns() % 1_000_000
PARTITIONS = 3


def assigned(repository: FeatureRepository, name: str) -> set[int]:
    """The partitions that a member has by what it logged."""
    mine = set()
    for partition, what in re.findall(r"share partition=(\d+) (\w+)", repository.log(name)):
        (mine.add if what == "assigned" else mine.discard)(int(partition))
    return mine


class Member(Stage):
    def __init__(self, repository: FeatureRepository, number: int, topic: str):
        super().__init__(repository, "enrich", topic, ("-Z", f"kv.url=rocksdb:enrich-{number}"))
        self.name = f"enrich-{number}"
        self.arguments += ("--share",)

    def mine(self) -> set[int]:
        return assigned(self.repository, self.name)


def await_dealt(repository: FeatureRepository, members: list[Member]) -> None:
    """Each partition is somebody's, and each member has one."""
    def is_dealt() -> bool:
        hands = [member.mine() for member in members]
        return all(hands) and sorted(p for hand in hands for p in hand) == list(range(PARTITIONS))
    repository.wait_until(is_dealt, f"partitions are dealt to {[m.name for m in members]}")


def enriched_up_to(repository: FeatureRepository, topic: str) -> dict[int, int]:
    """The last left offset in the topic, by left partition."""
    last = {}
    for row in repository.topic_rows(topic):
        if row.get("_origin_offset") is not None:
            partition = row["_origin_partition"]
            last[partition] = max(last.get(partition, -1), row["_origin_offset"])
    return last


def await_work(repository: FeatureRepository, topic: str, member: Member) -> None:
    """It has enriched rows of each of its partitions."""
    before, mine = enriched_up_to(repository, topic), member.mine()
    assert mine

    def is_at_work() -> bool:
        now = enriched_up_to(repository, topic)
        return all(now.get(partition, -1) > before.get(partition, -1) for partition in mine)
    repository.wait_until(is_at_work, f"{member.name} is at work", member.process, member.name)


@pytest.fixture(scope="module")
def shared(request, tmp_path_factory):
    print(f"CATENA_SEED={SEED}")
    rng = random.Random(SEED)
    folder = tmp_path_factory.mktemp("share")
    with open_repository("kafka", request, folder) as (repository, _):
        topic = f"enriched{repository.payments.removeprefix('payment-events')}"
        write_traffic(repository, rng)
        repository.create_topics(payments=PARTITIONS)
        repository.run("topic", "create", topic, "--partitions", "2")
        began = now_millis()
        traffic = Traffic(repository)
        traffic.start()
        aggregate = Stage(repository, "aggregate", topic)
        aggregate.start()
        first, second, third = (Member(repository, number, topic) for number in (1, 2, 3))
        first.start()
        await_dealt(repository, [first])
        await_work(repository, topic, first)
        second.start()
        await_dealt(repository, [first, second])
        await_work(repository, topic, second)
        second.kill()
        third.start()
        await_dealt(repository, [first, third])
        await_work(repository, topic, third)
        repository.first_log = repository.log("enrich-1")
        repository.member = repository.health("-Z", "kv.url=rocksdb:enrich-3")["t.enriched.v1"]
        first.terminate()
        await_dealt(repository, [third])
        await_work(repository, topic, third)
        traffic.stop()
        ended = now_millis()
        time.sleep(OUT_OF_ORDERNESS / 1000 + 2)  # The watermark passes the last of them.
        third.terminate()
        repository.wait_until(lambda: nothing_waits(repository, {CHAINED}), "all is folded",
                              aggregate.process, "aggregate")
        time.sleep(1.1)  # The job reports once a second.
        aggregate.terminate()
        repository.counts = repository.health()[CHAINED]["counts"]
        take_down(repository, topic, began, ended, rng)
        yield repository


def test_every_payment_counts_once(shared):
    readable = [row for row in shared.payment_rows if "_raw" not in row]
    nobody = sum(row["user_id"] is None for row in readable)
    rows = [row for row in shared.enriched_rows if row.get("_origin_offset") is not None]
    places = {(row["_origin_partition"], row["_origin_offset"]) for row in rows}
    assert len(places) == len(readable) > 1000
    counts = shared.counts
    assert counts["folded"] == len(readable) - nobody
    assert counts["duplicate"] == len(rows) - len(places)
    assert counts["consumed"] == sum(counts[kind] for kind in (
        "folded", "filtered", "null_key", "dead_lettered", "late_beyond_retention", "duplicate"))


def test_every_value_is_what_the_definition_says_of_the_log(shared):
    log = Log(shared.payment_rows, shared.risk_rows)
    for moment, rows in zip(shared.times, everything(shared, shared.times)):
        assert len(rows) == USERS
        for user, row in enumerate(rows):
            expected = {name: value for name, value in log.features(user, moment).items()
                        if name.startswith("t_user_risk")}
            assert {name: row["features"][name] for name in expected} == expected, (user, moment)


def test_who_comes_and_goes_stops_nobody_else(shared):
    """What stayed with the first member while the second came and died, and the third came, was
    never taken from it, nor begun anew; what moved goes on where it was."""
    moved = set(re.findall(r"share partition=(\d+) taken_away", shared.first_log))
    begun = re.findall(r"share join=\S+ partition=(\d+) goes on at \d+", shared.first_log)
    kept = {str(partition) for partition in range(PARTITIONS)} - moved
    assert moved and kept
    assert all(begun.count(partition) == 1 for partition in kept)
    for name in ("enrich-2", "enrich-3"):
        went_on = re.findall(r"share join=\S+ partition=\d+ goes on at (\d+)", shared.log(name))
        assert went_on and all(int(offset) > 0 for offset in went_on), (name, went_on)


def test_the_monitor_shows_what_a_member_does(shared):
    member = shared.member
    assert member["shared"] and not member["stale"] and member["records_waiting"] is None
    assert 0 < member["counts"]["folded"] < len(shared.payment_rows)

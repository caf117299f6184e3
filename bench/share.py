# SPDX-License-Identifier: Apache-2.0
"""`make bench-share`: how long rows stand still while processes come to share a chain, and go.

    usage    make bench-share [RATE=1200] [SECONDS=8]
    does     a real Kafka broker of its own; payments at a steady rate into 6 partitions; one, two,
             three `--stage enrich --share`; then one ends at SIGTERM, one by kill -9
    gap      ms between one released row of a payment partition and the next, by the times at which
             they were appended to the enriched topic; of each change the longest
    rows     quiet: before anybody came, of all partitions. stay: of those that are with one process
             before and after the change. move: of the others
    answers  each payment is in the enriched topic once, or exit code 1
"""

import contextlib
import json
import os
import pathlib
import random
import sys
import tempfile
import time

import report

sys.path.insert(0, str(report.ROOT / "tests"))
from crash_stream_test import MERCHANTS, USERS
from feature_repository import FINAL, FeatureRepository, conf_path, now_millis
from servers import KafkaBroker
from share_test import Member

RATE = int(os.environ.get("RATE", "1200"))
SECONDS = float(os.environ.get("SECONDS", "8"))
PARTITIONS = 6
SEED = 20261127
STAY_MILLIS = 200
PATIENCE = 60  # Longer than the broker waits for a member that was killed.


class Sharer(Member):
    """With the gate that waits for nothing but what was appended before."""

    def __init__(self, repository: FeatureRepository, number: int, topic: str):
        super().__init__(repository, number, topic)
        self.arguments = ("group-by-streaming", "--conf-path", conf_path(FINAL), "--stage",
                          "enrich", "--share", "-Z", f"publish_topic={topic}", "-Z",
                          f"kv.url=rocksdb:enrich-{number}")


class Run:
    def __init__(self, repository: FeatureRepository):
        self.repository = repository
        self.enriched = f"enriched{repository.payments.removeprefix('payment-events')}"
        repository.create_topics(payments=PARTITIONS)
        repository.run("topic", "create", self.enriched, "--partitions", "2")
        self.members = [Sharer(repository, number, self.enriched) for number in (1, 2, 3)]
        self.changes = []  # (what, begin, end, partitions that stay); milliseconds.

    def load(self):
        """Payments for all of the run, and a score for each merchant."""
        self.repository.produce(self.repository.risks, "merchant_id", [
            {"merchant_id": merchant, "score": merchant / 100, "ts": now_millis()}
            for merchant in range(MERCHANTS)])
        rng = random.Random(SEED)
        with open(self.repository.folder / "payments.ndjson", "w") as file:
            for _ in range(int(RATE * (10 * SECONDS + 4 * PATIENCE))):
                file.write(json.dumps({
                    "user_id": rng.randrange(USERS), "merchant_id": rng.randrange(MERCHANTS),
                    "amount": rng.randrange(10_000) / 100}) + "\n")
        return self.repository.start(
            "producer", "topic", "produce", self.repository.payments, "payments.ndjson", "--key",
            "user_id", "--rate", f"{RATE}/s", "--now-field", "ts")

    def hands(self, members: list[Member]) -> list[set[int]]:
        return [member.mine() for member in members]

    def await_dealt(self, members: list[Member]) -> None:
        def is_dealt() -> bool:
            hands = self.hands(members)
            return all(hands) and sorted(p for hand in hands for p in hand) == list(
                range(PARTITIONS))
        self.repository.wait_until(is_dealt, f"dealt to {[m.name for m in members]}",
                                   seconds=PATIENCE)

    def change(self, what: str, act, before: list[Member], after: list[Member]) -> None:
        """Lets `act` happen, and the rows flow for a while."""
        had = {member.name: member.mine() for member in before}
        begin = now_millis()
        act()
        self.await_dealt(after)
        time.sleep(SECONDS)
        stay = set().union(*(member.mine() & had.get(member.name, set()) for member in after))
        self.changes.append((what, begin, now_millis(), stay))

    def go(self) -> None:
        first, second, third = self.members
        first.start()
        self.await_dealt([first])
        time.sleep(SECONDS)
        self.change("quiet", lambda: None, [first], [first])
        self.change("a second comes", second.start, [first], [first, second])
        self.change("a third comes", third.start, [first, second], self.members)
        self.change("one ends", third.terminate, self.members, [first, second])
        self.change("one is killed", second.kill, [first, second], [first])

    def gaps(self, rows: list[dict], begin: int, end: int, partitions: set[int]) -> int:
        longest = 0
        for partition in partitions:
            times = sorted(row["_append_time"] for row in rows
                           if row["_origin_partition"] == partition and
                           begin <= row["_append_time"] < end)
            bounds = [begin, *times, end]
            longest = max(longest, *(b - a for a, b in zip(bounds, bounds[1:])))
        return longest

    def tell(self, out: report.Report) -> None:
        rows = [row for row in self.repository.topic_rows(self.enriched)
                if row.get("_origin_offset") is not None]
        places = {(row["_origin_partition"], row["_origin_offset"]) for row in rows}
        payments = len(self.repository.topic_rows(self.repository.payments))
        if len(places) != payments or len(rows) != payments:
            report.fail(f"{payments} payments, {len(rows)} enriched rows of {len(places)}")
        everybody = set(range(PARTITIONS))
        for what, begin, end, stay in self.changes:
            longest = self.gaps(rows, begin, end, stay)
            out.row(f"{what}/partitions that stay", len(stay), "partitions")
            out.row(f"{what}/longest gap of those that stay", longest, "ms")
            if moved := everybody - stay:
                out.row(f"{what}/longest gap of those that move",
                        self.gaps(rows, begin, end, moved), "ms")
            out.at_most(f"{what}: longest gap of partitions that stay, ms", longest, STAY_MILLIS)


def main() -> int:
    report.build("catena", "bin/catena")
    out = report.Report("share")
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="share-")))
        for name in ("kafka", "run"):
            (folder / name).mkdir()
        broker = stack.enter_context(KafkaBroker(folder / "kafka"))
        repository = stack.enter_context(FeatureRepository.on_kafka(folder / "run", broker))
        run = Run(repository)
        load = run.load()
        run.go()
        repository.terminate(load)
        time.sleep(2)  # What was produced last is enriched.
        run.members[0].terminate()
        run.tell(out)
    return out.finish()


if __name__ == "__main__":
    sys.exit(main())

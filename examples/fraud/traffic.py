# SPDX-License-Identifier: Apache-2.0
"""Live payments and risk scores, open loop: what is due is written, however slow the reader is.

    usage    traffic.py --seconds 20 --rate 1000 --risk-rate 50 --repo DIR --catena BIN
                        [--transactions N] [--seed S]   (as given to generate.py: the same people)
    output   a JSON line at the end: payments and scores written, the most that a write was late
    order    a payment happens when it is written, give or take 20 ms; a score takes effect two
             seconds after it is published, so it is there before the payments that must see it,
             also when this machine stalls
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable

from generate import RISK_SCORES, TRANSACTIONS, Population, Table

TICK_SECONDS = 0.002
DISORDER_MILLIS = 20
SCORE_AHEAD_MILLIS = 2000


def now_millis() -> int:
    return time.time_ns() // 1_000_000


class TopicPipe:
    """A running `catena topic produce`: lines written here are records of the topic."""

    def __init__(self, table: Table, catena: str, repo: pathlib.Path, **popen):
        self.topic = table.topic
        self.process = subprocess.Popen(
            [catena, "topic", "produce", table.topic, "--key", table.key], cwd=repo,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **popen)

    def write(self, lines: Iterable[str]) -> None:
        try:
            self.process.stdin.write("".join(lines).encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            self.close()

    def close(self) -> None:
        """Waits until everything written is in the topic."""
        try:
            _, errors = self.process.communicate(timeout=30)
        except BrokenPipeError:
            errors = self.process.stderr.read()
        if self.process.returncode != 0:
            raise SystemExit(f"traffic.py: producing to {self.topic} exited "
                             f"{self.process.returncode}: {errors.decode().strip()}")


def unfinished_line(table: Table, row: tuple) -> str:
    """The record without the value of `ts`, its last column, and what closes it."""
    names = list(table.columns)
    return json.dumps(dict(zip(names, row[:-1])))[:-1] + ', "ts": '


class Schedule:
    """Records that fall due at a steady rate from the first call of `due` on."""

    def __init__(self, lines: list[str], rate: float, event_time: Callable[[], int]):
        self.lines = lines
        self.rate = rate
        self.event_time = event_time
        self.written = 0
        self.late_max = 0.0

    def due(self, elapsed: float) -> list[str]:
        until = min(len(self.lines), int(elapsed * self.rate))
        if until == self.written:
            return []
        self.late_max = max(self.late_max, elapsed - (self.written + 1) / self.rate)
        lines = [f"{line}{self.event_time()}}}\n" for line in self.lines[self.written:until]]
        self.written = until
        return lines

    @property
    def finished(self) -> bool:
        return self.written == len(self.lines)


def schedules(options: argparse.Namespace) -> tuple[Schedule, Schedule]:
    people = Population(options.users or max(100, options.transactions // 20),
                        options.merchants or max(50, options.transactions // 100),
                        random.Random(options.seed))
    people.rng.seed(f"live {options.seed}")
    quiet = probe_merchant(people)
    payments = [unfinished_line(TRANSACTIONS, people.payment(f"live-{index:07d}", 0))
                for index in range(int(options.rate * options.seconds))]
    merchants = [people.any_merchant() for _ in range(int(options.risk_rate * options.seconds))]
    scores = [unfinished_line(RISK_SCORES, people.score(merchant, 0)) for merchant in merchants
              if merchant != quiet]
    return (Schedule(payments, options.rate,
                     lambda: now_millis() - people.rng.randrange(DISORDER_MILLIS)),
            Schedule(scores, options.risk_rate, lambda: now_millis() + SCORE_AHEAD_MILLIS))


def probe_merchant(people: Population) -> int:
    """The most frequent merchant with a profile. It gets no live scores: probes are written by
    another process, so nothing else orders them with scores."""
    return next(merchant for merchant in people.merchants if merchant not in people.unknown)


def run(options: argparse.Namespace) -> dict:
    payments, scores = schedules(options)
    repo = pathlib.Path(options.repo)
    to_payments = TopicPipe(TRANSACTIONS, options.catena, repo)
    to_scores = TopicPipe(RISK_SCORES, options.catena, repo)
    started = time.monotonic()
    while not (payments.finished and scores.finished):
        elapsed = time.monotonic() - started
        to_scores.write(scores.due(elapsed))
        to_payments.write(payments.due(elapsed))
        time.sleep(TICK_SECONDS)
    to_scores.close()
    to_payments.close()
    return {"payments": payments.written, "scores": scores.written,
            "seconds": round(time.monotonic() - started, 3),
            "late_max_ms": round(1000 * max(payments.late_max, scores.late_max), 1)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=float, default=1000, help="payments a second")
    parser.add_argument("--risk-rate", type=float, default=50, help="scores a second")
    parser.add_argument("--transactions", type=int, default=100_000)
    parser.add_argument("--users", type=int)
    parser.add_argument("--merchants", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repo", required=True)
    parser.add_argument("--catena", required=True)
    print(json.dumps(run(parser.parse_args())))
    return 0


if __name__ == "__main__":
    sys.exit(main())

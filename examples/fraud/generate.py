# SPDX-License-Identifier: Apache-2.0
"""Makes the data of the fraud chain: tables through now, topics from yesterday on.

    usage     generate.py [--transactions 100000] [--days 14] [--out DIR] [--now MILLIS]
                          [--seed 1] [--users N] [--merchants N] [--repo DIR] [--catena BIN]
    tables    DIR/payments.db/transactions, DIR/risk.db/scores, DIR/merchants.db/profiles, in Hive
              layout, one partition a day (UTC): transactions of `days` days through yesterday and
              of today so far, the right sides of one day more
    topics    payment-events (keyed by user_id) and risk-events (by merchant_id), 4 partitions each:
              yesterday's events and today's since midnight, appended as they would have arrived;
              those days of the tables are archived from them
    shape     zipf users (0.8) and merchants (1.0); 1 % nulls in amount, transaction_amount,
              merchant_id and risk_score, 0.1 % in user_id; 0.5 % of the merchants have no profile;
              transactions arrive up to two seconds after they happened, so out of order
    random    everything comes from --seed and --now; no two runs with the same differ
"""

import argparse
import bisect
import csv
import dataclasses
import itertools
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import duckdb

DAY = 86_400_000
HERE = pathlib.Path(__file__).resolve().parent
TOPIC_PARTITIONS = 4
CATEGORIES = ("grocery", "fuel", "travel", "electronics", "gaming", "jewelry", "restaurant",
              "pharmacy", "fashion", "crypto", "utilities", "gift_cards")
COUNTRIES = ("US", "GB", "DE", "FR", "BR", "IN", "CN", "JP", "NG", "MX", "CA", "AU")


@dataclasses.dataclass(frozen=True)
class Table:
    """A source table: its columns, and the topic that its events come from."""
    name: str
    columns: dict[str, str]
    topic: str = ""
    key: str = ""

    @property
    def path(self) -> str:
        namespace, table = self.name.split(".")
        return f"{namespace}.db/{table}"


TRANSACTIONS = Table("payments.transactions", {
    "transaction_id": "VARCHAR", "user_id": "BIGINT", "merchant_id": "BIGINT", "amount": "DOUBLE",
    "transaction_amount": "DOUBLE", "ts": "BIGINT"}, "payment-events", "user_id")
RISK_SCORES = Table("risk.scores", {
    "merchant_id": "BIGINT", "risk_score": "DOUBLE", "ts": "BIGINT"}, "risk-events", "merchant_id")
PROFILES = Table("merchants.profiles", {
    "merchant_id": "BIGINT", "category": "VARCHAR", "country": "VARCHAR",
    "merchant_risk_tier": "INTEGER"})


@dataclasses.dataclass(frozen=True)
class Event:
    """One record: when it was appended to its topic, and its columns in the table's order."""
    appended: int
    row: tuple

    @property
    def ts(self) -> int:
        return self.row[-1]


class Population:
    """Who pays whom. Ids are sparse; index 0 is the most frequent."""

    def __init__(self, users: int, merchants: int, rng: random.Random):
        self.rng = rng
        self.users = sparse_ids(users, rng)
        self.merchants = sparse_ids(merchants, rng)
        self.user_weights = zipf(users, 0.8)
        self.merchant_weights = zipf(merchants, 1.0)
        # The most frequent merchants have a profile, so that small samples are not dominated by one
        # that has none.
        rare = self.merchants[min(50, merchants // 2):]
        self.unknown = set(rng.sample(rare, min(len(rare), max(1, merchants // 200))))

    def user(self) -> int:
        return self.users[bisect.bisect_left(self.user_weights, self.rng.random())]

    def merchant(self) -> int:
        return self.merchants[bisect.bisect_left(self.merchant_weights, self.rng.random())]

    def any_merchant(self) -> int:
        """Half by frequency, half evenly: rare merchants are scored, too."""
        return self.merchant() if self.rng.random() < 0.5 else self.rng.choice(self.merchants)

    def payment(self, transaction_id: str, ts: int) -> tuple:
        rng = self.rng
        quoted = round(rng.lognormvariate(3.2, 1.1), 2)
        return (transaction_id,
                None if rng.random() < 0.001 else self.user(),
                None if rng.random() < 0.01 else self.merchant(),
                None if rng.random() < 0.01 else round(quoted * rng.uniform(1.0, 1.03), 2),
                None if rng.random() < 0.01 else quoted,
                ts)

    def score(self, merchant: int, ts: int) -> tuple:
        rng = self.rng
        return (merchant, None if rng.random() < 0.01 else round(rng.betavariate(2, 5), 6), ts)


def zipf(count: int, exponent: float) -> list[float]:
    weights = list(itertools.accumulate(rank ** -exponent for rank in range(1, count + 1)))
    return [weight / weights[-1] for weight in weights[:-1]] + [1.0]


def sparse_ids(count: int, rng: random.Random) -> list[int]:
    ids = [1_000_003 + 7 * index for index in range(count)]
    rng.shuffle(ids)
    return ids


def day_name(millis: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(millis // 1000))


def payments(people: Population, start: int, end: int, count: int) -> list[Event]:
    """`count` payments in [start, end), in the order of arrival."""
    rng = people.rng
    times = sorted(rng.randrange(start, end) for _ in range(count))
    events = [Event(ts + 1 + min(2000, int(rng.expovariate(1 / 150))),
                    people.payment(f"t{start // DAY}-{index:07d}", ts))
              for index, ts in enumerate(times)]
    return sorted(events, key=lambda event: event.appended)


def scores(people: Population, start: int, end: int, count: int) -> list[Event]:
    """`count` scores in [start, end); a score is published at once, so they arrive in order."""
    times = sorted(people.rng.randrange(start, end) for _ in range(count))
    return [Event(ts + people.rng.randrange(3), people.score(people.any_merchant(), ts))
            for ts in times]


def profiles(people: Population, days: int) -> Iterator[list[tuple]]:
    """Snapshots of consecutive days; every day some merchants change their tier."""
    rng = people.rng
    rows = {merchant: [rng.choice(CATEGORIES), rng.choice(COUNTRIES), rng.randint(1, 5)]
            for merchant in people.merchants if merchant not in people.unknown}
    for _ in range(days):
        for row in rows.values():
            if rng.random() < 0.03:
                row[2] = rng.randint(1, 5)
        yield [(merchant, *row) for merchant, row in rows.items()]


def write_table(table: Table, warehouse: pathlib.Path, rows_of_day: dict[str, list[tuple]]) -> None:
    """Writes one partition a day, rows in the order given."""
    connection = duckdb.connect()
    connection.execute("SET threads = 1; SET preserve_insertion_order = true")
    with tempfile.NamedTemporaryFile("w", suffix=".csv", newline="") as text:
        writer = csv.writer(text)
        for day, rows in rows_of_day.items():
            writer.writerows([day, *row] for row in rows)
        text.flush()
        types = {"ds": "VARCHAR"} | table.columns
        connection.execute("CREATE TABLE rows AS SELECT * FROM read_csv($path, header = false, "
                           f"auto_detect = false, columns = {types})", {"path": text.name})
    for day in rows_of_day:
        folder = warehouse / table.path / f"ds={day}"
        folder.mkdir(parents=True)
        connection.execute(f"COPY (SELECT * EXCLUDE (ds) FROM rows WHERE ds = '{day}') "
                           f"TO '{folder}/part-0.parquet' (FORMAT parquet)")


def by_day(events: list[Event]) -> dict[str, list[tuple]]:
    days: dict[str, list[tuple]] = {}
    for event in events:
        days.setdefault(day_name(event.ts), []).append(event.row)
    return dict(sorted(days.items()))


def write_topic(table: Table, events: list[Event], catena: list[str], repo: pathlib.Path) -> None:
    """Appends events to the table's topic, each at its own append time."""
    names = list(table.columns)
    lines = "".join(json.dumps(dict(zip(names, event.row)) | {"appended": event.appended}) + "\n"
                    for event in events)
    run([*catena, "topic", "create", table.topic, "--partitions", str(TOPIC_PARTITIONS)], repo)
    run([*catena, "topic", "produce", table.topic, "--key", table.key,
         "--append-time-field", "appended"], repo, lines)


def run(command: list[str], folder: pathlib.Path, text: str = "") -> None:
    done = subprocess.run(command, cwd=folder, input=text, text=True, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"generate.py: `{' '.join(command)}` in {folder} exited {done.returncode}: "
                 f"{(done.stderr or done.stdout).strip()}")


def find_catena(asked: str | None) -> list[str]:
    """The binary that was asked for, else the one of this project, else the one on PATH."""
    built = HERE.parent.parent / "build/release/bin/catena"
    found = asked or os.environ.get("CATENA_BIN") or (
        str(built) if built.exists() else shutil.which("catena"))
    if not found:
        sys.exit("generate.py: no catena binary to write the topics with; run `make build`, or "
                 "name one with --catena")
    return [os.path.abspath(found)]


def generate(options: argparse.Namespace) -> dict[str, int]:
    """Writes everything; answers how many rows each table and topic got."""
    rng = random.Random(options.seed)
    people = Population(options.users or max(100, options.transactions // 20),
                        options.merchants or max(50, options.transactions // 100), rng)
    today = options.now // DAY * DAY
    yesterday, first = today - DAY, today - options.days * DAY
    per_day = options.transactions // options.days
    warehouse = pathlib.Path(options.out).resolve()
    for table in (TRANSACTIONS, RISK_SCORES, PROFILES):
        shutil.rmtree(warehouse / table.path, ignore_errors=True)

    counts = [per_day] * options.days
    counts[0] += options.transactions - sum(counts)
    paid = [event for index, count in enumerate(counts)
            for event in payments(people, first + index * DAY, first + (index + 1) * DAY, count)]
    paid_today = [event for event in payments(people, today, options.now,
                                              per_day * (options.now - today) // DAY)
                  if event.appended <= options.now]
    scored = scores(people, first - DAY, options.now, int(
        options.transactions / 10 / options.days * (options.now - first + DAY) / DAY))
    snapshots = {day_name(first + index * DAY): rows for index, rows in
                 enumerate(profiles(people, options.days + 1), start=-1)}

    write_table(PROFILES, warehouse, snapshots)
    catena = find_catena(options.catena)
    repo = pathlib.Path(options.repo).resolve()
    for table, events in ((TRANSACTIONS, sorted(paid + paid_today, key=lambda e: e.appended)),
                          (RISK_SCORES, sorted(scored, key=lambda e: e.appended))):
        write_table(table, warehouse, by_day([e for e in events if e.ts < yesterday]))
        write_topic(table, [e for e in events if e.ts >= yesterday], catena, repo)
        run([*catena, "topic", "archive", table.topic, "--table", table.name], repo)
    return {"transactions": len(paid), "transactions_today": len(paid_today),
            "risk_scores": len(scored), "merchants": len(next(iter(snapshots.values())))}


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--transactions", type=int, default=100_000, help="through yesterday")
    parser.add_argument("--days", type=int, default=14, help="days of transactions, at least 2")
    parser.add_argument("--out", default=str(HERE / "build/warehouse"), help="the warehouse")
    parser.add_argument("--now", type=int, help="milliseconds since 1970; default: the clock")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--users", type=int, help="default: a twentieth of the transactions")
    parser.add_argument("--merchants", type=int, help="default: a hundredth of the transactions")
    parser.add_argument("--repo", default=str(HERE),
                        help="the feature repository whose catena.yaml says where topics are")
    parser.add_argument("--catena", help="the binary; default: of this project, else on PATH")
    options = parser.parse_args(arguments)
    options.now = options.now or int(time.time() * 1000)
    if options.days < 2 or options.transactions < options.days:
        parser.error("--days must be at least 2, and --transactions at least --days")
    return options


def main() -> int:
    options = parse_arguments()
    started = time.monotonic()
    counts = generate(options)
    print(f"{options.out}: " + ", ".join(f"{name} {count}" for name, count in counts.items()) +
          f"; now = {options.now}; {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())

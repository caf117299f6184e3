# SPDX-License-Identifier: Apache-2.0
"""The demo's proof: what the Fetcher answered as of t equals the backfill at t, value by value.

    pick       (user, merchant, t) near real events: recent, old and off the grid, and live ones
    fetch      the final Join as of each t, over HTTP
    spine      the same picks as a table, for the backfill
    compare    every feature column; doubles bit for bit. A value of a part that the Fetcher called
               incomplete is counted, not compared
"""

import dataclasses
import pathlib
import random
import struct

import duckdb

from client import Server
from generate import PROFILES, RISK_SCORES, TRANSACTIONS, day_name

MINUTE = 60_000
GRID = 5 * MINUTE
OLD = 30 * MINUTE
# Fetches reach back two hours; what is picked must still be in reach when it is fetched.
REACH = 115 * MINUTE
BATCH = 100


@dataclasses.dataclass(frozen=True, order=True)
class Pick:
    user_id: int
    merchant_id: int
    ts: int

    def is_old(self, now: int) -> bool:
        return now - self.ts > OLD and self.ts % GRID != 0


@dataclasses.dataclass(frozen=True)
class Mismatch:
    pick: Pick
    column: str
    fetched: object
    backfilled: object

    def __str__(self) -> str:
        return (f"{self.column}: fetched {self.fetched!r}, backfill {self.backfilled!r} for "
                f"user_id {self.pick.user_id}, merchant_id {self.pick.merchant_id} "
                f"at {self.pick.ts}")


@dataclasses.dataclass
class Comparison:
    rows: int = 0
    rows_nonnull: int = 0     # Rows without a single null.
    rows_old: int = 0
    values: int = 0           # Complete ones, which are compared.
    values_nonnull: int = 0
    incomplete_values: int = 0
    mismatches: list[Mismatch] = dataclasses.field(default_factory=list)

    @property
    def incomplete_ratio(self) -> float:
        asked = self.values + self.incomplete_values
        return self.incomplete_values / asked if asked else 0.0


def files_of(warehouse: pathlib.Path, table: str) -> str:
    namespace, name = table.split(".")
    return str(warehouse / f"{namespace}.db" / name / "ds=*" / "*.parquet")


def count_rows(warehouse: pathlib.Path, table: str, last_day: str) -> int:
    return duckdb.connect().execute(
        "SELECT count(*) FROM read_parquet($files, hive_partitioning = true, "
        "hive_types_autocast = false) WHERE ds <= $day",
        {"files": files_of(warehouse, table), "day": last_day}).fetchone()[0]


def candidates(warehouse: pathlib.Path, since: int) -> list[tuple[int, int, int]]:
    """(user, merchant, ts) of payments after which every feature has a value."""
    return duckdb.connect().execute(
        """WITH scored AS (SELECT merchant_id, min(ts) AS first_ts FROM read_parquet($scores)
                           WHERE risk_score IS NOT NULL GROUP BY ALL),
                known AS (SELECT DISTINCT merchant_id FROM read_parquet($profiles))
           SELECT user_id, merchant_id, ts FROM read_parquet($payments)
           JOIN scored USING (merchant_id) JOIN known USING (merchant_id)
           WHERE ts >= $since AND first_ts < ts AND user_id IS NOT NULL
             AND amount IS NOT NULL AND transaction_id IS NOT NULL
           ORDER BY ts, user_id, merchant_id""",
        {"scores": files_of(warehouse, RISK_SCORES.name), "since": since,
         "profiles": files_of(warehouse, PROFILES.name),
         "payments": files_of(warehouse, TRANSACTIONS.name)}).fetchall()


def pick(events: list[tuple[int, int, int]], now: int, live_since: int, rng: random.Random,
         old: int = 450, live: int = 350, rest: int = 350) -> list[Pick]:
    """At most old + live + rest distinct picks with t in (now - REACH, now]."""
    by_age = {"old": [e for e in events if e[2] < now - OLD - GRID],
              "live": [e for e in events if e[2] >= live_since], "rest": events}
    picks: set[Pick] = set()
    for name, count in (("old", old), ("live", live), ("rest", rest)):
        wanted = len(picks) + count
        for _ in range(20 * count):
            if len(picks) >= wanted or not by_age[name]:
                break
            user, merchant, ts = rng.choice(by_age[name])
            if rng.random() < 0.03:  # Some keys and times that nothing is known about.
                user, at = rng.choice(events)[0] + 1, rng.randrange(now - REACH, now)
            else:
                at = ts + rng.randint(1, min(4 * MINUTE, now - ts))
            if now - REACH < at <= now and (name != "old" or at % GRID != 0):
                picks.add(Pick(user, merchant, at))
    return sorted(picks)


def fetch(server: Server, join: str, picks: list[Pick]) -> list[dict]:
    """One result a pick, in their order."""
    results = []
    for start in range(0, len(picks), BATCH):
        results += server.fetch_join(join, [
            {"keys": {"user_id": one.user_id, "merchant_id": one.merchant_id}, "atMillis": one.ts}
            for one in picks[start:start + BATCH]])
    return results


def write_spine(warehouse: pathlib.Path, table: str, picks: list[Pick]) -> list[str]:
    """Replaces the partitions of the picks' days; answers the days."""
    days = sorted({day_name(one.ts) for one in picks})
    connection = duckdb.connect()
    connection.execute("CREATE TABLE spine (user_id BIGINT, merchant_id BIGINT, ts BIGINT)")
    rows = ", ".join(f"({one.user_id}, {one.merchant_id}, {one.ts})" for one in picks)
    connection.execute(f"INSERT INTO spine VALUES {rows}")
    for day in days:
        folder = pathlib.Path(files_of(warehouse, table)).parent.parent / f"ds={day}"
        folder.mkdir(parents=True, exist_ok=True)
        connection.execute(
            f"COPY (SELECT * FROM spine WHERE strftime(make_timestamp(ts * 1000), '%Y-%m-%d') "
            f"= '{day}') TO '{folder}/part-0.parquet' (FORMAT parquet)")
    return days


def read_backfill(warehouse: pathlib.Path, table: str, days: list[str]) -> dict[Pick, dict]:
    """Rows of the final Join's table by their (user, merchant, t); feature columns only."""
    cursor = duckdb.connect().execute(
        "SELECT * EXCLUDE (ds) FROM read_parquet($files, hive_partitioning = true, "
        "hive_types_autocast = false) WHERE list_contains($days, ds)",
        {"files": files_of(warehouse, table), "days": days})
    names = [column[0] for column in cursor.description]
    rows = {}
    for values in cursor.fetchall():
        row = dict(zip(names, values))
        rows[Pick(row.pop("user_id"), row.pop("merchant_id"), row.pop("ts"))] = row
    return rows


def equal(fetched: object, backfilled: object) -> bool:
    """JSON does not tell 5 from 5.0, so a number is compared as what the table's column is."""
    if isinstance(backfilled, float) and isinstance(fetched, (int, float)):
        return struct.pack("<d", fetched) == struct.pack("<d", backfilled)
    return type(fetched) is type(backfilled) and fetched == backfilled


def incomplete_columns(result: dict, columns: list[str]) -> set[str]:
    """The columns of the parts that the Fetcher called incomplete."""
    prefixes = tuple(part.replace(".", "_") + "_" for part in result.get("incomplete", {}))
    return {column for column in columns if column.startswith(prefixes)}


def compare(picks: list[Pick], results: list[dict], backfill: dict[Pick, dict],
            now: int) -> Comparison:
    comparison = Comparison()
    for one, result in zip(picks, results, strict=True):
        if one not in backfill:
            comparison.mismatches.append(Mismatch(one, "(the whole row)", result, None))
            continue
        row, features = backfill[one], result.get("features") or {}
        incomplete = incomplete_columns(result, list(row))
        comparison.rows += 1
        comparison.rows_old += one.is_old(now)
        comparison.rows_nonnull += all(value is not None for value in row.values())
        comparison.incomplete_values += len(incomplete)
        for column in (column for column in row if column not in incomplete):
            comparison.values += 1
            comparison.values_nonnull += row[column] is not None
            missing = column not in features
            if missing or not equal(features[column], row[column]):
                fetched = f"(no such feature: {result})" if missing else features[column]
                comparison.mismatches.append(Mismatch(one, column, fetched, row[column]))
    return comparison

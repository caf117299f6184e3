# SPDX-License-Identifier: Apache-2.0
"""A chain's backfill stays within --memory-limit when its input is four times as large.

    input     payments with three texts of 64 letters, as CSV as large as four limits; a chain of
              two Joins over them, which hands a text on
    measured  peak RSS of `catena join`, less that of the same chain over a hundred rows, where
              program and libraries are all there is
    bound     a quarter of the limit more: rows are weighed by a sample, blocks that were freed are
              not given back at once, and a day and a row group are taken whole
"""

import json
import os
import pathlib
import random
import string
import subprocess

import pytest
from feature_repository import AVERAGE, BINARY, COUNT, LAST, events, group_by, join

LIMIT = 128_000_000
DAYS = [f"2026-03-{day:02}" for day in range(1, 25)]
MIDNIGHT = 1772323200000  # 2026-03-01T00:00Z
DAY_MILLIS = 86_400_000
COLUMNS = ["user_id", "merchant_id", "amount", "memo", "address", "agent", "ts"]
TYPES = ["LONG", "LONG", "DOUBLE", "STRING", "STRING", "STRING", "LONG"]
DAY = [{"length": 24, "timeUnit": 0}]


def write_confs(folder) -> None:
    risk = group_by("t.risk.v1", "merchant_id", events("t.risk", None),
                    [{"inputColumn": "score", "operation": LAST}])
    enriched = join("t.enriched.v1", events("t.payments", None), risk)
    chained = group_by("t.user.v1", "user_id", {"joinSource": {"join": enriched, "query": {
        "timeColumn": "ts", "selects": {"user_id": "user_id", "memo": "memo",
                                        "risk": "t_risk_v1_score_last"}}}},
        [{"inputColumn": "risk", "operation": AVERAGE, "windows": DAY},
         {"inputColumn": "memo", "operation": LAST, "windows": DAY},
         {"inputColumn": "memo", "operation": COUNT, "windows": DAY}])
    final = join("t.final.v1", events("t.payments", None), chained)
    schemas = {"t.payments": [list(column) for column in zip(COLUMNS, TYPES)],
               "t.risk": [["merchant_id", "LONG"], ["score", "DOUBLE"], ["ts", "LONG"]]}
    path = folder / "production/joins/t/final.v1"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(final | {"catena": {"version": 1, "sql": {}, "schemas": schemas,
                                                   "inferred": []}}))
    (folder / "catena.yaml").write_text("warehouse: warehouse\n")


def run(folder: pathlib.Path, *arguments) -> tuple[int, str, int]:
    """Exit code, what it said, and the most bytes that it had in memory."""
    said = folder / "said"
    with said.open("w") as stream:
        process = subprocess.Popen([BINARY, *map(str, arguments)], cwd=folder, stdout=stream,
                                   stderr=stream, env=os.environ | {"HOME": str(folder)})
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, said.read_text(), usage.ru_maxrss * 1024


def load(folder: pathlib.Path, table: str, columns: list[str], lines, bytes_most: int) -> int:
    file = folder / "rows.csv"
    size = 0
    with file.open("w") as stream:
        stream.write(",".join([*columns, "ds"]) + "\n")
        for line in lines:
            size += stream.write(line)
            if size >= bytes_most:
                break
    code, said, _ = run(folder, "table", "load", file, table)
    assert code == 0, said
    file.unlink()
    return size


def payments(rng: random.Random, rows: int):
    """Without end; the days take turns, each with so many."""
    letters = "".join(rng.choices(string.ascii_lowercase, k=1 << 16))
    while True:
        for number, ds in enumerate(DAYS):
            at = MIDNIGHT + number * DAY_MILLIS
            for _ in range(rows):
                text = rng.randrange((1 << 16) - 192)
                yield (f"{rng.randrange(100_000)},{rng.randrange(500)},{rng.randrange(9999) / 100},"
                       f"{letters[text:text + 64]},{letters[text + 64:text + 128]},"
                       f"{letters[text + 128:text + 192]},{at + rng.randrange(DAY_MILLIS)},{ds}\n")


def risks(rng: random.Random):
    for number, ds in enumerate(DAYS):
        for _ in range(500):
            yield (f"{rng.randrange(500)},{rng.randrange(100) / 100},"
                   f"{MIDNIGHT + number * DAY_MILLIS + rng.randrange(DAY_MILLIS)},{ds}\n")


def warehouse(folder: pathlib.Path, bytes_most: int, rows: int = 1000) -> int:
    folder.mkdir()
    (folder / "warehouse").mkdir()
    write_confs(folder)
    rng = random.Random(7)
    load(folder, "t.risk", ["merchant_id", "score", "ts"], risks(rng), 1 << 60)
    return load(folder, "t.payments", COLUMNS, payments(rng, rows), bytes_most)


def backfill(folder: pathlib.Path, limit: int) -> tuple[int, str, int]:
    return run(folder, "join", "--conf-path", "production/joins/t/final.v1", "--end-date",
               DAYS[-1], "--memory-limit", limit)


def test_a_backfill_of_long_texts_stays_within_a_quarter_of_its_input(tmp_path):
    small, large = tmp_path / "small", tmp_path / "large"
    warehouse(small, 10_000, rows=1)
    size = warehouse(large, 4 * LIMIT)
    assert size >= 4 * LIMIT
    code, said, empty = backfill(small, LIMIT)
    assert code == 0, said
    code, said, peak = backfill(large, LIMIT)
    assert code == 0, said
    print(f"input {size:,}, limit {LIMIT:,}, peak {peak:,}, of an almost empty job {empty:,}")
    assert peak - empty <= LIMIT * 1.25


@pytest.mark.parametrize("limit", ["127MB", "1", "64MiB"])
def test_a_limit_in_which_no_job_fits_is_refused(tmp_path, limit):
    warehouse(tmp_path / "w", 10_000, rows=1)
    code, said, _ = backfill(tmp_path / "w", limit)
    assert code != 0
    assert "a job over tables needs a memory limit of 128MB at least: " + limit in said

# SPDX-License-Identifier: Apache-2.0
"""The quickstart as a reader runs it, held to a naive computation in Python.

Set CATENA_SHARED to the folder that has chronon/quickstart/*.csv to run it on Chronon's own tables,
too; the default is `shared` beside the project's root.
"""

import csv
import datetime
import json
import os
import pathlib
import subprocess
import sys

import duckdb
import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CHRONON_TABLES = (pathlib.Path(os.environ.get("CATENA_SHARED", ROOT.parent / "shared")) /
                  "chronon/quickstart")
DAY_MILLIS = 86_400_000
WINDOWS = (3, 14, 30)


def run_quickstart(work: pathlib.Path, *arguments: str) -> str:
    done = subprocess.run([sys.executable, str(HERE / "run.py"), "--work", str(work), *arguments],
                          text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def read_csv(path: pathlib.Path) -> list[dict]:
    with open(path, newline="") as text:
        return list(csv.DictReader(text))


def read_training(work: pathlib.Path) -> list[dict]:
    table = work / "build/warehouse/default.db/quickstart_training_set_v1"
    cursor = duckdb.connect().execute(
        "SELECT * FROM read_parquet($files, hive_partitioning = true, "
        "hive_types_autocast = false)", {"files": str(table / "ds=*/*.parquet")})
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, values)) for values in cursor.fetchall()]


def naive_features(tables: dict[str, list[dict]], user: str, day: datetime.date) -> dict:
    """What is known at midnight before `day`: no source has a topic, so features are daily."""
    midnight = (day - datetime.date(1970, 1, 1)).days * DAY_MILLIS
    before = (day - datetime.timedelta(days=1)).isoformat()
    features = {}
    for name, column in (("purchases", "purchase_price"), ("returns", "refund_amt")):
        for window in WINDOWS:
            values = [int(row[column]) for row in tables[name]
                      if row["user_id"] == user and row["ds"] <= before
                      and midnight - window * DAY_MILLIS <= int(row["ts"]) < midnight]
            prefix = f"quickstart_{name}_v1_{column}"
            features |= {f"{prefix}_sum_{window}d": sum(values) if values else None,
                         f"{prefix}_count_{window}d": len(values) or None,
                         f"{prefix}_average_{window}d":
                             sum(values) / len(values) if values else None}
    known = [row for row in tables["users"] if row["user_id"] == user and row["ds"] == before]
    for column in ("account_created_ds", "email_verified"):
        value = known[0][column] if known else None
        features[f"quickstart_users_v1_{column}"] = (
            int(value) if column == "email_verified" and value is not None else value)
    return features


def check_training(work: pathlib.Path, folder: pathlib.Path, day: datetime.date) -> dict:
    """Every value of every checkout; answers the tables."""
    tables = {path.stem: read_csv(path) for path in folder.glob("*.csv")}
    rows = read_training(work)
    assert sorted((row["ts"], row["user_id"]) for row in rows) == sorted(
        (int(row["ts"]), int(row["user_id"])) for row in tables["checkouts"])
    for row in rows:
        expected = naive_features(tables, str(row["user_id"]), day)
        assert {name: row[name] for name in expected} == expected, f"checkout at {row['ts']}"
    features = [value for row in rows for name, value in row.items() if name.startswith("quick")]
    assert sum(value is not None for value in features) > len(features) / 2
    return tables


def fetched_by(output: str) -> dict:
    return json.loads(output[output.index("\n{") + 1:])["results"][0]


def test_runs_from_csv_to_fetched_features(tmp_path: pathlib.Path):
    end = datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=1)
    output = run_quickstart(tmp_path, "--end-date", end.isoformat(), "--user", "5")
    tables = check_training(tmp_path, tmp_path / "build/csv", end)

    fetched = fetched_by(output)
    assert fetched["features"] == naive_features(tables, "5", end + datetime.timedelta(days=1))
    assert fetched["status"] == "Success" and "incomplete" not in fetched


@pytest.mark.skipif(not CHRONON_TABLES.is_dir(), reason=f"Chronon's tables are not in "
                    f"{CHRONON_TABLES}; CATENA_SHARED names the folder that has chronon/quickstart")
def test_same_features_on_chronons_tables(tmp_path: pathlib.Path):
    day = datetime.date(2023, 11, 30)
    # The users' only snapshot is of the day before.
    output = run_quickstart(tmp_path, "--csv", str(CHRONON_TABLES), "--end-date", "2023-11-30",
                            "--upload-date", "2023-11-29", "--user", "5")
    tables = check_training(tmp_path, CHRONON_TABLES, day)
    fetched = fetched_by(output)
    assert fetched["features"] == naive_features(tables, "5", day)
    # Values of 2023 are not those of today, and the answer says so.
    assert set(fetched["incomplete"].values()) == {"upload_late"}

# SPDX-License-Identifier: Apache-2.0
"""The whole demo, small: the same steps and the same proof in a temporary folder, twice; and once
over a real Kafka with its state in a real Redis, as `make kafka-demo` runs it."""

import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
AROUND_KAFKA_AND_REDIS = (sys.executable, str(HERE.parent.parent / "tests/servers.py"), "around",
                          "kafka", "redis", "--")


def run_demo(report: pathlib.Path, *around: str) -> dict:
    done = subprocess.run(
        [*around, sys.executable, str(HERE / "demo.py"), "--report", str(report),
         "--transactions", "3000", "--seconds", "3", "--rate", "300", "--risk-rate", "20"],
        text=True, capture_output=True, env=os.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(report.read_text())


def check(report: dict) -> None:
    assert report["transactions"] == report["enriched_rows"] == 3000
    assert report["streamed_events"] >= 3 * 320
    assert report["compared"] >= 1000 and report["compared_old"] >= 300
    assert report["compared_nonnull"] >= 0.9 * report["compared"]
    assert report["mismatches"] == 0 and report["incomplete"] < 0.01
    assert report["alerts"] == []
    assert len(report["metrics"]) == 8
    assert report["metrics"]["join.output.rate"] > 0
    for name in ("visible_ms", "fetch_ms"):
        assert 0 < report[name]["p50"] <= report[name]["p99"]
    # In whole milliseconds, so it may be none.
    assert 0 <= report["freshness_ms"]["p50"] <= report["freshness_ms"]["p99"]


def test_the_demo_proves_itself(tmp_path: pathlib.Path):
    for _ in range(2):
        check(run_demo(tmp_path / "report.json"))


def test_the_demo_proves_itself_over_kafka_and_redis(tmp_path: pathlib.Path):
    check(run_demo(tmp_path / "report.json", *AROUND_KAFKA_AND_REDIS))
    assert not (tmp_path / "work/fraud/build/topics").exists()
    assert not (tmp_path / "work/fraud/build/state").exists()

# SPDX-License-Identifier: Apache-2.0
"""A small run of bench/stream.py: every figure is there, and every answer was compared."""

import json
import os
import subprocess
import sys

import report


def test_every_shape_is_measured_and_its_answers_are_those_of_the_backfill():
    done = subprocess.run(
        [sys.executable, str(report.ROOT / "bench" / "stream.py")], text=True, capture_output=True,
        env=os.environ | {"RATES": "500", "SECONDS": "2", "SHAPES": "simple chain chain3",
                          "FILE": "20000"})
    assert done.returncode == 0, done.stdout + done.stderr
    written = json.loads((report.OUTPUT / "stream.json").read_text())
    rows = {row["name"]: row["value"] for row in written["rows"]}
    assert 0 < rows["floor/500/p50"] <= rows["floor/500/p99"] <= rows["floor/500/p99.9"]
    for shape in ("simple", "chain", "chain3"):
        assert 0 < rows[f"{shape}/500/p50"] <= rows[f"{shape}/500/p99"]
        assert rows[f"{shape}/500/CPU of the stream"] > 0
        assert rows[f"{shape}/file/payments a CPU second"] > 0
        assert rows[f"{shape}/file/rows compared, not empty"] >= 1000
        assert rows[f"{shape}/500/state"] > 0
        assert rows[f"{shape}/500/rows compared, not empty"] >= 1000

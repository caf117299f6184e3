# SPDX-License-Identifier: Apache-2.0
"""What the hand-written programs share: their arguments, the windows, and how a stage is timed.

    usage   peer_X.py --warehouse DIR --out DIR [--window exact|sawtooth] [--threads N]
                      [--compression CODEC]
    output  DIR/{enriched,features,daily}/ds=YYYY-MM-DD/*.parquet; the last line of stdout is JSON:
            {"stages": {name: {"seconds": wall, "cpu_seconds": of this process}}}

    exact      the events with ts - w <= t < ts
    sawtooth   the events with floor(ts - w, hop) <= t < ts, as catena and Chronon count by default
"""

import argparse
import json
import pathlib
import resource
import shutil
import time
from collections.abc import Callable

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
FIRST = 1_704_067_200_000  # 2024-01-01T00:00:00Z.
DAYS = 14

ZSTD_LEVEL = 1  # catena's, for all.

WINDOWS = {"1h": HOUR, "24h": DAY, "7d": 7 * DAY}
HOPS = {"1h": 5 * MINUTE, "24h": HOUR, "7d": HOUR}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--warehouse", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--window", choices=["exact", "sawtooth"], default="exact")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compression", default="snappy")
    return parser.parse_args()


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class Stages:
    def __init__(self, out: pathlib.Path):
        self.out = out
        self.stages: dict[str, dict[str, float]] = {}

    def run(self, name: str, stage: Callable[[pathlib.Path], None]) -> None:
        directory = self.out / name
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        cpu, wall = cpu_seconds(), time.perf_counter()
        stage(directory)
        self.stages[name] = {"seconds": time.perf_counter() - wall,
                             "cpu_seconds": cpu_seconds() - cpu}

    def report(self) -> None:
        print(json.dumps({"stages": self.stages}), flush=True)

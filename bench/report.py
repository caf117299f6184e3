# SPDX-License-Identifier: Apache-2.0
"""Report: what every `make bench-NAME` prints and writes, so that all read alike.

    input   rows (name, value, unit) and targets (a bound on a figure of this run)
    output  a table on standard output and build/bench/NAME.json:
            {bench, taken_at, machine, versions, rows: [{name, value, unit}],
             targets: [{name, value, target, ok}]}
    exit    a bench that measured exits 0, whether its targets were met or not; one that could not
            measure, or measured a wrong answer, ends with a message and exit code 1
    noise   value() of several samples is their median; compare figures of one run only
"""

import datetime
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "release"
OUTPUT = ROOT / "build" / "bench"

REPETITIONS = 5  # Medians of fewer samples than this are not reported.


def fail(message: str) -> None:
    sys.exit(f"bench: {message}")


def build(target: str, program: str) -> pathlib.Path:
    """Builds a CMake target of the release preset and returns its program, a path in BUILD."""
    subprocess.run(["cmake", "--build", "--preset", "release", "--target", target],
                   cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return BUILD / program


def run_google_benchmark(program: pathlib.Path, *flags: str) -> dict[str, list[dict]]:
    """Runs a Google Benchmark program; the samples of each benchmark, by its name.

    Repetitions of all benchmarks are interleaved, so that a noisy minute hits all of them.
    """
    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(scratch) / "out.json"
        done = subprocess.run(
            [program, f"--benchmark_out={out}", "--benchmark_out_format=json",
             f"--benchmark_repetitions={REPETITIONS}",
             "--benchmark_enable_random_interleaving=true", *flags],
            cwd=ROOT, check=False, stdout=subprocess.DEVNULL)
        if done.returncode != 0:
            fail(f"{program.name} ended with exit code {done.returncode}")
        runs = json.loads(out.read_text(encoding="utf-8"))["benchmarks"]
    samples = defaultdict(list)
    for run in runs:
        if run.get("error_occurred"):
            fail(f"{run['name']}: {run['error_message']}")
        if run["run_type"] == "iteration":
            samples[run["run_name"]].append(run)
    return dict(samples)


def machine() -> dict:
    cpuinfo = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    meminfo = pathlib.Path("/proc/meminfo").read_text(encoding="utf-8")
    model = re.search(r"model name\s*:\s*(.*)", cpuinfo)
    kib = re.search(r"MemTotal:\s*(\d+) kB", meminfo)
    return {"cpu": model[1] if model else platform.machine(), "cores": os.cpu_count(),
            "memory_gib": round(int(kib[1]) / 2**20, 1), "system": platform.platform(),
            "load_1m": round(os.getloadavg()[0], 2)}


def versions(packages: Iterable[str] = ()) -> dict:
    """Of catena, its commit, the compiler and the Python packages that took part."""
    import importlib.metadata

    def said(*command: str) -> str:
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
        return done.stdout.strip()

    found = re.search(r"project\(catena VERSION ([\d.]+)",
                      (ROOT / "CMakeLists.txt").read_text(encoding="utf-8"))
    cache = BUILD / "CMakeCache.txt"
    compiler = re.search(r"CMAKE_CXX_COMPILER:\w+=(.*)",
                         cache.read_text(encoding="utf-8") if cache.exists() else "")
    return {"catena": found[1], "commit": said("git", "describe", "--always", "--dirty"),
            "compiler": said(compiler[1], "--version").partition("\n")[0] if compiler else "",
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in packages}}


class Report:
    def __init__(self, name: str, packages: Iterable[str] = ()):
        self.name = name
        self.machine = machine()
        self.versions = versions(packages)
        self.rows: list[dict] = []
        self.targets: list[dict] = []

    def row(self, name: str, samples: float | list[float], unit: str) -> float:
        """One figure; of several samples, of which there must be enough, the median."""
        if any(row["name"] == name for row in self.rows):
            fail(f"two rows are named {name}")
        if isinstance(samples, list):
            if len(samples) < REPETITIONS:
                fail(f"{name}: {len(samples)} samples, {REPETITIONS} are needed")
            samples = statistics.median(samples)
        self.rows.append({"name": name, "value": samples, "unit": unit})
        return samples

    def value(self, name: str) -> float:
        for row in self.rows:
            if row["name"] == name:
                return row["value"]
        fail(f"no row is named {name}")

    def at_least(self, name: str, value: float, bound: float) -> None:
        self._target(name, value, f">= {bound:g}", value >= bound)

    def at_most(self, name: str, value: float, bound: float) -> None:
        self._target(name, value, f"<= {bound:g}", value <= bound)

    def _target(self, name: str, value: float, target: str, ok: bool) -> None:
        self.targets.append({"name": name, "value": value, "target": target, "ok": bool(ok)})

    def finish(self) -> int:
        """Prints the table, writes the file; the exit code of the bench."""
        if not self.rows:
            fail("nothing was measured")
        print(f"{self.name}: {self.machine['cpu']}, {self.machine['cores']} cores; "
              + ", ".join(f"{name} {version}" for name, version in self.versions.items()))
        print_table([(row["name"], _short(row["value"]), row["unit"]) for row in self.rows])
        if self.targets:
            print_table([(target["name"], _short(target["value"]), target["target"],
                          "met" if target["ok"] else "MISSED") for target in self.targets])
        OUTPUT.mkdir(parents=True, exist_ok=True)
        path = OUTPUT / f"{self.name}.json"
        taken_at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        path.write_text(json.dumps({"bench": self.name, "taken_at": taken_at,
                                    "machine": self.machine, "versions": self.versions,
                                    "rows": self.rows, "targets": self.targets}, indent=1) + "\n",
                        encoding="utf-8")
        print(f"written to {path.relative_to(ROOT)}")
        return 0


def _short(value: float) -> str:
    """Four digits, and thousands set apart."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.rjust(width) if i == 1 else cell.ljust(width)
                 for i, (cell, width) in enumerate(zip(row, widths, strict=True))]
        print("  " + "  ".join(cells).rstrip())

# SPDX-License-Identifier: Apache-2.0
"""`make bench-batch`: the fraud chain over tables, by catena and by hand in DuckDB and Polars.

    usage    make bench-batch [TX=10000000] [RUNS=5] [WINDOW=exact|sawtooth] [CODEC=zstd]
                              [PEERS="polars duckdb"] [MEMORY=5GB]
    work     enriched: every transaction with its merchant's profile and last risk score, written
             features: nine features of its user for every transaction, over the enriched rows
             daily:    the same nine of every user at the end of every day
    window   of the nine features: exact, in which the others are at their best, or sawtooth, the
             default of catena and Chronon
    input    bench/batch/generate.py: TX transactions, TX/100 merchants, TX/10 scores, TX/20 users
    rows     wall seconds by stage and in all, rows per second of the whole, peak RSS, CPU seconds
    answers  the last run's, each against ours (bench/batch/answers.py)
    memory   MEMORY is catena's --memory-limit; the others take what they want

catena is its own binary: one `catena join` makes enriched, features and, by --with, daily; its
seconds count from start to exit. The hand-written programs' count without the time
that Python takes to start and import. All write the same codec, zstd at level 1, and choose its
encodings as they can: catena and DuckDB those of Parquet's version 2, Polars its own. Files lie in
the page cache.
"""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field

import report

HERE = report.ROOT / "bench" / "batch"
WORK = report.OUTPUT / "batch"

TRANSACTIONS = int(os.environ.get("TX", "10000000"))
RUNS = int(os.environ.get("RUNS", str(report.REPETITIONS)))
WINDOW = os.environ.get("WINDOW", "exact")
CODEC = os.environ.get("CODEC", "zstd")
PEERS = os.environ.get("PEERS", "polars duckdb").split()
MEMORY = os.environ.get("MEMORY", "5GB")
FIRST_DAY, LAST_DAY = "2024-01-01", "2024-01-14"

WAREHOUSE = WORK / f"data-{TRANSACTIONS}-{CODEC}"
OURS = {"enriched": WAREHOUSE / "chain.db" / "chain_enriched_v1",
        "features": WAREHOUSE / "chain.db" / "chain_features_v1",
        "daily": WAREHOUSE / "chain.db" / "chain_user_risk_v1"}
STAGES = tuple(OURS)


@dataclass
class Run:
    """What one run of the whole chain took."""

    stages: dict[str, float] = field(default_factory=dict)
    seconds: float = 0
    cpu_seconds: float = 0
    peak_bytes: int = 0


def run_child(command: list, cwd: pathlib.Path) -> tuple[str, float, float, int]:
    """Output, wall seconds, CPU seconds and peak RSS of a process that must end well."""
    out = WORK / "child.out"
    with out.open("w", encoding="utf-8") as stream:
        start = time.perf_counter()
        child = subprocess.Popen(command, cwd=cwd, stdout=stream,
                                 env=os.environ | {"CATENA_LOG": "warn"})
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        report.fail(f"exit code {child.returncode} of {' '.join(map(str, command))}")
    return (out.read_text(encoding="utf-8"), wall, usage.ru_utime + usage.ru_stime,
            usage.ru_maxrss * 1024)


def generate() -> None:
    done = WAREHOUSE / "generated"
    if done.exists():
        return
    print(f"generating {TRANSACTIONS:,} transactions", flush=True)
    run_child([sys.executable, HERE / "generate.py", "--transactions", str(TRANSACTIONS),
               "--warehouse", WAREHOUSE, "--compression", CODEC], report.ROOT)
    done.touch()


def compile_features(catena: pathlib.Path) -> pathlib.Path:
    features = WORK / "features"
    shutil.rmtree(features, ignore_errors=True)
    shutil.copytree(HERE / "features", features)
    (features / "catena.yaml").write_text(f"warehouse: {WAREHOUSE}\n", encoding="utf-8")
    teams = json.loads((features / "teams.json").read_text(encoding="utf-8"))
    teams["default"]["table_properties"] |= {"parquet.compression": CODEC,
                                             "parquet.writer.version": "v2"}
    (features / "teams.json").write_text(json.dumps(teams), encoding="utf-8")
    if WINDOW == "exact":
        conf = features / "group_bys" / "chain" / "user_risk.py"
        conf.write_text(conf.read_text(encoding="utf-8").replace(
            "accuracy=", "exact_windows=True,\n    accuracy="), encoding="utf-8")
    run_child([catena, "compile"], features)
    return features


def run_catena(catena: pathlib.Path, features: pathlib.Path) -> Run:
    shutil.rmtree(WAREHOUSE / "chain.db", ignore_errors=True)
    told = WORK / "report.json"
    _, wall, cpu, peak = run_child(
        [catena, "join", "--conf-path", "production/joins/chain/features.v1",
         "--with", "production/group_bys/chain/user_risk.v1", "--start-partition-override",
         FIRST_DAY, "--end-date", LAST_DAY, "--report", told, "--memory-limit", MEMORY], features)
    run = Run(seconds=wall, cpu_seconds=cpu, peak_bytes=peak)
    for step in json.loads(told.read_text(encoding="utf-8"))["steps"]:
        stage = {"chain.enriched.v1": "enriched", "chain.features.v1": "features",
                 "chain.user_risk.v1": "daily"}[step["name"]]
        # The backfill of the daily table looks at the enriched one, too, and reuses it.
        run.stages[stage] = run.stages.get(stage, 0) + step["seconds"]
    return run


def run_peer(peer: str) -> Run:
    out = WORK / peer
    shutil.rmtree(out, ignore_errors=True)
    said, _, _, peak = run_child(
        [sys.executable, HERE / f"peer_{peer}.py", "--warehouse", WAREHOUSE, "--out", out,
         "--window", WINDOW, "--threads", str(os.cpu_count()), "--compression", CODEC],
        report.ROOT)
    stages = json.loads(said.splitlines()[-1])["stages"]
    return Run(stages={name: stage["seconds"] for name, stage in stages.items()},
               seconds=sum(stage["seconds"] for stage in stages.values()),
               cpu_seconds=sum(stage["cpu_seconds"] for stage in stages.values()),
               peak_bytes=peak)


def add_rows(out: report.Report, runs: dict[str, list[Run]]) -> None:
    def figure(name: str, values: list[float], unit: str) -> None:
        # With RUNS below five the frame would not call it a median; `runs` says what it is.
        out.row(name, values if RUNS >= report.REPETITIONS else statistics.median(values), unit)

    out.row("transactions", TRANSACTIONS, "rows")
    out.row("runs", RUNS, "")
    for who, all_runs in runs.items():
        for stage in STAGES:
            figure(f"{who} {stage}", [run.stages[stage] for run in all_runs], "s")
        figure(f"{who} whole", [run.seconds for run in all_runs], "s")
        figure(f"{who} speed", [TRANSACTIONS / run.seconds for run in all_runs], "rows/s")
        figure(f"{who} CPU", [run.cpu_seconds for run in all_runs], "s")
        figure(f"{who} peak RSS", [run.peak_bytes / 2**30 for run in all_runs], "GiB")


def add_targets(out: report.Report) -> None:
    if not PEERS:
        return
    best = min(PEERS, key=lambda peer: out.value(f"{peer} whole"))
    for peer in PEERS:
        faster = out.value(f"{peer} whole") / out.value("catena whole")
        cheaper = out.value(f"{peer} CPU") / out.value("catena CPU")
        out.row(f"{peer} whole / catena's", faster, "x")
        out.row(f"{peer} CPU / catena's", cheaper, "x")
        if peer == best:
            out.at_least(f"faster than {peer}, the best of the others", faster, 2)
            out.at_least(f"CPU seconds of {peer} to ours", cheaper, 2)
    out.at_most("peak RSS in GiB", out.value("catena peak RSS"), 4)


def wrong_answers(out: report.Report) -> int:
    import answers

    wrong = 0
    for peer in PEERS:
        for table, difference in answers.differences(OURS, WORK / peer, peer).items():
            wrong += out.row(f"{table}: rows that {peer} answers otherwise", difference.wrong,
                             "rows")
            if difference.error > 0:
                out.row(f"{table}: greatest relative error of {peer}", difference.error, "")
            if difference.inexact > 0:
                out.row(f"{table}: rows that {peer} answers inexactly", difference.inexact, "rows")
    return wrong


def main() -> int:
    sys.path.insert(0, str(HERE))
    WORK.mkdir(parents=True, exist_ok=True)
    catena = report.build("catena", "bin/catena")
    generate()
    features = compile_features(catena)
    out = report.Report("batch", packages=("duckdb", "polars", "pyarrow", "numpy"))
    runs: dict[str, list[Run]] = {"catena": [], **{peer: [] for peer in PEERS}}
    for number in range(RUNS):
        for who, done in runs.items():
            done.append(run_catena(catena, features) if who == "catena" else run_peer(who))
            print(f"run {number + 1} of {RUNS}: {who} {done[-1].seconds:.2f} s, "
                  f"{done[-1].cpu_seconds:.2f} CPU s", flush=True)
    add_rows(out, runs)
    add_targets(out)
    wrong = wrong_answers(out)
    out.finish()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

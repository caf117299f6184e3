# SPDX-License-Identifier: Apache-2.0
"""`make bench-aggregate`: the kernels against the plain loop, the memory and DuckDB.

    input    src/catena/aggregate/*_bench.cc; DuckDB aggregates the same rows, made by the same
             formula, on one thread, in memory, in the same run
    rows     M rows/s of CPU of one core: `update/one_key` folds all rows into one IR,
             `update/million_keys` each row into its key's; `limit/...` is what the machine
             gives: the plain C++ loop, and adding a number to the same memory at the same places,
             in turn with the updates. `merge` and `finalize` are of IRs, `sweep` of queries, each
             with four aggregations in three windows. DuckDB also hashes the keys, the others are
             told the slot
    answers  every total is compared: ours with the plain loop's and with DuckDB's
"""

import math
import statistics
import sys
import time

import duckdb

import report

ROWS = 2_000_000
KEYS = 1_000_000
MERGED_KEYS = 100_000
TOTAL_TOLERANCE = 1e-9  # Of totals of doubles, which are added in another order.

SIMPLE = ("SUM/double", "SUM/float", "SUM/long", "SUM/int", "COUNT/long", "AVERAGE/double",
          "AVERAGE/long", "MIN/double", "MIN/long", "MAX/double", "MAX/long")
# Of these more than a row: sweep/scattered is what writing to random rows costs.
SWEEPS = ("one_key", "many_keys", "exact")
SWEEP_KEYS = 10_000  # Of the 50,000 of sweep/exact: DuckDB takes its time.
SWEEP_EVENTS = 20 * SWEEP_KEYS

# An aggregate of DuckDB, and how its answer becomes one number.
NUMBER, LIST, MAP = "{}", "list_sum({})", "list_sum(map_values({0})) + cardinality({0})"
DUCKDB = {
    "SUM/double": ("fsum(d)", NUMBER), "SUM plain/double": ("sum(d)", NUMBER),
    "SUM/float": ("fsum(f)", NUMBER),
    "SUM/long": ("sum(l)", NUMBER), "SUM/int": ("sum(i)", NUMBER),
    "COUNT/long": ("count(l)", NUMBER), "AVERAGE/double": ("favg(d)", NUMBER),
    "AVERAGE/long": ("avg(l)", NUMBER), "MIN/double": ("min(d)", NUMBER),
    "MIN/long": ("min(l)", NUMBER), "MAX/double": ("max(d)", NUMBER),
    "MAX/long": ("max(l)", NUMBER), "LAST/double": ("arg_max(d, n)", NUMBER),
    "VARIANCE/double": ("var_pop(d)", NUMBER), "LAST_K/long": ("arg_max(l, n, 10)", LIST),
    "TOP_K/long": ("max(l, 10)", LIST), "UNIQUE_COUNT/thousand": ("count(DISTINCT t)", NUMBER),
    "HISTOGRAM/string": ("histogram(s)", MAP),
}


def close(name: str, ours: float, theirs: float) -> None:
    if not math.isclose(ours, theirs, rel_tol=TOTAL_TOLERANCE, abs_tol=1e-6):
        report.fail(f"{name}: {ours!r} is not {theirs!r}")


def open_duckdb() -> duckdb.DuckDBPyConnection:
    """The rows of kernel_bench.cc, by its formulas."""
    database = duckdb.connect(config={"threads": 1})
    database.execute(f"""
        CREATE TABLE events AS
        SELECT n, v / 100.0::DOUBLE AS d, (v / 128.0::DOUBLE)::FLOAT AS f, v AS l,
               v::INTEGER AS i, 'item ' || (v % 1000) AS s, v % 1000 AS t,
               (n * n % 1000003 * 7919 + n) % {KEYS} AS key
        FROM (SELECT range AS n, range * 2654435761 % 1000003 AS v FROM range({ROWS}))""")
    return database


def run_duckdb(database: duckdb.DuckDBPyConnection, sql: str,
               rows: int = ROWS) -> tuple[list[float], float]:
    """Millions of rows a second of CPU of five runs, and the answer."""
    samples = []
    for _ in range(report.REPETITIONS):
        began = time.process_time()
        answer = database.execute(sql).fetchone()[0]
        samples.append(rows / (time.process_time() - began) / 1e6)
    return samples, answer


def compare_with_duckdb(out: report.Report, answers: dict[str, float]) -> None:
    database = open_duckdb()
    for case, (aggregate, total) in DUCKDB.items():
        samples, answer = run_duckdb(
            database, f"SELECT {total.format('a')} FROM (SELECT {aggregate} AS a FROM events)")
        close(f"one_key/{case}", answers[f"update/one_key/{case}"], answer)
        out.row(f"duckdb/one_key/{case}", samples, "M rows/s")
        by_key = f"(SELECT {aggregate} AS a FROM events GROUP BY key)"
        samples, answer = run_duckdb(database, f"SELECT fsum({total.format('a')}) FROM {by_key}")
        close(f"million_keys/{case}", answers[f"update/million_keys/{case}"], answer)
        out.row(f"duckdb/million_keys/{case}", samples, "M rows/s")
        merged = database.execute(f"SELECT fsum({total.format('a')}) FROM (SELECT {aggregate} AS a "
                                  f"FROM events GROUP BY key % {MERGED_KEYS})").fetchone()[0]
        close(f"merge/{case}", answers[f"merge/{case}"], merged)
        close(f"finalize/{case}", answers[f"finalize/{case}"], merged)


def sweep_with_duckdb(out: report.Report, answers: dict[str, float]) -> None:
    """The rows of sweep_bench.cc and its twelve features, as window functions."""
    database = duckdb.connect(config={"threads": 1})
    database.execute(f"""
        CREATE TABLE events AS
        SELECT key, ts, ts % 100000 / 100.0::DOUBLE AS v
        FROM (SELECT range // 20 AS key,
                     1704067200000 + range * 2654435761 % 1000003 * (14 * 86400000::BIGINT)
                         // 1000003 AS ts
              FROM range({SWEEP_EVENTS}))""")
    windows = {"h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
    features = [f"sum({function}{name})" for name in windows for function in ("s", "a", "m")]
    answer = "sum(cw) AS answer, sum(ch), sum(cd), " + ", ".join(features)
    columns = ", ".join(f"sum(v) OVER {name} AS s{name}, count(v) OVER {name} AS c{name}, "
                        f"avg(v) OVER {name} AS a{name}, max(v) OVER {name} AS m{name}"
                        for name in windows)
    frames = ", ".join(f"{name} AS (PARTITION BY key ORDER BY ts RANGE BETWEEN {length} PRECEDING "
                       "AND 1 PRECEDING)" for name, length in windows.items())
    samples, counted = run_duckdb(
        database, f"SELECT {answer} FROM (SELECT {columns} FROM events WINDOW {frames})",
        SWEEP_EVENTS)
    close("sweep/exact", answers["sweep/exact"], counted)
    out.row("duckdb/sweep/exact", samples, "M queries/s")


def set_targets(out: report.Report) -> None:
    for case in SIMPLE:
        update = out.value(f"update/one_key/{case}")
        out.at_least(f"{case}, one key: M rows/s", update, 200)
        out.at_most(f"{case}, one key: times the plain loop's time",
                    out.value(f"limit/one_key/{case}") / update, 2)
        out.at_most(f"{case}, million keys: times the memory's time",
                    out.value(f"limit/million_keys/{case}")
                    / out.value(f"update/million_keys/{case}"), 1.5)
    for shape in SWEEPS:
        out.at_least(f"sweep of 4 aggregations x 3 windows, {shape}: M queries/s",
                     out.value(f"sweep/{shape}"), 5)


def main() -> int:
    program = report.build("aggregate_bench", "src/catena/aggregate/aggregate_bench")
    out = report.Report("aggregate", packages=["duckdb"])
    answers = {}
    flags = sys.argv[1:] or ["--benchmark_min_time=0.1"]
    for name, runs in sorted(report.run_google_benchmark(program, *flags).items()):
        unit = {"merge": "M IRs/s", "finalize": "M IRs/s", "sweep": "M queries/s"}.get(
            name.partition("/")[0], "M rows/s")
        out.row(name, [run["items_per_second"] / 1e6 for run in runs], unit)
        if "memory" in runs[0]:
            out.row(name.replace("update/", "limit/"), [run["memory"] / 1e6 for run in runs], unit)
        answers[name] = statistics.median(run["answer"] for run in runs)
    for case in SIMPLE:
        close(case, answers[f"update/one_key/{case}"], answers[f"limit/one_key/{case}"])
    compare_with_duckdb(out, answers)
    sweep_with_duckdb(out, answers)
    set_targets(out)
    return out.finish()


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""`make bench-MODULE` of a module without a driver of its own here: its *_bench.cc, as rows.

    usage   module.py <module> [flags of Google Benchmark, as --benchmark_filter=<regex>]
    rows    CPU nanoseconds a call (real ones where the benchmark asks for them), rows or bytes a
            second, and the benchmark's own counters
"""

import sys

import report

# What Google Benchmark says of every run; all other numbers are a benchmark's own counters.
KNOWN = {"repetitions", "repetition_index", "threads", "iterations", "real_time", "cpu_time",
         "family_index", "per_family_instance_index", "items_per_second", "bytes_per_second"}
NANOSECONDS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}


def main() -> int:
    if len(sys.argv) < 2:
        report.fail("usage: bench/module.py <module> [flags of Google Benchmark]")
    module, *flags = sys.argv[1:]
    if not list((report.ROOT / "src" / "catena" / module).rglob("*_bench.cc")):
        report.fail(f"no bench/{module}.py and no *_bench.cc in src/catena/{module}")
    program = report.build(f"{module}_bench", f"src/catena/{module}/{module}_bench")
    out = report.Report(module)
    for name, runs in sorted(report.run_google_benchmark(program, *flags).items()):
        time = "real_time" if name.endswith("/real_time") else "cpu_time"
        out.row(name, [run[time] * NANOSECONDS[run["time_unit"]] for run in runs], "ns")
        for rate, unit in (("items_per_second", "rows/s"), ("bytes_per_second", "bytes/s")):
            if rate in runs[0]:
                out.row(f"{name} {unit}", [run[rate] for run in runs], unit)
        for counter in runs[0].keys() - KNOWN:
            if isinstance(runs[0][counter], (int, float)):
                out.row(f"{name} {counter}", [run[counter] for run in runs], "")
    return out.finish()


if __name__ == "__main__":
    sys.exit(main())

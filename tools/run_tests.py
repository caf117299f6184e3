# SPDX-License-Identifier: Apache-2.0
"""Runs every suite and adds them up.

    suites   tidy (one test per house rule), ctest, pytest
    output   each suite's own output, the golden cases by name, one line per suite, then
             `N passed, M failed`
    exit     0 only when something passed in every suite and nothing failed anywhere
    reports  JUnit XML of each suite under build/test
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parent.parent
# One run each: folders have modules of the same name.
PYTEST_FOLDERS = ("tools", "bench", "python", "examples/fraud", "examples/quickstart", "tests")
# tests/parity/golden_test.cc: one test a case and path.
GOLDEN = re.compile(r"Golden/(?P<path>\w+)\.\w+/(?P<case>\w+)")
# What ctest says of each test that went well.
UNINTERESTING = re.compile(r"\s+Start +\d+: |\s*\d+/\d+ Test +#\d+: .* Passed ")


@dataclass(frozen=True)
class Tally:
    suite: str
    passed: int
    failed: int
    skipped: int = 0


def outcome_of(case: ElementTree.Element) -> str:
    """Of one test case, whatever tool wrote it down."""
    states = {child.tag for child in case} | {case.get("status", "run")}
    if states & {"failure", "error", "fail"}:
        return "failed"
    return "skipped" if states & {"skipped", "notrun", "disabled"} else "passed"


def golden_lines(report: pathlib.Path) -> list[str]:
    """The golden cases by name: a line for each path that they take, and one for all of them."""
    paths: dict[str, dict[str, list[str]]] = {}
    for case in ElementTree.parse(report).getroot().iter("testcase") if report.exists() else ():
        if match := GOLDEN.match(case.get("name", "")):
            outcomes = paths.setdefault(match["path"], {})
            outcomes.setdefault(outcome_of(case), []).append(match["case"])
    lines = []
    for path, outcomes in sorted(paths.items(), reverse=True):
        total = sum(len(names) for names in outcomes.values())
        line = f"golden cases, {path.lower()}:"
        for outcome, names in sorted(outcomes.items()):
            line += f" {len(names)} of {total} {outcome}: {' '.join(sorted(names))};"
        lines.append(line.rstrip(";"))
    if not paths:
        return []
    named = {outcome: {case for outcomes in paths.values() for case in outcomes.get(outcome, ())}
             for outcome in ("passed", "failed", "skipped")}
    passed = named["passed"] - named["failed"] - named["skipped"]
    return [*lines, f"golden cases: {len(passed)} passed, {len(named['skipped'])} pending, "
                    f"{len(named['failed'])} failed of {len(set().union(*named.values()))}"]


def count_junit(suite: str, report: pathlib.Path, exit_code: int) -> Tally:
    """Counts test cases, whatever tool wrote them; a suite that wrote nothing has failed."""
    if not report.exists():
        return Tally(suite, 0, 1)
    passed = failed = skipped = 0
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        outcome = outcome_of(case)
        failed += outcome == "failed"
        skipped += outcome == "skipped"
        passed += outcome == "passed"
    # A tool that failed without naming a test (it crashed, or found no tests) is one failure.
    if failed == 0 and (exit_code != 0 or passed == 0):
        failed = 1
    return Tally(suite, passed, failed, skipped)


def property_cases(report: pathlib.Path) -> int:
    """How many cases the property tests say that they ran (testing/property.h)."""
    text = report.read_text(errors="replace") if report.exists() else ""
    return sum(int(cases) for cases in re.findall(r"^(\d+) property cases$", text, re.MULTILINE))


def run_suite(suite: str, command: list[str], report: pathlib.Path, env: dict) -> Tally:
    print(f"== {suite}: {' '.join(command)}", flush=True)
    report.unlink(missing_ok=True)
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        for line in process.stdout:
            if not UNINTERESTING.match(line):
                print(line, end="", flush=True)
    return count_junit(suite, report, process.returncode)


def main() -> int:
    arguments = argparse.ArgumentParser(description="Run every suite of catena.")
    arguments.add_argument("--build", default="build/release", help="CMake build directory")
    build = (ROOT / arguments.parse_args().build).resolve()
    reports = ROOT / "build" / "test"
    reports.mkdir(parents=True, exist_ok=True)
    env = os.environ | {"CATENA_BIN": str(build / "bin" / "catena"),
                        "PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}"}

    def report(suite: str) -> pathlib.Path:
        return reports / f"{suite}.xml"

    folders = [folder for folder in PYTEST_FOLDERS if (ROOT / folder).is_dir()]
    jobs = str(os.cpu_count() or 1)
    tallies = [
        run_suite("tidy", [sys.executable, "tools/tidy.py", "--junit", str(report("tidy"))],
                  report("tidy"), env),
        run_suite("ctest", ["ctest", "--test-dir", str(build), "--parallel", jobs,
                            "--output-on-failure", "--no-tests=error",
                            "--output-junit", str(report("ctest"))], report("ctest"), env),
    ]
    for folder in folders:
        suite = f"pytest-{folder.replace('/', '-')}"
        tallies.append(run_suite(suite, [sys.executable, "-m", "pytest", "-q", folder,
                                         f"--junitxml={report(suite)}"], report(suite), env))
    print()
    for line in golden_lines(report("ctest")):
        print(line)
    print()
    for tally in tallies:
        skipped = f", {tally.skipped} skipped" if tally.skipped else ""
        print(f"{tally.suite:26} {tally.passed} passed, {tally.failed} failed{skipped}")
    failed = sum(tally.failed for tally in tallies)
    print(f"{property_cases(report('ctest')):,} cases of property tests")
    print(f"{sum(tally.passed for tally in tallies)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

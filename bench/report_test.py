# SPDX-License-Identifier: Apache-2.0
"""A report writes what it was told, in the shape that readers of build/bench rely on."""

import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import report  # noqa: E402


@pytest.fixture(name="out")
def _out(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "ROOT", tmp_path)
    monkeypatch.setattr(report, "OUTPUT", tmp_path / "build" / "bench")
    (tmp_path / "CMakeLists.txt").write_text("project(catena VERSION 7.8.9)\n")
    return report.Report("sample", packages=["pytest"])


def test_file_and_table(out, tmp_path, capsys):
    assert out.row("update", [5.0, 1.0, 2.0, 9.0, 4.0], "rows/s") == 4.0
    out.row("answers", 12345678, "")
    out.at_least("update", out.value("update"), 4)
    out.at_most("update", out.value("update"), 3)
    assert out.finish() == 0  # Though a target was missed: it measured.
    written = json.loads((tmp_path / "build/bench/sample.json").read_text())
    assert list(written) == ["bench", "taken_at", "machine", "versions", "rows", "targets"]
    assert written["rows"] == [{"name": "update", "value": 4.0, "unit": "rows/s"},
                               {"name": "answers", "value": 12345678, "unit": ""}]
    assert written["targets"] == [
        {"name": "update", "value": 4.0, "target": ">= 4", "ok": True},
        {"name": "update", "value": 4.0, "target": "<= 3", "ok": False}]
    assert written["machine"]["cores"] > 0
    assert written["versions"]["catena"] == "7.8.9"
    assert written["versions"]["pytest"] == pytest.__version__
    printed = capsys.readouterr().out
    assert "12,345,678" in printed
    assert printed.count("MISSED") == 1


@pytest.mark.parametrize("break_it", [
    lambda out: out.row("a", [1.0, 2.0], "s"),  # Too few samples for a median.
    lambda out: [out.row("a", 1, "s"), out.row("a", 2, "s")],
    lambda out: out.value("never measured"),
    lambda out: out.finish(),  # Without a row.
])
def test_refuses(out, break_it):
    with pytest.raises(SystemExit, match="bench: "):
        break_it(out)


def _program(tmp_path, exit_code, runs):
    path = tmp_path / "fake_bench"
    path.write_text(f"""#!{sys.executable}
import json, sys
out = next(flag for flag in sys.argv if flag.startswith("--benchmark_out=")).partition("=")[2]
open(out, "w").write(json.dumps({{"benchmarks": {runs!r}}}))
sys.exit({exit_code})
""")
    path.chmod(0o755)
    return path


def test_google_benchmark_samples(tmp_path):
    run = {"name": "a", "run_name": "a", "run_type": "iteration", "cpu_time": 1.0}
    program = _program(tmp_path, 0, [run, run, {**run, "run_type": "aggregate"}])
    assert report.run_google_benchmark(program) == {"a": [run, run]}


def test_google_benchmark_that_failed_is_no_measurement(tmp_path):
    wrong = {"name": "a", "run_name": "a", "run_type": "iteration", "error_occurred": True,
             "error_message": "wrong answer"}
    for exit_code, runs in ((0, [wrong]), (3, [])):
        with pytest.raises(SystemExit, match="bench: "):
            report.run_google_benchmark(_program(tmp_path, exit_code, runs))

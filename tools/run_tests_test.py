# SPDX-License-Identifier: Apache-2.0
"""What the runner says of a report that it did not write."""

import run_tests

REPORT = """<testsuite>
<testcase name="Golden/Tables.AnswersAsChronon/t01_numeric" status="run"/>
<testcase name="Golden/Tables.AnswersAsChronon/t10_arrays" status="fail"><failure/></testcase>
<testcase name="Golden/Uploads.AnswersAsChronon/u01" status="run"/>
<testcase name="Golden/Streamed.AnswersAsChronon/t01_numeric" status="run"/>
<testcase name="Golden/Streamed.AnswersAsChronon/t11_maps" status="notrun"><skipped/></testcase>
<testcase name="GoldenTest.IsWhole" status="run"/>
</testsuite>"""


def test_golden_cases_are_named_none_silently(tmp_path):
    report = tmp_path / "ctest.xml"
    report.write_text(REPORT)
    assert run_tests.golden_lines(report) == [
        "golden cases, uploads: 1 of 1 passed: u01",
        "golden cases, tables: 1 of 2 failed: t10_arrays; 1 of 2 passed: t01_numeric",
        "golden cases, streamed: 1 of 2 passed: t01_numeric; 1 of 2 skipped: t11_maps",
        "golden cases: 2 passed, 1 pending, 1 failed of 4",
    ]
    assert run_tests.golden_lines(tmp_path / "absent.xml") == []


def test_a_report_is_counted(tmp_path):
    report = tmp_path / "ctest.xml"
    report.write_text(REPORT)
    assert run_tests.count_junit("ctest", report, 0) == run_tests.Tally("ctest", 4, 1, 1)
    assert run_tests.count_junit("ctest", tmp_path / "absent.xml", 0).failed == 1

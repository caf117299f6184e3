# SPDX-License-Identifier: Apache-2.0
"""Each house rule is broken once, and the finding names the place; a clean tree has none."""

import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import cpp_source  # noqa: E402
import run_tests  # noqa: E402
import tidy  # noqa: E402

SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
KV_HEADER = f"{SPDX}// KVStore: where features wait.\n\n#pragma once\n"
CLEAN = {
    "CMakeLists.txt": "project(catena VERSION 0.1.0)\nset(CATENA_ALL_MODULES base kv)\n",
    "python/pyproject.toml": '[project]\nversion = "0.1.0"\n',
    "src/catena/base/CMakeLists.txt": "catena_module(base LINK json)\n",
    "src/catena/base/README.md": "# base\n",
    "src/catena/base/json.h": f"{SPDX}// Json: one value.\n\n#pragma once\n",
    "src/catena/kv/CMakeLists.txt": "catena_module(kv DEPENDS base\n  LINK rocksdb)\n",
    "src/catena/kv/README.md": "# kv\n",
    "src/catena/kv/kv_store.h": KV_HEADER,
    "src/catena/kv/open.cc": f'{SPDX}#include "catena/base/json.h"\n'
                             '#include "catena/kv/kv_store.h"\n#include <rocksdb/db.h>\n',
    "docs/ARCHITECTURE.md": "# Shape\n<!-- modules:begin -->\n"
                            "| module | may include | third-party libraries |\n|---|---|---|\n"
                            "| [base](../src/catena/base/README.md) | - | json |\n"
                            "| [kv](../src/catena/kv/README.md) | base | rocksdb |\n"
                            "<!-- modules:end -->\n",
}

BROKEN = [
    ("layers", "src/catena/base/json.cc", f'{SPDX}#include "catena/kv/kv_store.h"\n', 2),
    ("layers", "src/catena/topic/topic.cc", SPDX, 1),
    ("layers", "src/catena/kv/a_test.cc", f'{SPDX}\n#include "catena/testing/faulty.h"\n', 3),
    ("acyclic", "src/catena/base/CMakeLists.txt", "catena_module(base DEPENDS kv)\n", None),
    ("acyclic", "src/catena/kv/CMakeLists.txt", "\ncatena_module(kv DEPENDS base nowhere)\n", 1),
    ("third_party", "src/catena/base/a.cc", f"{SPDX}#include <rocksdb/db.h>\n", 2),
    ("third_party", "src/catena/kv/a.cc", f"{SPDX}#include <gtest/gtest.h>\n", 2),
    ("third_party", "src/catena/kv/a.cc", f"{SPDX}#include <newcomer/api.h>\n", 2),
    ("sizes", "src/catena/kv/a.cc", SPDX + "\n" * 500, 501),
    ("sizes", "src/catena/kv/a.cc", f"{SPDX}// {'x' * 98}\n", 2),
    ("function_sizes", "src/catena/kv/a.cc", f"{SPDX}void F() {{\n{'  G();' + chr(10)}"
                                             + "  G();\n" * 69 + "}\n", 2),
    ("function_sizes", "tools/a.py", "# SPDX-License-Identifier: Apache-2.0\ndef f():\n"
                                     + "    g()\n" * 70, 2),
    ("names", "src/catena/kv/key_utils.cc", SPDX, 1),
    ("names", "src/catena/kv/a.cc", f"{SPDX}\nclass StoreManager {{\n}};\n", 3),
    ("words", "src/catena/kv/a.cc", f"{SPDX}// TODO: later\n", 2),
    ("words", "src/catena/kv/a_test.cc", f"{SPDX}TEST(A, DISABLED_B) {{}}\n", 2),
    ("licenses", "python/catena/a.py", "import os\n", 1),
    ("contracts", "src/catena/kv/kv_store.h", f"{SPDX}\n#pragma once\n", 2),
    ("contracts", "src/catena/kv/kv_store.h", f"{SPDX}// What it is.\n", 1),
    ("readmes", "src/catena/kv/README.md", "line\n" * 61, 61),
    ("places", "docs/how-to/operate.md", "\nrun it in /root/here\n", 2),
    ("places", "tools/setup.sh", "# SPDX\ncurl https://py" "pi.org/simple\n", 2),
    ("dead_headers", "src/catena/kv/unused.h", KV_HEADER, 1),
    ("module_table", "src/catena/kv/CMakeLists.txt", "catena_module(kv DEPENDS base)\n", None),
    ("versions", "python/pyproject.toml", '[project]\nversion = "0.2.0"\n', 2),
]


def findings(tree: tidy.Tree) -> dict[str, list[tidy.Finding]]:
    return {rule.__name__: list(rule(tree)) for rule in tidy.RULES}


def test_clean_tree_has_no_findings():
    assert [found for rule in findings(tidy.Tree(CLEAN)).values() for found in rule] == []


@pytest.mark.parametrize("rule, path, text, line", BROKEN)
def test_broken_rule_names_the_place(rule, path, text, line):
    found = findings(tidy.Tree(CLEAN | {path: text}))[rule]
    assert found
    if line is not None:
        assert (path, line) in [(each.path, each.line) for each in found]


def test_every_rule_is_broken_once():
    assert {rule.__name__ for rule in tidy.RULES} == {rule for rule, *_ in BROKEN}


def test_test_dependencies_serve_tests_only():
    line = "catena_module(kv DEPENDS base LINK rocksdb TEST_DEPENDS testing)\n"
    use = f'{SPDX}#include "catena/testing/faulty.h"\n'
    files = CLEAN | {"src/catena/kv/CMakeLists.txt": line, "src/catena/kv/open_test.cc": use}
    assert findings(tidy.Tree(files))["layers"] == []
    assert findings(tidy.Tree(files | {"src/catena/kv/open.cc": use}))["layers"] != []


def test_names_of_chronon_stay():
    files = CLEAN | {"python/ai/chronon/utils.py": "# SPDX-License-Identifier: Apache-2.0\n"}
    assert findings(tidy.Tree(files))["names"] == []


def test_written_table_is_not_stale():
    tree = tidy.Tree(CLEAN)
    text = tidy.MODULE_TABLE.sub(lambda found: found[1] + found[3], CLEAN["docs/ARCHITECTURE.md"])
    written = tidy.MODULE_TABLE.sub(
        lambda found: found[1] + tidy.render_modules(tree) + found[3], text)
    assert written == CLEAN["docs/ARCHITECTURE.md"]


FUNCTIONS = {
    "free function": ("int F(int x) {\n  return x;\n}\n", [("F", 3)]),
    "constructor with braces": ("A::A() : x_{1}, y_(2) {\n  G();\n}\n", [("A::A", 3)]),
    "methods": ("class A final : public B {\n void F() const override {\n }\n int x_ = 0;\n"
                " int G() { return 1; }\n};\n", [("F", 2), ("G", 1)]),
    "lambda is part of its function": ("void F() {\n  auto g = [](int x) {\n    if (x) {\n    }\n"
                                       "  };\n}\n", [("F", 6)]),
    "table is not a function": ("constexpr std::array kAll{\n  A{1}, A{F(2)},\n};\n", []),
    "braces in text": ("void F() {\n  G(\"}\", '{', R\"(}})\");  // }\n}\n", [("F", 3)]),
    "digit separators": ("int F() {\n  return 1'000'000;\n}\n", [("F", 3)]),
    "trailing return": ("auto F() -> Result<int> {\n}\n", [("F", 2)]),
    "macro": ("#define BEGIN {\nTEST(A, B) {\n}\n", [("TEST", 2)]),
}


@pytest.mark.parametrize("text, expected", FUNCTIONS.values(), ids=FUNCTIONS)
def test_functions_are_measured(text, expected):
    assert [(found.name, found.length) for found in cpp_source.functions(text)] == expected


def test_command_reports_places_and_junit(tmp_path):
    report = tmp_path / "tidy.xml"
    done = subprocess.run([sys.executable, "tools/tidy.py", "--junit", str(report)], cwd=tidy.ROOT,
                          capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1].startswith(f"tidy: {len(tidy.RULES)} rules")
    tally = run_tests.count_junit("tidy", report, done.returncode)
    assert tally.passed + tally.failed == len(tidy.RULES)


@pytest.mark.parametrize("cases, exit_code, expected", [
    ('<testcase/><testcase><failure/></testcase><testcase><skipped/></testcase>', 1, (1, 1, 1)),
    ('<testcase status="run"/><testcase status="fail"/>', 8, (1, 1, 0)),
    ('<testcase/>', 139, (1, 1, 0)),
    ('', 0, (0, 1, 0)),
])
def test_cases_are_counted(tmp_path, cases, exit_code, expected):
    report = tmp_path / "report.xml"
    report.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    tally = run_tests.count_junit("suite", report, exit_code)
    assert (tally.passed, tally.failed, tally.skipped) == expected


def test_suite_without_report_has_failed(tmp_path):
    assert run_tests.count_junit("suite", tmp_path / "absent.xml", 0).failed == 1

# SPDX-License-Identifier: Apache-2.0
"""The house rules as a test.

    usage    tidy.py [--write] [--junit FILE]
    reads    every file that git tracks or would track
    output   one line per finding: `file:line: rule: what to do`; exit 1 when there is any
    --write  renders the module table of docs/ARCHITECTURE.md from the DEPENDS lines first

A rule is one function below and one line in RULES; tools/tidy_test.py breaks each of them once.
"""

import argparse
import ast
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import cpp_source

ROOT = pathlib.Path(__file__).resolve().parent.parent

LINES_MAX = 500
COLUMNS_MAX = 100
FUNCTION_LINES_MAX = 70
README_LINES_MAX = 60
ROOT_CMAKE_LINES_MAX = 80
FOLDER_HEADERS_MAX = 16

CODE_SUFFIXES = (".h", ".cc", ".py", ".sh", ".cmake", ".ts", ".tsx", ".java")
TEST_SUFFIXES = ("_test.cc", "_bench.cc", "_fuzz.cc", "_under_test.h")

# First part of an #include <...> -> the only module that may contain it; "" is any module, and
# "tests" is any test and the module `testing`.
THIRD_PARTY_HOMES = {
    "nlohmann/": "base", "spdlog/": "base", "prometheus/": "base", "yaml-cpp/": "base",
    "curl/": "base", "openssl/": "base", "zlib.h": "base", "fmt/": "",
    "avro": "types", "google/protobuf/": "topic",
    "cpc_": "aggregate", "kll_": "aggregate", "frequent_items_": "aggregate",
    "arrow/": "table", "parquet/": "table",
    "duckdb": "sql", "librdkafka/": "topic", "simdjson": "topic",
    "rocksdb/": "kv", "hiredis/": "kv", "boost/container/": "aggregate",
    "boost/": "serve", "CLI/": "cli",
    "gtest/": "tests", "gmock/": "tests", "rapidcheck": "tests", "benchmark/": "tests",
}
SYSTEM_FOLDERS = ("sys/", "netinet/", "arpa/", "linux/", "net/")

# Chronon's own module names, re-exported so that its feature repositories run unmodified.
NAMES_OF_OTHERS = ("python/ai/chronon/",)
FORBIDDEN_NAMES = {"util", "utils", "helper", "helpers", "common", "manager", "impl"}
FORBIDDEN_TYPE = re.compile(
    r"\b(?:class|struct)\s+(\w*(?:Utils?|Helpers?|Common|Manager|Impl))\b\s*(?!::)")
FORBIDDEN_WORDS = re.compile(r"\b(?:TODO|FIXME|XXX|GTEST_SKIP|DISABLED_\w+)\b")
# In two parts, because this file is read by its own rule.
REGISTRY_HOSTS = re.compile("|".join(
    re.escape(f"{name}.{domain}") for name, domain in (
        ("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"),
        ("crates", "io"), ("docker", "io"), ("deb.debian", "org"), ("nodesource", "com"),
        ("maven", "org"), ("proxy.golang", "org"), ("conda", "org"))))
MACHINE_PATHS = re.compile(r"(?<![\w.~$}*-])/(?:work|root|home/\w+|Users/\w+)(?:/|\b(?=[\s\"'`]))")

MODULE_TABLE_FILE = "docs/ARCHITECTURE.md"
MODULE_TABLE = re.compile(r"(<!-- modules:begin -->\n)(.*?)(<!-- modules:end -->)", re.DOTALL)


@dataclass(frozen=True)
class Finding:
    path: str
    line: int
    remedy: str


@dataclass
class Module:
    name: str
    line: int = 1
    depends: list[str] = field(default_factory=list)
    test_depends: list[str] = field(default_factory=list)
    link: list[str] = field(default_factory=list)


class Tree:
    """The files of the repository as text, and the modules that their CMakeLists.txt declare."""

    def __init__(self, files: dict[str, str]):
        self.files = dict(sorted(files.items()))
        self.modules: dict[str, Module] = {}
        for path, text in self.files.items():
            found = re.fullmatch(r"src/catena/(\w+)/CMakeLists\.txt", path)
            if found:
                self.modules[found[1]] = parse_module(found[1], text)

    def with_suffix(self, *suffixes: str) -> Iterator[tuple[str, str]]:
        return ((path, text) for path, text in self.files.items() if path.endswith(suffixes))


def parse_module(name: str, text: str) -> Module:
    call = re.search(r"catena_module\(([^)]*)\)", text)
    module = Module(name)
    if not call:
        return module
    module.line = text.count("\n", 0, call.start()) + 1
    lists = {"DEPENDS": module.depends, "TEST_DEPENDS": module.test_depends, "LINK": module.link,
             "TEST_LINK": [], "TEST_SERVER": [], "PLUGIN": [], "PLUGIN_LINK": module.link}
    current: list[str] = []
    for word in call[1].split()[1:]:
        if word in lists:
            current = lists[word]
        else:
            current.append(word)
    return module


def module_of(path: str) -> str | None:
    found = re.match(r"src/catena/(\w+)/", path)
    return found[1] if found else None


def is_test(path: str) -> bool:
    return path.endswith(TEST_SUFFIXES) or module_of(path) in (None, "testing")


def layers(tree: Tree) -> Iterator[Finding]:
    for path, text in tree.with_suffix(".h", ".cc"):
        name = module_of(path)
        if name is None:
            continue
        module = tree.modules.get(name)
        if module is None:
            yield Finding(path, 1, f"write src/catena/{name}/CMakeLists.txt with catena_module()")
            continue
        allowed = {name, *module.depends, *(module.test_depends if is_test(path) else [])}
        for include in cpp_source.includes(text):
            other = re.match(r"catena/(\w+)/", include.path)
            if other and other[1] not in allowed:
                yield Finding(path, include.line, f"add {other[1]} to the DEPENDS of {name}, if "
                              "the architecture allows it, or do without the include")


def acyclic(tree: Tree) -> Iterator[Finding]:
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> Iterator[Finding]:
        module = tree.modules.get(name)
        place = f"src/catena/{trail[-1] if trail else name}/CMakeLists.txt"
        if name in trail:
            cycle = " -> ".join((*trail[trail.index(name):], name))
            yield Finding(place, tree.modules[trail[-1]].line, f"break the cycle {cycle}")
        elif module is None:
            yield Finding(place, 1, f"there is no module {name}: remove it from DEPENDS")
        elif name not in done:
            for other in module.depends:
                yield from visit(other, (*trail, name))
            done.add(name)

    for name, module in tree.modules.items():
        yield from visit(name, ())
        if "testing" in module.depends:
            yield Finding(f"src/catena/{name}/CMakeLists.txt", module.line,
                          "move testing to TEST_DEPENDS: products never contain it")


def third_party(tree: Tree) -> Iterator[Finding]:
    for path, text in tree.with_suffix(".h", ".cc"):
        for include in cpp_source.includes(text):
            first = next((key for key in THIRD_PARTY_HOMES if include.path.startswith(key)), None)
            if first is None:
                if (include.angled and "/" in include.path
                        and not include.path.startswith(SYSTEM_FOLDERS)):
                    yield Finding(path, include.line, f"give <{include.path}> a home module in "
                                  "THIRD_PARTY_HOMES of tools/tidy.py")
                continue
            home = THIRD_PARTY_HOMES[first]
            in_home = home == "" or module_of(path) == home
            # A bench measures the library itself, as the floor under what is built on it.
            if not (in_home or home == "tests" and is_test(path) or path.startswith("bench/")):
                yield Finding(path, include.line,
                              f"include <{include.path}> only in its home ({home})")


def sizes(tree: Tree) -> Iterator[Finding]:
    headers: dict[str, int] = defaultdict(int)
    for path, text in tree.with_suffix(*CODE_SUFFIXES, "CMakeLists.txt", "Makefile"):
        lines = text.splitlines()
        limit = ROOT_CMAKE_LINES_MAX if path == "CMakeLists.txt" else LINES_MAX
        if len(lines) > limit:
            yield Finding(path, limit + 1,
                          f"split by meaning: {len(lines)} lines, at most {limit}")
        for number, line in enumerate(lines, start=1):
            if len(line) > COLUMNS_MAX:
                yield Finding(path, number, f"wrap: {len(line)} columns, at most {COLUMNS_MAX}")
        if path.endswith(".h"):
            headers[path.rpartition("/")[0]] += 1
    for folder, count in headers.items():
        if count > FOLDER_HEADERS_MAX:
            yield Finding(folder, 1, f"group the {count} headers: at most {FOLDER_HEADERS_MAX}")


def python_functions(path: str, text: str) -> Iterator[cpp_source.Function]:
    for node in ast.walk(ast.parse(text, path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield cpp_source.Function(node.name, node.lineno, node.end_lineno - node.lineno + 1)


def function_sizes(tree: Tree) -> Iterator[Finding]:
    for path, text in tree.with_suffix(".h", ".cc", ".py"):
        try:
            found = list(python_functions(path, text) if path.endswith(".py")
                         else cpp_source.functions(text))
        except SyntaxError as error:
            yield Finding(path, error.lineno or 1, f"make it Python: {error.msg}")
            continue
        for function in found:
            if function.length > FUNCTION_LINES_MAX:
                yield Finding(path, function.line, f"split {function.name}: {function.length} "
                              f"lines, at most {FUNCTION_LINES_MAX}")


def names(tree: Tree) -> Iterator[Finding]:
    remedy = "name it after what it does, not"
    for path, text in tree.files.items():
        stem = path.rpartition("/")[2].partition(".")[0]
        parts = re.findall(r"[A-Z]?[a-z]+", stem)
        for part in parts:
            if part.lower() in FORBIDDEN_NAMES and not path.startswith(NAMES_OF_OTHERS):
                yield Finding(path, 1, f"{remedy} {part}")
        if path.endswith((".h", ".cc")):
            code = cpp_source.without_comments_and_strings(text)
            for found in FORBIDDEN_TYPE.finditer(code):
                yield Finding(path, code.count("\n", 0, found.start()) + 1, f"{remedy} {found[1]}")


def words(tree: Tree) -> Iterator[Finding]:
    for path, text in tree.with_suffix(*CODE_SUFFIXES):
        if path.startswith("tools/tidy"):  # Names the words in order to forbid them.
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            found = FORBIDDEN_WORDS.search(line)
            if found:
                yield Finding(path, number, f"do it now or open an issue, without {found[0]}")


def licenses(tree: Tree) -> Iterator[Finding]:
    for path, text in tree.with_suffix(".h", ".cc", ".py"):
        lines = [line for line in text.splitlines()[:2] if not line.startswith("#!")]
        if text.strip() and not re.fullmatch(r"(//|#) SPDX-License-Identifier: Apache-2\.0",
                                             lines[0].strip()):
            yield Finding(path, 1, "begin with `SPDX-License-Identifier: Apache-2.0` in a comment")


def contracts(tree: Tree) -> Iterator[Finding]:
    for path, text in tree.with_suffix(".h"):
        before, pragma, _ = text.partition("#pragma once\n")
        if not pragma:
            yield Finding(path, 1, "add `#pragma once` below the contract")
        lines = [line for line in before.splitlines()[1:] if re.match(r"//\s*\S", line)]
        if not lines:
            yield Finding(path, 2, "open with a contract: what it is, nulls, errors, threads")


def readmes(tree: Tree) -> Iterator[Finding]:
    for name in tree.modules:
        path = f"src/catena/{name}/README.md"
        if path not in tree.files:
            yield Finding(path, 1, "write it: purpose, front door, how to extend")
        elif (count := len(tree.files[path].splitlines())) > README_LINES_MAX:
            yield Finding(path, README_LINES_MAX + 1,
                          f"shorten: {count} lines, at most {README_LINES_MAX}")


def places(tree: Tree) -> Iterator[Finding]:
    for path, text in tree.files.items():
        for number, line in enumerate(text.splitlines(), start=1):
            for pattern, remedy in ((REGISTRY_HOSTS, "leave the registry to its client's settings"),
                                    (MACHINE_PATHS, "use a path relative to the repository")):
                found = pattern.search(line)
                if found and not path.startswith("tools/tidy"):
                    yield Finding(path, number, f"{remedy}: {found[0]}")


def dead_headers(tree: Tree) -> Iterator[Finding]:
    users: dict[str, set[str]] = defaultdict(set)
    for path, text in tree.with_suffix(".h", ".cc"):
        for include in cpp_source.includes(text):
            users[f"src/{include.path}"].add(path)
    for path, _ in tree.with_suffix(".h"):
        stem = path.removesuffix(".h")
        own = {f"{stem}{suffix}" for suffix in (".cc", *TEST_SUFFIXES)}
        if path.startswith("src/") and not users[path] - own:
            yield Finding(path, 1, "delete it or use it: only its own .cc and tests include it")


def render_modules(tree: Tree) -> str:
    rows = ["| module | may include | third-party libraries |", "|---|---|---|"]
    for name in layer_order(tree):
        module = tree.modules[name]
        cells = (f"[{name}](../src/catena/{name}/README.md)", " ".join(module.depends) or "-",
                 " ".join(module.link) or "-")
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def layer_order(tree: Tree) -> list[str]:
    """The order of CATENA_ALL_MODULES in CMakeLists.txt, which is bottom to top."""
    found = re.search(r"CATENA_ALL_MODULES ([^)]*)\)", tree.files.get("CMakeLists.txt", ""))
    order = found[1].split() if found else []
    return sorted(tree.modules, key=lambda name: (order.index(name) if name in order else 99, name))


def module_table(tree: Tree) -> Iterator[Finding]:
    text = tree.files.get(MODULE_TABLE_FILE, "")
    found = MODULE_TABLE.search(text)
    if not found:
        yield Finding(MODULE_TABLE_FILE, 1, "add the lines <!-- modules:begin --> and "
                      "<!-- modules:end -->, then run tools/tidy.py --write")
    elif found[2] != render_modules(tree):
        yield Finding(MODULE_TABLE_FILE, text.count("\n", 0, found.start()) + 1,
                      "stale: run tools/tidy.py --write")


def versions(tree: Tree) -> Iterator[Finding]:
    path = "python/pyproject.toml"
    native = re.search(r"project\(catena VERSION ([\d.]+)", tree.files.get("CMakeLists.txt", ""))
    python = re.search(r'^version = "([^"]+)"', tree.files.get(path, ""), re.MULTILINE)
    if native and python and native[1] != python[1]:
        line = tree.files[path].count("\n", 0, python.start()) + 1
        yield Finding(path, line, f"one version: CMakeLists.txt says {native[1]}")


RULES: tuple[Callable[[Tree], Iterator[Finding]], ...] = (
    layers, acyclic, third_party, sizes, function_sizes, names, words, licenses, contracts,
    readmes, places, dead_headers, module_table, versions)


def read_tree(root: pathlib.Path) -> Tree:
    listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=root,
                            check=True, capture_output=True, text=True).stdout.split("\0")
    files = {}
    for path in filter(None, listed):
        if "/testdata/" in path:
            continue  # Inputs of tests, in whatever shape their makers gave them.
        try:
            files[path] = (root / path).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue  # Binary data, or deleted but not yet committed.
    return Tree(files)


def write_junit(path: pathlib.Path, findings: dict[str, list[str]]) -> None:
    suite = ElementTree.Element("testsuite", name="tidy", tests=str(len(findings)))
    for rule, lines in findings.items():
        case = ElementTree.SubElement(suite, "testcase", classname="tidy", name=rule)
        if lines:
            ElementTree.SubElement(case, "failure", message=f"{len(lines)} findings").text = (
                "\n".join(lines))
    ElementTree.ElementTree(suite).write(path)


def main() -> int:
    parser = argparse.ArgumentParser(description="Check the house rules.")
    parser.add_argument("--write", action="store_true", help="render the module table first")
    parser.add_argument("--junit", type=pathlib.Path, help="also write the result as JUnit XML")
    arguments = parser.parse_args()
    tree = read_tree(ROOT)
    if arguments.write and MODULE_TABLE_FILE in tree.files:
        text = MODULE_TABLE.sub(lambda found: found[1] + render_modules(tree) + found[3],
                                tree.files[MODULE_TABLE_FILE])
        (ROOT / MODULE_TABLE_FILE).write_text(text, encoding="utf-8")
        tree.files[MODULE_TABLE_FILE] = text
    findings = {rule.__name__: [f"{found.path}:{found.line}: {rule.__name__}: {found.remedy}"
                                for found in rule(tree)] for rule in RULES}
    lines = [line for rule in findings.values() for line in rule]
    print("\n".join([*lines, f"tidy: {len(RULES)} rules, {len(tree.files)} files, "
                     f"{len(lines)} findings"]))
    if arguments.junit:
        write_junit(arguments.junit, findings)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""docs/how-to/add-an-operation.md, followed in a copy of the tree.

    changed   build/add_operation/changed: the files that the page touches or needs, with its blocks
              applied; git says what that came to
    built     build/add_operation/built: the same, written only where it differs, so that the next
              run compiles what changed since
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/how-to/add-an-operation.md"
CHANGED = ROOT / "build/add_operation/changed"
BUILT = ROOT / "build/add_operation/built"
MODULES = ("base", "types", "conf", "aggregate", "testing")
NEEDED = ("CMakeLists.txt", "cmake", "tools/fuzz_driver.cc", "python/catena",
          *(f"src/catena/{module}" for module in MODULES))
# Of the tests, those that walk the catalog.
KEPT = ("operation_laws_test.cc", "sawtooth_test.cc", "sawtooth_online_test.cc",
        "ir_codec_fuzz.cc")
CASES = "500"  # Of each property, over the new operation alone.


def run(command, cwd: pathlib.Path, **more) -> str:
    done = subprocess.run(command, cwd=cwd, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **more)
    assert done.returncode == 0, f"{command}:\n{done.stdout[-8000:]}"
    return done.stdout


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"),
                      re.MULTILINE | re.DOTALL)


def new_file() -> pathlib.Path:
    return pathlib.Path(re.search(r"\*\*Write\*\* `([^`]+)`", PAGE.read_text(encoding="utf-8"))[1])


def needed_files() -> list[str]:
    listed = run(["git", "ls-files", "-z", "-co", "--exclude-standard", "--", *NEEDED], ROOT)
    beside = re.compile(r"_(test|bench|fuzz)\.(cc|py)$")
    return [path for path in listed.split("\0") if path and (ROOT / path).exists()
            and (not beside.search(path) or path.endswith(KEPT))]


@pytest.fixture(scope="module")
def changed() -> pathlib.Path:
    """The copy, with every block of the page applied; git's index has it as it was."""
    shutil.rmtree(CHANGED, ignore_errors=True)
    for path in needed_files():
        (CHANGED / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, CHANGED / path)
    run(["git", "init", "-q"], CHANGED)
    run(["git", "add", "-A"], CHANGED)
    (CHANGED / new_file()).write_text("".join(blocks("cpp")), encoding="utf-8")
    for block in blocks("diff"):
        run(["git", "apply", "--whitespace=nowarn", "-"], CHANGED, input=block)
    run(["git", "add", "-N", "."], CHANGED)
    return CHANGED


def test_it_is_one_file_and_one_line(changed):
    counts = {}
    for line in run(["git", "diff", "--numstat"], changed).splitlines():
        added, removed, path = line.split("\t")
        assert removed == "0", line
        counts[path] = int(added)
    defined = counts.pop("src/catena/testing/naive_aggregator.h")
    assert defined <= 5
    assert counts.pop(str(new_file())) == len("".join(blocks("cpp")).splitlines())
    assert counts == {"src/catena/conf/operations.h": 1, "python/catena/api/ttypes.py": 1}
    diffstat = run(["git", "diff", "--stat=80"], changed)
    print(diffstat)
    assert blocks("text") == [diffstat]


def test_python_numbers_operations_as_the_engine(changed):
    listed = re.findall(r'^  X\(k\w+, "(\w+)", (\w+), \w+\)',
                        (changed / "src/catena/conf/operations.h").read_text(), re.MULTILINE)
    engine = {name: int(number) for name, number in listed if number != "kNoNumber"}
    program = ("import json; from catena.api import Operation, ttypes\n"
               "assert Operation.MEDIAN == ttypes.Operation.MEDIAN\n"
               "print(json.dumps(ttypes.Operation._NAMES_TO_VALUES))")
    said = run([sys.executable, "-c", program], changed / "python",
               env=os.environ | {"PYTHONPATH": str(changed / "python")})
    assert json.loads(said) == engine
    assert engine["MEDIAN"] == 100


def mirror(source: pathlib.Path, into: pathlib.Path):
    """Files of `into` become those of `source`; one that is the same already is not written."""
    wanted = {path.relative_to(source) for path in source.rglob("*")
              if path.is_file() and ".git" not in path.parts}
    for path in [path for path in into.rglob("*") if path.is_file()]:
        if path.relative_to(into) not in wanted:
            path.unlink()
    for path in wanted:
        if not (into / path).exists() or (into / path).read_bytes() != (source / path).read_bytes():
            (into / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / path, into / path)


def test_what_holds_for_every_operation_holds_for_it(changed):
    source, build = BUILT / "source", BUILT / "build"
    mirror(changed, source)
    # Compiling costs more here than running slowly.
    run(["cmake", "-G", "Ninja", "-S", source, "-B", build, "-DCMAKE_BUILD_TYPE=Unoptimized",
         "-DCMAKE_CXX_FLAGS_UNOPTIMIZED=-O0", f"-DCATENA_MODULES={';'.join(MODULES)}",
         f"-DCATENA_THIRD_PARTY_DIR={ROOT / 'build/third_party'}"], ROOT)
    run(["cmake", "--build", build, "--target", "aggregate_test", "ir_codec_fuzz"], ROOT)
    alone = os.environ | {"CATENA_OPERATION": "MEDIAN", "CATENA_CASES": CASES}
    alone.pop("CATENA_SEED", None)
    properties = "OperationLaws.*:Sawtooth.EqualsTheNaiveTwin:OnlineWindows.AnySplit*"
    said = run([build / "src/catena/aggregate/aggregate_test", f"--gtest_filter={properties}"],
               ROOT, env=alone)
    held = said.count(f"{CASES} property cases")
    assert held >= 10, said
    said += run([build / "fuzz/ir_codec_fuzz", "-seed=1", f"-runs={CASES}"], ROOT, env=alone)
    print(said)

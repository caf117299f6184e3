# SPDX-License-Identifier: Apache-2.0
"""The documents say what is so: their code runs, their links lead somewhere, their verbs exist.

    python   every block that defines features compiles in a repository with the tables of fraud
    bash     the blocks of the tutorial run in order, in one shell, in a copy of a clone
    links    files and headings that Markdown links name, and source files named in `code`
    facts    metrics, messages and stream parameters are spelled as in the sources
    verbs    every `catena <verb>` stands in `catena --help`
"""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
FRAUD = ROOT / "examples/fraud"
NEW_PROJECT = ROOT / "python/catena/init/project"
TUTORIAL = ROOT / "docs/tutorial/first-chain.md"
BINARY = pathlib.Path(os.environ.get("CATENA_BIN") or ROOT / "build/release/bin/catena").resolve()
TUTORIAL_SECONDS = 120
# Files that the how-tos invent.
INVENTED = {"src/catena/aggregate/operations/median.cc", "src/catena/cli/drift_command.cc"}

needs_binary = pytest.mark.skipif(not BINARY.exists(), reason="run `make build` first")


def documents() -> list[pathlib.Path]:
    command = ["git", "ls-files", "-z", "-co", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True,
                            text=True).stdout.split("\0")
    return [ROOT / path for path in listed if path and (ROOT / path).exists()]


def name_of(path: pathlib.Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(path: pathlib.Path, language: str) -> list[tuple[int, str]]:
    """(line, text) of every fenced block of the language."""
    text = path.read_text(encoding="utf-8")
    return [(text.count("\n", 0, found.start()) + 1, found[1]) for found in
            re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]


def prose(path: pathlib.Path) -> str:
    """Without fenced blocks, line for line."""
    return re.sub(r"^```.*?^```$", lambda found: "\n" * found[0].count("\n"),
                  path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


FEATURES = [pytest.param(block, id=f"{name_of(path)}:{line}") for path in documents()
            for line, block in blocks(path, "python") if "GroupBy(" in block]


@pytest.mark.parametrize("block", FEATURES)
def test_feature_code_compiles(block: str, tmp_path: pathlib.Path):
    for name in ("catena.yaml", "teams.json"):
        shutil.copy(FRAUD / name, tmp_path / name)
    shutil.copytree(FRAUD / "schemas", tmp_path / "schemas")
    file = tmp_path / "group_bys/fraud/documented.py"
    file.parent.mkdir(parents=True)
    file.write_text(block, encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "catena.compile", "--repo", str(tmp_path)],
                          text=True, capture_output=True, env=os.environ | {"CATENA_BIN": ""})
    assert done.returncode == 0, f"{done.stderr}\nof the block:\n{block}"
    assert list((tmp_path / "production").rglob("group_bys/fraud/documented.*"))


def test_there_is_feature_code():
    assert any("README" in parameter.id for parameter in FEATURES)
    assert any("tutorial" in parameter.id for parameter in FEATURES)


def slug(heading: str) -> str:
    """As the anchors of rendered Markdown are made."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", plain.lower()).strip().replace(" ", "-")


def anchors(path: pathlib.Path) -> set[str]:
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)}


def test_links_lead_somewhere():
    wrong = []
    for path in documents():
        text = prose(path)
        for found in re.finditer(r"\]\(([^)\s]+)\)", text):
            target, _, anchor = found[1].partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            place = f"{name_of(path)}:{text.count(chr(10), 0, found.start()) + 1}"
            file = (path.parent / target).resolve() if target else path
            if not file.exists():
                wrong.append(f"{place}: there is no {found[1]}")
            elif anchor and anchor not in anchors(file):
                wrong.append(f"{place}: no heading makes the anchor of {found[1]}")
    assert not wrong, "\n" + "\n".join(wrong)


def test_source_files_are_where_documents_say():
    wrong = []
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for code in re.findall(r"`([\w.-]+(?:/[\w.-]+)+\.(?:h|cc|py|cmake|sh))`", prose(path)):
            places = (ROOT, ROOT / "src/catena", FRAUD, NEW_PROJECT, path.parent)
            if code not in INVENTED and not any((place / code).exists() for place in places):
                wrong.append(f"{name_of(path)}: there is no {code}")
    assert not wrong, "\n" + "\n".join(wrong)


def sources(pattern: str) -> str:
    """As one text in which the parts of a string literal are joined."""
    text = "".join(path.read_text(encoding="utf-8")
                   for path in sorted((ROOT / "src/catena").glob(pattern)))
    return re.sub(r'"\s*\n\s*"', "", text)


def test_metrics_are_spelled_as_in_the_source():
    known = sources("base/metrics.cc")
    said = {name for path in (ROOT / "docs").rglob("*.md")
            for name in re.findall(r"`(catena_[a-z_]+)[`{]", prose(path))}
    assert said > {"catena_up"}
    unknown = said - {"catena_dlq", "catena_monitor"}  # Datasets.
    assert not {name for name in unknown if f'"{name}"' not in known}


def test_messages_are_those_of_the_source():
    code = sources("**/*.cc")
    page = (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")
    messages = re.findall(r"^\| `([^`]+)` \|", page.partition("Some errors")[2], re.MULTILINE)
    assert len(messages) >= 5
    assert not [message for message in messages if message not in code]


def test_tests_of_the_differences_exist():
    page = (ROOT / "docs/differences-from-chronon.md").read_text(encoding="utf-8")
    named = set(re.findall(r"_test\.cc` \(`([A-Z]\w+)`\)", page))
    code = sources("**/*_test.cc")
    assert len(named) >= 5
    assert not [name for name in named if f", {name})" not in code]


def test_stream_parameters_are_all_explained():
    names = re.search(r"kStreamKeys = \{(.*?)\}", sources("base/settings.cc"), re.DOTALL)[1]
    table = (ROOT / "docs/reference/parameters.md").read_text(encoding="utf-8")
    assert not [name for name in re.findall(r'"(\w+)"', names) if f"`{name}`" not in table]


def verbs_said() -> dict[tuple[str, str], str]:
    """The word after `catena` and the word after that, "" when there is none -> where first."""
    said: dict[tuple[str, str], str] = {}
    for path in documents():
        text = path.read_text(encoding="utf-8")
        code = re.findall(r"`[^`\n]+`", prose(path)) + re.findall(r"^```.*?^```$", text,
                                                                 re.MULTILINE | re.DOTALL)
        for span in code:
            for found in re.finditer(r"(?<![\w/.-])catena ([a-z][a-z-]+)(?: ([a-z]+)\b)?", span):
                said.setdefault((found[1], found[2] or ""), name_of(path))
    return said


@needs_binary
def test_verbs_exist():
    text = subprocess.run([BINARY, "--help"], text=True, capture_output=True, check=True).stdout
    verbs = set(re.findall(r"^  ([a-z-]+(?: [a-z]+)?) {2,}\S", text, re.MULTILINE))
    families = {verb.split()[0] for verb in verbs if " " in verb}
    wrong = [f"{path}: `catena {first} {second}` is not in `catena --help`"
             for (first, second), path in verbs_said().items()
             if (f"{first} {second}" if first in families else first) not in verbs]
    assert not wrong, "\n" + "\n".join(wrong)


def clone(folder: pathlib.Path) -> pathlib.Path:
    """What a clone has after `make build`, as far as the tutorial uses it."""
    shutil.copytree(FRAUD, folder / "examples/fraud", ignore=shutil.ignore_patterns(
        "build", "production", "__pycache__", ".pytest_cache"))
    (folder / "build/release").mkdir(parents=True)
    (folder / "build/release/bin").symlink_to(BINARY.parent)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run_script(script: str, folder: pathlib.Path) -> tuple[int, str]:
    environment = os.environ | {"PORT": str(free_port()), "CATENA_BIN": str(BINARY)}
    process = subprocess.Popen(["bash", "-c", script], cwd=folder, env=environment, text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, errors="replace", start_new_session=True)
    try:
        output, _ = process.communicate(timeout=TUTORIAL_SECONDS)
        return process.returncode, output
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return -1, f"{output}\nstill running after {TUTORIAL_SECONDS} s"


@needs_binary
def test_the_tutorial_runs(tmp_path: pathlib.Path):
    steps = blocks(TUTORIAL, "bash")
    assert len(steps) > 10
    mark = "@@ line "
    script = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n" + "".join(
        f"printf '\\n{mark}{line}\\n'\n{block}" for line, block in steps)
    code, output = run_script(script, clone(tmp_path))
    if code != 0:
        before, _, after = output.rpartition(f"\n{mark}")
        line, _, said = after.partition("\n")
        block = dict((str(number), text) for number, text in steps).get(line, "")
        log = tmp_path / "examples/fraud/build/serve.log"
        served = log.read_text(errors="replace")[-2000:] if log.exists() else ""
        pytest.fail(f"{name_of(TUTORIAL)}:{line} exited {code}:\n\n{block}\nsaid:\n{said[-3000:]}\n"
                    f"server:\n{served}", pytrace=False)
    assert '"merchant_risk_average_1h":0.9' in output.replace(" ", ""), output[-3000:]

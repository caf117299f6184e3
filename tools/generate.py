# SPDX-License-Identifier: Apache-2.0
"""Writes the pages of docs/reference that the binary knows best, so that they cannot go stale.

    usage    generate.py [--check] [--binary FILE]
    output   docs/reference/cli.md, metrics.md and operations.md, from the binary's own --markdown;
             behind the verbs, what the programs of the Python package say of themselves
    --check  writes nothing; prints what is stale and ends with 1 when anything is

A page is one line in PAGES.
"""

import argparse
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = {
    "docs/reference/cli.md": ["help", "--markdown"],
    "docs/reference/metrics.md": ["help", "--metrics"],
    "docs/reference/operations.md": ["operations", "--markdown"],
}

PROGRAMS = {"init": "catena.init", "compile": "catena.compile", "import": "catena.tables"}


def program_pages() -> str:
    """Usage of the verbs that are Python programs."""
    pages = "\n## Programs of the Python package\n"
    env = {**os.environ, "COLUMNS": "100", "PYTHONPATH": str(ROOT / "python"), "NO_COLOR": "1"}
    for verb, module in PROGRAMS.items():
        text = subprocess.run([sys.executable, "-m", module, "--help"], check=True, env=env,
                              capture_output=True, text=True).stdout
        pages += f"\n### catena {verb}\n\n```\n{text.strip()}\n```\n"
    return pages


def default_binary() -> str:
    return os.environ.get("CATENA_BIN", str(ROOT / "build/release/bin/catena"))


def stale_pages(binary: str, root: pathlib.Path, write: bool) -> list[str]:
    """Paths of the pages that differ from what the binary says; written anew when asked."""
    stale = []
    for path, arguments in PAGES.items():
        text = subprocess.run([binary, *arguments], check=True, capture_output=True,
                              text=True).stdout
        if path.endswith("cli.md"):
            text += program_pages()
        page = root / path
        if page.exists() and page.read_text(encoding="utf-8") == text:
            continue
        stale.append(path)
        if write:
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(text, encoding="utf-8")
    return stale


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the generated reference pages.")
    parser.add_argument("--check", action="store_true", help="only say what is stale")
    parser.add_argument("--binary", default=default_binary(), help="the catena to ask")
    arguments = parser.parse_args()
    if not pathlib.Path(arguments.binary).exists():
        print(f"generate: no binary; run `make build`: {arguments.binary}", file=sys.stderr)
        return 2
    stale = stale_pages(arguments.binary, ROOT, write=not arguments.check)
    for path in stale:
        print(f"{path}: {'stale: run tools/generate.py' if arguments.check else 'written'}")
    return 1 if arguments.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())

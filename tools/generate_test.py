# SPDX-License-Identifier: Apache-2.0
"""Generated pages are what the binary says; a page that was edited by hand is found."""

import pathlib
import stat

import generate


def fake_binary(folder: pathlib.Path, text: str) -> str:
    binary = folder / "catena"
    binary.write_text(f"#!/bin/sh\necho '{text}' \"$2\"\n", encoding="utf-8")
    binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
    return str(binary)


def test_pages_are_written_once(tmp_path):
    binary = fake_binary(tmp_path, "words")
    assert generate.stale_pages(binary, tmp_path, write=True) == list(generate.PAGES)
    assert generate.stale_pages(binary, tmp_path, write=True) == []
    page = (tmp_path / "docs/reference/cli.md").read_text()
    assert page.startswith("words --markdown\n")
    assert "### catena compile\n\n```\nusage: catena compile" in page
    assert (tmp_path / "docs/reference/metrics.md").read_text() == "words --metrics\n"


def test_an_edited_page_is_stale(tmp_path):
    binary = fake_binary(tmp_path, "words")
    generate.stale_pages(binary, tmp_path, write=True)
    (tmp_path / "docs/reference/metrics.md").write_text("my words\n")
    assert generate.stale_pages(binary, tmp_path, write=False) == ["docs/reference/metrics.md"]
    assert (tmp_path / "docs/reference/metrics.md").read_text() == "my words\n"


def test_committed_pages_are_what_the_binary_says():
    binary = generate.default_binary()
    assert pathlib.Path(binary).exists(), "run `make build`, or set CATENA_BIN"
    assert generate.stale_pages(binary, generate.ROOT, write=False) == []

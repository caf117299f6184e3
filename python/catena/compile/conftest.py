# SPDX-License-Identifier: Apache-2.0
"""Repositories of features made on the fly."""

import json
import os
import textwrap

import pytest

from catena.compile import compiler

PROJECT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
TESTDATA = os.path.join(os.path.dirname(__file__), "testdata")
NO_BINARY = ""  # these tests ask no binary about tables


class Repo:
    def __init__(self, root):
        self.root = str(root)

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))
        return full

    def schema(self, table, **columns):
        self.write(f"schemas/{table}.json", json.dumps([[c, t] for c, t in columns.items()]))

    def compile(self, *paths):
        return compiler.compile_repository(self.root, list(paths), binary=NO_BINARY)

    def conf(self, path):
        result = self.compile()
        assert [str(v) for v in result.violations] == []
        return result.confs[path]


@pytest.fixture
def repo(tmp_path, monkeypatch):
    monkeypatch.delenv("CATENA_BIN", raising=False)
    monkeypatch.delenv("CHRONON_ROOT", raising=False)
    return Repo(tmp_path)

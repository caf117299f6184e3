# SPDX-License-Identifier: Apache-2.0
"""Schemas: the columns of tables, from schema files and from the tables themselves.

`<repo>/schemas/<ns>.<table>.json` is [["column","TYPE"], ...]. A table that exists is asked through
`catena table describe`. Both may be present, and then they must agree.
"""

import json
import os
import re
import shutil
import subprocess

from catena.compile import types
from catena.compile.node import Violation

# Partition and position columns belong to every table and are nobody's feature.
SYSTEM_COLUMNS = ("ds", "_topic_partition", "_offset")
_TIMEOUT_SECONDS = 20


class Schemas:
    """`binary`: the catena binary to ask; None finds it, "" asks nobody."""

    def __init__(self, repo: str, binary: str | None = None):
        self.repo = repo
        if binary is None:
            binary = os.environ.get("CATENA_BIN") or shutil.which("catena")
        self.binary = binary
        self.violations: list[Violation] = []
        self.misspelt: dict[str, str] = {}  # Tables that are not known; what they may be meant as.
        self._known: dict[str, list | None] = {}

    def get(self, table: str) -> list[list[str]] | None:
        """[[column, type], ...] without system columns; None when not known."""
        table = table.split("/")[0]
        if table not in self._known:
            self._known[table] = self._learn(table)
        return self._known[table]

    def remedy(self, table: str) -> str:
        return (
            f"the columns of {table} are not known; write schemas/{table}.json as "
            f'[["column","TYPE"], ...] or load the table first'
        )

    def _learn(self, table):
        if "{{" in table:
            return None
        from_file, from_table = self._from_file(table), self._from_table(table)
        if from_file is not None and from_table is not None:
            file_types, table_types = dict(map(tuple, from_file)), dict(map(tuple, from_table))
            if file_types != table_types:
                different = sorted(
                    c
                    for c in file_types.keys() | table_types.keys()
                    if file_types.get(c) != table_types.get(c)
                )
                pairs = ", ".join(
                    f"{c}: {file_types.get(c, 'absent')} in the file, "
                    f"{table_types.get(c, 'absent')} in the table"
                    for c in different
                )
                self.violations.append(
                    Violation(
                        f"schema file and table {table} disagree ({pairs}); "
                        "correct or delete the file",
                        (self._path(table), 1),
                    )
                )
        return from_file if from_file is not None else from_table

    def _path(self, table):
        return os.path.join(self.repo, "schemas", f"{table}.json")

    def _from_file(self, table):
        path = self._path(table)
        if not os.path.isfile(path):
            return None
        try:
            with open(path, encoding="utf-8") as file:
                return clean_columns(json.load(file))
        except (ValueError, OSError) as error:
            self.violations.append(Violation(f"not a schema: {error}", (path, 1)))
            return None

    def _from_table(self, table):
        if not self.binary:
            return None
        try:
            done = subprocess.run(
                [self.binary, "table", "describe", table, "--json"],
                timeout=_TIMEOUT_SECONDS,
                cwd=self.repo,
                capture_output=True,
                text=True,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            self.violations.append(
                Violation(f"cannot ask {self.binary} for table {table}: {error}")
            )
            return None
        if done.returncode != 0:
            near = re.search(r"did you mean (\S+)\?", done.stderr)
            if near and not os.path.isfile(self._path(table)):
                self.misspelt[table] = near[1]
            return None
        try:
            return clean_columns(json.loads(done.stdout)["columns"])
        except (ValueError, KeyError, TypeError) as error:
            self.violations.append(
                Violation(
                    f"{self.binary} table describe {table} --json answered something else: {error}"
                )
            )
            return None


def clean_columns(columns) -> list[list[str]]:
    """Checked [[name, TYPE], ...] without system columns. ValueError when it is anything else."""
    if not isinstance(columns, list):
        raise ValueError('expected [["column","TYPE"], ...]')
    result = []
    for entry in columns:
        if not (
            isinstance(entry, list) and len(entry) == 2 and all(isinstance(x, str) for x in entry)
        ):
            raise ValueError(f'{entry!r} is not ["column","TYPE"]')
        name, kind = entry[0], entry[1].replace(" ", "").upper()
        if not types.is_type(kind):
            raise ValueError(
                f"column {name} has the unknown type {entry[1]}; "
                f"known are {', '.join(types.SCALARS)}, LIST<T>, MAP<K,V>"
            )
        if name not in SYSTEM_COLUMNS:
            result.append([name, kind])
    if len({name for name, _ in result}) != len(result):
        raise ValueError("a column is listed twice")
    return result

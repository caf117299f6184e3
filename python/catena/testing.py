# SPDX-License-Identifier: Apache-2.0
"""Unit tests of features: a compiled conf over a few rows, in well under a second.

    def test_a_payment_counts_for_an_hour():
        rows = evaluate("production/group_bys/fraud/user_risk.v1",
                        tables={"payments.transactions": [
                            {"user_id": 7, "amount": 5.0, "ts": "2026-11-20 12:00"}]},
                        queries=[{"user_id": 7, "ts": "2026-11-20 12:30"}])
        assert rows[0]["amount_sum_1h"] == 5.0

`catena eval --help` says what rows may be; chains are evaluated whole. Confs are what
`catena compile` writes; the fixture `compiled_confs` compiles the repository around the test.
"""

import datetime
import json
import os
import pathlib

from catena import engine

try:
    import pytest
except ImportError:  # evaluate() and check() need no pytest.
    pytest = None


def _text(value) -> str:
    """Days and times as catena reads them, in UTC."""
    if isinstance(value, datetime.datetime):
        if value.tzinfo is not None:
            value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        return value.isoformat(sep=" ", timespec="milliseconds")
    return str(value)


def _document(tables, queries, expect=None) -> str:
    document = {"tables": tables or {}}
    if queries is not None:
        document["queries"] = queries
    if expect is not None:
        document["expect"] = expect
    return json.dumps(document, default=_text)


def evaluate(conf: str | os.PathLike, tables: dict[str, list[dict]] | None = None,
             queries: list[dict] | None = None,
             repository: str | os.PathLike | None = None) -> list[dict]:
    """The rows that the conf gives; EngineError when it cannot."""
    done = engine.run("eval", os.fspath(conf), "--rows", "-", "--json", repository=repository,
                      text=_document(tables, queries))
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(conf: str | os.PathLike, tables: dict[str, list[dict]] | None = None,
          queries: list[dict] | None = None, expect: list[dict] | None = None,
          repository: str | os.PathLike | None = None) -> None:
    """AssertionError with every difference unless the rows are as expected, doubles to 1e-9."""
    done = engine.run("eval", os.fspath(conf), "--rows", "-", "--json", repository=repository,
                      text=_document(tables, queries, expect or []), accept=(0, 1))
    if done.returncode == 0:
        return
    if not done.stdout and done.stderr.startswith("catena"):
        raise engine.EngineError(done.stderr.strip(), done.returncode)
    raise AssertionError(f"{conf}:\n{done.stderr.strip()}\ngot:\n{done.stdout.strip()}")


def compile_confs(repository: str | os.PathLike, output: str | os.PathLike) -> pathlib.Path:
    """Compiles the repository's definitions into `output`; gives the folder of the confs."""
    from catena.compile.__main__ import main

    code = main([os.fspath(repository), "--output-root", os.fspath(output)])
    if code != 0:
        raise engine.EngineError(f"catena compile ended with {code}: {repository}", code)
    return pathlib.Path(output)


if pytest is not None:

    @pytest.fixture(scope="session")
    def compiled_confs(request, tmp_path_factory) -> pathlib.Path:
        """Confs of the feature repository in pytest's root folder, compiled anew."""
        return compile_confs(request.config.rootpath, tmp_path_factory.mktemp("confs"))

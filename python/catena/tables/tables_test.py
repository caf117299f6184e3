# SPDX-License-Identifier: Apache-2.0
"""Every format of FORMATS brings the same rows; a new format adds its writer to WRITERS."""

import importlib.util
import json

import pyarrow
import pytest

from catena import engine
from catena.tables.__main__ import main
from catena.tables.formats import FORMATS

ROWS = {"ds": ["2026-11-01", "2026-11-02", "2026-11-02"], "user": [7, 8, None],
        "amount": [1.5, None, 2.25], "tags": [["a"], [], None]}
FIRST = pyarrow.table(ROWS, schema=pyarrow.schema([
    ("ds", pyarrow.string()), ("user", pyarrow.int64()), ("amount", pyarrow.float64()),
    ("tags", pyarrow.list_(pyarrow.string()))]))
MORE = FIRST.slice(0, 1).set_column(1, "user", pyarrow.array([9], pyarrow.int64()))


def write_delta(folder) -> str:
    from deltalake import write_deltalake

    write_deltalake(str(folder), FIRST)
    write_deltalake(str(folder), MORE, mode="append")
    return str(folder)


def write_iceberg(folder) -> str:
    from pyiceberg.catalog.sql import SqlCatalog

    folder.mkdir()
    catalog = SqlCatalog("c", uri=f"sqlite:///{folder}/c.db", warehouse=f"file://{folder}")
    catalog.create_namespace("n")
    table = catalog.create_table("n.t", schema=FIRST.schema)
    table.append(FIRST)
    table.append(MORE)
    return table.location().removeprefix("file://")


WRITERS = {"delta": write_delta, "iceberg": write_iceberg}


@pytest.fixture
def repository(tmp_path):
    (tmp_path / "catena.yaml").write_text("warehouse: warehouse\n")
    return tmp_path


def rows_of(repository, table):
    done = engine.run("sql", "--json", f"SELECT * FROM {table} ORDER BY ds, user NULLS LAST",
                      repository=repository)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", FORMATS)
def test_a_table_comes_whole_and_as_often_as_asked(name, repository, capsys):
    location = WRITERS[name](repository / "theirs")
    for _ in range(2):
        assert main([f"{name}:{location}", "t.brought", "--repo", str(repository)]) == 0
    assert "loaded 2 partitions into t.brought" in capsys.readouterr().out
    assert rows_of(repository, "t.brought") == [
        {"ds": "2026-11-01", "user": 7, "amount": 1.5, "tags": ["a"]},
        {"ds": "2026-11-01", "user": 9, "amount": 1.5, "tags": ["a"]},
        {"ds": "2026-11-02", "user": 8, "amount": None, "tags": []},
        {"ds": "2026-11-02", "user": None, "amount": 2.25, "tags": None}]


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_wrong_is_one_line(name, repository, capsys, monkeypatch):
    def said(*arguments, code=2) -> str:
        assert main([*arguments, "--repo", str(repository)]) == code
        text = capsys.readouterr().err
        assert text.count("\n") == 1 and text.startswith("catena")
        return text

    assert f"cannot read the {name} table" in said(f"{name}:{repository}/no", "t.x")
    location = WRITERS[name](repository / "theirs")
    assert "lacks a column: day" in said(f"{name}:{location}", "t.x", "--partition-column", "day")
    assert "not a date yyyyMMdd" in said(f"{name}:{location}", "t.x", "--partition-format",
                                         "yyyyMMdd", code=1)
    for file in (repository / "theirs").rglob("*.parquet"):
        file.unlink()
    assert f"cannot read the {name} table" in said(f"{name}:{location}", "t.x")
    assert not (repository / "warehouse" / "t.db").exists()
    assert "delta, iceberg" in said("hudi:/x", "t.x")
    monkeypatch.setattr(importlib.util, "find_spec", lambda needed: None)
    assert f"needs {FORMATS[name].PACKAGE}; pip install" in said(f"{name}:{location}", "t.x")

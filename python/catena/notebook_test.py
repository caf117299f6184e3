# SPDX-License-Identifier: Apache-2.0
"""catena.notebook over a warehouse of three days."""

import json

import pandas
import polars
import pytest

from catena import engine, notebook
from catena.notebook import Notebook

CONF = {
    "metaData": {"name": "t.spend.v1", "outputNamespace": "t"},
    "keyColumns": ["user"], "accuracy": 1,
    "aggregations": [{"inputColumn": "n", "operation": 7,
                      "windows": [{"length": 2, "timeUnit": 1}]}],
    "sources": [{"events": {"table": "t.clicks", "query": {"timeColumn": "ts"}}}],
}
DAYS = ["2026-03-01", "2026-03-02", "2026-03-03"]


@pytest.fixture(scope="module")
def features(tmp_path_factory) -> Notebook:
    root = tmp_path_factory.mktemp("features")
    (root / "catena.yaml").write_text("warehouse: warehouse\n")
    (root / "production/group_bys/t").mkdir(parents=True)
    (root / "production/group_bys/t/spend.v1").write_text(json.dumps(CONF))
    lines = ["user,n,ts,ds"]
    for number, day in enumerate(DAYS):
        ts = 1772323200000 + number * 86_400_000
        lines += [f"a,{number + 1},{ts},{day}", f"b,,{ts + 1},{day}"]
    (root / "clicks.csv").write_text("\n".join(lines) + "\n")
    engine.run("table", "load", root / "clicks.csv", "t.clicks", repository=root)
    return Notebook(root)


def test_a_backfill_is_a_frame_in_every_library(features):
    frame = features.run("group_bys/t/spend.v1", end_date=DAYS[-1], start_date=DAYS[1])
    frame = features.sql(f"SELECT user, n_sum_2d, ds FROM ({frame.select}) WHERE user = 'a' "
                         "ORDER BY ds")
    expected = {"user": ["a", "a"], "n_sum_2d": [3, 5], "ds": DAYS[1:]}
    assert frame.arrow().to_pydict() == expected
    assert frame.polars().equals(polars.DataFrame(expected))
    assert frame.pandas().to_dict("list") == expected
    assert frame.rows() == [dict(zip(expected, row)) for row in zip(*expected.values())]
    assert "<table" in frame._repr_html_()


def test_a_conf_without_a_namespace_is_a_frame_too(features):
    conf = json.loads(json.dumps(CONF))
    del conf["metaData"]["outputNamespace"]
    (features.repository / "production/group_bys/t/bare.v1").write_text(json.dumps(conf))
    rows = features.run("group_bys/t/bare.v1", end_date=DAYS[0]).rows()
    assert [row["n_sum_2d"] for row in rows if row["user"] == "a"] == [1]


def test_whole_numbers_with_nulls_stay_whole_in_pandas(features):
    column = features.sql("SELECT n FROM t.clicks ORDER BY ts").pandas()["n"]
    assert str(column.dtype) == "Int64" and column.isna().sum() == 3
    assert isinstance(column[0], (int, pandas.Int64Dtype().type))


def test_a_table_by_its_days(features):
    assert {row["ds"] for row in features.table("t.clicks", DAYS[0], DAYS[1]).rows()} == {*DAYS[:2]}
    assert len(features.table("t.clicks").rows()) == 6


def test_what_is_wrong_is_one_line(features, monkeypatch):
    with pytest.raises(engine.EngineError, match="amuont"):
        features.sql("SELECT amuont FROM t.clicks").rows()
    with pytest.raises(engine.EngineError, match="one SELECT that reads"):
        features.sql("DROP VIEW t.clicks").rows()
    with pytest.raises(engine.EngineError, match="no such conf"):
        features.run("group_bys/t/spent.v1", end_date=DAYS[-1])

    def absent(name):
        raise ImportError(name)
    monkeypatch.setattr(notebook.importlib, "import_module", absent)
    with pytest.raises(ImportError, match="pip install 'catena\\[notebook\\]'"):
        features.table("t.clicks").arrow()

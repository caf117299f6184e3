# SPDX-License-Identifier: Apache-2.0
"""catena.testing as a feature's author uses it; a chain is evaluated whole."""

import datetime
import json

import pytest

from catena import engine
from catena.testing import check, compile_confs, evaluate

CHAIN = """
from catena.api import *
payments = Source(events=EventSource(table="t.payments", query=Query(time_column="ts")))
risk = GroupBy(sources=EventSource(table="t.risk", query=Query(time_column="ts")),
               keys=["shop"], accuracy=Accuracy.TEMPORAL,
               aggregations=[Aggregation("score", Operation.LAST)])
enriched = Join(left=payments, right_parts=[JoinPart(group_by=risk)])
user = GroupBy(sources=JoinSource(join=enriched, query=Query(
                   selects={"user": "user", "risk": "score"}, time_column="ts")),
               keys=["user"], accuracy=Accuracy.TEMPORAL,
               aggregations=[Aggregation("risk", Operation.AVERAGE, windows=["1h"]),
                             Aggregation("risk", Operation.COUNT, windows=["1d"])])
"""
SCHEMAS = {"t.payments": [["user", "LONG"], ["shop", "STRING"], ["ts", "LONG"]],
           "t.risk": [["shop", "STRING"], ["score", "DOUBLE"], ["ts", "LONG"]]}
TABLES = {
    "t.risk": [{"shop": "a", "score": 0.25, "ts": "2026-11-20 09:00"},
               {"shop": "a", "score": 0.75, "ts": "2026-11-20 12:00:30"}],
    "t.payments": [{"user": 7, "shop": "a", "ts": "2026-11-20 12:00"},
                   {"user": 7, "shop": "a", "ts": datetime.datetime(2026, 11, 20, 12, 1)},
                   {"user": 7, "shop": "unknown", "ts": "2026-11-20T12:02:00Z"}],
}


@pytest.fixture(scope="module")
def confs(tmp_path_factory):
    root = tmp_path_factory.mktemp("features")
    (root / "group_bys/t").mkdir(parents=True)
    (root / "schemas").mkdir()
    (root / "catena.yaml").write_text("warehouse: warehouse\n")
    (root / "group_bys/t/chain.py").write_text(CHAIN)
    for table, columns in SCHEMAS.items():
        (root / "schemas" / f"{table}.json").write_text(json.dumps(columns))
    return compile_confs(root, root / "confs")


def test_a_chain_is_evaluated_as_of_each_query(confs):
    rows = evaluate(confs / "group_bys/t/chain.user", TABLES, queries=[
        {"user": 7, "ts": "2026-11-20 12:00:59"}, {"user": 7, "ts": "2026-11-20 12:30"},
        {"user": 8, "ts": "2026-11-20 12:30"}, {"user": 7, "ts": "2026-11-21 11:00"}])
    assert [(row["risk_average_1h"], row["risk_count_1d"]) for row in rows] == [
        (0.25, 1), (0.5, 2), (None, None), (None, 2)]


def test_a_join_answers_its_left_rows(confs):
    rows = evaluate(confs / "joins/t/chain.enriched", TABLES) if (
        confs / "joins/t/chain.enriched").exists() else None
    if rows is not None:
        assert [row["t_chain_risk_score_last"] for row in rows] == [0.25, 0.75, None]


def test_check_passes_and_tells_every_difference(confs):
    conf = confs / "group_bys/t/chain.user"
    queries = [{"user": 7, "ts": "2026-11-20 12:30"}]
    check(conf, TABLES, queries, expect=[{"risk_average_1h": 0.5, "risk_count_1d": 2}])
    with pytest.raises(AssertionError) as failure:
        check(conf, TABLES, queries, expect=[{"risk_average_1h": 0.4, "risk_count_1d": 3,
                                              "risk_sum": 1}])
    for part in ("risk_average_1h: expected 0.4, got 0.5", "risk_count_1d: expected 3, got 2",
                 "no such column: risk_sum"):
        assert part in str(failure.value)
    with pytest.raises(AssertionError, match="0 rows expected, got 1"):
        check(conf, TABLES, queries, expect=[])


@pytest.mark.parametrize("tables, message", [
    ({"t.payment": []}, "did you mean t.payments?"),
    ({"t.risk": [{"shop": "a", "scor": 1, "ts": 0}]}, "row 1: no such column, did you mean score?"),
    ({"t.risk": [{"shop": "a", "score": "high", "ts": 0}]}, "row 1, column score DOUBLE"),
    ({"t.risk": [{"shop": "a", "score": 1}]}, "row 1: says no day"),
    ({}, "there are no rows to evaluate"),
])
def test_wrong_rows_are_told_by_table_row_and_column(confs, tables, message):
    with pytest.raises(engine.EngineError) as failure:
        evaluate(confs / "group_bys/t/chain.user", tables)
    assert message in str(failure.value) and failure.value.code == 2
    assert "\n" not in str(failure.value)

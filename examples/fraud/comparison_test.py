# SPDX-License-Identifier: Apache-2.0
"""The proof of the demo would notice a difference: each kind of one is made here."""

import pathlib
import random

import pytest

import comparison
import demo
from comparison import MINUTE, Mismatch, Pick
from generate import DAY

NOW = 20_000 * DAY + 12 * 60 * MINUTE
PICK = Pick(7, 8, NOW - 40 * MINUTE - 1)
ROW = {"fraud_user_risk_v1_amount_sum_1h": 0.1 + 0.2, "fraud_user_risk_v1_n_count_1h": 3,
       "fraud_other_category": "fuel", "fraud_other_tier": None}


def compare_one(features: dict, row: dict = ROW, **result) -> comparison.Comparison:
    return comparison.compare([PICK], [{"features": features} | result], {PICK: row}, NOW)


def test_equal_rows_have_no_mismatch():
    result = compare_one(dict(ROW))
    assert (result.rows, result.rows_old, result.rows_nonnull) == (1, 1, 0)
    assert (result.values, result.values_nonnull, result.mismatches) == (4, 3, [])


@pytest.mark.parametrize("column, other", [
    ("fraud_user_risk_v1_amount_sum_1h", 0.3),       # The neighbouring double.
    ("fraud_user_risk_v1_amount_sum_1h", None),
    ("fraud_user_risk_v1_n_count_1h", 4),
    ("fraud_user_risk_v1_n_count_1h", True),
    ("fraud_other_category", "travel"),
    ("fraud_other_tier", 0),
])
def test_any_other_value_is_a_mismatch(column: str, other: object):
    result = compare_one(ROW | {column: other})
    assert result.mismatches == [Mismatch(PICK, column, other, ROW[column])]
    assert str(PICK.ts) in str(result.mismatches[0])


def test_a_missing_feature_and_a_missing_row_are_mismatches():
    features = {name: value for name, value in ROW.items() if name != "fraud_other_category"}
    assert [one.column for one in compare_one(features).mismatches] == ["fraud_other_category"]
    assert len(comparison.compare([PICK], [{"features": ROW}], {}, NOW).mismatches) == 1


def test_json_integers_equal_whole_doubles_only_by_value():
    assert comparison.equal(5, 5.0) and not comparison.equal(5, 5.5)
    assert not comparison.equal(0.0, -0.0) and not comparison.equal("5", 5.0)


def test_values_of_an_incomplete_part_are_counted_and_not_compared():
    result = compare_one(ROW | {"fraud_user_risk_v1_n_count_1h": 99},
                         incomplete={"fraud.user_risk.v1": "upload_late"})
    assert (result.values, result.incomplete_values, result.mismatches) == (2, 2, [])
    assert result.incomplete_ratio == 0.5


def test_picks_are_in_reach_and_of_every_kind():
    rng = random.Random(3)
    live_since = NOW - MINUTE
    events = [(user, 1, NOW - rng.randrange(comparison.REACH)) for user in range(600)]
    events += [(user, 2, rng.randrange(live_since, NOW)) for user in range(2000)]
    picks = comparison.pick(events, NOW, live_since, rng)
    assert len(picks) == len(set(picks)) >= 1000
    assert all(NOW - comparison.REACH < one.ts <= NOW for one in picks)
    assert sum(one.is_old(NOW) for one in picks) >= 300
    assert sum(one.ts > live_since for one in picks) >= 200


def test_the_spine_has_each_pick_on_its_day(tmp_path: pathlib.Path):
    picks = [Pick(1, 2, NOW - DAY), Pick(3, 4, NOW), Pick(5, 6, NOW + 1)]
    days = comparison.write_spine(tmp_path, "demo.spine", picks)
    assert len(days) == 2
    assert sorted(comparison.read_backfill(tmp_path, "demo.spine", days)) == picks
    assert sorted(comparison.read_backfill(tmp_path, "demo.spine", days[:1])) == picks[:1]


def test_each_bound_is_told_when_missed():
    good = {"compared": 1000, "compared_nonnull": 900, "compared_old": 300, "mismatches": 0,
            "late_scores": 0, "incomplete": 0.0, "freshness_ms": {"p50": 1.0, "p99": 50.0}}
    bounds = demo.Bounds(50)
    assert bounds.missed(good) == []
    for change in ({"compared": 999}, {"compared_nonnull": 899}, {"compared_old": 299},
                   {"mismatches": 1}, {"late_scores": 1}, {"incomplete": 0.01}):
        assert len(bounds.missed(good | change)) == 1
    assert bounds.slow(good) == ""
    assert "50.1" in bounds.slow(good | {"freshness_ms": {"p99": 50.1}})

# SPDX-License-Identifier: Apache-2.0
"""Names and types of output columns, held against what real Chronon put out.

testdata/golden_columns.json: per golden Join its conf, the schemas of its tables, and the
columns of the table that Chronon 0.0.115 wrote.
"""

import json
import os

import pytest

from catena.api import output_names
from catena.api.ttypes import Operation
from catena.compile import output_columns
from catena.compile.conftest import TESTDATA

with open(os.path.join(TESTDATA, "golden_columns.json"), encoding="utf-8") as file:
    GOLDEN = json.load(file)


@pytest.mark.parametrize("case", sorted(GOLDEN))
def test_join_columns_are_chronons(case):
    golden = GOLDEN[case]
    found, complete = output_columns.join_columns(golden["conf"], golden["tables"])
    assert complete
    assert {c.name: c.type for c in found} == dict(golden["expected"])


@pytest.mark.parametrize(
    "operation,arguments,windows,buckets,expected",
    [
        (Operation.SUM, None, [(7, 1)], None, ["v_sum_7d"]),
        (Operation.LAST, None, None, None, ["v_last"]),
        (Operation.LAST_K, {"k": "3"}, [(1, 0)], None, ["v_last3_1h"]),
        (Operation.BOTTOM_K, {"k": "100"}, None, None, ["v_bottom100"]),
        (Operation.HISTOGRAM, {"k": "5"}, None, None, ["v_histogram"]),
        (Operation.APPROX_HISTOGRAM_K, {"k": "5"}, None, None, ["v_approx_histogram_k"]),
        (Operation.BOUNDED_UNIQUE_COUNT, {"k": "5"}, None, None, ["v_bounded_unique_count"]),
        (Operation.SUM, None, [(5, 2), (24, 0)], ["b"], ["v_sum_5m_by_b", "v_sum_24h_by_b"]),
    ],
)
def test_aggregation_columns(operation, arguments, windows, buckets, expected):
    names = output_names.aggregation_columns("v", operation, arguments, windows, buckets)
    assert names == expected


def test_derivations_may_need_each_other_and_replace_what_they_name():
    columns = [output_columns.OutputColumn(n, n, t) for n, t in (("a", "LONG"), ("b", "DOUBLE"))]
    listed = [("z", "y + 1"), ("*", "*"), ("y", "k * a"), ("b", "COALESCE(b, 0.0)"), ("c", "a")]
    derivations = [{"name": name, "expression": text} for name, text in listed]
    found = output_columns.derived(columns, derivations, {"k": "DOUBLE"})
    assert [(c.name, c.type) for c in found] == [
        ("z", "DOUBLE"), ("y", "DOUBLE"), ("b", "DOUBLE"), ("c", "LONG")]  # fmt: skip
    found = output_columns.derived(columns, derivations[:3], {"k": "DOUBLE"})
    assert [c.name for c in found] == ["z", "a", "b", "y"]


def test_part_prefix():
    assert output_names.part_prefix("team/sub.my-gb__v1", "pfx") == "pfx_team_sub_my_gb__v1"
    assert output_names.external_prefix("score.service", None) == "ext_score_service"

# SPDX-License-Identifier: Apache-2.0
"""Records: both spellings of arguments, hints, and the place where they were written."""

import inspect
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catena.api import (
    Aggregation,
    DefinitionError,
    EntitySource,
    EventSource,
    GroupBy,
    Join,
    Operation,
    Query,
    Source,
    Window,
    select,
)
from catena.api.struct import to_camel, to_snake
from catena.api.ttypes import TimeUnit
from catena.api.window import as_window, window_suffix


def test_camel_snake_and_position_are_one():
    a = EntitySource("db.t", None, "topic", Query(time_column="ts"))
    b = EntitySource(snapshotTable="db.t", mutationTopic="topic", query=Query(timeColumn="ts"))
    c = EntitySource(snapshot_table="db.t", mutation_topic="topic", query=Query(timeColumn="ts"))
    assert a == b == c


@pytest.mark.parametrize("name", ["mutationTimeColumn", "query", "isCumulative", "snapshotTable"])
def test_spelling_round_trip(name):
    assert to_camel(to_snake(name)) == name


def test_unknown_double_and_surplus_arguments_are_refused():
    with pytest.raises(DefinitionError, match='did you mean "time_column"'):
        Query(time_colum="ts")
    with pytest.raises(DefinitionError, match="twice"):
        EventSource("t", table="t")
    with pytest.raises(DefinitionError, match="at most 2"):
        Window(1, 2, 3)


def test_where_is_the_users_line():
    line = inspect.currentframe().f_lineno + 1
    source = Source(events=EventSource(table="t"))
    assert source.where == (__file__, line)
    assert Aggregation("x").where == (__file__, line + 2)


def test_source_holds_exactly_one():
    inner = EventSource(table="t")
    assert Source(events=Source(events=inner)).events is inner
    with pytest.raises(DefinitionError, match="exactly one"):
        Source(events=inner, entities=EntitySource(snapshotTable="t"))
    with pytest.raises(DefinitionError, match="needs a EntitySource"):
        Source(entities=inner)


def test_select():
    assert select("a", b="c + 1") == {"a": "a", "b": "c + 1"}


@given(st.integers(1, 10**6), st.sampled_from("mhd"))
def test_window_text_round_trip(length, unit):
    window = as_window(f"{length}{unit}")
    assert window_suffix(window.length, window.timeUnit) == f"{length}{unit}"
    assert as_window(window) is window


@given(st.text(max_size=5))
def test_any_other_text_is_no_window(text):
    try:
        window = as_window(text)
    except DefinitionError:
        return
    assert window.length > 0
    assert window.timeUnit in (TimeUnit.MINUTES, TimeUnit.HOURS, TimeUnit.DAYS)


def test_operations_with_arguments():
    assert Aggregation("x", Operation.LAST_K(3)).argMap == {"k": "3"}
    percentile = Aggregation("x", Operation.APPROX_PERCENTILE([0.5]))
    assert percentile.argMap == {"k": "128", "percentiles": "[0.5]"}
    assert Aggregation("x").operation == Operation.LAST
    plain = Aggregation("x", Operation.PLAIN_SUM)
    assert (plain.operation, plain.argMap) == (Operation.SUM, {"sum": "plain"})


def test_exact_windows_stand_in_custom_json():
    def custom(**arguments):
        group_by = GroupBy(
            Source(events=EventSource("db.t", query=Query(time_column="ts"))),
            ["k"],
            [Aggregation("x", Operation.SUM, windows=["1h"])],
            **arguments,
        )
        return json.loads(group_by.metaData.customJson)

    assert custom(exact_windows=True)["exact_windows"] is True
    assert "exact_windows" not in custom()
    with pytest.raises(DefinitionError, match="exact_windows must be True or False"):
        custom(exact_windows="yes")


def test_where_enriched_rows_go_stands_in_custom_json():
    def custom(**arguments):
        left = Source(events=EventSource("db.t", query=Query(time_column="ts")))
        return Join(left, [], **arguments).custom

    given = custom(publish_topic="enriched", publish_key="user_id", publish_kv=True)
    assert given["publish_topic"] == "enriched"
    assert given["publish_key"] == ["user_id"]
    assert given["publish_kv"] is True
    assert not any(name.startswith("publish_") for name in custom())
    with pytest.raises(DefinitionError, match="publish_kv must be True or False"):
        custom(publish_kv="yes")
    with pytest.raises(DefinitionError, match="publish_topic"):
        custom(publish_topics="enriched")

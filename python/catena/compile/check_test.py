# SPDX-License-Identifier: Apache-2.0
"""Each rule of check.py: what is refused, where, and that all violations come at once."""

import pytest

REPO = """
from catena.api import *
source = Source(events=EventSource(table="db.ev", topic="t", query=Query(time_column="ts",
    selects=select("user", "amount", "name", "tags", "days", "vecs", "born", amount2="amount*2"))))
v1 = {definition}
"""

GROUP_BY = 'GroupBy(sources=source, keys=["user"], aggregations=[{aggregation}])'


def compile_one(repo, definition):
    repo.schema(
        "db.ev", user="LONG", amount="DOUBLE", name="STRING", ts="LONG", tags="LIST<STRING>",
        days="MAP<INT,DOUBLE>", vecs="LIST<LIST<FLOAT>>", born="DATE"
    )  # fmt: skip
    repo.write("group_bys/a/x.py", REPO.format(definition=definition))
    return repo.compile()


@pytest.mark.parametrize(
    "aggregation,said",
    [
        ('Aggregation("amout")', "no column `amout`"),
        ('Aggregation("name", Operation.SUM)', "it needs a number, and the column is STRING"),
        ('Aggregation("tags", Operation.AVERAGE)', "STRING"),
        ('Aggregation("amount", Operation.HISTOGRAM)', "it needs a STRING"),
        ('Aggregation("amount", Operation.LAST_K(0))', "positive k"),
        ('Aggregation("amount", Operation.APPROX_PERCENTILE([1.5]))', "between 0 and 1"),
        ('Aggregation("amount", Operation.APPROX_PERCENTILE([0.5], k=7))', "from 8 to 65535"),
        ('Aggregation("name", Operation.APPROX_UNIQUE_COUNT_LGK(17))', "from 4 to 16, got '17'"),
        ('Aggregation("name", Operation.APPROX_HISTOGRAM_K(10_001))', "from 1 to 10000"),
        ('Aggregation("amount", buckets=["amount2"])', "must be a STRING"),
        ('Aggregation("name", Operation.HISTOGRAM_K(1)), '
         'Aggregation("name", Operation.HISTOGRAM_K(2))', "two outputs are named"),
        ('Aggregation("amount", Operation.SUM), Aggregation("amount", Operation.SUM)',
         "two outputs are named `amount_sum`"),
        ('Aggregation("tags"), Aggregation("tags", element_wise=True)', "two outputs are named"),
        ('Aggregation("amount", Operation.SUM, element_wise=True)', "element_wise needs a list"),
        ('Aggregation("tags", Operation.SUM, element_wise=True)', "it needs a number"),
        ('Aggregation("vecs", Operation.MAX)', "gets LIST<FLOAT>"),
        ('Aggregation("days", Operation.LAST)', "only maps with STRING keys"),
        ('Aggregation("days", Operation.SUM)', "only maps with STRING keys"),
        ("Aggregation()", "needs an input_column"),
        ('Aggregation("amount", windows=[Window(0, TimeUnit.DAYS)])', "positive number"),
    ],
)  # fmt: skip
def test_aggregation_is_refused(repo, aggregation, said):
    result = compile_one(repo, GROUP_BY.format(aggregation=aggregation))
    assert result.confs == {}
    assert any(said in str(v) for v in result.violations), [str(v) for v in result.violations]
    assert all(v.where[0].endswith("x.py") and v.where[1] > 1 for v in result.violations)


@pytest.mark.parametrize(
    "aggregation,said",
    [
        ('Aggregation("amount", window=["1h"])', 'did you mean "windows"'),
        ('Aggregation("amount", windows=["1w"])', "is not a window"),
        ('Aggregation("amount", Operation.AVERGE)', "did you mean"),
        ('Aggregation("amount", Operation.MEDIAN)', "Operation has no MEDIAN"),
        ('Aggregation("amount", "sums")', 'did you mean "SUM"'),
        ('Aggregation("amount", Operation.LAST_K)', "takes an argument"),
        ('Aggregation("amount", 77)', "unknown operation 77"),
    ],
)
def test_slips_of_the_pen_are_answered_with_file_and_line(repo, aggregation, said):
    result = compile_one(repo, GROUP_BY.format(aggregation=aggregation))
    text = str(result.violations[0])
    assert said in text and "x.py:5" in text and len(result.violations) == 1


@pytest.mark.parametrize(
    "definition,said",
    [
        ('GroupBy(sources=source, keys=["user"])', "can be left out only for entity sources"),
        ('GroupBy(sources=source, keys=["nobody"], aggregations=[Aggregation("amount")])',
         "no column `nobody`"),
        ('GroupBy(sources=source, keys=["user"], agregations=[1], aggregations=[])',
         'did you mean "aggregations"'),
        ('GroupBy(sources=source, keys=["user"], aggregations=[Aggregation("amount")], '
         'derivations=[Derivation("x", "amount_lst + 1")])', 'did you mean "amount_last"'),
        ('GroupBy(sources=source, keys=["user"], aggregations=[Aggregation("amount")], '
         'derivations=[Derivation("a", "b + 1"), Derivation("b", "c"), Derivation("c", "a")])',
         'in a circle; write one of them out: a -> b -> c -> a'),
        ('GroupBy(sources=source, keys=["user"], aggregations=[Aggregation("amount")], '
         'derivations=[Derivation("user", "amount_last")])', 'named like the key `user`'),
        ('Join(left=JoinSource(), right_parts=[])', "cannot be the left side"),
        ('Join(left=source, right_parts=[GroupBy(sources=source, keys=["user"], '
         'aggregations=[Aggregation("amount")])])', "JoinPart(group_by=...)"),
        ('Join(left=EventSource(table="db.ev", query=Query(selects=select("name"), '
         'time_column="ts")), right_parts=[JoinPart(GroupBy(name="a.g", sources=source, '
         'keys=["user"], aggregations=[Aggregation("amount")]))])', "no column `user` for the key"),
        ('Join(left=EventSource(table="db.ev", query=Query(selects=select(user="name"), '
         'time_column="ts")), right_parts=[JoinPart(GroupBy(name="a.g", sources=source, '
         'keys=["user"], aggregations=[Aggregation("amount")]))])', "is LONG but the left column"),
        ('GroupBy(sources=source, keys=["user"], aggregations=[Aggregation("amount")], '
         'accuracy="TEMPORAL")', "not Accuracy.TEMPORAL or Accuracy.SNAPSHOT: 'TEMPORAL'"),
        ('GroupBy(sources=EventSource(table="db.ev", query=Query(start_partition="2026-3-5", '
         'time_column="ts")), keys=["user"], aggregations=[Aggregation("amount")])',
         "sources[0].events.query.startPartition: not a day YYYY-MM-DD: '2026-3-5'"),
        ('GroupBy(sources=EventSource(table="db.ev", query=Query(time_column="born")), '
         'keys=["user"], aggregations=[Aggregation("amount")])', "unix_millis(born)"),
        ('Source()', "exactly one of"),
        ('EventSource(tabel="x")', 'did you mean "table"'),
        ('GroupBy(sources=JoinSource(join=Join(name="a.users", left=EntitySource('
         'snapshotTable="db.ev", mutationTopic="changes", query=Query(selects=select("user"))), '
         'right_parts=[]), query=Query(selects=select("user"))), keys=["user"], '
         'aggregations=[Aggregation("user", Operation.COUNT)])', "accuracy=Accuracy.SNAPSHOT"),
        ('GroupBy(sources=[source, EventSource(table="db.two", query=Query(selects=select("user"),'
         ' time_column="ts"))], keys=["user"], aggregations=[Aggregation("amount"), '
         'Aggregation("name")])', "select different columns"),
    ],
)  # fmt: skip
def test_definition_is_refused(repo, definition, said):
    result = compile_one(repo, definition)
    assert any(said in str(v) for v in result.violations), [str(v) for v in result.violations]


@pytest.mark.parametrize("k", ["-1", "0", "10_001"])
def test_a_wrong_k_is_said_once(repo, k):
    aggregation = f'Aggregation("amount", Operation.LAST_K({k}))'
    result = compile_one(repo, GROUP_BY.format(aggregation=aggregation))
    assert len(result.violations) == 1, [str(v) for v in result.violations]
    assert "from 0" not in str(result.violations[0])


@pytest.mark.parametrize("row_ids,known", [('["nobody"]', False), ('["name", "ds"]', True)])
def test_row_ids_are_columns_of_the_left_side(repo, row_ids, known):
    result = compile_one(
        repo,
        f"""Join(row_ids={row_ids}, left=EventSource(table="db.ev", query=Query(
            selects=select("user", "name"), time_column="ts")), right_parts=[JoinPart(GroupBy(
                name="a.g", sources=source, keys=["user"],
                aggregations=[Aggregation("amount")]))])""",
    )
    said = "rowIds: the left side has no column `nobody`; select it there"
    assert (result.violations == []) == known
    assert known or said in str(result.violations[0])


def test_all_violations_at_once(repo):
    result = compile_one(
        repo,
        """GroupBy(
    sources=EventSource(table="db.ev", query=Query(
        selects=select("user", a="nope + 1", b="foo(amount)"), wheres=["SUM(amount) > 1"],
        time_column="ts")),
    keys=["user"],
    aggregations=[
        Aggregation("b", Operation.SUM),
        Aggregation("name", Operation.AVERAGE)])""",
    )
    text = "\n".join(str(v) for v in result.violations)
    for said in ("`nope`", "unknown function foo", "aggregates are not row", "AVERAGE of `name`"):
        assert said in text
    lines = {v.where[1] for v in result.violations}
    assert len(lines) >= 2 and result.confs == {}


def test_a_mistake_is_reported_once_however_often_it_is_used(repo):
    compile_one(repo, GROUP_BY.format(aggregation='Aggregation("amout")'))
    repo.write(
        "joins/a/j.py",
        """
        from catena.api import *
        from group_bys.a import x
        v1 = Join(left=x.source, right_parts=[JoinPart(x.v1)])
        v2 = Join(left=x.source, right_parts=[JoinPart(x.v1, prefix="p")])
        """,
    )
    result = repo.compile()
    assert len(result.violations) == 1 and result.confs == {}


@pytest.mark.parametrize(
    "aggregation,note",
    [
        ('Aggregation("vecs", element_wise=True)', "Chronon throws"),
        ('Aggregation("born", Operation.MAX)', "DATE inputs: Chronon refuses them"),
        ('Aggregation("tags", Operation.LAST_K(2))', None),
        ('Aggregation("vecs")', None),
    ],
)
def test_what_chronon_cannot_do_is_accepted_with_a_note(repo, aggregation, note):
    result = compile_one(repo, GROUP_BY.format(aggregation=aggregation))
    assert result.violations == []
    notes = result.confs["group_bys/a/x.v1"]["catena"]["inferred"]
    assert any(note in n for n in notes) if note else not any("Chronon" in n for n in notes)


def test_hours_on_a_snapshot_are_accepted_with_a_note(repo):
    result = compile_one(repo, 'GroupBy(sources=source, keys=["user"], accuracy=Accuracy.SNAPSHOT, '
                               'aggregations=[Aggregation("amount", windows=["1h"])])')  # fmt: skip
    assert result.violations == []
    notes = result.confs["group_bys/a/x.v1"]["catena"]["inferred"]
    assert any("Chronon refuses" in note for note in notes)

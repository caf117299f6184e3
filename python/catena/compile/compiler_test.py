# SPDX-License-Identifier: Apache-2.0
"""From definitions to confs: equal to Chronon's compiler, the seed as printed, inference, names."""

import json
import os

import pytest

from catena.compile import compiler
from catena.compile.conftest import NO_BINARY, PROJECT, TESTDATA

EVENTS = """
    from catena.api import *
    source = Source(events=EventSource(table="db.ev", topic="t", query=Query(
        selects=select("user", "amount", "country"), time_column="ts")))
"""


def messages(result):
    return [str(v) for v in result.violations]


# -- Chronon


def comparable(value, top=True):
    """Without what catena adds: `catena`, accuracy, team-level metadata of nested definitions."""
    if isinstance(value, list):
        return [comparable(item, False) for item in value]
    if not isinstance(value, dict):
        return value
    result = {k: comparable(v, False) for k, v in value.items() if k not in ("catena", "accuracy")}
    if not top and "metaData" in result:
        for field in ("outputNamespace", "tableProperties", "team"):
            result["metaData"].pop(field, None)
    return result


def compiled_by_chronon():
    root = os.path.join(TESTDATA, "chronon_repo_compiled")
    return sorted(
        os.path.relpath(os.path.join(folder, file), root)
        for folder, _, files in os.walk(root)
        for file in files
    )


@pytest.mark.parametrize("path", compiled_by_chronon())
def test_equal_to_chronon_0_0_115(path):
    """testdata/chronon_repo_compiled is what chronon-ai 0.0.115 wrote for testdata/chronon_repo."""
    repo = os.path.join(TESTDATA, "chronon_repo")
    result = compiler.compile_repository(repo, [], binary=NO_BINARY)
    with open(os.path.join(TESTDATA, "chronon_repo_compiled", path), encoding="utf-8") as file:
        expected = json.load(file)
    actual = json.loads(json.dumps(result.confs[path]))
    assert comparable(actual) == comparable(expected)
    for field in ("team", "outputNamespace", "tableProperties", "name"):
        assert actual["metaData"].get(field) == expected["metaData"].get(field)


# -- the seed


def fraud():
    return compiler.compile_repository(
        os.path.join(PROJECT, "examples", "fraud"), [], binary=NO_BINARY
    )


def test_seed_as_printed_compiles_to_the_golden_conf():
    result = fraud()
    conf = json.loads(json.dumps(result.confs["group_bys/fraud/seed_chain.user_merchant_risk"]))
    with open(os.path.join(TESTDATA, "seed_user_merchant_risk.json"), encoding="utf-8") as file:
        assert conf == json.load(file)


def test_fraud_example():
    result = fraud()
    assert messages(result) == []
    assert sorted(result.confs) == [
        "group_bys/fraud/seed_chain.merchant_profiles",
        "group_bys/fraud/seed_chain.risk_scores",
        "group_bys/fraud/seed_chain.simple_transaction_stats",
        "group_bys/fraud/seed_chain.user_merchant_risk",
        "group_bys/fraud/user_risk.v1",
        "joins/fraud/final.v1",
        "joins/fraud/seed_chain.enriched_transactions",
    ]
    final = result.confs["joins/fraud/final.v1"]
    assert [p["groupBy"]["keyColumns"] for p in final["joinParts"]] == [
        ["user_id"],
        ["user_id"],
        ["user_id"],
        ["merchant_id"],
        ["merchant_id"],
    ]
    features = result.confs["group_bys/fraud/user_risk.v1"]
    assert [(a["inputColumn"], a["operation"], len(a["windows"])) for a in
            features["aggregations"]] == [("merchant_risk", 8, 3), ("amount", 7, 3),
                                          ("transaction_id", 6, 3)]  # fmt: skip
    minutes = result.confs["group_bys/fraud/seed_chain.simple_transaction_stats"]
    assert minutes["aggregations"][0]["windows"][0] == {"length": 5, "timeUnit": 2}
    assert any("Chronon cannot read" in note for note in minutes["catena"]["inferred"])


def test_quickstart_example():
    root = os.path.join(PROJECT, "examples", "quickstart")
    result = compiler.compile_repository(root, [], binary=NO_BINARY)
    assert messages(result) == []
    assert len(result.confs) == 4


# -- styles


def test_styles_give_equal_confs(repo):
    repo.write(
        "group_bys/a/c_style.py",
        """
        from ai.chronon.api.ttypes import EventSource, Source
        from ai.chronon.group_by import Aggregation, GroupBy, Operation, TimeUnit, Window
        from ai.chronon.query import Query, select
        v1 = GroupBy(
            sources=[Source(events=EventSource(table="db.ev", topic="t", isCumulative=False,
                query=Query(selects=select("user", "amount"), time_column="ts",
                            start_partition="2026-01-01")))],
            keys=["user"],
            aggregations=[Aggregation(input_column="amount", operation=Operation.SUM,
                windows=[Window(length=1, timeUnit=TimeUnit.HOURS), Window(7, TimeUnit.DAYS)])])
        """,
    )
    repo.write(
        "group_bys/a/short.py",
        """
        from catena import *
        v1 = GroupBy(
            sources=EventSource(table="db.ev", topic="t", is_cumulative=False,
                query=Query(selects=["user", "amount"], timeColumn="ts",
                            startPartition="2026-01-01")),
            keys="user",
            aggregations=[Aggregation("amount", "sum", windows=["1h", Window(7, time_unit=1)])])
        """,
    )
    repo.write(
        "group_bys/a/z_style.py",
        """
        from ai.chronon.types import *
        source = Source(events=Source(events=EventSource("db.ev", "t", Query(
            selects("user", "amount"), time_column="ts", start_partition="2026-01-01"), False)))
        v1 = GroupBy(sources=[source], keys=["user"], aggregations=[Aggregation(
            input_column="amount", operation=Operation.SUM, windows=["1h", "7d"])])
        """,
    )
    confs = repo.compile().confs
    texts = {json.dumps(conf, sort_keys=True).replace(name, "NAME") for name, conf in (
        (c["metaData"]["name"], c) for c in confs.values())}  # fmt: skip
    assert len(confs) == 3 and len(texts) == 1


def test_extra_arguments_are_kept_in_custom_json(repo):
    repo.write(
        "group_bys/a/x.py",
        EVENTS
        + """
    v1 = GroupBy(sources=source, keys=["user"], team_note="hi", version=3,
                 aggregations=[Aggregation("amount")])
    """,
    )
    custom = json.loads(repo.conf("group_bys/a/x.v1")["metaData"]["customJson"])
    assert list(custom) == ["team_note", "version", "lag", "groupby_tags", "column_tags"]


def test_a_shared_source_is_not_changed_by_its_users(repo):
    repo.write(
        "group_bys/a/x.py",
        """
        from catena.api import *
        source = Source(events=EventSource(table="db.ev", query=Query(time_column="ts")))
        one = GroupBy(sources=source, keys=["a"], aggregations=[Aggregation("b")])
        two = GroupBy(sources=source, keys=["c"], aggregations=[Aggregation("d")])
        """,
    )
    confs = repo.compile().confs
    for path, columns in (("one", {"a": "a", "b": "b"}), ("two", {"c": "c", "d": "d"})):
        source = confs[f"group_bys/a/x.{path}"]["sources"][0]
        assert source["events"]["query"]["selects"] == columns


# -- names


def test_names_of_nested_modules_lists_and_anonymous_parts(repo):
    repo.write(
        "group_bys/a/deep/x.py",
        EVENTS
        + """
    def make(column):
        return GroupBy(sources=source, keys=["user"], aggregations=[Aggregation(column)])
    v1 = make("amount")
    many = [make("amount"), make("country")]
    by = {"c": make("country")}
    """,
    )
    repo.write(
        "joins/a/j.py",
        EVENTS
        + """
    from group_bys.a.deep.x import v1 as renamed
    v1 = Join(left=source, right_parts=[
        JoinPart(renamed), JoinPart(GroupBy(sources=source, keys=["user"],
                                            aggregations=[Aggregation("country")]))])
    """,
    )
    confs = repo.compile().confs
    assert sorted(confs) == [
        "group_bys/a/deep.x.by_c",
        "group_bys/a/deep.x.many_0",
        "group_bys/a/deep.x.many_1",
        "group_bys/a/deep.x.v1",
        "group_bys/a/j.v1_part1",
        "joins/a/j.v1",
    ]
    names = [p["groupBy"]["metaData"]["name"] for p in confs["joins/a/j.v1"]["joinParts"]]
    assert names == ["a.deep.x.v1", "a.j.v1_part1"]


def test_compiling_one_file_brings_what_it_is_made_of(repo):
    repo.write(
        "group_bys/a/x.py",
        EVENTS
        + """
    v1 = GroupBy(sources=source, keys=["user"], aggregations=[Aggregation("amount")])
    other = GroupBy(sources=source, keys=["user"], aggregations=[Aggregation("country")])
    """,
    )
    repo.write(
        "joins/a/j.py",
        EVENTS
        + """
    from group_bys.a import x
    v1 = Join(left=source, right_parts=[JoinPart(x.v1)])
    """,
    )
    result = repo.compile("joins/a/j.py")
    assert sorted(result.confs) == ["group_bys/a/x.v1", "joins/a/j.v1"]
    assert result.used_by == {"group_bys/a/x.v1": "a.j.v1"}


def test_two_definitions_of_one_name_are_refused(repo):
    repo.write(
        "joins/a/j.py",
        EVENTS
        + """
    def part(column):
        return JoinPart(GroupBy(name="a.same", sources=source, keys=["user"],
                                aggregations=[Aggregation(column)]))
    v1 = Join(left=source, right_parts=[part("amount")])
    v2 = Join(left=source, right_parts=[part("country")])
    """,
    )
    assert any("two different definitions are named a.same" in m for m in messages(repo.compile()))


# -- inference

CHAIN = (
    EVENTS
    + """
    ev = EventSource(table="db.ev", topic="t")
    a = GroupBy(sources=EventSource(table="db.scores"), keys=["user"],
                aggregations=[Aggregation("score", Operation.MAX, windows={windows})])
    parent = Join(left=ev, right_parts=[JoinPart(a)])
    v1 = GroupBy(sources=JoinSource(join=parent, query=Query(selects=select("user", x="{expr}"))),
                 keys=["user"], aggregations=[Aggregation("x")])
"""
)


def chain(repo, expr="score", windows=None, **left):
    repo.write("group_bys/a/x.py", CHAIN.format(expr=expr, windows=windows))
    repo.schema("db.scores", user="LONG", score="DOUBLE", ts="LONG")
    if left:
        repo.schema("db.ev", **left)
    return repo.compile()


LEFT = {"user": "LONG", "amount": "DOUBLE", "country": "STRING", "ts": "LONG"}


def test_bare_column_becomes_the_one_output_column(repo):
    result = chain(repo, expr="score * amount", **LEFT)
    assert messages(result) == []
    query = result.confs["group_bys/a/x.v1"]["sources"][0]["joinSource"]["query"]
    assert query["selects"]["x"] == "a_x_a_score_max * amount"
    assert query["timeColumn"] == "ts"


def test_ambiguous_bare_column_lists_the_candidates(repo):
    result = chain(repo, windows=["1h", "7d"], **LEFT)
    assert len(result.violations) == 1
    assert "a_x_a_score_max_1h, a_x_a_score_max_7d" in messages(result)[0]
    assert "group_bys/a/x.v1" not in result.confs
    assert "joins/a/x.parent" in result.confs


def test_bare_column_of_the_left_side_wins(repo):
    result = chain(repo, **{**LEFT, "score": "DOUBLE"})
    query = result.confs["group_bys/a/x.v1"]["sources"][0]["joinSource"]["query"]
    assert query["selects"]["x"] == "score"


def test_bare_column_without_a_schema_fails_with_the_remedy(repo):
    assert "schemas/db.ev.json" in messages(chain(repo))[0]


def test_unknown_column_of_a_parent_is_refused_with_a_hint(repo):
    found = messages(chain(repo, expr="amont", **LEFT))
    assert len(found) == 1 and 'did you mean "amount"' in found[0] and "x.py:" in found[0]


def part(repo, left, right, extra=""):
    repo.write(
        "joins/a/j.py",
        f"""
        from catena.api import *
        profile = EntitySource(snapshotTable="db.profile")
        v1 = Join(left=EventSource(table="db.ev"), right_parts=[JoinPart(profile{extra})])
        """,
    )
    if left:
        repo.schema("db.ev", **left)
    if right:
        repo.schema("db.profile", **right)
    return repo.compile()


def test_source_as_part_is_keyed_by_the_shared_column(repo):
    result = part(
        repo, {"user": "LONG", "ts": "LONG"}, {"user": "LONG", "age": "INT", "ts": "LONG"}
    )
    assert messages(result) == []
    group_by = result.confs["group_bys/a/j.profile"]
    assert group_by["keyColumns"] == ["user"] and "aggregations" not in group_by
    assert group_by["accuracy"] == 1


@pytest.mark.parametrize(
    "left,right,said",
    [
        ({"a": "LONG", "ts": "LONG"}, {"b": "LONG", "ts": "LONG"}, "share no column"),
        ({"a": "LONG", "b": "LONG", "ts": "LONG"}, {"a": "LONG", "b": "LONG"}, "columns a, b"),
        (None, {"a": "LONG"}, "schemas/db.ev.json"),
        ({"a": "LONG", "ts": "LONG"}, None, "schemas/db.profile.json"),
    ],
)
def test_source_as_part_without_one_key_is_refused(repo, left, right, said):
    result = part(repo, left, right)
    assert said in messages(result)[0] and result.confs == {}


def test_key_mapping_says_the_key(repo):
    columns = {"a": "LONG", "b": "LONG", "ts": "LONG"}
    result = part(repo, columns, columns, ', key_mapping={"a": "b"}')
    assert messages(result) == []
    assert result.confs["group_bys/a/j.profile"]["keyColumns"] == ["b"]


def test_event_source_as_part_takes_the_last_of_every_column(repo):
    repo.write(
        "joins/a/j.py",
        """
        from catena.api import *
        scores = EventSource(table="db.scores", topic="s")
        v1 = Join(left=EventSource(table="db.ev"), right_parts=[JoinPart(scores)])
        """,
    )
    repo.schema("db.ev", user="LONG", ts="LONG")
    repo.schema("db.scores", user="LONG", score="DOUBLE", ts="LONG")
    conf = repo.conf("group_bys/a/j.scores")
    assert [(a["inputColumn"], a["operation"]) for a in conf["aggregations"]] == [("score", 3)]
    assert conf["accuracy"] == 0


def test_accuracy_follows_the_topic_also_through_a_chain(repo):
    result = chain(repo, **LEFT)
    assert result.confs["group_bys/a/x.a"]["accuracy"] == 1
    assert result.confs["group_bys/a/x.v1"]["accuracy"] == 0


def test_schema_file_and_table_must_agree(repo):
    binary = repo.write(
        "bin/catena",
        """\
        #!/bin/sh
        echo '{"columns": [["user","LONG"],["amount","LONG"],["ds","STRING"]], "partitions": []}'
        """,
    )
    os.chmod(binary, 0o755)
    repo.write(
        "group_bys/a/x.py",
        EVENTS
        + """
    v1 = GroupBy(sources=source, keys=["user"], aggregations=[Aggregation("amount")])
    """,
    )
    learned = compiler.compile_repository(repo.root, [], binary=binary)
    assert learned.confs == {} and "no column `country`" in messages(learned)[0]
    repo.schema("db.ev", user="LONG", amount="DOUBLE")
    result = compiler.compile_repository(repo.root, [], binary=binary)
    assert any("amount: DOUBLE in the file, LONG in the table" in m for m in messages(result))

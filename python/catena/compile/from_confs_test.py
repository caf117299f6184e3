# SPDX-License-Identifier: Apache-2.0
"""Confs that Chronon compiled: extended by `catena`, otherwise unchanged."""

import json
import os

import pytest

from catena.compile import compiler, engine_object, sql
from catena.compile.__main__ import main
from catena.compile.conftest import NO_BINARY, PROJECT, TESTDATA

GOLDEN = os.path.join(TESTDATA, "golden")
SHARED = os.environ.get("CATENA_SHARED") or os.path.join(os.path.dirname(PROJECT), "shared")


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def check_folder(folder, repo):
    result = compiler.extend_confs(folder, repo, binary=NO_BINARY)
    assert [str(v) for v in result.violations] == []
    for path, conf in result.confs.items():
        extra = conf.pop("catena")
        assert conf == read(os.path.join(folder, path))
        assert extra["version"] == 1
        for _, text, _ in engine_object.expressions(conf):
            assert text in extra["sql"] or sql.is_plain_column(text)
    return result.confs


def test_golden_confs(tmp_path):
    assert len(check_folder(GOLDEN, str(tmp_path))) == 9


def test_chronon_samples(tmp_path):
    samples = os.path.join(SHARED, "chronon", "samples")
    if not os.path.isdir(samples):
        print(f"Chronon's samples are absent ({samples}; set CATENA_SHARED): not compared")
        return
    assert len(check_folder(samples, str(tmp_path))) == 41


def test_every_golden_case_of_the_shared_folder(tmp_path):
    golden = os.path.join(SHARED, "chronon", "golden")
    if not os.path.isdir(golden):
        print(f"the golden cases are absent ({golden}; set CATENA_SHARED): not compared")
        return
    assert len(check_folder(golden, str(tmp_path))) == 45


def test_relative_paths_are_kept_and_schemas_used(tmp_path, monkeypatch, repo):
    monkeypatch.setenv("CATENA_BIN", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    repo.schema("g_t19_sql_selects_wheres.ev", sc="STRING", dc="DOUBLE", ic="INT")
    arguments = ["--from", GOLDEN, "--repo", repo.root, "--output-root", "out"]
    assert main(arguments) == 0
    conf = read(os.path.join(repo.root, "out", "t19_sql_selects_wheres", "join.json"))
    assert list(conf["catena"]["schemas"]) == ["g_t19_sql_selects_wheres.ev"]
    expected = 'CASE WHEN ("dc" > 0) THEN ("dc" * 2) ELSE CAST(0.5 AS DOUBLE) END'
    assert conf["catena"]["sql"]["IF(dc > 0, dc * 2, 0.5)"] in (
        expected, expected.replace('("dc" * 2)', 'TRY("dc" * 2)'))  # fmt: skip


def test_an_untranslatable_conf_fails_alone(tmp_path, capsys, repo):
    case = read(os.path.join(GOLDEN, "u01_upload_temporal", "group_by.json"))
    repo.write("in/good.json", json.dumps(case))
    case["sources"][0]["events"]["query"]["wheres"] = ["my_udf(x) > 1", "SUM(x) > 1"]
    repo.write("in/bad.json", json.dumps(case))
    repo.write("in/broken.json", "{")
    repo.write("in/other.json", "[1]")
    out = os.path.join(repo.root, "out")
    assert main(["--from", os.path.join(repo.root, "in"), "--repo", repo.root,
                 "--output-root", out]) == 2  # fmt: skip
    captured = capsys.readouterr()
    assert os.listdir(out) == ["good.json"]
    assert "bad.json:1" in captured.err and "unknown function my_udf" in captured.err
    assert "wheres[1]" in captured.err and "broken.json:1: not JSON" in captured.err


@pytest.mark.parametrize("field,value", [("setups", ["CREATE TEMPORARY FUNCTION cell AS 'x.C'"]),
                                         ("createView", True)])  # fmt: skip
def test_a_staging_query_for_spark_only_stays_whole(repo, field, value):
    conf = {"metaData": {"name": "team.q"}, "query": "SELECT cell(a) AS b, ds FROM n.t",
            field: value}  # fmt: skip
    path = repo.write("q.json", json.dumps(conf))
    result = compiler.extend_confs(path, repo.root, binary=NO_BINARY)
    assert not result.violations
    extra = result.confs["q.json"].pop("catena")
    assert result.confs["q.json"] == conf and "query" not in extra
    assert [note.split(":")[0] for note in extra["inferred"]] == [field]


@pytest.mark.parametrize("text,said", [("[1]", "not a compiled conf"), ("{", "not JSON")])
def test_a_named_file_must_be_a_conf(repo, capsys, text, said):
    path = repo.write("x.json", text)
    assert main(["--from", path, "--repo", repo.root]) == 2
    assert said in capsys.readouterr().err


def test_confs_of_our_own_are_extended_again(repo):
    case = read(os.path.join(GOLDEN, "t19_sql_selects_wheres", "join.json"))
    old = {"version": 1, "sql": {}, "inferred": ["said"], "schemas": {"a.b": [["c", "INT"]]}}
    path = repo.write("x.json", json.dumps({**case, "catena": old}))
    conf = compiler.extend_confs(path, repo.root, binary=NO_BINARY).confs["x.json"]
    assert conf["catena"]["inferred"] == ["said"]
    assert conf["catena"]["schemas"] == {"a.b": [["c", "INT"]]}
    assert "ic IS NOT NULL" in conf["catena"]["sql"]


def test_an_object_catena_of_another_version_is_refused(repo, capsys):
    case = read(os.path.join(GOLDEN, "t19_sql_selects_wheres", "join.json"))
    path = repo.write("x.json", json.dumps({**case, "catena": {"version": 2}}))
    assert main(["--from", path, "--repo", repo.root]) == 2
    assert "catena.version: this catena reads version 1" in capsys.readouterr().err


def test_absent_folder(repo, capsys):
    assert main(["--from", "/nowhere/at/all", "--repo", repo.root]) == 2
    assert "no such file" in capsys.readouterr().err

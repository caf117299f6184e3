# SPDX-License-Identifier: Apache-2.0
"""The command as a user meets it: exit codes, messages, files; wrong and hostile inputs."""

import json
import os

import pytest

from catena.compile.__main__ import main

GOOD = """
from catena.api import *
v1 = GroupBy(sources=EventSource(table="db.ev", topic="t", query=Query(time_column="ts")),
             keys=["user"], aggregations=[Aggregation("amount", {operation}, windows=["1h"])],
             online=True)
"""


@pytest.fixture
def run(repo, capsys, monkeypatch):
    monkeypatch.setenv("CATENA_BIN", "")
    monkeypatch.setenv("PATH", os.path.join(repo.root, "nothing"))
    monkeypatch.chdir(repo.root)

    def call(*arguments):
        code = main(list(arguments))
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return code, captured.out, captured.err

    return call


def good(repo, operation="Operation.SUM"):
    repo.write("teams.json", '{"default": {"namespace": "d"}, "a": {"namespace": "ns"}}')
    repo.write("group_bys/a/x.py", GOOD.format(operation=operation))


def test_writes_confs_and_says_what_was_inferred(repo, run):
    good(repo)
    code, out, err = run()
    assert code == 0 and err == ""
    assert "written   production/group_bys/a/x.v1" in out
    assert "inferred: a.x.v1 is TEMPORAL" in out
    with open(os.path.join(repo.root, "production/group_bys/a/x.v1"), encoding="utf-8") as file:
        text = file.read()
    conf = json.loads(text)
    assert conf["metaData"]["outputNamespace"] == "ns" and conf["metaData"]["online"] == 1
    assert text == json.dumps(conf, indent=2, sort_keys=True) + "\n"
    assert run()[1].startswith("unchanged")
    assert not [f for _, _, files in os.walk(repo.root) for f in files if f.endswith(".pyc")]


def test_a_table_that_the_warehouse_lacks_is_said_where_one_is_near(repo, run, monkeypatch):
    script = "catena table describe: no such table, did you mean db.events?: $3"
    binary = repo.write("bin/catena", f'#!/bin/sh\necho "{script}" >&2\nexit 2\n')
    os.chmod(binary, 0o755)
    monkeypatch.setenv("CATENA_BIN", binary)
    good(repo)
    code, _, err = run()
    assert code == 0
    assert err == "warning: db.ev: no such table in the warehouse, did you mean db.events?\n"
    repo.write("group_bys/a/x.py", GOOD.format(operation="Operation.SUM").replace(
        'table="db.ev"', 'table="ns.a_x_v1"'))  # fmt: skip
    assert run("--force-overwrite")[2] == ""  # Its own, which a job will write.
    good(repo)
    repo.schema("db.ev", user="LONG", amount="DOUBLE", ts="LONG")
    assert run("--force-overwrite")[2] == ""


@pytest.mark.parametrize(
    "arguments", [["group_bys/a/x.py"], ["group_bys"], ["--conf", "group_bys/a/x.py"], ["."]]
)
def test_paths(repo, run, arguments):
    good(repo)
    assert run(*arguments)[0] == 0


def test_repository_from_elsewhere(repo, run, monkeypatch, tmp_path_factory):
    good(repo)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert run("--repo", repo.root, "--output-root", "out")[0] == 0
    assert os.path.exists(os.path.join(repo.root, "out/group_bys/a/x.v1"))
    assert run(repo.root)[0] == 0
    code, _, err = run()
    assert code == 2 and "pass --repo DIR" in err


def test_online_confs_are_not_replaced_by_others(repo, run):
    good(repo)
    assert run()[0] == 0
    good(repo, "Operation.MAX")
    code, _, err = run()
    assert code == 2 and "--force-overwrite" in err
    assert run("--force-overwrite")[0] == 0


def test_confs_whose_definition_is_gone(repo, run):
    good(repo)
    repo.write("group_bys/a/y.py", GOOD.format(operation="Operation.MAX").replace("True", "False"))
    assert run()[0] == 0
    path = os.path.join(repo.root, "production/group_bys/a/")
    os.unlink(os.path.join(repo.root, "group_bys/a/y.py"))
    code, _, err = run()
    assert code == 0
    assert err == ("warning: production/group_bys/a/y.v1: its definition is gone; --prune removes "
                   "it\n")
    assert run("group_bys/a/x.py")[2] == ""  # Of one file nobody knows what is gone.
    repo.write("group_bys/a/broken.py", "v1 =")
    assert "is gone" not in run("--prune")[2]
    os.unlink(os.path.join(repo.root, "group_bys/a/broken.py"))
    assert "y.v1: removed" in run("--prune")[2]
    assert os.listdir(path) == ["x.v1"]
    os.rename(os.path.join(repo.root, "group_bys/a/x.py"),
              os.path.join(repo.root, "group_bys/a/z.py"))
    assert "it is online" in run("--prune")[2]
    assert sorted(os.listdir(path)) == ["x.v1", "z.v1"]
    assert "x.v1: removed" in run("--prune", "--force-overwrite")[2]
    assert os.listdir(path) == ["z.v1"]


def test_json(repo, run):
    good(repo)
    repo.write("group_bys/a/bad.py", "import nothing_like_this\n")
    code, out, _ = run("--json")
    answer = json.loads(out)
    assert code == 2
    assert [c["name"] for c in answer["confs"]] == ["a.x.v1"]
    assert answer["errors"][0]["file"].endswith("bad.py") and answer["errors"][0]["line"] == 1


@pytest.mark.parametrize(
    "text,said,line",
    [
        ("def broken(:\n", "SyntaxError", 1),
        ("x = 1\nraise ValueError('no')\n", "ValueError: no", 2),
        ("import sys\nsys.exit(0)\n", "SystemExit", 2),
        ("from group_bys.a import missing\n", "ImportError", 1),
        ("def f():\n    return f()\nf()\n", "RecursionError", 2),
        ("x = 1\n\n1 / 0\n", "ZeroDivisionError", 3),
        ("raise BaseException\n", "no message", 1),
        ("\0", "SyntaxError", 1),
        ("# -*- coding: nonsense -*-\n", "SyntaxError", 1),
        ("from catena.api import *\nJoin(left=1, right_parts=[])\n", "left must be a Source", 2),
        ("from catena.api import *\nGroupBy()\n", "TypeError", 2),
    ],
)
def test_a_broken_file_is_one_line_and_the_others_compile(repo, run, text, said, line):
    good(repo)
    repo.write("group_bys/a/bad.py", text)
    code, out, err = run()
    assert code == 2 and "group_bys/a/x.v1" in out
    errors = [entry for entry in err.splitlines() if entry.startswith("error:")]
    assert len(errors) == 1
    assert f"group_bys/a/bad.py:{line}: " in errors[0] and said in errors[0]


def test_what_user_code_prints_does_not_spoil_json(repo, run):
    good(repo)
    repo.write("group_bys/a/loud.py", "print('hello')\n")
    code, out, err = run("--json")
    assert code == 0 and json.loads(out)["errors"] == [] and "hello" in err


def test_modules_that_import_each_other(repo, run):
    repo.write("group_bys/a/one.py", "from group_bys.a.two import y\nx = 1\n")
    repo.write("group_bys/a/two.py", "from group_bys.a.one import x\ny = 1\n")
    code, _, err = run()
    assert code == 2 and "circular import" in err and "two.py:1" in err


def test_a_join_made_from_itself(repo, run):
    repo.write(
        "joins/a/x.py",
        """
        from catena.api import *
        source = EventSource(table="db.ev", topic="t", query=Query(selects=select("user"),
                                                                   time_column="ts"))
        v1 = Join(left=source, right_parts=[])
        chained = GroupBy(sources=JoinSource(join=v1, query=Query(time_column="ts")),
                          keys=["user"], aggregations=None)
        v1.joinParts.append(JoinPart(chained))
        """,
    )
    code, _, err = run()
    assert code == 2 and "is made from itself" in err


@pytest.mark.parametrize(
    "path,text,said",
    [
        ("teams.json", "{", "not a teams file"),
        ("teams.json", "[]", "not a teams file"),
        ("teams.json", '{"aa": {}}', 'team "a" is not in teams.json'),
        ("schemas/db.ev.json", "{}", "not a schema"),
        ("schemas/db.ev.json", '[["user", "NUMBER"]]', "unknown type NUMBER"),
        ("schemas/db.ev.json", '[["user", "LONG"], ["ts", "LONG"]]', "no column `amount`"),
        ("group_bys/a/not-a-name.py", "x = 1", "not a module name"),
    ],
)
def test_wrong_files(repo, run, path, text, said):
    good(repo)
    repo.write(path, text)
    code, _, err = run()
    assert code == 2 and said in err


def test_wrong_arguments(repo, run, capsys):
    good(repo)
    assert "no such file" in run("group_bys/b.py")[2]
    assert "not inside the repository" in run("/")[2]
    assert "use --from" in run("teams.json")[2]
    assert "no such folder" in run("--repo", "nowhere")[2]
    with pytest.raises(SystemExit) as stop:
        main(["--frm", "x"])
    assert stop.value.code == 2
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0 and "catena compile --from" in capsys.readouterr().out


def test_place_that_cannot_be_written(repo, run):
    good(repo)
    repo.write("production", "a file, not a folder")
    code, _, err = run()
    assert code == 2 and "cannot be written" in err


def test_nothing_to_compile(repo, run):
    repo.write("group_bys/a/x.py", "")
    code, _, err = run()
    assert code == 2 and "no GroupBy, Join or StagingQuery found" in err

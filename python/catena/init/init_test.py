# SPDX-License-Identifier: Apache-2.0
"""The commands that `catena init` prints are run as they are."""

import json
import os
import pathlib
import subprocess

from catena import engine
from catena.init.__main__ import main


def test_what_it_prints_works(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["features"]) == 0
    printed = capsys.readouterr().out
    script = printed[printed.index("cd "):]
    binary = pathlib.Path(engine.find_binary()).resolve()
    env = {**os.environ, "PATH": f"{binary.parent}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], env=env, cwd=tmp_path,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1. join shop.rated_orders.v1 -> shop.shop_rated_orders_v1" in done.stdout
    answer = json.loads(done.stdout[done.stdout.rindex("\n{"):])
    features = answer["results"][0]["features"]
    taste = {name: value for name, value in features.items() if "rating" in name}
    assert len(taste) == 1 and all(1 <= value <= 5 for value in taste.values()), features


def test_it_overwrites_nothing(tmp_path, capsys):
    (tmp_path / "mine").write_text("kept")
    assert main([str(tmp_path)]) == 2
    assert "not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]

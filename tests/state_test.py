# SPDX-License-Identifier: Apache-2.0
"""The online store as a whole: listed, verified, copied into a file and into another kind of store;
what is fetched from the copy is what was fetched before, and the stream goes on from there."""

import json
import re
import shutil
import signal
import time

from feature_repository import CHAINED, FINAL, SIMPLE, FeatureRepository, conf_path, now_millis

MINUTE, HOUR = 60_000, 3_600_000


def payments(now: int, count: int) -> list[dict]:
    return [{"user_id": i % 5, "merchant_id": i % 3, "amount": i, "ts": now - MINUTE + i}
            for i in range(count)]


def stream(repository: FeatureRepository, records: int) -> None:
    process = repository.start("stream", "group-by-streaming", "--conf-path", conf_path(FINAL),
                               "--gate", "caught_up")
    repository.wait_until(lambda: "ready" in repository.log("stream").split("\n"), "ready", process,
                          "stream")
    repository.wait_until(
        lambda: all(repository.health()[name]["counts"]["folded"] == records
                    for name in (CHAINED, SIMPLE)), "all are folded", process, "stream")
    assert "topic partition" in repository.run("state", "ls")  # Beside the stream, which owns it.
    code, _, errors = repository.ask("state", "snapshot", "busy.snapshot")
    assert code == 75 and not (repository.folder / "busy.snapshot").exists(), errors
    repository.terminate(process)


def fetched(repository: FeatureRepository, at_millis: int) -> list[dict]:
    keys = [{"user_id": user, "merchant_id": 1} for user in range(5)]
    return repository.fetch("join", FINAL, keys, at_millis)


def test_a_store_moves_through_a_file(tmp_path, redis_server):
    now = now_millis()
    (tmp_path / "first").mkdir()
    with FeatureRepository(tmp_path / "first") as first:
        first.create_topics()
        first.produce(first.risks, "merchant_id",
                      [{"merchant_id": merchant, "score": merchant / 4, "ts": now - 2 * MINUTE}
                       for merchant in range(3)])
        first.produce(first.payments, "user_id", payments(now, 40))
        stream(first, 40)
        expected = fetched(first, now)
        assert expected[1]["features"]

        listed = {each["group_by"]: each for each in json.loads(first.run("state", "ls", "--json"))}
        partitions = listed["t_user_spend_v1"]["partitions"]
        assert sum(each["consumed"] for each in partitions) == 40
        verified = first.run("state", "verify")
        assert verified.count(": sound") == 3 and "BROKEN" not in verified
        assert "compacted" in first.run("state", "compact")
        assert fetched(first, now) == expected
        assert "values" in first.run("state", "snapshot", "state.snapshot")

        (tmp_path / "second").mkdir()
        kv = f"redis://{redis_server.address}?prefix={tmp_path.name}"
        with FeatureRepository(tmp_path / "second", kv=kv) as second:
            shutil.copytree(first.folder / "topics", second.folder / "topics")
            snapshot = first.folder / "state.snapshot"
            assert "restored" in second.run("state", "restore", snapshot)
            assert fetched(second, now) == expected
            assert second.run("state", "verify").count(": sound") == 3
            code, _, errors = second.ask("state", "restore", snapshot)
            assert code == 2 and "empty" in errors
            second.produce(second.payments, "user_id", payments(now, 10))
            process = second.start("stream", "group-by-streaming", "--conf-path", conf_path(SIMPLE))
            second.wait_until(lambda: second.health()[SIMPLE]["counts"]["folded"] == 50,
                              "the new ones are folded", process, "stream")
            assert second.terminate(process)[0] == 128 + signal.SIGTERM


def values_of(verified: str, dataset: str) -> int:
    return int(re.search(rf"(\d+) values .* t_user_spend_v1_STREAMING/{dataset}$", verified,
                         re.MULTILINE)[1])


def iso(millis: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(millis // 1000))


def rows_kept_from(repository: FeatureRepository) -> str:
    listed = json.loads(repository.run("state", "ls", "--json"))
    group_by = next(each for each in listed if each["group_by"] == "t_user_spend_v1")
    return group_by["retention"]["rows_kept_from"]


def test_what_no_read_asks_for_any_more_goes(tmp_path):
    """Three days of one user, a payment an hour: windows reach a day back, rows stay two hours."""
    now = now_millis()
    with FeatureRepository(tmp_path) as repository:
        repository.create_topics(1, 1)
        repository.produce(repository.payments, "user_id", [
            {"user_id": 1, "merchant_id": 1, "amount": hour, "ts": now - hour * HOUR}
            for hour in range(72, 0, -1)], "--append-time-field", "ts")
        process = repository.start("stream", "group-by-streaming", "--conf-path", conf_path(SIMPLE))
        repository.wait_until(lambda: "ready" in repository.log("stream").split("\n"), "ready",
                              process, "stream")
        repository.wait_until(lambda: rows_kept_from(repository) > iso(now - 4 * HOUR),
                              "retention moves", process, "stream")
        repository.terminate(process)
        expected = repository.fetch("group-by", SIMPLE, [{"user_id": 1}], now)
        assert repository.run("state", "compact").count("kept whole") == 0
        assert repository.fetch("group-by", SIMPLE, [{"user_id": 1}], now) == expected
        verified = repository.run("state", "verify")
        assert values_of(verified, "raw") <= 3
        assert 24 <= values_of(verified, "1h") <= 29
        assert values_of(verified, "1d") in (3, 4), "an unwindowed sum needs all of them"
        (repository.folder / conf_path(SIMPLE)).unlink()
        assert "kept whole: no conf" in repository.run("state", "compact", "--conf-path",
                                                       conf_path(CHAINED))


def test_what_is_not_there_is_said(tmp_path):
    with FeatureRepository(tmp_path) as repository:
        for verb in (["ls"], ["verify"], ["snapshot", "x"], ["compact"]):
            code, _, errors = repository.ask("state", *verb)
            assert code == 1 and "catena group-by-upload" in errors, verb
        code, _, errors = repository.ask("state", "restore", "absent.snapshot")
        assert code == 2 and "absent.snapshot" in errors

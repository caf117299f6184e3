# SPDX-License-Identifier: Apache-2.0
"""Records that a stream cannot take: kept with their reasons, seen, repaired, sent again once."""

import json
import signal

from feature_repository import SIMPLE, FeatureRepository, conf_path, now_millis

HOUR = 3_600_000


def stream(repository: FeatureRepository, *flags):
    process = repository.start("stream", "group-by-streaming", "--conf-path", conf_path(SIMPLE),
                               *flags)

    repository.wait_until(lambda: "ready" in repository.log("stream").split("\n"), "ready", process,
                          "stream")

    def dealt_with() -> bool:
        chain = repository.health().get(SIMPLE)
        records = len(repository.topic_rows(repository.payments))
        return chain is not None and sum(
            chain["counts"][count] for count in ("folded", "dead_lettered")) == records
    repository.wait_until(dealt_with, "every record is folded or a dead letter", process, "stream")
    counts = repository.health()[SIMPLE]["counts"]
    assert repository.terminate(process)[0] == 128 + signal.SIGTERM
    return counts


def letters(repository: FeatureRepository) -> dict:
    return {pile["topic"]: pile for pile in json.loads(repository.run("dlq", "ls", "--json"))}


def test_dead_letters_are_seen_repaired_and_sent_again(tmp_path):
    with FeatureRepository(tmp_path) as repository:
        repository.create_topics()
        now = now_millis()
        rows = [{"user_id": 1, "merchant_id": 1, "amount": 5, "ts": now - 1000},
                {"user_id": 2, "merchant_id": 1, "amount": 7, "ts": now + HOUR // 2},
                {"user_id": 3, "merchant_id": 1, "amount": "much", "ts": now - 500}]
        repository.produce(repository.payments, "user_id", rows)
        repository.run("topic", "produce", repository.payments, "--raw", text="no JSON\n")
        counts = stream(repository)
        assert (counts["folded"], counts["dead_lettered"]) == (1, 3)

        pile = letters(repository)[repository.payments]
        assert (pile["letters"], pile["replayed"]) == (3, 0)
        assert sum(pile["reasons"].values()) == 3
        listed = repository.run("dlq", "ls")
        assert "3 dead letters, 0 of them replayed" in listed and "max_future_skew_ms" in listed
        shown = [json.loads(line) for line in
                 repository.run("dlq", "show", repository.payments).splitlines()]
        assert {row["user_id"] for row in shown if "_raw" not in row} == {2, 3}
        assert [row["_raw"] for row in shown if "_raw" in row] == ["no JSON"]
        assert all(row["_reason"] for row in shown)
        assert len(repository.run("dlq", "show", repository.payments, "--limit", 1)
                   .splitlines()) == 1

        assert "replayed 3 dead letters" in repository.run("dlq", "replay", repository.payments)
        assert "replayed 0 dead letters" in repository.run("dlq", "replay", repository.payments)
        counts = stream(repository, "-Z", f"max_future_skew_ms={HOUR}")
        assert (counts["folded"], counts["dead_lettered"]) == (2, 5)
        pile = letters(repository)[repository.payments]
        assert (pile["letters"], pile["replayed"]) == (5, 3)
        assert repository.fetch("group-by", SIMPLE, [{"user_id": 2}], now + 2 * HOUR)[0][
            "features"]["amount_sum"] == 7


def test_what_is_not_there_is_said(tmp_path):
    with FeatureRepository(tmp_path) as repository:
        code, _, errors = repository.ask("dlq", "ls")
        assert code == 1 and "catena group-by-streaming" in errors
        repository.create_topics()
        code, _, errors = repository.ask("dlq", "show", repository.payments, "--limit", "0")
        assert code == 2

# SPDX-License-Identifier: Apache-2.0
"""Streaming, serving, fetching, monitoring, archiving and uploading on one embedded store at once.

    three days of history in tables, yesterday and today in topics, an upload of the day before
    yesterday; then `catena serve --stream` owns the store and everything else works beside it
"""

import csv
import json
import random
import signal
import threading
import time

import pytest
from feature_repository import (CHAINED, FINAL, RISK, SIMPLE, FeatureRepository, Http, conf_path,
                                now_millis)

SEED = 20261121
USERS, MERCHANTS = 20, 8
PARENT = "t.enriched.v1"
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
JOIN_PATH = f"/v1/features/join/{FINAL}"
CHAINED_PATH = f"/v1/features/groupby/{CHAINED}"
KEYS = [{"user_id": user, "merchant_id": user % MERCHANTS} for user in range(USERS)]
METRICS = {"join.input.rate", "join.output.rate", "join.latency.p99", "groupby.input.lag",
           "groupby.state.size", "groupby.window.updates", "chain.total.latency",
           "chain.data.quality"}
BEHIND = "Chain broken: GroupBy falling behind"
SLOW = "Chain slow: High end-to-end latency"


def day_name(millis: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(millis // 1000))


def random_rows(rng: random.Random, count: int, begin: int, end: int) -> list[dict]:
    """Payments and risks of [begin, end), no two at one instant, in order of time."""
    rows = []
    for moment in sorted(rng.sample(range(begin, end), min(count, end - begin))):
        row = {"merchant_id": rng.randrange(MERCHANTS), "ts": moment}
        if rng.random() < 0.25:
            row["score"] = None if rng.random() < 0.05 else rng.randrange(101) / 100
        else:
            row |= {"user_id": rng.randrange(USERS), "amount": round(rng.uniform(-9, 99), 2)}
        rows.append(row)
    return rows


def load(repository: FeatureRepository, table: str, rows: list[dict]) -> None:
    file = repository.folder / f"{table}.csv"
    with open(file, "w", newline="") as out:
        writer = csv.DictWriter(out, [*rows[0], "ds"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | {"ds": day_name(row["ts"])} for row in rows)
    repository.run("table", "load", file, table)


def split(rows: list[dict]) -> dict[str, list[dict]]:
    return {"t.payments": [row for row in rows if "user_id" in row],
            "t.risk": [row for row in rows if "score" in row]}


def upload(repository: FeatureRepository, day: str) -> None:
    for name in (RISK, CHAINED, SIMPLE):
        repository.run("group-by-upload", "--conf-path", conf_path(name), "--end-date", day)


@pytest.fixture(scope="module")
def uploaded(tmp_path_factory):
    """History in tables and topics, one generation uploaded, nothing streams yet."""
    rng = random.Random(SEED)
    with FeatureRepository(tmp_path_factory.mktemp("integration")) as repository:
        now = now_millis()
        repository.midnight = now // DAY * DAY
        yesterday = repository.midnight - DAY
        for table, rows in split(random_rows(rng, 900, yesterday - 2 * DAY, yesterday)).items():
            load(repository, table, rows)
        repository.create_topics()
        live = split(random_rows(rng, 500, yesterday, now - 3 * HOUR)
                     + random_rows(rng, 600, now - 3 * HOUR, now))
        repository.produce("risk-events", "merchant_id", live["t.risk"],
                           "--append-time-field", "ts")
        repository.produce("payment-events", "user_id", live["t.payments"],
                           "--append-time-field", "ts")
        upload(repository, day_name(yesterday - DAY))
        yield repository


@pytest.fixture(scope="module")
def serving(uploaded):
    """The one-process form: it owns the store."""
    process = uploaded.start("serve", "serve", "--stream", conf_path(FINAL), "--port", "0")
    server = Http(uploaded, process, "serve")
    uploaded.wait_until(server.ready, "ready", process, "serve")
    uploaded.server, uploaded.process = server, process
    yield uploaded


def test_what_nobody_streams_yet_is_served_and_called_incomplete(uploaded):
    process = uploaded.start("serve-alone", "serve", "--port", "0")
    server = Http(uploaded, process, "serve-alone")
    status, headers, text = server.ask("POST", JOIN_PATH, KEYS[:2])
    assert status == 200
    assert headers["X-Catena-Incomplete"] == ",".join((CHAINED, SIMPLE, RISK))
    result = json.loads(text)["results"][0]
    assert result["status"] == "Success" and result["entityKeys"] == KEYS[0]
    assert set(result["incomplete"].values()) == {"no_stream"}
    assert result["features"]["t_user_spend_v1_amount_count"] > 0
    code, _ = uploaded.terminate(process)
    assert code == 128 + signal.SIGTERM


class Together:
    """Work in threads, each again and again until the block ends; what one raised is raised."""

    def __init__(self, *work):
        self.stopping = threading.Event()
        self.errors, self.rounds = [], [0] * len(work)
        self.threads = [threading.Thread(target=self.repeat, args=each) for each in enumerate(work)]

    def repeat(self, index: int, work) -> None:
        try:
            while not self.stopping.is_set():
                work()
                self.rounds[index] += 1
        except Exception as error:  # Told in the thread that waits, whatever it was.
            self.errors.append(error)

    def __enter__(self) -> "Together":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, kind, *_) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        if kind is None:
            assert self.errors == [] and min(self.rounds) >= 3, (self.errors, self.rounds)


def start_live_payments(repository: FeatureRepository, rate: str, log: str = "producer"):
    rng = random.Random(SEED)
    file = repository.folder / "live.ndjson"
    file.write_text("".join(
        json.dumps({"user_id": rng.randrange(USERS), "merchant_id": rng.randrange(MERCHANTS),
                    "amount": round(rng.uniform(-9, 99), 2)}) + "\n" for _ in range(60_000)))
    return repository.start(log, "topic", "produce", "payment-events", file, "--key", "user_id",
                            "--rate", rate, "--now-field", "ts")


def nothing_waits(repository: FeatureRepository) -> bool:
    return all(chain["records_waiting"] == 0 for chain in repository.health().values())


def asked_of(rng: random.Random, begin: int, end: int, count: int) -> list[dict]:
    return [{"user_id": rng.randrange(USERS + 1), "merchant_id": rng.randrange(MERCHANTS + 1),
             "ts": moment} for moment in sorted(rng.sample(range(begin, end), count))]


def backfilled(repository: FeatureRepository, asked: list[dict]) -> list[dict]:
    """The features of each row of the spine, from the tables alone."""
    load(repository, "t.spine", asked)
    repository.run("join", "--conf-path", conf_path(FINAL), "--start-partition-override",
                   day_name(asked[0]["ts"]), "--end-date", day_name(asked[-1]["ts"]))
    table = repository.run("sql", "--json", "SELECT * FROM t.t_final_v1 ORDER BY ts")
    return [json.loads(line) for line in table.splitlines()]


def test_everything_at_once_agrees_with_the_backfill(serving):
    rng = random.Random(SEED)
    beside = Http(serving, serving.process, "serve")
    producer = start_live_payments(serving, "150/s")

    def fetch_over_http() -> None:
        results = beside.results(JOIN_PATH, rng.sample(KEYS, 5))
        assert [result["status"] for result in results] == ["Success"] * 5

    def fetch_from_the_command_line() -> None:
        results = serving.fetch("group-by", CHAINED, KEYS[:3], now_millis())
        assert [result["status"] for result in results] == ["Success"] * 3

    def watch() -> None:
        chains = serving.health()
        assert set(chains) == {CHAINED, SIMPLE, RISK}
        for chain in chains.values():
            assert set(chain["metrics"]) == METRICS and not chain["stale"]
            assert "problem" not in chain

    with Together(fetch_over_http, fetch_from_the_command_line, watch):
        moment = now_millis() - 100
        before = serving.server.results(f"{JOIN_PATH}?atMillis={moment}", KEYS)
        serving.run("topic", "archive", "risk-events", "--table", "t.risk")
        serving.run("topic", "archive", "payment-events", "--table", "t.payments")
        upload(serving, day_name(serving.midnight - DAY))
        # Across the switch of generations the past does not change.
        assert serving.server.results(f"{JOIN_PATH}?atMillis={moment}", KEYS) == before
        assert serving.fetch("join", FINAL, KEYS, moment) == before
        assert not any("incomplete" in row for row in before)
        time.sleep(1.5)
    assert serving.health()[CHAINED]["metrics"]["join.output.rate"] > 0
    serving.terminate(producer)
    serving.wait_until(lambda: nothing_waits(serving), "nothing waits", serving.process, "serve")

    serving.run("topic", "archive", "payment-events", "--table", "t.payments")
    now = now_millis()
    asked = asked_of(rng, now - 100 * MINUTE, now, 250) + asked_of(rng, now - 4000, now, 50)
    asked.sort(key=lambda row: row["ts"])
    expected = backfilled(serving, asked)
    requests = [{"keys": {key: row[key] for key in ("user_id", "merchant_id")},
                 "atMillis": row["ts"]} for row in asked]
    answers = serving.server.results(JOIN_PATH, {"requests": requests})
    assert len(expected) == len(answers) == 300
    nonnull = 0
    for row, answer in zip(expected, answers):
        assert answer["status"] == "Success" and "incomplete" not in answer
        assert answer["features"] == {name: row[name] for name in answer["features"]}, row
        nonnull += sum(value is not None for value in answer["features"].values())
    assert nonnull > 0.7 * 300 * len(answers[0]["features"])


def test_the_owner_is_named_when_a_second_one_comes(serving):
    code, _, errors = serving.ask("group-by-streaming", "--conf-path", conf_path(CHAINED))
    assert code == 75 and len(errors.strip().splitlines()) == 1, errors


@pytest.mark.parametrize(("path", "body", "status", "says"), [
    (JOIN_PATH, b"{", 400, "line 1"),
    (JOIN_PATH, b"", 400, ""),
    (JOIN_PATH, [], 400, "at least one key map"),
    (JOIN_PATH, {"user_id": 1}, 400, "requests"),
    (JOIN_PATH, [7], 400, "requests[0]"),
    (JOIN_PATH, [{"user_id": "x", "merchant_id": 1}], 400, "user_id"),
    (CHAINED_PATH, [{"merchant_id": 1}], 400, "lacks user_id"),
    (f"{CHAINED_PATH}?atMillis=yesterday", [{"user_id": 1}], 400, "atMillis"),
    (f"{CHAINED_PATH}?atMilis=5", [{"user_id": 1}], 400, "atMillis"),
    (f"{CHAINED_PATH}?atMillis=1000000000001", [{"user_id": 1}], 400, "older than what is kept"),
    ("/v1/features/join/t.finale.v1", [{"user_id": 1}], 404, "did you mean t.final.v1"),
    ("/v1/features/groupby/../../etc", [{"user_id": 1}], 400, "name of a GroupBy"),
    ("/v1/nothing", [], 404, "openapi.json"),
    (JOIN_PATH, b"[" * 100_000, 400, ""),
])
def test_a_wrong_request_is_answered_with_what_is_wrong(serving, path, body, status, says):
    got, _, text = serving.server.ask("POST", path, body)
    answer = json.loads(text)
    assert (got, says in answer["error"]) == (status, True), text
    assert answer["code"]


def test_http_answers_rows_and_parts_one_by_one(serving):
    server = serving.server
    rows = server.results(CHAINED_PATH, [{"user_id": 1}, {"user_id": "2"}, {}, {"user_id": None},
                                         {"user_id": 99_999}])
    assert [row["status"] for row in rows] == ["Success", "Success", "Failure", "Success",
                                               "Success"]
    assert rows[0]["features"]["risk_count"] > 0 and "lacks user_id" in rows[2]["error"]
    assert set(rows[3]["features"].values()) == set(rows[4]["features"].values()) == {None}
    moment = now_millis() - 30 * MINUTE
    as_of = server.results(f"{CHAINED_PATH}?atMillis={moment}", KEYS)
    one_by_one = server.results(CHAINED_PATH, {"requests": [
        {"keys": keys, "atMillis": moment} for keys in KEYS]})
    assert as_of == one_by_one != server.results(CHAINED_PATH, KEYS)
    assert server.results(f"/v1/features/join/{FINAL.replace('.', '/', 1)}", KEYS)[0]["features"]
    assert server.ask("GET", JOIN_PATH)[0] == 405
    assert server.ask("GET", "/healthz")[0] == server.ask("GET", "/readyz")[0] == 200
    assert set(json.loads(server.ask("GET", "/v1/joins")[2])["joins"]) == {FINAL, PARENT}
    chains = json.loads(server.ask("GET", "/v1/chain")[2])["chains"]
    assert {chain["group_by"] for chain in chains} == {CHAINED, SIMPLE, RISK}
    metrics = server.ask("GET", "/metrics")[2]
    for name in ("catena_build_info", "catena_chain_metric", "catena_alert", "catena_up",
                 "catena_http_requests_total", "catena_events_total"):
        assert f"\n{name}{{" in metrics, name
    assert "/v1/features/join/{name}" in json.loads(server.ask("GET", "/openapi.json")[2])["paths"]


def test_sigterm_stops_cleanly_under_load_and_the_rest_goes_on_later(serving):
    producer = start_live_payments(serving, "300/s")
    time.sleep(0.5)
    code, seconds = serving.terminate(serving.process)
    assert code == 128 + signal.SIGTERM and seconds <= 10
    time.sleep(0.5)
    serving.terminate(producer)
    assert not nothing_waits(serving)
    # Nobody owns the store now: reading and uploading work without an owner.
    assert serving.fetch("join", FINAL, KEYS, now_millis())[0]["status"] == "Success"
    serving.run("group-by-upload", "--conf-path", conf_path(SIMPLE), "--end-date",
                day_name(serving.midnight - DAY))
    process = serving.start("again", "group-by-streaming", "--conf-path", conf_path(FINAL))
    serving.wait_until(lambda: nothing_waits(serving), "nothing waits", process, "again")
    assert len(serving.topic_rows("payment-events")) == sum(
        partition["end_offset"] for partition in json.loads(
            serving.run("topic", "describe", "payment-events", "--json"))["partitions"])
    code, seconds = serving.terminate(process)
    assert code == 128 + signal.SIGTERM and seconds <= 10


def firing(chains: dict[str, dict]) -> set[str]:
    return {alert["text"] for alert in chains.get(CHAINED, {}).get("alerts", [])}


@pytest.fixture
def watched(tmp_path):
    """A chain whose alerts fire after seconds, under live traffic."""
    settings = "monitor:\n  lag_alert_millis: 1500\n  latency_alert_millis: 1000\n"
    with FeatureRepository(tmp_path, settings) as repository:
        repository.create_topics(2, 1)
        repository.stream = lambda: repository.start(
            "stream", "group-by-streaming", "--conf-path", conf_path(CHAINED))
        producer = start_live_payments(repository, "50/s")
        process = repository.stream()
        repository.wait_until(lambda: "folded into" in repository.log("stream"), "it has begun",
                              process, "stream")
        # What a stream reports is readable at once, and there after its death when it committed it.
        repository.wait_until(lambda: repository.health().get(CHAINED, {}).get("counts", {}).get(
            "folded", 0) > 200, "it has committed", process, "stream")
        yield repository, process
        repository.terminate(producer)


def test_both_alerts_fire_while_the_consumer_hangs_and_clear_after_it(watched):
    repository, process = watched
    repository.wait_until(lambda: firing(repository.health()) == set(), "quiet at first")
    beside = repository.start("serve", "serve", "--port", "0")
    server = Http(repository, beside, "serve")
    process.send_signal(signal.SIGSTOP)
    repository.wait_until(lambda: firing(repository.health()) == {BEHIND, SLOW}, "both fire")
    stalled = repository.health()[CHAINED]
    assert stalled["metrics"]["groupby.input.lag"] > 1500 and stalled["records_waiting"] > 0
    shown = {chain["group_by"]: chain
             for chain in json.loads(server.ask("GET", "/v1/chain")[2])["chains"]}
    assert firing(shown) == {BEHIND, SLOW}
    assert f'catena_alert{{alert="{BEHIND}",group_by="{CHAINED}"}} 1' in server.ask(
        "GET", "/metrics")[2]
    process.send_signal(signal.SIGCONT)
    repository.wait_until(lambda: firing(repository.health()) == set(), "both clear", process,
                          "stream")
    repository.terminate(beside)
    repository.terminate(process)


def test_both_alerts_fire_while_the_consumer_is_dead_and_clear_after_it(watched):
    repository, process = watched
    repository.kill(process)
    repository.wait_until(lambda: firing(repository.health()) == {BEHIND, SLOW}, "both fire")
    process = repository.stream()
    repository.wait_until(lambda: firing(repository.health()) == set(), "both clear", process,
                          "stream")
    repository.terminate(process)


def test_a_stopped_command_tells_what_is_missing(tmp_path):
    """Before anything was streamed or uploaded, every reader says what would make it work."""
    with FeatureRepository(tmp_path) as repository:
        for arguments in (("fetch", "--name", FINAL, "--key-json", "{}"), ("monitor",),
                          ("serve", "--port", "0"),
                          ("group-by-streaming", "--conf-path", conf_path(FINAL))):
            code, _, errors = repository.ask(*arguments)
            assert code in (1, 2, 75) and len(errors.strip().splitlines()) == 1, (arguments, errors)

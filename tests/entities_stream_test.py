# SPDX-License-Identifier: Apache-2.0
"""A table of a database in change records, streamed, killed, archived: two ways to one answer.

    change records  ->  stream, kill -9 at random moments   ->  fetch at t
                    ->  topic archive  ->  mutation table   ->  backfill at t

Yesterday's changes come over a snapshot of the day before, in one topic of Debezium's envelopes.
"""

import csv
import datetime
import json
import random
import signal
import time

from feature_repository import FeatureRepository, now_millis

SEED = 20261127
KILLS = 4
DAY = 86_400_000
TOPIC = "item-changes"
ADDRESS = f"{TOPIC}/envelope=debezium"
STOCK, ASKED = "t.stock.v1", "t.asked.v1"
COLUMNS = [["item", "LONG"], ["shop", "LONG"], ["units", "LONG"], ["label", "STRING"],
           ["created", "LONG"]]
CHANGES = [*COLUMNS, ["mutation_ts", "LONG"], ["is_before", "BOOLEAN"]]
SPINE = [["shop", "LONG"], ["ts", "LONG"]]


def write_confs(repository: FeatureRepository) -> None:
    shapes = {"t.items": COLUMNS, "t.item_changes": CHANGES, "t.spine": SPINE}
    for table, columns in shapes.items():
        (repository.folder / "schemas" / f"{table}.json").write_text(json.dumps(columns))
    selects = {name: name for name in ("shop", "units", "label")}
    stock = {
        "metaData": {"name": STOCK, "outputNamespace": "t", "team": "t"}, "accuracy": 0,
        "keyColumns": ["shop"],
        "aggregations": [{"inputColumn": "units", "operation": operation}
                         for operation in (0, 1, 6, 7, 8)] + [
            {"inputColumn": "label", "operation": 3},
            {"inputColumn": "label", "operation": 17},
            {"inputColumn": "units", "operation": 7, "windows": [{"length": 1, "timeUnit": 0}]}],
        "sources": [{"entities": {
            "snapshotTable": "t.items", "mutationTable": "t.item_changes",
            "mutationTopic": ADDRESS, "query": {"timeColumn": "created", "selects": selects}}}]}
    asked = {"metaData": {"name": ASKED, "outputNamespace": "t", "team": "t"},
             "left": {"events": {"table": "t.spine", "query": {"timeColumn": "ts"}}},
             "joinParts": [{"groupBy": stock}]}
    engine = {"catena": {"version": 1, "sql": {}, "schemas": shapes, "inferred": []}}
    for path, conf in (("group_bys/t/stock.v1", stock), ("joins/t/asked.v1", asked)):
        (repository.folder / "production" / path).parent.mkdir(parents=True, exist_ok=True)
        (repository.folder / "production" / path).write_text(json.dumps(conf | engine))


def load(repository: FeatureRepository, table: str, columns: list, rows: list[dict]) -> None:
    path = repository.folder / f"{table}.csv"
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, ["ds", *(name for name, _ in columns)])
        writer.writeheader()
        writer.writerows(rows)
    repository.run("table", "load", path, table)


def item(chance: random.Random, number: int, created: int) -> dict:
    return {"item": number, "shop": chance.randrange(3), "units": chance.randrange(-5, 30),
            "label": chance.choice("abc"), "created": created}


def changes(chance: random.Random, state: dict[int, dict], start: int, count: int) -> list[dict]:
    """Inserts, updates and deletes over a day, from `state`; every image told as it was."""
    records = []
    for i, at in enumerate(sorted(chance.randrange(start, start + DAY) for _ in range(count))):
        number = chance.randrange(30)
        before = state.pop(number, None)
        after = None
        if before is None or chance.random() < 0.7:
            after = state[number] = item(chance, number, at - 7 * i)
        operation = "c" if before is None else "u" if after else "d"
        record = {"op": operation, "before": before, "after": after,
                  "ts_ms": at + 5000, "source": {"ts_ms": at, "table": "items"}}
        records.append({"payload": record} if i % 2 else record)
    return records


COMMAND = ("group-by-streaming", "--conf-path", "production/group_bys/t/stock.v1",
           "-Z", f"as_of_retention_ms={3 * DAY}")


def stream_to_the_end(repository: FeatureRepository, name: str) -> dict:
    """What is counted when it is ready and stopped."""
    process = repository.start(name, *COMMAND)
    repository.wait_until(lambda: "ready" in repository.log(name).split("\n"), "ready", process,
                          name)
    assert repository.terminate(process)[0] == 128 + signal.SIGTERM
    return repository.health()[STOCK]["counts"]


def stream_with_kills(repository: FeatureRepository, records: list[dict],
                      chance: random.Random) -> dict:
    """Every record appended while the stream is started and killed; what is counted at the end."""
    share = -(-len(records) // KILLS)
    for part in range(KILLS):
        process = repository.start("stream", *COMMAND)
        repository.produce(TOPIC, "op", records[part * share:(part + 1) * share])
        if part:
            time.sleep(chance.random() / 5)
        repository.kill(process)
    return stream_to_the_end(repository, "last")


def features_of(row: dict) -> dict:
    """Of a row of the Join, under the GroupBy's own names."""
    prefix = "t_stock_v1_"
    return {name.removeprefix(prefix): value for name, value in row.items()
            if name.startswith(prefix)}


def expect_fetched(repository: FeatureRepository, batch: list[dict]) -> None:
    """What a backfill answers, for every row."""
    answered = 0
    for row in batch:
        fetched, = repository.fetch("group-by", STOCK, [{"shop": row["shop"]}], row["ts"])
        assert "incomplete" not in fetched, fetched
        expected = features_of(row)
        assert fetched["features"] == expected, (row["shop"], row["ts"])
        answered += expected["units_count"] is not None
    assert answered > len(batch) / 2


def test_a_stream_that_is_killed_says_what_the_archived_changes_say(tmp_path):
    chance = random.Random(SEED)
    yesterday = now_millis() // DAY * DAY - DAY
    day, day_before = (datetime.date(1970, 1, 1) + datetime.timedelta(milliseconds=at)
                       for at in (yesterday, yesterday - DAY))
    with FeatureRepository(tmp_path) as repository:
        write_confs(repository)
        repository.run("topic", "create", TOPIC, "--partitions", 2)
        state = {n: item(chance, n, yesterday - 1000 * n - 1) for n in range(20)}
        load(repository, "t.items", COLUMNS,
             [row | {"ds": day_before.isoformat()} for row in state.values()])
        repository.run("group-by-upload", "--conf-path", "production/group_bys/t/stock.v1",
                       "--end-date", day_before.isoformat())
        records = changes(chance, state, yesterday, 400)
        counts = stream_with_kills(repository, records, chance)
        images = sum((r.get("payload") or r)[side] is not None
                     for r in records for side in ("before", "after"))
        assert (counts["folded"], counts["consumed"], counts["dead_lettered"]) == (
            images, images, 0)
        assert repository.run("state", "verify").count(": sound") == 1

        repository.run("topic", "archive", ADDRESS, "--table", "t.item_changes",
                       "--time-field", "mutation_ts")
        asked = [{"shop": chance.randrange(4), "ts": yesterday + chance.randrange(DAY)}
                 for _ in range(80)]
        times = [(r.get("payload") or r)["source"]["ts_ms"] for r in records[:40]]
        asked += [{"shop": n % 3, "ts": at + n % 2} for n, at in enumerate(times)]
        load(repository, "t.spine", SPINE, [row | {"ds": day.isoformat()} for row in asked])
        repository.run("join", "--conf-path", "production/joins/t/asked.v1",
                       "--start-partition-override", day.isoformat(), "--end-date", day.isoformat())
        batch = [json.loads(line) for line in repository.run(
            "sql", f"SELECT * FROM t.t_asked_v1 WHERE ds = '{day.isoformat()}'", "--json"
        ).splitlines()]
        assert len(batch) == len(asked)
        expect_fetched(repository, batch)

        # Reset, it knows the upload alone; streamed anew, all that it knew.
        assert "reset 1 GroupBy" in repository.run(
            "state", "reset", "--conf-path", "production/group_bys/t/stock.v1")
        last = max(batch, key=lambda row: row["ts"])
        forgotten, = repository.fetch("group-by", STOCK, [{"shop": last["shop"]}], last["ts"])
        assert forgotten["features"] != features_of(last)
        assert stream_to_the_end(repository, "anew") == counts
        expect_fetched(repository, batch[::4])

# SPDX-License-Identifier: Apache-2.0
"""kill -9 of a chain's backfill at random moments: run again, it makes the same bytes. The same of
uploads, `state compact` and `analyze`: run again, they give the same answers.

    the job: a chain's Join, and the daily tables of two of its GroupBys by --with

    undisturbed: one run; its tables are what every other run must make
    a round: no output tables; start, kill somewhere, again and again; then a run that may end
    (CATENA_CRASHES kills in all; runs differ in --step-days, which must not matter either)

Compared are the bytes of every data file and of every mark, and the rows as `catena sql` reads
them.
"""

import hashlib
import os
import random
import shutil
import time

import pytest
from feature_repository import CHAINED, FINAL, SIMPLE, FeatureRepository, conf_path

CRASHES = int(os.environ.get("CATENA_CRASHES", "20"))
KILLS = max(CRASHES // 4, 4)  # Of an upload or the like, which is shorter.
SEED = int(os.environ.get("CATENA_SEED", "0")) or time.time_ns() % 1_000_000
DAYS = [f"2026-03-{day:02}" for day in range(1, 7)]
MIDNIGHT = 1772323200000  # 2026-03-01T00:00Z
DAY_MILLIS = 86_400_000
USERS, MERCHANTS = 300, 40
PAYMENTS, RISKS, QUERIES = 5000, 400, 3000  # A day.
OUTPUTS = ("t_enriched_v1", "t_final_v1", "t_user_risk_v1", "t_user_spend_v1")
JOIN = ("join", "--conf-path", conf_path(FINAL), "--with", conf_path(CHAINED), "--with",
        conf_path(SIMPLE), "--end-date", DAYS[-1])
COLUMNS = {"payments": ("user_id", "merchant_id", "amount", "ts", "ds"),
           "risk": ("merchant_id", "score", "ts", "ds"),
           "spine": ("user_id", "merchant_id", "ts", "ds")}


def source_rows(rng: random.Random) -> dict[str, list[tuple]]:
    rows = {table: [] for table in COLUMNS}
    for number, ds in enumerate(DAYS):
        def at(number=number):
            return MIDNIGHT + number * DAY_MILLIS + rng.randrange(DAY_MILLIS)
        for _ in range(PAYMENTS):
            rows["payments"].append((rng.randrange(USERS), rng.randrange(MERCHANTS),
                                     round(rng.uniform(-9, 99), 2), at(), ds))
        for _ in range(RISKS):
            rows["risk"].append((rng.randrange(MERCHANTS), rng.randrange(101) / 100, at(), ds))
        for _ in range(QUERIES):
            rows["spine"].append((rng.randrange(USERS), rng.randrange(MERCHANTS), at(), ds))
    return rows


def load(repository: FeatureRepository, table: str, rows: list[tuple]) -> None:
    file = repository.folder / f"{table}.csv"
    file.write_text("\n".join(",".join(map(str, row)) for row in [COLUMNS[table], *rows]) + "\n")
    repository.run("table", "load", file, f"t.{table}")


def output(repository: FeatureRepository, table: str):
    return repository.folder / "warehouse/t.db" / table


def drop_outputs(repository: FeatureRepository) -> None:
    for table in OUTPUTS:
        shutil.rmtree(output(repository, table), ignore_errors=True)


def files(repository: FeatureRepository) -> dict[str, str]:
    """Digest of every file that is not hidden, by its path below the warehouse."""
    warehouse = repository.folder / "warehouse"
    paths = [path for table in OUTPUTS for path in output(repository, table).rglob("*")
             if path.is_file()]
    return {str(path.relative_to(warehouse)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in paths
            if not any(part.startswith(".") for part in path.relative_to(warehouse).parts)}


def days_there(repository: FeatureRepository) -> int:
    return sum(len(list(output(repository, table).glob("ds=*"))) for table in OUTPUTS)


def read_back(repository: FeatureRepository) -> list[str]:
    return [repository.run("sql", f"SELECT * FROM t.{table} ORDER BY ALL") for table in OUTPUTS]


def one_round(repository: FeatureRepository, rng: random.Random, kills: int, seconds: float):
    """Kills that hit a running job, and those of them that left some days but not all."""
    drop_outputs(repository)
    hits = partly = 0
    for _ in range(kills):
        before = days_there(repository)
        step = rng.choice(((), ("--step-days", "1"), ("--step-days", "2")))
        process = repository.start("join", *JOIN, *step)
        time.sleep(rng.uniform(0, seconds))
        if process.poll() is None:
            hits += 1
            repository.kill(process)
            partly += before < days_there(repository) < len(DAYS) * len(OUTPUTS)
        else:
            assert process.returncode == 0, repository.log("join")[-3000:]
            repository.running.remove(process)
    repository.run(*JOIN)
    return hits, partly


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    print(f"CATENA_SEED={SEED} CATENA_CRASHES={CRASHES}")
    rng = random.Random(SEED)
    with FeatureRepository(tmp_path_factory.mktemp("crash_batch")) as repository:
        repository.source = source_rows(rng)
        for table, rows in repository.source.items():
            load(repository, table, rows)
        began = time.monotonic()
        repository.run(*JOIN)
        repository.seconds = time.monotonic() - began
        repository.files, repository.rows = files(repository), read_back(repository)
        repository.rng = rng
        yield repository


def test_every_resumed_backfill_makes_the_bytes_of_an_undisturbed_one(undisturbed):
    data = [path for path in undisturbed.files if path.endswith(".parquet")]
    assert len(data) == len(DAYS) * len(OUTPUTS)
    hits = partly = rounds = 0
    while hits < CRASHES:
        kills = min(undisturbed.rng.randint(1, 4), CRASHES - hits)
        hit, part = one_round(undisturbed, undisturbed.rng, kills, 1.2 * undisturbed.seconds)
        hits, partly, rounds = hits + hit, partly + part, rounds + 1
        assert files(undisturbed) == undisturbed.files, f"round {rounds}, seed {SEED}"
        if rounds % 5 == 1:
            assert read_back(undisturbed) == undisturbed.rows
    print(f"{hits} kills in {rounds} rounds; {partly} of them between days")
    assert partly >= hits / 20  # Kills that only ever hit before or after the work prove nothing.


def test_killed_while_it_computes_days_whose_right_side_changed(undisturbed):
    """Marks must never say that a day was made from what it was not made from."""
    rows, rng = undisturbed.source["risk"], undisturbed.rng
    drop_outputs(undisturbed)
    undisturbed.run(*JOIN)
    changed = list(rows)
    for at in rng.sample(range(RISKS * len(DAYS)), 5):
        changed[at] = (changed[at][0], 0.5, *changed[at][2:])
    load(undisturbed, "risk", changed)
    for _ in range(3):
        process = undisturbed.start("join", *JOIN)
        time.sleep(rng.uniform(0, undisturbed.seconds))
        undisturbed.kill(process)
    undisturbed.run(*JOIN)
    resumed = files(undisturbed)
    drop_outputs(undisturbed)
    undisturbed.run(*JOIN)
    assert resumed == files(undisturbed), f"seed {SEED}"
    assert resumed != undisturbed.files
    load(undisturbed, "risk", rows)


def answers(repository: FeatureRepository, *kv: str) -> list[dict]:
    keys = [{"user_id": user} for user in range(USERS)]
    return repository.fetch("group-by", SIMPLE, keys, MIDNIGHT + len(DAYS) * DAY_MILLIS, *kv)


def seconds_of(repository: FeatureRepository, command: tuple) -> float:
    began = time.monotonic()
    repository.run(*command)
    return time.monotonic() - began


def kill_within(repository: FeatureRepository, command: tuple, seconds: float) -> None:
    process = repository.start("killed", *command)
    time.sleep(repository.rng.uniform(0, 1.1 * seconds))
    repository.kill(process)


@pytest.mark.parametrize("kind", ["rocksdb", "redis"])
def test_a_killed_upload_leaves_the_one_before_and_the_next_is_whole(undisturbed, kind,
                                                                     redis_server):
    def kv(name: str) -> tuple[str, str]:
        redis = f"redis://{redis_server.address}?prefix={undisturbed.folder.name}-{name}"
        return "-Z", "kv.url=" + (redis if kind == "redis" else f"rocksdb:{name}")

    def upload(name: str) -> tuple:
        return ("group-by-upload", "--conf-path", conf_path(SIMPLE), "--end-date", DAYS[-1],
                *kv(name))

    rows = undisturbed.source["payments"]
    changed = [(row[0], row[1], row[2] + 1, *row[3:]) for row in rows if row[0] != 7]
    load(undisturbed, "payments", changed)
    undisturbed.run(*upload("whole"))
    after = answers(undisturbed, *kv("whole"))
    load(undisturbed, "payments", rows)
    seconds = seconds_of(undisturbed, upload("killed"))
    before = live = answers(undisturbed, *kv("killed"))
    assert before != after
    undisturbed.run("state", "snapshot", f"{kind}.snapshot", *kv("killed"))
    for number in range(KILLS):
        load(undisturbed, "payments", rows if number % 2 else changed)
        kill_within(undisturbed, upload("killed"), seconds)
        now = answers(undisturbed, *kv("killed"))
        assert now in (live, before if number % 2 else after), f"kill {number}, seed {SEED}"
        live = now
    load(undisturbed, "payments", changed)
    undisturbed.run(*upload("killed"))
    compact = ("state", "compact", *kv("killed"))
    seconds = seconds_of(undisturbed, compact)
    for _ in range(KILLS):
        kill_within(undisturbed, compact, seconds)
    undisturbed.run(*compact)
    assert "BROKEN" not in undisturbed.run("state", "verify", *kv("killed"))
    assert answers(undisturbed, *kv("killed")) == after, f"seed {SEED}"
    undisturbed.run("state", "restore", f"{kind}.snapshot", *kv("restored"))
    assert answers(undisturbed, *kv("restored")) == before
    load(undisturbed, "payments", rows)


def test_a_killed_analysis_changes_nothing(undisturbed):
    analyze = ("analyze", conf_path(FINAL), "--end-date", DAYS[-1], "--json")
    seconds = seconds_of(undisturbed, analyze)
    before = undisturbed.run(*analyze)
    for _ in range(KILLS):
        kill_within(undisturbed, analyze, seconds)
    assert undisturbed.run(*analyze) == before, f"seed {SEED}"


def test_one_row_more_or_less_would_be_noticed(undisturbed):
    """The negative control: the comparison above sees a single lost row of the parent's left."""
    rows = undisturbed.source["payments"]
    at = undisturbed.rng.randrange(PAYMENTS * 2)  # Early enough to matter to later days.
    load(undisturbed, "payments", rows[:at] + rows[at + 1:])
    drop_outputs(undisturbed)
    undisturbed.run(*JOIN)
    now = files(undisturbed)
    data = {path for path in now.keys() | undisturbed.files.keys() if path.endswith(".parquet")}
    changed = {path.split("/")[1] for path in data if now.get(path) != undisturbed.files.get(path)}
    assert changed == set(OUTPUTS)
    load(undisturbed, "payments", rows)

# SPDX-License-Identifier: Apache-2.0
"""The generated data has the shape that generate.py promises, and the same seed gives it again."""

import collections
import pathlib
import random

import duckdb

import generate

DAY = generate.DAY
START = 20_000 * DAY


def people(seed: int = 1, users: int = 1000, merchants: int = 400) -> generate.Population:
    return generate.Population(users, merchants, random.Random(seed))


def test_payments_are_skewed_sparse_and_nearly_in_order():
    crowd = people()
    events = generate.payments(crowd, START, START + DAY, 20_000)
    rows = [event.row for event in events]
    assert len(rows) == 20_000 and all(START <= event.ts < START + DAY for event in events)

    users = collections.Counter(row[1] for row in rows)
    expected = 20_000 * crowd.user_weights[0]
    assert abs(users[crowd.users[0]] - expected) < 0.3 * expected
    for column, ratio in ((1, 0.001), (2, 0.01), (3, 0.01), (4, 0.01)):
        nulls = sum(row[column] is None for row in rows)
        assert 0.3 * ratio < nulls / len(rows) < 2 * ratio

    assert all(0 < event.appended - event.ts <= 2001 for event in events)
    assert all(a.appended <= b.appended for a, b in zip(events, events[1:]))
    disordered = sum(a.ts > b.ts for a, b in zip(events, events[1:]))
    assert 0 < disordered < len(events) / 4
    assert len({row[0] for row in rows}) == len(rows)


def test_scores_arrive_in_order():
    events = generate.scores(people(), START, START + DAY, 5_000)
    times = [event.ts for event in events]
    assert times == sorted(times)
    assert all(event.row[1] is None or 0 <= event.row[1] <= 1 for event in events)


def test_some_merchants_have_no_profile_and_some_change_every_day():
    crowd = people()
    first, second = generate.profiles(crowd, 2)
    known = {row[0] for row in first}
    assert known | crowd.unknown == set(crowd.merchants) and len(crowd.unknown) == 2
    changed = sum(a != b for a, b in zip(first, second, strict=True))
    assert 0 < changed < len(first) / 10


def test_the_same_seed_gives_the_same_events():
    one, two, other = (generate.payments(people(seed), START, START + DAY, 200)
                       for seed in (1, 1, 2))
    assert one == two != other


def test_a_table_is_one_partition_a_day_with_its_types(tmp_path: pathlib.Path):
    rows = {"2026-03-01": [("t1", 7, None, 1.5, 1.25, START), ("t0", None, 8, None, 2.0, START)],
            "2026-03-02": [("t2", 7, 8, 0.1, 0.1, START + DAY)]}
    generate.write_table(generate.TRANSACTIONS, tmp_path, rows)
    cursor = duckdb.connect().execute(
        f"SELECT * EXCLUDE (ds) FROM read_parquet('{tmp_path}/payments.db/transactions/ds=*/*')")
    assert [(column[0], str(column[1])) for column in cursor.description] == [
        ("transaction_id", "VARCHAR"), ("user_id", "BIGINT"), ("merchant_id", "BIGINT"),
        ("amount", "DOUBLE"), ("transaction_amount", "DOUBLE"), ("ts", "BIGINT")]
    assert cursor.fetchall() == rows["2026-03-01"] + rows["2026-03-02"]
    folders = sorted(path.name for path in (tmp_path / "payments.db/transactions").iterdir())
    assert folders == ["ds=2026-03-01", "ds=2026-03-02"]

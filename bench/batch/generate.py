# SPDX-License-Identifier: Apache-2.0
"""The fraud chain's data, for any number of transactions; the same rows for one seed, always.

    usage   generate.py --transactions N --warehouse DIR [--seed S] [--compression CODEC]
    output  DIR/bench.db/{transactions,risk_scores,merchants}/ds=YYYY-MM-DD/part-0.parquet
    scale   N transactions bring N/20 users, N/100 merchants and N/10 risk scores

What the rows are like: 14 days from 2024-01-01 UTC, scores from the day before; a diurnal curve;
Zipf 0.8 over users, 1.0 over merchants, half of the scores uniform; sparse ids; rows of a file out
of order by up to two minutes; 1 % of amounts and scores null; 0.5 % of merchants without a
profile; (merchant, time) unique among scores; ties in time among a user's payments, and with
scores. Profiles do not change: every day has the same snapshot.
"""

import argparse
import os
import pathlib
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HOUR = 3_600_000
DAY = 24 * HOUR
FIRST = 1_704_067_200_000  # 2024-01-01T00:00:00Z.
DAYS = 14
DISORDER = 120_000
ROW_GROUP = 262_144

CATEGORIES = ["grocery", "fuel", "travel", "electronics", "gaming", "jewelry", "restaurant",
              "pharmacy", "fashion", "crypto", "utilities", "gift_cards"]
COUNTRIES = ["US", "GB", "DE", "FR", "BR", "IN", "CN", "JP", "NG", "MX", "CA", "AU", "ES", "IT",
             "SE", "NL"]
CURRENCIES = ["USD", "EUR", "GBP", "BRL", "INR", "JPY", "MXN", "CAD"]
CURRENCY_SHARES = [0.5, 0.2, 0.1, 0.06, 0.05, 0.04, 0.03, 0.02]


def day_name(day: int) -> str:
    return str(np.datetime64(FIRST + day * DAY, "ms").astype("datetime64[D]"))


def sparse_ids(random: np.random.Generator, count: int) -> np.ndarray:
    return random.permutation(count).astype(np.int64) * 7 + 1_000_003


def zipf_shares(count: int, exponent: float) -> np.ndarray:
    weights = np.arange(1, count + 1, dtype=np.float64) ** -exponent
    shares = np.cumsum(weights)
    return shares / shares[-1]


def draw(random: np.random.Generator, shares: np.ndarray, count: int) -> np.ndarray:
    return np.minimum(np.searchsorted(shares, random.random(count)), len(shares) - 1)


class Writer:
    def __init__(self, warehouse: pathlib.Path, compression: str):
        self.root = warehouse / "bench.db"
        self.compression = compression

    def path(self, table: str, day: int) -> pathlib.Path:
        return self.root / table / f"ds={day_name(day)}" / "part-0.parquet"

    def write(self, table: str, day: int, columns: dict) -> pathlib.Path:
        path = self.path(table, day)
        path.parent.mkdir(parents=True)
        pq.write_table(pa.table(columns), path, compression=self.compression,
                       row_group_size=ROW_GROUP)
        return path


def write_merchants(random: np.random.Generator, writer: Writer, merchant_ids: np.ndarray,
                    known_count: int) -> None:
    total = len(merchant_ids)
    # Unknown merchants are of any popularity but the greatest.
    unknown = random.choice(np.arange(min(100, total // 10), total), total - known_count,
                            replace=False)
    known = np.ones(total, bool)
    known[unknown] = False
    ids = merchant_ids[known]
    ids = ids[random.permutation(len(ids))]
    first = writer.write("merchants", -1, {
        "merchant_id": ids,
        "category": np.array(CATEGORIES)[random.integers(0, len(CATEGORIES), len(ids))],
        "country": np.array(COUNTRIES)[random.integers(0, len(COUNTRIES), len(ids))],
        "tier": random.integers(1, 6, len(ids)).astype(np.int32),
    })
    for day in range(DAYS):
        path = writer.path("merchants", day)
        path.parent.mkdir(parents=True)
        os.link(first, path)


def write_scores(random: np.random.Generator, writer: Writer, merchant_ids: np.ndarray,
                 count: int) -> None:
    half = count // 2
    merchants = np.concatenate([
        np.searchsorted(zipf_shares(len(merchant_ids), 1.0), random.random(half)),
        random.integers(0, len(merchant_ids), count - half)])
    times = FIRST - DAY + random.integers(0, (DAYS + 1) * DAY, count)
    while True:  # Until (merchant, time) is unique.
        key = merchants.astype(np.int64) * (1 << 42) + times
        order = np.argsort(key, kind="stable")
        ordered = key[order]
        again = order[1:][ordered[1:] == ordered[:-1]]
        if len(again) == 0:
            break
        times[again] = FIRST - DAY + random.integers(0, (DAYS + 1) * DAY, len(again))
    scores = np.round(random.beta(2, 5, count), 6)
    null = random.random(count) < 0.01
    arrival = np.argsort(times + random.integers(-DISORDER, DISORDER + 1, count), kind="stable")
    merchants, times, scores, null = (a[arrival] for a in (merchants, times, scores, null))
    days = (times - FIRST) // DAY
    for day in range(-1, DAYS):
        chosen = days == day
        writer.write("risk_scores", day, {
            "merchant_id": merchant_ids[merchants[chosen]],
            "risk_score": pa.array(scores[chosen], mask=null[chosen]),
            "ts": times[chosen],
        })


def write_transactions(random: np.random.Generator, writer: Writer, user_ids: np.ndarray,
                       merchant_ids: np.ndarray, count: int) -> None:
    users, merchants = zipf_shares(len(user_ids), 0.8), zipf_shares(len(merchant_ids), 1.0)
    by_hour = 1.0 + 0.7 * np.sin((np.arange(24) - 9) / 24 * 2 * np.pi)
    by_hour /= by_hour.sum()
    next_id = 0
    for day in range(DAYS):
        n = count // DAYS + (1 if day < count % DAYS else 0)
        hours = random.choice(24, n, p=by_hour)
        times = (FIRST + day * DAY + hours.astype(np.int64) * HOUR +
                 random.integers(0, HOUR, n))
        times = times[np.argsort(times + random.integers(-DISORDER, DISORDER + 1, n),
                                 kind="stable")]
        user = user_ids[draw(random, users, n)]
        merchant = merchant_ids[draw(random, merchants, n)]
        amount = np.round(random.lognormal(3.2, 1.1, n), 2)
        currency = draw(random, np.cumsum(CURRENCY_SHARES), n).astype(np.int32)
        writer.write("transactions", day, {
            "transaction_id": np.arange(next_id, next_id + n, dtype=np.int64),
            "user_id": user,
            "merchant_id": merchant,
            "amount": pa.array(amount, mask=random.random(n) < 0.01),
            "currency": pa.DictionaryArray.from_arrays(currency, CURRENCIES).cast(pa.string()),
            "ts": times,
        })
        next_id += n


def generate(transactions: int, warehouse: pathlib.Path, seed: int, compression: str) -> None:
    random = np.random.default_rng(seed)
    users = max(100, transactions // 20)
    merchants = max(50, transactions // 100)
    scores = max(500, transactions // 10)
    shutil.rmtree(warehouse / "bench.db", ignore_errors=True)
    writer = Writer(warehouse, compression)
    user_ids = sparse_ids(random, users)
    merchant_ids = sparse_ids(random, merchants + max(1, merchants // 200))
    random.permutation(len(merchant_ids))  # Drawn by the first of these generators; keeps the rows.
    write_merchants(random, writer, merchant_ids, merchants)
    write_scores(random, writer, merchant_ids, scores)
    write_transactions(random, writer, user_ids, merchant_ids, transactions)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--transactions", type=int, required=True)
    parser.add_argument("--warehouse", type=pathlib.Path, required=True)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--compression", default="snappy")
    given = parser.parse_args()
    generate(given.transactions, given.warehouse, given.seed, given.compression)


if __name__ == "__main__":
    main()

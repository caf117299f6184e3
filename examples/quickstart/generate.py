# SPDX-License-Identifier: Apache-2.0
"""Makes thirty days of a shop: purchases, returns, users and one day of checkouts, as CSV.

    usage    generate.py [--out DIR] [--end-date YYYY-MM-DD] [--seed 1]
    output   DIR/{purchases,returns,users,checkouts}.csv with the columns of Chronon's quickstart;
             ds is the UTC day of ts; users has a snapshot for each of the last two days
    random   everything comes from --seed; --end-date (default yesterday) only shifts it
"""

import argparse
import csv
import datetime
import pathlib
import random

HERE = pathlib.Path(__file__).resolve().parent
USERS = 100
DAYS = 30
EVENTS = 500
CHECKOUTS = 200
DAY_MILLIS = 86_400_000

HEADERS = {
    "purchases": ["ds", "ts", "purchase_id", "user_id", "product_id", "purchase_price"],
    "returns": ["ds", "ts", "return_id", "user_id", "product_id", "refund_amt"],
    "checkouts": ["ds", "ts", "return_id", "user_id", "product_id", "refund_amt"],
    "users": ["ds", "user_id", "account_created_ds", "email_verified"],
}


def midnight(day: datetime.date) -> int:
    return (day - datetime.date(1970, 1, 1)).days * DAY_MILLIS


def event(rng: random.Random, name: str, index: int, day: datetime.date) -> list:
    ts = midnight(day) + rng.randrange(DAY_MILLIS)
    return [day, ts, f"{name}-{index:05d}", rng.randrange(USERS), rng.randrange(1, 100),
            rng.randrange(20, 500)]


def rows_of(end: datetime.date, seed: int) -> dict[str, list[list]]:
    rng = random.Random(seed)

    def some_day() -> datetime.date:
        return end - datetime.timedelta(days=rng.randrange(DAYS))

    def events(name: str) -> list[list]:
        return sorted((event(rng, name, index, some_day()) for index in range(EVENTS)),
                      key=lambda row: row[1])

    rows = {"purchases": events("purchase"), "returns": events("return")}
    rows["checkouts"] = sorted((event(rng, "checkout", index, end) for index in range(CHECKOUTS)),
                               key=lambda row: row[1])
    created = [end - datetime.timedelta(days=rng.randrange(100, 2000)) for _ in range(USERS)]
    verified = [rng.randrange(2) for _ in range(USERS)]
    rows["users"] = [[end - datetime.timedelta(days=age), user, created[user],
                      verified[user] if age == 0 else 0]
                     for age in (1, 0) for user in range(USERS)]
    return rows


def generate(out: pathlib.Path, end: datetime.date, seed: int = 1) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name, rows in rows_of(end, seed).items():
        with open(out / f"{name}.csv", "w", newline="") as text:
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(HEADERS[name])
            writer.writerows(rows)


def yesterday() -> datetime.date:
    return datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "build/csv")
    parser.add_argument("--end-date", type=datetime.date.fromisoformat, default=yesterday())
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    generate(options.out, options.end_date, options.seed)
    print(f"{options.out}: {', '.join(f'{name}.csv' for name in HEADERS)}")


if __name__ == "__main__":
    main()

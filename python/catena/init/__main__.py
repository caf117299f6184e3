# SPDX-License-Identifier: Apache-2.0
"""`catena init`: a small feature repository with a chain that works, to be changed into one's own.

    catena init my_features

It has a source, a GroupBy, a parent Join, a GroupBy over its rows, a Join of what training needs,
and three days of rows as CSV, ending yesterday. What to run next is printed.
"""

import argparse
import datetime
import os
import pathlib
import shutil
import sys

PROJECT = pathlib.Path(__file__).resolve().parent / "project"
DAYS, USERS, PRODUCTS = 3, 5, 4
DAY_MILLIS = 86_400_000
NEXT = """\
catena table load data/orders.csv shop.orders
catena table load data/ratings.csv shop.ratings
catena compile
catena explain production/joins/shop/training.v1
catena join --conf-path production/joins/shop/training.v1
catena sql --format table "SELECT * FROM shop.shop_training_v1 WHERE user_id = 1"
catena group-by-upload --conf-path production/group_bys/shop/user_taste.v1
catena fetch --name shop.training.v1 --key-json '{"user_id": 1}'
"""


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(prog="catena init", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("folder", metavar="DIR", help="made; must be empty when it is there")
    # What stands before the verb is handed on.
    result.add_argument("--repo", default=None, help=argparse.SUPPRESS)
    return result


def rows(today: datetime.date) -> dict[str, list[str]]:
    """Lines of each CSV file: an order every hour, a rating every other."""
    orders, ratings = ["user_id,product_id,amount,ts,ds"], ["product_id,stars,ts,ds"]
    epoch = datetime.date(1970, 1, 1)
    for back in range(DAYS, 0, -1):
        day = today - datetime.timedelta(days=back)
        midnight = (day - epoch).days * DAY_MILLIS
        for hour in range(24):
            ts = midnight + hour * 3_600_000
            number = back * 24 + hour
            orders.append(f"{number % USERS + 1},{number * 7 % PRODUCTS + 1},"
                          f"{10 + number % 13}.50,{ts + 600_000},{day}")
            if hour % 2 == 0:
                ratings.append(f"{number * 5 % PRODUCTS + 1},{number // 2 % 5 + 1},{ts},{day}")
    return {"orders.csv": orders, "ratings.csv": ratings}


def make(folder: pathlib.Path, today: datetime.date) -> None:
    shutil.copytree(PROJECT, folder, dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "data").mkdir()
    for name, lines in rows(today).items():
        (folder / "data" / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    folder = pathlib.Path(args.folder)
    try:
        if folder.is_dir() and any(folder.iterdir()):
            print(f"catena init: the folder is not empty; name a new one: {folder}",
                  file=sys.stderr)
            return 2
        folder.mkdir(parents=True, exist_ok=True)
        make(folder, datetime.datetime.now(datetime.timezone.utc).date())
    except OSError as error:
        print(f"catena init: cannot write: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    print(f"made {folder}; its README.md says what is in it. Next:\n")
    print(f"cd {os.fspath(folder)}\n{NEXT}", end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())

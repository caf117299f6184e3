# SPDX-License-Identifier: Apache-2.0
"""How the scenarios beside this file were made: confs, rows and queries, from fixed seeds.

    python3 tests/scenarios/make_data.py && python3 tests/scenarios/expected.py
    export CATENA_SCENARIOS=/tmp/others; python3 tests/scenarios/make_data.py 7 && python3
        tests/scenarios/expected.py && build/release/tests/scenario_test    other rows, elsewhere

Changing a line here changes committed data: look at the difference before you commit it. Rows of a
topic stand in the order in which they were appended; `append_ts`, where a table has it, is when.
Rows that tie in time and meet in one key also share the topic's key, so that their order does not
depend on the number of partitions.
"""

import csv
import datetime
import json
import os
import pathlib
import random
import sys

FOLDER = pathlib.Path(os.environ.get("CATENA_SCENARIOS") or
                      pathlib.Path(__file__).resolve().parent)
SEED = int(sys.argv[1]) if len(sys.argv) > 1 else 0
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MIN, MAX, FIRST, LAST, COUNT, SUM, AVERAGE = 0, 1, 2, 3, 6, 7, 8
EVERY = (MIN, MAX, FIRST, LAST, COUNT, SUM, AVERAGE)
TEMPORAL, SNAPSHOT = 0, 1
FIRST_DAY = datetime.date(2026, 3, 1)
START = int(datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc).timestamp() * 1000)
DAYS = 5
END = START + DAYS * DAY


def window(text: str) -> dict:
    return {"length": int(text[:-1]), "timeUnit": {"h": 0, "d": 1, "m": 2}[text[-1]]}


def aggregate(column: str, operations, windows: str = "") -> list:
    return [{"inputColumn": column, "operation": operation}
            | ({"windows": [window(each) for each in windows.split()]} if windows else {})
            for operation in operations]


def events(table: str, topic: bool = True, **query) -> dict:
    source = {"table": table, "query": {"timeColumn": "ts"} | query}
    return {"events": source | ({"topic": table.split(".")[1]} if topic else {})}


def selects(*columns: str, **computed: str) -> dict:
    return {column: column for column in columns} | computed


def group_by(name, keys, source, aggregations=None, accuracy=TEMPORAL) -> dict:
    conf = {"metaData": {"name": name, "outputNamespace": "t", "team": "t"}, "sources": [source],
            "keyColumns": keys, "accuracy": accuracy}
    return conf | ({"aggregations": aggregations} if aggregations else {})


def part(group_by_conf: dict, **mapping: str) -> dict:
    return {"groupBy": group_by_conf} | ({"keyMapping": mapping} if mapping else {})


def join(name: str, left: dict, *parts: dict) -> dict:
    return {"metaData": {"name": name, "outputNamespace": "t", "team": "t"}, "left": left,
            "joinParts": list(parts)}


class Writer:
    def __init__(self, name: str, about: str, seed: int):
        self.folder = FOLDER / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.random = random.Random(1000 * SEED + seed)
        self.about = {"about": about, "topics": {}, "upload_day": "2026-03-04", "python": {}}
        self.schemas, self.sql = {}, {}

    def table(self, name: str, types: dict, rows: list, topic_key: str = "") -> None:
        self.schemas[name] = [[column, kind] for column, kind in types.items()]
        if topic_key:
            self.about["topics"][name] = topic_key
        with open(self.folder / f"{name}.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)

    def expression(self, spark: str, duckdb: str, python: str) -> None:
        self.sql[spark] = duckdb
        self.about["python"][spark] = python

    def queries(self, keys: dict, rows: list) -> dict:
        """Sorted by time, numbered. The left side of the final Join."""
        rows = sorted(rows, key=lambda row: row["ts"])
        self.table("t.queries", {"qid": "LONG"} | keys | {"ts": "LONG"},
                   [{"qid": number} | {key: row[key] for key in keys} | {"ts": row["ts"]}
                    for number, row in enumerate(rows)])
        return events("t.queries", topic=False)

    def conf(self, final: dict) -> None:
        final["catena"] = {"version": 1, "sql": self.sql, "schemas": self.schemas, "inferred": []}
        (self.folder / "conf.json").write_text(json.dumps(final, indent=1) + "\n")
        (self.folder / "scenario.json").write_text(json.dumps(self.about, indent=1) + "\n")

    # -- random rows ---------------------------------------------------------------------------
    def maybe(self, value, nulls: float = 0.12):
        return None if self.random.random() < nulls else value

    def times(self, count: int, begin: int = START, end: int = END) -> list:
        """Ascending, bursty: several within one five-minute tile now and then."""
        result = []
        while len(result) < count:
            time = self.random.randrange(begin, end)
            for _ in range(self.random.choice((1, 1, 2, 4))):
                result.append(min(time, end - 1))
                time += self.random.randrange(1, 4 * MINUTE)
        return sorted(result[:count])

    def query_times(self, count: int, event_times: list) -> list:
        """On events, just behind them, anywhere; half of them on the five-minute grid."""
        result = [START, START + DAY, START + 4 * DAY, END - 5 * MINUTE]
        while len(result) < count:
            event = self.random.choice(event_times)
            result += [event, event + 1, self.random.randrange(START, END),
                       (event // (5 * MINUTE) + 1) * 5 * MINUTE,
                       self.random.randrange(START, END) // (5 * MINUTE) * 5 * MINUTE,
                       self.random.randrange(START, END) // HOUR * HOUR]
        return [min(time, END - 1) for time in result[:count]]

    def price(self):
        return round(self.random.uniform(-50, 200), 2)

    def asking(self, count: int, event_times: list, **keys) -> list:
        return [{"ts": time} | {key: choose() for key, choose in keys.items()}
                for time in self.query_times(count, event_times)]


MEASURES = {"small": "INT", "amount": "LONG", "price": "DOUBLE", "note": "STRING"}


def measures(writer: Writer, nulls: float = 0.12) -> dict:
    pick = writer.random
    return {"small": writer.maybe(pick.randrange(-20, 20), nulls),
            "amount": writer.maybe(pick.randrange(-5_000_000_000, 5_000_000_000), nulls),
            "price": writer.maybe(writer.price(), nulls),
            "note": writer.maybe(pick.choice(("ash", "elm", "fir", "oak", "yew")), nulls)}


def simple() -> None:
    w = Writer("simple", "Every operation over int, long, double and string with nulls; a computed "
               "column and a filter.", 11)
    user = lambda: w.random.choice(("ann", "bob", "cyd", "dee"))  # noqa: E731
    times = w.times(220)
    w.table("t.events", {"user": "STRING"} | MEASURES | {"kind": "STRING", "ts": "LONG"},
            [{"user": user()} | measures(w)
             | {"kind": w.random.choice(("real", "real", "real", "test", None)), "ts": time}
             for time in times], topic_key="user")
    w.expression("price * 2", "price * 2", "None if price is None else price * 2")
    w.expression("kind <> 'test'", "kind <> 'test'", "kind is not None and kind != 'test'")
    left = w.queries({"user": "STRING"}, w.asking(110, times, user=user))
    source = events("t.events", selects=selects("user", *MEASURES, doubled="price * 2"),
                    wheres=["kind <> 'test'"])
    w.conf(join("t.simple", left, part(group_by("t.spend.v1", ["user"], source, [
        *aggregate("amount", EVERY, "1h 24h"), *aggregate("doubled", EVERY, "7m 13h 3d"),
        *aggregate("small", EVERY, "5m 2d"), *aggregate("note", (COUNT, FIRST, LAST), "1h 7d"),
        *aggregate("note", (MIN, MAX, LAST))]))))


RISK = {"merchant": "LONG", "score": "DOUBLE", "ts": "LONG"}
PAYMENTS = {"user": "STRING", "merchant": "LONG", "amount": "DOUBLE", "ts": "LONG"}


def risk_and_payments(w: Writer, payments: int = 200, risks: int = 120) -> list:
    times = w.times(payments)
    w.table("t.risk", RISK, [
        {"merchant": w.maybe(w.random.randrange(1, 6), 0.03), "ts": time,
         "score": w.maybe(w.random.randrange(0, 101) / 100, 0.08)} for time in w.times(risks)],
        topic_key="merchant")
    w.table("t.payments", PAYMENTS, [
        {"user": w.maybe(w.random.choice(("ann", "bob", "cyd")), 0.04),
         "merchant": w.maybe(w.random.randrange(1, 7), 0.04), "amount": w.maybe(w.price(), 0.05),
         "ts": time} for time in times], topic_key="user")
    return times


def risk_last() -> dict:
    return group_by("t.merchant_risk.v1", ["merchant_id"],
                    events("t.risk", selects={"merchant_id": "merchant", "score": "score"}),
                    [*aggregate("score", (LAST,)), *aggregate("score", (AVERAGE,), "24h")])


def enriched_payments() -> dict:
    return join("t.payments_enriched.v1", events("t.payments"),
                part(risk_last(), merchant="merchant_id"))


def user_risk() -> dict:
    return group_by("t.user_risk.v1", ["user"], {"joinSource": {
        "join": enriched_payments(), "query": {"timeColumn": "ts", "selects": {
            "user": "user", "amount": "amount",
            "risk": "t_merchant_risk_v1_score_last"}}}},
        [*aggregate("risk", (AVERAGE,), "1h 24h 7d"), *aggregate("risk", (LAST,)),
         *aggregate("amount", (SUM, MAX), "1h 24h")])


def chain() -> None:
    w = Writer("chain", "The seed's chain: payments, a merchant's profile of the day and its last "
               "risk, averaged by user.", 12)
    times = risk_and_payments(w)
    profiles = []
    for day in range(-1, DAYS):
        for merchant in range(1, 6):
            if (merchant + day) % 5:
                profiles.append({"ds": str(FIRST_DAY + datetime.timedelta(days=day)),
                                 "merchant": merchant,
                                 "base_risk": w.maybe(w.random.randrange(0, 11) / 10),
                                 "category": w.random.choice(("food", "fuel", None))})
    w.table("t.merchants",
            {"merchant": "LONG", "base_risk": "DOUBLE", "category": "STRING"}, profiles)
    profile = group_by("t.profile.v1", ["merchant"], {"entities": {
        "snapshotTable": "t.merchants", "query": {
            "selects": selects("merchant", "base_risk", "category")}}}, accuracy=SNAPSHOT)
    parent = join("t.enriched.v1", events("t.payments"), part(profile),
                  part(risk_last(), merchant="merchant_id"))
    child = group_by("t.user_risk.v1", ["user"], {"joinSource": {"join": parent, "query": {
        "timeColumn": "ts", "selects": {
            "user": "user", "amount": "amount", "category": "t_profile_v1_category",
            "base": "t_profile_v1_base_risk", "risk": "t_merchant_risk_v1_score_last"}}}},
        [*aggregate("risk", (AVERAGE,), "1h 24h 7d"), *aggregate("base", (AVERAGE,), "1h 24h 7d"),
         *aggregate("amount", (AVERAGE, SUM), "1h 24h 7d"), *aggregate("category", (LAST, COUNT)),
         *aggregate("risk", (MAX,))])
    left = w.queries({"user": "STRING", "merchant": "LONG"}, w.asking(
        110, times, user=lambda: w.random.choice(("ann", "bob", "cyd")),
        merchant=lambda: w.random.randrange(1, 7)))
    w.conf(join("t.final.v1", left, part(profile), part(risk_last(), merchant="merchant_id"),
                part(child)))


def late() -> None:
    w = Writer("late", "Events that arrive minutes, hours and a day after they happened, some of "
               "them after the upload of their day.", 13)
    user = lambda: w.random.randrange(1, 4)  # noqa: E731
    rows = []
    for time in w.times(240):
        behind = w.random.choice((0, 0, 0, 30_000, 20 * MINUTE, 2 * HOUR, 9 * HOUR, 20 * HOUR))
        rows.append({"append_ts": time + behind, "user": user()} | measures(w) | {"ts": time})
    rows = sorted((row for row in rows if row["append_ts"] < END), key=lambda r: r["append_ts"])
    w.table("t.events", {"user": "LONG"} | MEASURES | {"ts": "LONG"}, rows, topic_key="user")
    left = w.queries({"user": "LONG"}, w.asking(110, [row["ts"] for row in rows], user=user))
    source = events("t.events", selects=selects("user", *MEASURES))
    w.conf(join("t.late", left, part(group_by("t.spend.v1", ["user"], source, [
        *aggregate("amount", (SUM, COUNT, MIN, LAST), "1h 24h 3d"),
        *aggregate("price", (SUM, AVERAGE, FIRST), "30m 2d"), *aggregate("price", (SUM, LAST)),
        *aggregate("note", (COUNT, FIRST))]))))


def ties() -> None:
    w = Writer("ties", "Many events of one key at one instant: FIRST and LAST keep the first "
               "encountered; queries on the instant do not see it, one millisecond later do.", 14)
    user = lambda: w.random.choice(("ann", "bob"))  # noqa: E731
    instants = w.times(45)
    rows = [{"user": user()} | measures(w) | {"ts": time}
            for time in instants for _ in range(w.random.randrange(1, 7))]
    w.table("t.events", {"user": "STRING"} | MEASURES | {"ts": "LONG"}, rows, topic_key="user")
    queries = [{"ts": time + after, "user": user()}
               for time in instants for after in (0, 1, 5 * MINUTE - time % (5 * MINUTE))]
    left = w.queries({"user": "STRING"}, queries)
    source = events("t.events", selects=selects("user", *MEASURES))
    w.conf(join("t.ties", left, part(group_by("t.spend.v1", ["user"], source, [
        *aggregate("amount", (FIRST, LAST, COUNT), "5m 1h 2d"),
        *aggregate("note", (FIRST, LAST)), *aggregate("price", (FIRST, LAST, SUM), "12h")]))))


def midnight() -> None:
    w = Writer("midnight", "Events and queries just before, on and after midnight; windows whose "
               "tails round to five minutes, hours and days; the same features as of midnight.", 15)
    user = lambda: w.random.choice(("ann", "bob"))  # noqa: E731
    offsets = (-HOUR, -5 * MINUTE, -MINUTE, -2, -1, 0, 1, 2, MINUTE, 5 * MINUTE, HOUR)
    times = sorted(START + day * DAY + offset for day in range(DAYS) for offset in offsets
                   if day or offset >= 0 for _ in range(2))
    w.table("t.events", {"user": "STRING"} | MEASURES | {"ts": "LONG"},
            [{"user": user()} | measures(w) | {"ts": time} for time in times], topic_key="user")
    queries = [{"ts": START + day * DAY + offset, "user": name}
               for day in range(1, DAYS) for offset in (*offsets, 10 * MINUTE, 12 * HOUR)
               for name in ("ann", "bob")]
    left = w.queries({"user": "STRING"}, queries)
    columns = selects("user", *MEASURES)
    w.conf(join(
        "t.midnight", left,
        part(group_by("t.moving.v1", ["user"], events("t.events", selects=columns), [
            *aggregate("amount", (SUM, COUNT, LAST), "5m 24h 2d 14d"),
            *aggregate("price", (SUM, MIN, FIRST), "11h 13h 12d"), *aggregate("price", (SUM,))])),
        part(group_by("t.daily.v1", ["user"], events("t.events", topic=False, selects=columns), [
            *aggregate("amount", (SUM, COUNT), "1d 3d"), *aggregate("price", (AVERAGE, LAST))],
            accuracy=SNAPSHOT))))


def unwindowed() -> None:
    w = Writer("unwindowed", "Every operation over everything before the query, nothing windowed; "
               "some keys rest for days.", 16)
    times = w.times(200)
    rows = []
    for time in times:
        awake = [user for user in range(1, 6) if user % 3 == (time - START) // DAY % 3]
        rows.append({"user": w.random.choice(awake or [1])} | measures(w) | {"ts": time})
    w.table("t.events", {"user": "LONG"} | MEASURES | {"ts": "LONG"}, rows, topic_key="user")
    left = w.queries({"user": "LONG"}, w.asking(100, times, user=lambda: w.random.randrange(1, 6)))
    source = events("t.events", selects=selects("user", *MEASURES))
    w.conf(join("t.unwindowed", left, part(group_by("t.ever.v1", ["user"], source, [
        *aggregate("amount", EVERY), *aggregate("price", EVERY), *aggregate("small", EVERY),
        *aggregate("note", (COUNT, FIRST, LAST, MIN, MAX))]))))


def nulls() -> None:
    w = Writer("nulls", "Keys of two columns, each sometimes null; columns that are mostly or "
               "always null; queries for nobody, and for nobody ever seen.", 17)
    user = lambda: w.maybe(w.random.choice(("ann", "bob", "cyd")), 0.15)  # noqa: E731
    city = lambda: w.maybe(w.random.choice((1, 2)), 0.15)  # noqa: E731
    times = w.times(200)
    w.table("t.events", {"user": "STRING", "city": "LONG"} | MEASURES
            | {"never": "DOUBLE", "ts": "LONG"},
            [{"user": user(), "city": city()} | measures(w, 0.6) | {"never": None, "ts": time}
             for time in times], topic_key="user")
    stranger = lambda: w.random.choice((user(), user(), "zoe"))  # noqa: E731
    left = w.queries({"who": "STRING", "city": "LONG"},
                     w.asking(110, times, who=stranger, city=city))
    source = events("t.events", selects=selects("user", "city", "never", *MEASURES))
    w.conf(join("t.nulls", left, part(group_by("t.spend.v1", ["user", "city"], source, [
        *aggregate("amount", EVERY, "1h 2d"), *aggregate("price", EVERY, "1d"),
        *aggregate("never", (COUNT, SUM, AVERAGE, LAST), "1d"), *aggregate("never", (LAST,)),
        *aggregate("note", (FIRST, LAST))]), who="user")))


def two_level() -> None:
    w = Writer("two_level", "A chain of a chain: logins are enriched with a user's average risk, "
               "which is itself a chain over payments, and counted by device.", 18)
    risk_and_payments(w, payments=140, risks=80)
    times = w.times(140)
    device = lambda: w.random.choice((71, 72, 73))  # noqa: E731
    w.table("t.logins", {"user": "STRING", "device": "LONG", "ts": "LONG"},
            [{"user": w.maybe(w.random.choice(("ann", "bob", "cyd")), 0.05), "device": device(),
              "ts": time} for time in times], topic_key="device")
    parent = join("t.logins_enriched.v1", events("t.logins"), part(user_risk()))
    child = group_by("t.device_risk.v1", ["device"], {"joinSource": {"join": parent, "query": {
        "timeColumn": "ts", "selects": {
            "device": "device", "average": "t_user_risk_v1_risk_average_24h",
            "spent": "t_user_risk_v1_amount_sum_1h", "newest": "t_user_risk_v1_risk_last"}}}},
        [*aggregate("average", (AVERAGE, MAX), "1h 24h"), *aggregate("spent", (SUM,), "6h 3d"),
         *aggregate("newest", (LAST, COUNT))])
    left = w.queries({"device": "LONG", "user": "STRING"}, w.asking(
        100, times, device=device, user=lambda: w.random.choice(("ann", "bob", "cyd"))))
    w.conf(join("t.two_level", left, part(child), part(user_risk())))


def join_of_join() -> None:
    w = Writer("join_of_join", "A Join whose left side is a Join: payments with their merchant's "
               "risk, then with how often the user logged in, summed by user.", 19)
    times = risk_and_payments(w, payments=140, risks=80)
    w.table("t.logins", {"user": "STRING", "ts": "LONG"},
            [{"user": w.random.choice(("ann", "bob", "cyd")), "ts": time}
             for time in w.times(100)], topic_key="user")
    logins = group_by("t.logins.v1", ["user"], events("t.logins", selects=selects(
        "user", hit="ts % 3")), [*aggregate("hit", (COUNT, SUM), "1h 24h")])
    w.expression("ts % 3", "ts % 3", "ts % 3")
    middle = join("t.middle.v1", {"joinSource": {"join": enriched_payments(), "query": {
        "timeColumn": "ts", "selects": {"user": "user", "amount": "amount",
                                        "risk": "t_merchant_risk_v1_score_last"}}}}, part(logins))
    child = group_by("t.user_both.v1", ["user"], {"joinSource": {"join": middle, "query": {
        "timeColumn": "ts", "selects": {"user": "user", "risk": "risk",
                                        "logins": "t_logins_v1_hit_count_24h"}}}},
        [*aggregate("risk", (AVERAGE, LAST), "1h 24h"), *aggregate("logins", (SUM, MAX), "12h 2d"),
         *aggregate("logins", (LAST,))])
    left = w.queries({"user": "STRING"}, w.asking(
        100, times, user=lambda: w.random.choice(("ann", "bob", "cyd"))))
    w.conf(join("t.join_of_join", left, part(child)))


def derived(conf: dict, *star: str, **expressions: str) -> dict:
    return conf | {"derivations": [{"name": name, "expression": name} for name in star]
                   + [{"name": name, "expression": text} for name, text in expressions.items()]}


def derivations() -> None:
    w = Writer("derivations", "A chain with derivations at every place: of the right side, of the "
               "parent Join (the rows that the chain folds), of the chained GroupBy, of the final "
               "Join; renames, expressions, one needing another, with and without *.", 20)
    times = risk_and_payments(w)

    def either_null(*names: str, value: str) -> str:
        return f"None if {' or '.join(f'{name} is None' for name in names)} else {value}"

    w.expression("score_average_24h * 100", "score_average_24h * 100",
                 either_null("score_average_24h", value="score_average_24h * 100"))
    w.expression("COALESCE(score_last, 0.25)", "COALESCE(score_last, 0.25)",
                 "0.25 if score_last is None else score_last")
    risk = derived(risk_last(), "*", percent="score_average_24h * 100",
                   known="COALESCE(score_last, 0.25)", newest="score_last")
    w.expression("amount * t_merchant_risk_v1_newest", "amount * t_merchant_risk_v1_newest",
                 either_null("amount", "t_merchant_risk_v1_newest",
                             value="amount * t_merchant_risk_v1_newest"))
    w.expression("weighted > 20", "weighted > 20", either_null("weighted", value="weighted > 20"))
    w.expression("CASE WHEN heavy THEN 1 ELSE 0 END", "CASE WHEN heavy THEN 1 ELSE 0 END",
                 "1 if heavy else 0")
    weighted = join("t.weighted.v1", events("t.payments"), part(risk, merchant="merchant_id"))
    parent = derived(weighted, flag="CASE WHEN heavy THEN 1 ELSE 0 END", heavy="weighted > 20",
                     weighted="amount * t_merchant_risk_v1_newest")
    parent["derivations"].append({"name": "*", "expression": "*"})
    w.expression("weighted_sum_24h / flag_count_24h",
                 "weighted_sum_24h / flag_count_24h",
                 either_null("weighted_sum_24h", value="weighted_sum_24h / flag_count_24h"))
    w.expression("ts % 1000", "ts % 1000", "ts % 1000")
    child = derived(group_by("t.user_weight.v1", ["user"], {"joinSource": {
        "join": parent, "query": {"timeColumn": "ts", "selects": {
            "user": "user", "weighted": "weighted", "flag": "flag",
            "known": "t_merchant_risk_v1_known"}}}},
        [*aggregate("weighted", (SUM,), "1h 24h"), *aggregate("flag", (SUM, COUNT), "24h"),
         *aggregate("known", (LAST, MIN), "3d")]),
        mean="weighted_sum_24h / flag_count_24h", now="ts % 1000", user_again="user",
        flags="flag_sum_24h", known_last_3d="known_last_3d", weighted_sum_1h="weighted_sum_1h")
    left = w.queries({"user": "STRING", "merchant": "LONG"}, w.asking(
        110, times, user=lambda: w.random.choice(("ann", "bob", "cyd")),
        merchant=lambda: w.random.randrange(1, 7)))
    w.expression("merchant * 10 + 1", "merchant * 10 + 1", "merchant * 10 + 1")
    w.expression("COALESCE(mean, 0.0) - t_merchant_risk_v1_known",
                 "COALESCE(mean, 0.0) - t_merchant_risk_v1_known",
                 "(mean or 0.0) - t_merchant_risk_v1_known")
    w.conf(derived(join("t.derived.v1", left, part(risk, merchant="merchant_id"), part(child)), "*",
                   gap="COALESCE(mean, 0.0) - t_merchant_risk_v1_known",
                   mean="t_user_weight_v1_mean", asked="merchant * 10 + 1",
                   flags="t_user_weight_v1_flags"))


if __name__ == "__main__":
    for make in (simple, chain, late, ties, midnight, unwindowed, nulls, two_level, join_of_join,
                 derivations):
        make()

# SPDX-License-Identifier: Apache-2.0
"""The answer to every query of a scenario, from the definition alone: for each query scan all rows.

Shares nothing with the engine: confs are plain JSON here, sums are exact rationals, expressions of
a conf come with their Python meaning in `scenario.json`. Slow and obvious.

    python3 tests/scenarios/expected.py            writes expected.csv of every scenario
    python3 tests/scenarios/expected.py simple     of one
"""

import csv
import datetime
import io
import json
import os
import pathlib
import sys
from fractions import Fraction

FOLDER = pathlib.Path(os.environ.get("CATENA_SCENARIOS") or
                      pathlib.Path(__file__).resolve().parent)
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
UNITS = {0: ("h", HOUR), 1: ("d", DAY), 2: ("m", MINUTE)}
OPERATIONS = {0: "min", 1: "max", 2: "first", 3: "last", 6: "count", 7: "sum", 8: "average"}
SNAPSHOT = 1


def floor(time: int, step: int) -> int:
    return time // step * step


def hop_of(window: int) -> int:
    if window >= 12 * DAY:
        return DAY
    return HOUR if window >= 12 * HOUR else 5 * MINUTE


def parse(text: str, kind: str):
    """A CSV cell; the empty one is null."""
    if text == "":
        return None
    if kind in ("INT", "LONG"):
        return int(text)
    return float(text) if kind == "DOUBLE" else text


def print_cell(value) -> str:
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


def read_csv(path: pathlib.Path, types: dict) -> list:
    """Rows in file order; `_order` is the position, that is the source order."""
    rows = []
    with open(path, newline="") as file:
        for order, cells in enumerate(csv.DictReader(file)):
            row = {name: parse(text, types.get(name, "LONG" if name == "append_ts" else "STRING"))
                   for name, text in cells.items()}
            rows.append(row | {"_order": order})
    return rows


class Scenario:
    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.join = json.loads((folder / "conf.json").read_text())
        self.about = json.loads((folder / "scenario.json").read_text())
        self.types = {table: dict(columns)
                      for table, columns in self.join["catena"]["schemas"].items()}
        self.remembered = {}

    def table(self, name: str) -> list:
        return read_csv(self.folder / f"{name}.csv", self.types[name] | {"ds": "STRING"})

    def evaluate(self, expression: str, row: dict):
        if expression in row:
            return row[expression]
        return eval(self.about["python"][expression], {}, row)

    def apply(self, query: dict, rows: list) -> list:
        result = []
        for row in rows:
            if not all(self.evaluate(where, row) for where in query.get("wheres", [])):
                continue
            selects = query.get("selects") or {name: name for name in row}
            out = {name: self.evaluate(text, row) for name, text in selects.items()}
            out["_order"] = row["_order"]
            if "timeColumn" in query:
                out["ts"] = self.evaluate(query["timeColumn"], row)
            if "ds" in row:
                out["ds"] = row["ds"]
            result.append(out)
        return result

    def source_rows(self, source: dict) -> list:
        what = json.dumps(source, sort_keys=True)
        if what not in self.remembered:
            if "events" in source:
                events = source["events"]
                rows = self.apply(events["query"], self.table(events["table"]))
            elif "entities" in source:
                entities = source["entities"]
                rows = self.apply(entities["query"], self.table(entities["snapshotTable"]))
            else:
                chained = source["joinSource"]
                rows = self.apply(chained["query"], self.join_rows(chained["join"]))
            self.remembered[what] = rows
        return self.remembered[what]

    def join_rows(self, join: dict) -> list:
        return [row | self.features_of(join, row) for row in self.source_rows(join["left"])]

    def derive(self, derivations: list, base: dict, beside: dict) -> dict:
        """Derived columns by name; expressions read base columns, what stands beside them, and
        other derivations."""
        expressions = {each["name"]: each["expression"] for each in derivations}

        def value(name: str):
            if name in base or name in beside:
                return base[name] if name in base else beside[name]
            return computed(expressions[name])

        def computed(expression: str):
            if expression.isidentifier():
                return value(expression)
            known = {name: value(name) for name in (*base, *beside)}
            later = {name: value(name) for name in expressions
                     if name not in known and name != "*" and name in expression}
            return eval(self.about["python"][expression], {}, known | later)

        features = {}
        for name, expression in expressions.items():
            if name == "*":
                features |= {column: base[column] for column in base
                             if column not in expressions.values() and column not in expressions}
            else:
                features[name] = computed(expression)
        return features

    def features_of(self, join: dict, left: dict) -> dict:
        """The part columns of one left row, by name, in conf order; then its derivations."""
        features = {}
        for part in join["joinParts"]:
            group_by = part["groupBy"]
            mapping = {key: column for column, key in part.get("keyMapping", {}).items()}
            key = [left.get(mapping.get(column, column)) for column in group_by["keyColumns"]]
            prefix = f"{part['prefix']}_" if part.get("prefix") else ""
            prefix += group_by["metaData"]["name"].replace(".", "_")
            values = dict(self.group_by_at(group_by, key, left["ts"]))
            if "derivations" in group_by:
                keys = dict(zip(group_by["keyColumns"], key, strict=True))
                values = self.derive(group_by["derivations"], values, keys | {"ts": left["ts"]})
            features |= {f"{prefix}_{name}": value for name, value in values.items()}
        if "derivations" in join:
            return self.derive(join["derivations"], features, left)
        return features

    def group_by_at(self, group_by: dict, key: list, time: int) -> list:
        if group_by["accuracy"] == SNAPSHOT:
            time = floor(time, DAY)
        rows = [row for source in group_by["sources"] for row in self.source_rows(source)
                if None not in key and [row[column] for column in group_by["keyColumns"]] == key]
        if "aggregations" not in group_by:
            return self.entity_at(group_by, rows, time)
        outputs = []
        for aggregation in group_by["aggregations"]:
            name = f"{aggregation['inputColumn']}_{OPERATIONS[aggregation['operation']]}"
            for window in aggregation.get("windows") or [None]:
                begin, suffix = -(2**63), ""
                if window is not None:
                    letter, unit = UNITS[window["timeUnit"]]
                    length = window["length"] * unit
                    begin = floor(time - length, hop_of(length))
                    suffix = f"_{window['length']}{letter}"
                inside = [(row["ts"], row["_order"], row[aggregation["inputColumn"]])
                          for row in rows if begin <= row["ts"] < time
                          and row[aggregation["inputColumn"]] is not None]
                outputs.append((name + suffix, fold(aggregation["operation"], sorted(inside))))
        return outputs

    def entity_at(self, group_by: dict, rows: list, time: int) -> list:
        columns = [column for column in group_by["sources"][0]["entities"]["query"]["selects"]
                   if column not in group_by["keyColumns"]]
        day = [row for row in rows if day_number(row["ds"]) == time // DAY - 1]
        return [(column, day[0][column] if day else None) for column in columns]

    def expected(self) -> str:
        """expected.csv: one line a query, in the order of the queries."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        for number, left in enumerate(self.source_rows(self.join["left"])):
            features = self.features_of(self.join, left)
            if number == 0:
                writer.writerow(["qid", *features])
            writer.writerow([left["qid"], *map(print_cell, features.values())])
        return text.getvalue()


def day_number(ds: str) -> int:
    return (datetime.date.fromisoformat(ds) - datetime.date(1970, 1, 1)).days


def fold(operation: int, inside: list):
    """`inside`: (time, order, value) in that order. Of a tie in time the first counts."""
    if not inside:
        return None
    values = [value for _, _, value in inside]
    name = OPERATIONS[operation]
    if name == "count":
        return len(values)
    if name in ("min", "max"):
        return (min if name == "min" else max)(values)
    if name == "first":
        return values[0]
    if name == "last":
        newest = inside[-1][0]
        return next(value for time, _, value in inside if time == newest)
    total = sum(map(Fraction, values))
    if name == "sum":
        return float(total) if isinstance(values[0], float) else int(total)
    return float(total) / len(values)


def scenarios() -> list:
    return sorted(path.parent for path in FOLDER.glob("*/scenario.json"))


def main() -> None:
    for folder in scenarios():
        if len(sys.argv) == 1 or folder.name in sys.argv[1:]:
            (folder / "expected.csv").write_text(Scenario(folder).expected())


if __name__ == "__main__":
    main()

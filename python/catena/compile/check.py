# SPDX-License-Identifier: Apache-2.0
"""Every rule a conf must obey; all violations at once, each with its path and its file and line."""

import datetime
import json

from catena.api.struct import suggest
from catena.api.ttypes import Accuracy, Operation
from catena.compile import engine_object, output_columns, sql, types
from catena.compile.node import Node, Violation

# Of the sketches whose k has another meaning than how many values to keep.
_SKETCH_K = {"APPROX_UNIQUE_COUNT": (4, 16), "APPROX_PERCENTILE": (8, 65535)}
_NEEDS_K = ("LAST_K", "FIRST_K", "TOP_K", "BOTTOM_K", "APPROX_HISTOGRAM_K", "BOUNDED_UNIQUE_COUNT")


def _is_day(text) -> bool:
    try:
        return str(datetime.date.fromisoformat(text)) == text
    except (TypeError, ValueError):
        return False


class Checker:
    """Checks one conf. A rule that needs a schema is silent when the schema is not known."""

    def __init__(self, conf, schemas):
        self.conf, self.schemas = conf, schemas
        self.name = (conf.get("metaData") or {}).get("name") or ""
        self.violations: list[Violation] = []

    def wrong(self, message, node, path, fallback=None):
        where = (
            getattr(node, "where", None)
            or getattr(fallback, "where", None)
            or getattr(self.conf, "where", None)
        )
        self.violations.append(Violation(message, where, self.name, path))

    def run(self) -> list[Violation]:
        if "joinParts" in self.conf:
            self.join(self.conf, "")
        elif "sources" in self.conf:
            self.group_by(self.conf, "")
        else:
            self.staging_query(self.conf)
        return self.violations

    def staging_query(self, node):
        if not isinstance(node.get("query"), str) or not node["query"].strip():
            self.wrong("a StagingQuery needs a query", node, "query")
        self.partitions(node, node, "")

    # -- columns

    def source(self, source, path):
        kind = next((k for k in ("events", "entities", "joinSource") if k in source), None)
        if kind is None:
            self.wrong("a source needs events, entities or joinSource", source, path)
            return
        inner, path = source[kind], f"{path}.{kind}"
        if kind == "joinSource":
            self.join(inner["join"], f"{path}.join")
        elif not output_columns.table_of(source):
            self.wrong("the source names no table", inner, path)
            return
        query = inner.get("query") or {}
        self.partitions(query, inner, f"{path}.query.")
        columns = output_columns.input_columns(source, self.schemas)
        what = output_columns.table_of(source) or inner["join"]["metaData"].get("name")
        self.columns_exist({"query": query}, columns, what, path, inner)
        time = query.get("timeColumn")
        if (columns or {}).get(time) in ("DATE", "TIMESTAMP"):
            self.wrong(
                f"times are milliseconds since 1970, and `{time}` is {columns[time]}; say "
                f'Query(time_column="unix_millis({time})")',
                query,
                f"{path}.query.timeColumn",
                inner,
            )

    def partitions(self, node, fallback, at):
        for name in ("startPartition", "endPartition"):
            day = node.get(name)
            if day and not _is_day(day):
                self.wrong(f"not a day YYYY-MM-DD: {day!r}", node, f"{at}{name}", fallback)

    def columns_exist(self, holder, columns, what, path, fallback):
        if columns is None:
            return
        lower = {c.lower() for c in columns} | {"_topic_partition", "_offset"}
        for at, text, _ in engine_object.expressions(holder):
            if at.endswith(("mutationTimeColumn", "reversalColumn")):
                continue  # columns of the mutation table
            try:
                used = sql.translate(text, columns).columns
            except (sql.SqlError, TypeError):
                continue  # the translation reports it
            for column in sorted(used):
                if column.lower() not in lower:
                    hint = suggest(column, columns) or f"; it has {', '.join(sorted(columns))}"
                    node = holder.get("query") if "query" in holder else None
                    self.wrong(
                        f"{what} has no column `{column}`{hint}", node, f"{path}.{at}", fallback
                    )

    # -- GroupBy

    def group_by(self, node, path):
        at = f"{path}." if path else ""
        if not node.get("keyColumns"):
            self.wrong("a GroupBy needs at least one key", node, f"{at}keyColumns")
        if node.get("accuracy") not in (None, Accuracy.TEMPORAL, Accuracy.SNAPSHOT):
            self.wrong(
                f"not Accuracy.TEMPORAL or Accuracy.SNAPSHOT: {node['accuracy']!r}",
                node,
                f"{at}accuracy",
            )
        if not node.get("sources"):
            self.wrong("a GroupBy needs at least one source", node, f"{at}sources")
            return
        for i, source in enumerate(node["sources"]):
            self.source(source, f"{at}sources[{i}]")
            chain = "joinSource" in source and output_columns.begins_with_entities(source)
            if chain and node.get("accuracy") == Accuracy.TEMPORAL:
                self.wrong(
                    "the Join begins with entities, whose mutations are not enriched; say "
                    "accuracy=Accuracy.SNAPSHOT",
                    node,
                    f"{at}sources[{i}]",
                )
        self.same_columns(node, at)
        selected = output_columns.selected_columns(node["sources"][0], self.schemas)
        if selected is not None:
            for key in node.get("keyColumns") or []:
                if key not in selected:
                    self.wrong(f"the key `{key}` is not selected", node, f"{at}keyColumns")
        if node.get("aggregations") is None:
            self.pass_through(node, at)
        for i, aggregation in enumerate(node.get("aggregations") or []):
            self.aggregation(aggregation, selected, f"{at}aggregations[{i}]", node)
        self.duplicates(
            output_columns.base_group_by_columns(node, self.schemas)[0], node, f"{at}aggregations"
        )
        self.derivations(
            node,
            at,
            *output_columns.base_group_by_columns(node, self.schemas),
            keys=node.get("keyColumns") or [],
        )

    def same_columns(self, node, at):
        selects = [
            set((output_columns.underlying(s).get("query") or {}).get("selects") or {})
            for s in node["sources"]
        ]
        for i, columns in enumerate(selects[1:], 1):
            different = sorted(selects[0] ^ columns)
            if different:
                self.wrong(
                    f"sources 0 and {i} select different columns: {', '.join(different)}",
                    node,
                    f"{at}sources[{i}]",
                )

    def pass_through(self, node, at):
        for i, source in enumerate(node["sources"]):
            entities = source.get("entities") or {}
            mutated = entities.get("mutationTable") or entities.get("mutationTopic")
            if mutated or not output_columns.begins_with_entities(source):
                self.wrong(
                    "aggregations can be left out only for entity sources without "
                    "mutations; add aggregations, for example Aggregation(input_column=..., "
                    "operation=Operation.LAST)",
                    node,
                    f"{at}sources[{i}]",
                )

    def aggregation(self, node, selected, path, group_by):
        operation = Operation._VALUES_TO_NAMES.get(node.get("operation"))
        column = node.get("inputColumn")
        if operation is None:
            self.wrong(f"unknown operation {node.get('operation')!r}", node, path, group_by)
            return
        if not column:
            self.wrong(f"{operation} needs an input_column", node, path, group_by)
            return
        self.arguments(node, operation, path, group_by)
        for window in node.get("windows") or []:
            if not isinstance(window.get("length"), int) or window["length"] <= 0:
                self.wrong("the length of a window must be a positive number", node, path, group_by)
        if selected is None or column == "ts":
            return
        if column not in selected:
            self.wrong(
                f"the input column `{column}` is not selected{suggest(column, selected)}",
                node,
                path,
                group_by,
            )
            return
        why = types.refusal(operation, selected[column], bool(node.get("elementWise")))
        if why:
            self.wrong(f"{operation} of `{column}`: {why}", node, path, group_by)
        elsewhere = types.refused_by_chronon(selected[column], bool(node.get("elementWise")))
        if elsewhere and isinstance(node, Node):
            node.notes.append(f"{operation} of `{column}`: {elsewhere}")
        for bucket in node.get("buckets") or []:
            kind = selected.get(bucket)
            if kind is not None and kind != "STRING":
                self.wrong(
                    f"the bucket `{bucket}` must be a STRING, and is {kind}; cast it in selects",
                    node,
                    path,
                    group_by,
                )

    def arguments(self, node, operation, path, group_by):
        arguments = node.get("argMap") or {}
        k = arguments.get("k")
        least, most = _SKETCH_K.get(operation, (1 if operation in _NEEDS_K else 0, 10_000))
        if operation in _NEEDS_K and not (isinstance(k, str) and k.isdigit() and int(k) > 0):
            self.wrong(f"{operation} needs a positive k, got {k!r}", node, path, group_by)
        elif k is not None and not (str(k).isdigit() and least <= int(k) <= most):
            self.wrong(f"k of {operation} is from {least} to {most}, got {k!r}",
                       node, path, group_by)  # fmt: skip
        if operation == "APPROX_PERCENTILE" and "percentiles" in arguments:
            try:
                values = json.loads(arguments["percentiles"])
                valid = (
                    isinstance(values, list) and values and all(0 <= float(p) <= 1 for p in values)
                )
            except (ValueError, TypeError):
                valid = False
            if not valid:
                self.wrong(
                    "percentiles must be a list of numbers between 0 and 1, got "
                    f"{arguments['percentiles']}",
                    node,
                    path,
                    group_by,
                )

    def duplicates(self, columns, node, path):
        seen = set()
        for column in columns:
            if column.name in seen:
                self.wrong(
                    f"two outputs are named `{column.name}`; the arguments of an operation "
                    "are not part of its name (only the k of LAST_K, FIRST_K, TOP_K, "
                    "BOTTOM_K): select the input twice under two names",
                    node,
                    path,
                )
            seen.add(column.name)

    def derivations(self, node, at, columns, complete, keys=()):
        derivations = node.get("derivations")
        if not derivations:
            return
        names = [d.get("name") for d in derivations]
        for name in sorted({n for n in names if names.count(n) > 1}):
            self.wrong(f"two derivations are named `{name}`", node, f"{at}derivations")
        given = {c.name for c in columns} | set(keys) | {"ds", "ts"}
        for name in sorted(set(keys) & set(names)):
            self.wrong(f"a derivation may not be named like the key `{name}`", node,
                       f"{at}derivations")  # fmt: skip
        circle = output_columns.derivation_order(derivations, given)[1]
        if circle:
            self.wrong(
                "derivations need each other in a circle; write one of them out: "
                + " -> ".join(circle),
                node,
                f"{at}derivations",
            )
        known = given | set(names)
        if complete:
            self.columns_exist(
                {"derivations": derivations},
                {c: None for c in known},
                node["metaData"].get("name"),
                at.rstrip("."),
                node,
            )

    # -- Join

    def join(self, node, path):
        at = f"{path}." if path else ""
        if "left" not in node:
            return  # a cycle, reported where it closes
        self.source(node["left"], f"{at}left")
        left = output_columns.left_columns(node, self.schemas)
        for i, part in enumerate(node.get("joinParts") or []):
            here = f"{at}joinParts[{i}]"
            if "joinSource" not in node["left"] and part["groupBy"].get("sources"):
                if part["groupBy"].get("keyColumns"):
                    self.group_by(part["groupBy"], f"{here}.groupBy")
                    self.keys(part, left, here)
        for name in node.get("rowIds") or []:
            if left is not None and name != "ds" and name not in left:
                self.wrong(
                    f"the left side has no column `{name}`; select it there"
                    f"{suggest(name, left)}",
                    node,
                    f"{at}rowIds",
                )
        columns, complete = output_columns.base_join_columns(node, self.schemas)
        self.duplicates([c for c in columns if c.part is not None], node, f"{at}joinParts")
        self.derivations(node, at, columns, complete)

    def keys(self, part, left, path):
        if left is None:
            return
        group_by = part["groupBy"]
        to_left = {right: name for name, right in (part.get("keyMapping") or {}).items()}
        right_types = output_columns.selected_columns(group_by["sources"][0], self.schemas) or {}
        for key in group_by.get("keyColumns") or []:
            name = to_left.get(key, key)
            if name not in left:
                self.wrong(
                    f"the left side has no column `{name}` for the key `{key}` of "
                    f"{group_by['metaData'].get('name')}; select it on the left or use "
                    "key_mapping={left column: key}",
                    part,
                    path,
                )
                continue
            a, b = left[name], right_types.get(key)
            if a and b and a != b and "STRING" in (a, b):
                self.wrong(
                    f"the key `{key}` is {b} but the left column `{name}` is {a}; cast one "
                    "of them in selects",
                    part,
                    path,
                )


def check(conf, schemas) -> list[Violation]:
    return Checker(conf, schemas).run()

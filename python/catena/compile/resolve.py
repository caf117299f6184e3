# SPDX-License-Identifier: Apache-2.0
"""Definitions in, conf JSON out: names, references, dependencies, metadata.

Each record becomes a Node in Chronon's thrift simple JSON. What the author left out
is filled in by infer.py.
"""

import json

from catena.api import group_by as dsl
from catena.api import join as join_dsl
from catena.api import output_names, table_names, ttypes
from catena.api.source import as_source, is_streaming
from catena.api.struct import Struct
from catena.compile import output_columns
from catena.compile.infer import Inference
from catena.compile.node import Node, Violation

_NAMED = (
    ttypes.GroupBy,
    ttypes.Join,
    ttypes.StagingQuery,
    ttypes.Source,
    ttypes.EventSource,
    ttypes.EntitySource,
)


def plain(value):
    """A JSON value as thrift's simple protocol has it: booleans as 0 and 1, no unset fields."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Struct):
        fields = {
            f: plain(getattr(value, f)) for f in value.FIELDS if getattr(value, f) is not None
        }
        return Node(fields, value.where)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


class Resolver:
    """Lowers definitions, each once. `violations` collects what is wrong, `made` what was made."""

    def __init__(self, schemas, teams):
        self.schemas, self.teams = schemas, teams
        self.violations: list[Violation] = []
        self.infer = Inference(schemas, self.wrong)
        self.names = {
            id(value): name for kind in _NAMED for name, value in table_names.named_objects(kind)
        }
        self.made: dict[int, Node] = {}
        self._alive: list = []  # keeps ids unique while the resolver lives
        self._open: list[int] = []

    def wrong(self, message, where, conf="", path=""):
        self.violations.append(Violation(message, where, conf, path))

    def _once(self, value, name, make):
        if id(value) in self.made:
            return self.made[id(value)]
        if id(value) in self._open:
            self.wrong(
                f"{name or 'this definition'} is made from itself; break the cycle",
                value.where,
                name or "",
            )
            return Node({"metaData": {"name": name}}, value.where)
        self._open.append(id(value))
        self._alive.append(value)
        try:
            node = make()
        finally:
            self._open.pop()
        self.made[id(value)] = node
        return node

    def conf(self, value) -> Node:
        if isinstance(value, ttypes.GroupBy):
            return self.group_by(value)
        if isinstance(value, ttypes.Join):
            return self.join(value)
        return self.staging_query(value)

    # -- metadata

    def _meta(self, value, name, team, dependencies, custom_json=None) -> Node:
        meta = plain(value.metaData) if value.metaData is not None else Node()
        problem = self.teams.problem(team)
        if problem:
            self.wrong(problem, value.where, name)
        namespace = meta.get("outputNamespace") or self.teams.get(team, "namespace")
        properties = meta.get("tableProperties") or self.teams.get(team, "table_properties")
        meta.update(name=name, team=team)
        if custom_json is not None:
            meta["customJson"] = custom_json
        if namespace:
            meta["outputNamespace"] = namespace
        if properties:
            meta["tableProperties"] = properties
        if dependencies is not None:
            fill = {
                "{{ db }}": namespace or "default",
                "{{ logged_table }}": f"{namespace}.{output_names.sanitize(name)}_logged",
            }
            meta["dependencies"] = [self._filled(d, fill) for d in dependencies]
        return meta

    @staticmethod
    def _filled(text, values):
        for key, value in values.items():
            text = text.replace(key, value)
        return text

    def _identity(self, value, fallback_name, fallback_team):
        """(name, team): the variable's name, else the one given, else one made from the parent."""
        name = self.names.get(id(value))
        if name:
            return name, name.split(".")[0]
        given = value.metaData.name if getattr(value, "metaData", None) is not None else None
        name = given or getattr(value, "explicit_name", None) or fallback_name
        team = fallback_team or (name.split(".")[0] if name else None)
        return name, team

    def _dependencies(self, value, sources) -> list[str] | None:
        if not hasattr(value, "lag"):  # made without the DSL: nothing to add
            return value.metaData.dependencies if value.metaData is not None else None
        return [
            d for s in sources for d in self._source_dependencies(s, value.dependencies, value.lag)
        ]

    def _source_dependencies(self, source, explicit, lag):
        if source.joinSource is not None and not explicit:
            parent, query = self.join(source.joinSource.join), source.joinSource.query
            meta = parent["metaData"]
            table = f"{meta.get('outputNamespace')}.{output_names.sanitize(meta['name'])}"
            start, end = (query.startPartition, query.endPartition) if query else (None, None)
            return [json.dumps(table_names.wait_for_simple_schema(table, lag, start, end, query))]
        return table_names.get_dependencies(source, explicit, lag=lag)

    # -- sources

    def source(self, source, required, conf, temporal, windowed=False) -> Node:
        """`required`: (columns a GroupBy needs, whether it aggregates, its bucket columns), added
        to the selects; None for a left side."""
        source = dsl.copy_source(source, "source")
        node = plain(source_without_join(source))
        kind = next(iter(node))
        inner = node[kind]
        if source.joinSource is not None:
            inner["join"] = self.join(source.joinSource.join)
        for field in ("table", "snapshotTable", "mutationTable"):
            if "{{ db }}" in inner.get(field, ""):
                team = conf.split(".")[0]
                inner[field] = inner[field].replace("{{ db }}", self.teams.get(team, "namespace"))
        had_query = "query" in inner
        query = inner.setdefault("query", Node({"setups": []}, inner.where))
        query.where = query.where or inner.where
        self.infer.time_column(node, kind, query, conf, temporal, windowed)
        if required is None:
            self.infer.left_selects(node, kind, query, had_query)
        else:
            self.infer.group_by_selects(node, kind, query, required, had_query, conf)
        if kind == "joinSource":
            self.infer.bare_columns(inner, query, conf)
        return node

    # -- definitions

    def group_by(self, value, fallback_name=None, team=None) -> Node:
        name, team = self._identity(value, fallback_name, team)
        if not name:
            self.wrong("this GroupBy has no name; bind it to a variable or pass name=", value.where)
            name, team = "unnamed", team or "unnamed"
        return self._once(value, name, lambda: self._group_by(value, name, team))

    def _group_by(self, value, name, team) -> Node:
        aggregations = value.aggregations
        node = plain(without(value, "sources", "metaData"))
        inputs = [a.inputColumn for a in aggregations or [] if a.inputColumn]
        buckets = [b for a in aggregations or [] for b in a.buckets or []]
        required = (list(value.keyColumns or []) + inputs, aggregations is not None, buckets)
        sources = [as_source(s) for s in value.sources or []]
        temporal = self._accuracy(node, sources, name)
        windowed = any(a.windows for a in aggregations or [])
        node["sources"] = [
            self.source(
                s, required, name, temporal or (None if value.accuracy is None else False), windowed
            )
            for s in sources
        ]
        node["metaData"] = self._meta(value, name, team, self._dependencies(value, sources))
        if any(
            w.timeUnit == ttypes.TimeUnit.MINUTES
            for a in aggregations or []
            for w in a.windows or []
        ):
            node.notes.append(
                f"{name}: windows in minutes are Zipline's dialect (TimeUnit 2): "
                "Chronon cannot read this conf"
            )
        if not temporal and any(
            w.timeUnit != ttypes.TimeUnit.DAYS for a in aggregations or [] for w in a.windows or []
        ):
            node.notes.append(
                f"{name}: windows shorter than a day on a SNAPSHOT GroupBy: Chronon refuses "
                "this conf"
            )
        return node

    def _accuracy(self, node, sources, name) -> bool:
        if "accuracy" not in node:
            try:
                streaming = any(is_streaming(s) for s in sources)
            except RecursionError:
                streaming = False  # a cycle, reported by name where it closes
            node["accuracy"] = ttypes.Accuracy.TEMPORAL if streaming else ttypes.Accuracy.SNAPSHOT
            node.notes.append(
                f"{name} is {'TEMPORAL' if streaming else 'SNAPSHOT'} because "
                f"{'a' if streaming else 'no'} source has a topic"
            )
        return node["accuracy"] == ttypes.Accuracy.TEMPORAL

    def join(self, value) -> Node:
        name, team = self._identity(value, None, None)
        if not name:
            self.wrong("this Join has no name; bind it to a variable of its module", value.where)
            name, team = "unnamed", "unnamed"
        return self._once(value, name, lambda: self._join(value, name, team))

    def _join(self, value, name, team) -> Node:
        left_source = as_source(value.left)
        node = plain(
            without(value, "metaData", "left", "joinParts", "labelPart", "onlineExternalParts")
        )
        node["left"] = self.source(left_source, None, name, None)
        left = output_columns.left_columns(node, self.schemas)
        node["joinParts"] = [
            self._part(part, i, node["left"], left, name, team)
            for i, part in enumerate(value.joinParts or [])
        ]
        if value.onlineExternalParts:
            node["onlineExternalParts"] = [
                self._external(p, name, team, i) for i, p in enumerate(value.onlineExternalParts)
            ]
        left_dependencies = (
            self._source_dependencies(left_source, value.dependencies, value.lag)
            if hasattr(value, "lag")
            else []
        )
        if value.labelPart is not None:
            node["labelPart"] = self._label_part(
                value, node["left"], left, left_dependencies, name, team
            )
        node["metaData"] = self._join_meta(value, node, left_dependencies, name, team)
        for part in node.get("bootstrapParts") or []:
            meta = node["metaData"]
            logged = f"{meta.get('outputNamespace')}.{output_names.sanitize(name)}_logged"
            part["table"] = self._filled(
                part["table"],
                {
                    "{{ logged_table }}": logged,
                    "{{ db }}": meta.get("outputNamespace") or "default",
                },
            )
        return node

    def _join_meta(self, value, node, left_dependencies, name, team):
        if not hasattr(value, "custom"):
            given = value.metaData.dependencies if value.metaData is not None else None
            return self._meta(value, name, team, given)
        groups = [part["groupBy"] for part in node["joinParts"]]
        right = [
            d
            for g in groups
            for _ in g.get("sources") or []
            for d in g["metaData"].get("dependencies") or []
        ]
        boot = (
            []
            if value.dependencies is not None
            else table_names.get_bootstrap_dependencies(value.bootstrapParts)
        )
        names = [
            f"{p.prefix + '_' if p.prefix else ''}{g['metaData']['name']}"
            for p, g in zip(value.joinParts, groups)
        ]
        return self._meta(
            value,
            name,
            team,
            table_names.dedupe_in_order(left_dependencies + right + boot),
            join_dsl.custom_json_of(value, names),
        )

    def _part(self, part, index, left_node, left, join_name, team) -> Node:
        node = plain(without(part, "groupBy"))
        group_by = part.groupBy
        if isinstance(group_by, ttypes.GroupBy):
            node["groupBy"] = self.group_by(group_by, f"{join_name}_part{index}", team)
        else:
            node["groupBy"] = self._once(
                group_by,
                join_name,
                lambda: self._from_source(group_by, part, left_node, left, join_name, team),
            )
        return node

    def _from_source(self, given, part, left_node, left, join_name, team) -> Node:
        """A Source as a join part: the latest row of each key."""
        source = dsl.copy_source(given, "group_by")
        own = plain(source_without_join(source))
        table = output_columns.table_of(own)
        name, team = self._identity(given, f"{join_name}_{output_names.sanitize(table)}", team)
        columns = output_columns.selected_columns(own, self.schemas)
        keys = sorted(set((part.keyMapping or {}).values())) or self.infer.shared_keys(
            columns, left, left_node, table, join_name, part.where
        )
        if not keys:
            return Node(
                {
                    "metaData": Node({"name": name, "team": team}),
                    "sources": [own],
                    "keyColumns": [],
                },
                part.where,
            )
        aggregations = None
        if source.events is not None:
            aggregations = [dsl.Aggregation(c) for c in columns or {} if c not in (*keys, "ts")]
        group_by = dsl.GroupBy(sources=[source], keys=keys, aggregations=aggregations)
        group_by.where = getattr(given, "where", None) or part.where
        node = self.group_by(group_by, name, team)
        what = "the latest row of each key" if aggregations is None else "LAST of every column"
        node.notes.insert(
            0, f"{table} as a join part is the GroupBy {name}: {what}, keyed by {', '.join(keys)}"
        )
        return node

    def _external(self, part, name, team, index) -> Node:
        node = plain(without(part, "source"))
        node["source"] = plain(without(part.source, "offlineGroupBy"))
        if part.source.offlineGroupBy is not None:
            node["source"]["offlineGroupBy"] = self.group_by(
                part.source.offlineGroupBy, f"{name}_external{index}", team
            )
        return node

    def _label_part(self, value, left_node, left, left_dependencies, name, team) -> Node:
        label = value.labelPart
        node = plain(without(label, "labels"))
        node["labels"] = [
            self._part(p, f"_label{i}", left_node, left, name, team)
            for i, p in enumerate(label.labels)
        ]
        namespace = (
            value.metaData.outputNamespace if value.metaData is not None else None
        ) or self.teams.get(team, "namespace")
        table = f"{namespace}.{output_names.sanitize(name)}"
        own = [
            d
            for p in node["labels"]
            for _ in p["groupBy"].get("sources") or []
            for d in p["groupBy"]["metaData"].get("dependencies") or []
        ]
        own.append(json.dumps({"name": f"wait_for_{table}", "spec": f"{table}/ds={{{{ ds }}}}"}))
        node.setdefault("metaData", Node())["dependencies"] = table_names.dedupe_in_order(
            left_dependencies + own
        )
        return node

    def staging_query(self, value) -> Node:
        name, team = self._identity(value, None, None)
        if not name:
            self.wrong("this StagingQuery has no name; bind it to a variable", value.where)
            name, team = "unnamed", "unnamed"

        def make():
            node = plain(without(value, "metaData"))
            given = value.metaData.dependencies if value.metaData is not None else None
            node["metaData"] = self._meta(value, name, team, given)
            return node

        return self._once(value, name, make)


def without(struct, *fields):
    """A copy of a record with some fields unset."""
    copy = struct.shallow_copy()
    for field in fields:
        setattr(copy, field, None)
    return copy


def source_without_join(source):
    if source.joinSource is None:
        return source
    copy = source.shallow_copy()
    copy.joinSource = without(source.joinSource, "join")
    return copy

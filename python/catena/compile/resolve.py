# SPDX-License-Identifier: Apache-2.0
"""Definitions in, conf JSON out: names, references, and what the author left out.

Each record becomes a Node in Chronon's thrift simple JSON. What is inferred is written out as
ordinary Chronon JSON, and said in the Node's notes:

  a Source as a join part     -> a key-value GroupBy, keyed by the columns shared with the left side
  no Query                    -> every column of the table
  no time column              -> `ts`
  a join part's bare column   -> the one output column of the Join that comes from it
  no accuracy                 -> TEMPORAL when a source has a topic, else SNAPSHOT
"""

import json

from catena.api import group_by as dsl
from catena.api import join as join_dsl
from catena.api import output_names, table_names, ttypes
from catena.api.source import as_source, is_streaming
from catena.api.struct import Struct, suggest
from catena.compile import output_columns, sql
from catena.compile.node import Node, Violation

_NAMED = (ttypes.GroupBy, ttypes.Join, ttypes.StagingQuery, ttypes.Source, ttypes.EventSource,
          ttypes.EntitySource)


def plain(value):
    """A JSON value as thrift's simple protocol has it: booleans as 0 and 1, no unset fields."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Struct):
        fields = {f: plain(getattr(value, f)) for f in value.FIELDS if getattr(value, f) is not None}
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
        self.names = {id(value): name for kind in _NAMED
                      for name, value in table_names.named_objects(kind)}
        self.made: dict[int, Node] = {}
        self._alive: list = []  # keeps ids unique while the resolver lives
        self._open: list[int] = []

    def wrong(self, message, where, conf="", path=""):
        self.violations.append(Violation(message, where, conf, path))

    def _once(self, value, name, make):
        if id(value) in self.made:
            return self.made[id(value)]
        if id(value) in self._open:
            self.wrong(f"{name or 'this definition'} is made from itself; break the cycle",
                       value.where, name or "")
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
            fill = {"{{ db }}": namespace or "default",
                    "{{ logged_table }}": f"{namespace}.{output_names.sanitize(name)}_logged"}
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
        return [d for s in sources
                for d in self._source_dependencies(s, value.dependencies, value.lag)]

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
        """`required`: columns a GroupBy needs, added to the selects; None for a left side."""
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
        self._time_column(node, kind, query, conf, temporal, windowed)
        if required is None:
            self._left_selects(node, kind, query, had_query)
        else:
            self._group_by_selects(node, kind, query, required, had_query, conf)
        if kind == "joinSource":
            self._bare_columns(inner, query, conf)
        return node

    def _time_column(self, node, kind, query, conf, temporal, windowed):
        selects = query.get("selects") or {}
        if "ts" in selects and "timeColumn" not in query:
            query["timeColumn"] = selects["ts"]
        if "timeColumn" in query:
            return
        if kind == "entities" and not windowed:
            return
        if kind != "entities" and temporal is False:
            return
        inputs = output_columns.input_columns(node, self.schemas)
        if inputs is not None and "ts" not in inputs:
            what = output_columns.table_of(node) or "the parent join"
            self.wrong(f"{what} has no column `ts`; say what the time is with "
                       "Query(time_column=...), in milliseconds", query.where, conf)
            return
        query["timeColumn"] = "ts"
        query.notes.append(f"the time column of {output_columns.table_of(node) or 'the parent join'}"
                           " is `ts`")

    def _left_selects(self, node, kind, query, had_query):
        if not had_query:
            columns = output_columns.selected_columns(node, self.schemas)
            if columns is not None:
                query["selects"] = {c: c for c in columns if c != "ts"}
            query.notes.append(f"every column of {output_columns.table_of(node)} is selected")
        if kind == "events" and query.get("selects") and "timeColumn" in query:
            query["selects"]["ts"] = query["timeColumn"]

    def _group_by_selects(self, node, kind, query, required, had_query, conf):
        selects = query.setdefault("selects", {})
        pass_through = required[1] is False
        if not selects and pass_through:
            columns = output_columns.selected_columns(node, self.schemas)
            if columns is not None:
                selects.update({c: c for c in columns})
            table = output_columns.table_of(node) or "the parent join"
            if columns is None:
                self.wrong(self.schemas.remedy(table), query.where, conf)
            query.notes.append(f"every column of {table} is selected")
        for column in required[0]:
            selects.setdefault(column, column)
        time = selects.pop("ts", None)
        if time is not None and query.setdefault("timeColumn", time) != time:
            self.wrong(f"`ts` is selected as `{time}` but the time column is "
                       f"`{query['timeColumn']}`; keep the time column only", query.where, conf)

    def _bare_columns(self, inner, query, conf):
        """Replaces a join part's input column by the one output column that comes from it."""
        columns, complete = output_columns.join_columns(inner["join"], self.schemas)
        parent = inner["join"]["metaData"]["name"]
        names = {c.name for c in columns}
        renames: dict[str, str] = {}
        texts = list((query.get("selects") or {}).values()) + (query.get("wheres") or [])
        texts += [query[f] for f in ("timeColumn",) if f in query]
        for text in texts:
            try:
                used = sql.translate(text).columns
            except sql.SqlError:
                continue  # reported with the other expressions
            for column in sorted(used - names - renames.keys()):
                found = [c for c in columns if c.part is not None and c.input == column]
                self._bare_column(column, found, complete, parent, renames, query, conf, names)
        if not renames:
            return
        for alias, text in (query.get("selects") or {}).items():
            query["selects"][alias] = sql.rename_columns(text, renames)
        if "wheres" in query:
            query["wheres"] = [sql.rename_columns(text, renames) for text in query["wheres"]]
        if "timeColumn" in query:
            query["timeColumn"] = sql.rename_columns(query["timeColumn"], renames)

    def _bare_column(self, column, found, complete, parent, renames, query, conf, names):
        if len(found) > 1:
            listed = ", ".join(c.name for c in found)
            self.wrong(f"`{column}` could be any of {listed}; write the one that is meant",
                       query.where, conf)
        elif found and not complete:
            self.wrong(f"cannot tell whether `{column}` is a column of {parent}'s left side or "
                       f"{found[0].name}: {self._unknown_tables()}", query.where, conf)
        elif found:
            renames[column] = found[0].name
            query.notes.append(f"`{column}` of {parent} is {found[0].name}")
        elif complete:
            near = suggest(column, names)
            self.wrong(f"{parent} has no column `{column}`{near or '; it has '}"
                       + ("" if near else ", ".join(sorted(names))), query.where, conf)

    def _unknown_tables(self):
        unknown = [t for t, columns in self.schemas._known.items() if columns is None]
        return self.schemas.remedy(unknown[0] if unknown else "the left table")

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
        required = (list(value.keyColumns or []) + inputs + buckets, aggregations is not None)
        sources = [as_source(s) for s in value.sources or []]
        temporal = self._accuracy(node, sources)
        windowed = any(a.windows for a in aggregations or [])
        node["sources"] = [self.source(s, required, name,
                                       temporal or (None if value.accuracy is None else False),
                                       windowed) for s in sources]
        node["metaData"] = self._meta(value, name, team, self._dependencies(value, sources))
        if any(w.timeUnit == ttypes.TimeUnit.MINUTES for a in aggregations or []
               for w in a.windows or []):
            node.notes.append("windows in minutes are Zipline's dialect (TimeUnit 2): "
                              "Chronon cannot read this conf")
        if not temporal and any(w.timeUnit != ttypes.TimeUnit.DAYS for a in aggregations or []
                                for w in a.windows or []):
            node.notes.append("windows shorter than a day on a SNAPSHOT GroupBy: Chronon refuses "
                              "this conf")
        return node

    def _accuracy(self, node, sources) -> bool:
        if "accuracy" not in node:
            try:
                streaming = any(is_streaming(s) for s in sources)
            except RecursionError:
                streaming = False  # a cycle, reported by name where it closes
            node["accuracy"] = ttypes.Accuracy.TEMPORAL if streaming else ttypes.Accuracy.SNAPSHOT
            node.notes.append(f"accuracy is {'TEMPORAL' if streaming else 'SNAPSHOT'} because "
                              f"{'a' if streaming else 'no'} source has a topic")
        return node["accuracy"] == ttypes.Accuracy.TEMPORAL

    def join(self, value) -> Node:
        name, team = self._identity(value, None, None)
        if not name:
            self.wrong("this Join has no name; bind it to a variable of its module", value.where)
            name, team = "unnamed", "unnamed"
        return self._once(value, name, lambda: self._join(value, name, team))

    def _join(self, value, name, team) -> Node:
        left_source = as_source(value.left)
        node = plain(without(value, "metaData", "left", "joinParts", "labelPart",
                             "onlineExternalParts"))
        node["left"] = self.source(left_source, None, name, None)
        left = output_columns.left_columns(node, self.schemas)
        node["joinParts"] = [self._part(part, i, node["left"], left, name, team)
                             for i, part in enumerate(value.joinParts or [])]
        if value.onlineExternalParts:
            node["onlineExternalParts"] = [self._external(p, name, team, i)
                                           for i, p in enumerate(value.onlineExternalParts)]
        left_dependencies = (self._source_dependencies(left_source, value.dependencies, value.lag)
                             if hasattr(value, "lag") else [])
        if value.labelPart is not None:
            node["labelPart"] = self._label_part(value, node["left"], left, left_dependencies, name,
                                                 team)
        node["metaData"] = self._join_meta(value, node, left_dependencies, name, team)
        for part in node.get("bootstrapParts") or []:
            meta = node["metaData"]
            logged = f"{meta.get('outputNamespace')}.{output_names.sanitize(name)}_logged"
            part["table"] = self._filled(part["table"], {
                "{{ logged_table }}": logged, "{{ db }}": meta.get("outputNamespace") or "default"})
        return node

    def _join_meta(self, value, node, left_dependencies, name, team):
        if not hasattr(value, "custom"):
            given = value.metaData.dependencies if value.metaData is not None else None
            return self._meta(value, name, team, given)
        groups = [part["groupBy"] for part in node["joinParts"]]
        right = [d for g in groups for _ in g.get("sources") or []
                 for d in g["metaData"].get("dependencies") or []]
        boot = [] if value.dependencies is not None else table_names.get_bootstrap_dependencies(
            value.bootstrapParts)
        names = [f"{p.prefix + '_' if p.prefix else ''}{g['metaData']['name']}"
                 for p, g in zip(value.joinParts, groups)]
        return self._meta(value, name, team,
                          table_names.dedupe_in_order(left_dependencies + right + boot),
                          join_dsl.custom_json_of(value, names))

    def _part(self, part, index, left_node, left, join_name, team) -> Node:
        node = plain(without(part, "groupBy"))
        group_by = part.groupBy
        if isinstance(group_by, ttypes.GroupBy):
            node["groupBy"] = self.group_by(group_by, f"{join_name}_part{index}", team)
        else:
            node["groupBy"] = self._once(group_by, join_name, lambda: self._from_source(
                group_by, part, left_node, left, join_name, team))
        return node

    def _from_source(self, given, part, left_node, left, join_name, team) -> Node:
        """A Source as a join part: the latest row of each key."""
        source = dsl.copy_source(given, "group_by")
        own = plain(source_without_join(source))
        table = output_columns.table_of(own)
        name, team = self._identity(given, f"{join_name}_{output_names.sanitize(table)}", team)
        columns = output_columns.selected_columns(own, self.schemas)
        keys = sorted(set((part.keyMapping or {}).values())) or self._shared_keys(
            columns, left, left_node, table, join_name, part.where)
        if not keys:
            return Node({"metaData": Node({"name": name, "team": team}), "sources": [own],
                         "keyColumns": []}, part.where)
        aggregations = None
        if source.events is not None:
            aggregations = [dsl.Aggregation(c) for c in columns or {} if c not in (*keys, "ts")]
        group_by = dsl.GroupBy(sources=[source], keys=keys, aggregations=aggregations)
        group_by.where = getattr(given, "where", None) or part.where
        node = self.group_by(group_by, name, team)
        what = "the latest row of each key" if aggregations is None else "LAST of every column"
        node.notes.insert(0, f"{table} as a join part is the GroupBy {name}: {what}, "
                             f"keyed by {', '.join(keys)}")
        return node

    def _shared_keys(self, columns, left, left_node, table, join_name, where) -> list[str]:
        left_table = output_columns.table_of(left_node)
        for known, name in ((columns, table), (left, left_table)):
            if known is None:
                self.wrong(f"cannot infer the key of {table}: {self.schemas.remedy(name)}", where,
                           join_name)
                return []
        shared = [c for c in columns if c in left and c not in ("ts", "ds")]
        if len(shared) == 1:
            return shared
        if not shared:
            self.wrong(f"{table} and {left_table} share no column, so the key of the join part is "
                       "not known; use GroupBy(keys=[...]) or JoinPart(key_mapping={...})", where,
                       join_name)
        else:
            self.wrong(f"{table} and {left_table} share the columns {', '.join(shared)}, and any of "
                       "them could be the key; use GroupBy(keys=[...])", where, join_name)
        return []

    def _external(self, part, name, team, index) -> Node:
        node = plain(without(part, "source"))
        node["source"] = plain(without(part.source, "offlineGroupBy"))
        if part.source.offlineGroupBy is not None:
            node["source"]["offlineGroupBy"] = self.group_by(part.source.offlineGroupBy,
                                                             f"{name}_external{index}", team)
        return node

    def _label_part(self, value, left_node, left, left_dependencies, name, team) -> Node:
        label = value.labelPart
        node = plain(without(label, "labels"))
        node["labels"] = [self._part(p, f"_label{i}", left_node, left, name, team)
                          for i, p in enumerate(label.labels)]
        namespace = (value.metaData.outputNamespace if value.metaData is not None else None
                     ) or self.teams.get(team, "namespace")
        table = f"{namespace}.{output_names.sanitize(name)}"
        own = [d for p in node["labels"] for _ in p["groupBy"].get("sources") or []
               for d in p["groupBy"]["metaData"].get("dependencies") or []]
        own.append(json.dumps({"name": f"wait_for_{table}", "spec": f"{table}/ds={{{{ ds }}}}"}))
        node.setdefault("metaData", Node())["dependencies"] = table_names.dedupe_in_order(
            left_dependencies + own)
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

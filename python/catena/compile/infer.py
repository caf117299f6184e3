# SPDX-License-Identifier: Apache-2.0
"""What a definition leaves out, filled in as ordinary Chronon JSON and said in the Node's notes.

  a Source as a join part     -> a key-value GroupBy, keyed by the column shared with the left side
  no Query                    -> every column of the table
  no time column              -> `ts`
  a join part's bare column   -> the one output column of the Join that comes from it
  no accuracy                 -> TEMPORAL when a source has a topic, else SNAPSHOT (resolve.py)

Where more than one reading is possible nothing is guessed: the candidates are listed.
"""

from catena.api.struct import suggest
from catena.compile import output_columns, sql


class Inference:
    """`wrong(message, where, conf)` reports a violation."""

    def __init__(self, schemas, wrong):
        self.schemas, self.wrong = schemas, wrong

    def time_column(self, node, kind, query, conf, temporal, windowed):
        selects = query.get("selects") or {}
        if "ts" in selects and "timeColumn" not in query:
            query["timeColumn"] = selects["ts"]
        if "timeColumn" in query:
            return
        entities = output_columns.begins_with_entities(node)
        if entities and not windowed:
            return
        if not entities and temporal is False:
            return
        inputs = output_columns.input_columns(node, self.schemas)
        if inputs is not None and "ts" not in inputs:
            what = output_columns.table_of(node) or "the parent join"
            self.wrong(
                f"{what} has no column `ts`; say what the time is with "
                "Query(time_column=...), in milliseconds",
                query.where,
                conf,
            )
            return
        query["timeColumn"] = "ts"
        what = output_columns.table_of(node) or node[kind]["join"]["metaData"]["name"]
        query.notes.append(f"the time column of {what} is `ts`")

    def left_selects(self, node, kind, query, had_query):
        if not had_query:
            columns = output_columns.selected_columns(node, self.schemas)
            if columns is not None:
                query["selects"] = {c: c for c in columns if c != "ts"}
            query.notes.append(f"every column of {output_columns.table_of(node)} is selected")
        if kind == "events" and query.get("selects") and "timeColumn" in query:
            query["selects"]["ts"] = query["timeColumn"]

    def group_by_selects(self, node, kind, query, required, had_query, conf):
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
        for column in required[2]:
            if column not in selects:
                selects[column] = column
                query.notes.append(f"{conf}: the bucket column `{column}` is selected")
        time = selects.pop("ts", None)
        if time is not None and query.setdefault("timeColumn", time) != time:
            self.wrong(
                f"`ts` is selected as `{time}` but the time column is "
                f"`{query['timeColumn']}`; keep the time column only",
                query.where,
                conf,
            )

    def bare_columns(self, inner, query, conf):
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
            self.wrong(
                f"`{column}` could be any of {listed}; write the one that is meant",
                query.where,
                conf,
            )
        elif found and not complete:
            self.wrong(
                f"cannot tell whether `{column}` is a column of {parent}'s left side or "
                f"{found[0].name}: {self._unknown_tables()}",
                query.where,
                conf,
            )
        elif found:
            renames[column] = found[0].name
            query.notes.append(f"`{column}` of {parent} is {found[0].name}")
        elif complete:
            near = suggest(column, names)
            self.wrong(
                f"{parent} has no column `{column}`{near or '; it has '}"
                + ("" if near else ", ".join(sorted(names))),
                query.where,
                conf,
            )

    def _unknown_tables(self):
        unknown = [t for t, columns in self.schemas._known.items() if columns is None]
        return self.schemas.remedy(unknown[0] if unknown else "the left table")

    def shared_keys(self, columns, left, left_node, table, join_name, where) -> list[str]:
        left_table = output_columns.table_of(left_node)
        for known, name in ((columns, table), (left, left_table)):
            if known is None:
                self.wrong(
                    f"cannot infer the key of {table}: {self.schemas.remedy(name)}",
                    where,
                    join_name,
                )
                return []
        shared = [c for c in columns if c in left and c not in ("ts", "ds")]
        if len(shared) == 1:
            return shared
        if not shared:
            self.wrong(
                f"{table} and {left_table} share no column, so the key of the join part is "
                "not known; use GroupBy(keys=[...]) or JoinPart(key_mapping={...})",
                where,
                join_name,
            )
        else:
            self.wrong(
                f"{table} and {left_table} share the columns {', '.join(shared)}, and any of "
                "them could be the key; use GroupBy(keys=[...])",
                where,
                join_name,
            )
        return []

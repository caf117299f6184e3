# SPDX-License-Identifier: Apache-2.0
"""The `catena` object: what the native engine needs beyond Chronon's conf.

version   1
sql       {Spark expression as it stands in the conf: the DuckDB expression}; plain column names
          and `*` are left out
schemas   {table: [[column, TYPE], ...]} of every table the conf reads whose columns are known
inferred  sentences: what the compiler filled in
query     of a StagingQuery: {duckdb: the query in DuckDB's SQL, tables: [those it reads], own_day:
          [those of which a day reads its own partition alone]}
"""

from catena.compile import output_columns, query_sql, sql
from catena.compile.node import Violation, notes_of

VERSION = 1


def expressions(conf, path=""):
    """(path, expression, where) of every Spark expression of a conf, nested ones too."""
    if isinstance(conf, list):
        for i, item in enumerate(conf):
            yield from expressions(item, f"{path}[{i}]")
        return
    if not isinstance(conf, dict):
        return
    where = getattr(conf, "where", None)
    for field, value in conf.items():
        here = f"{path}.{field}" if path else field
        if field == "query" and isinstance(value, dict):
            yield from _query_expressions(value, here, where)
        elif field == "derivations":
            for i, derivation in enumerate(value or []):
                if derivation.get("expression") != "*":
                    yield (
                        f"{here}[{i}].expression",
                        derivation.get("expression"),
                        getattr(derivation, "where", None) or where,
                    )
        elif field not in ("metaData", "metadata", "catena"):
            yield from expressions(value, here)


def _query_expressions(query, path, where):
    where = getattr(query, "where", None) or where
    for alias, text in (query.get("selects") or {}).items():
        yield f"{path}.selects.{alias}", text, where
    for i, text in enumerate(query.get("wheres") or []):
        yield f"{path}.wheres[{i}]", text, where
    for field in ("timeColumn", "mutationTimeColumn", "reversalColumn"):
        if query.get(field) is not None:
            yield f"{path}.{field}", query[field], where


def tables(conf, found=None) -> list[str]:
    """Every table that the conf reads, in order."""
    found = {} if found is None else found
    if isinstance(conf, dict):
        for field in ("table", "snapshotTable", "mutationTable"):
            if isinstance(conf.get(field), str):
                found.setdefault(conf[field].split("/")[0])
        for field, value in conf.items():
            if field not in ("metaData", "metadata", "catena"):
                tables(value, found)
    elif isinstance(conf, list):
        for item in conf:
            tables(item, found)
    return list(found)


def column_types(conf, schemas, scope=None, found=None):
    """{id(query or derivation list): types of the columns its expressions read}, where known."""
    found = {} if found is None else found
    if isinstance(conf, list):
        for item in conf:
            column_types(item, schemas, None, found)
    elif isinstance(conf, dict):
        for kind in ("events", "entities", "joinSource"):
            inner = conf.get(kind)
            if isinstance(inner, dict) and isinstance(inner.get("query"), dict):
                found[id(inner["query"])] = output_columns.input_columns(conf, schemas)
        if "derivations" in conf and "joinParts" in conf:
            columns, complete = output_columns.base_join_columns(conf, schemas)
            given = {c.name: c.type for c in columns}
            known = output_columns.with_derived(given, conf["derivations"] or [])
            found[id(conf["derivations"])] = known if complete else None
        elif "derivations" in conf and "sources" in conf:
            columns, complete = output_columns.base_group_by_columns(conf, schemas)
            given = output_columns.key_types(conf, schemas) | {c.name: c.type for c in columns}
            known = output_columns.with_derived(given, conf["derivations"] or [])
            found[id(conf["derivations"])] = known if complete else None
        for field, value in conf.items():
            if field not in ("metaData", "metadata", "catena"):
                column_types(value, schemas, None, found)
    return found


def build(conf, schemas, default_where=None) -> tuple[dict, list[Violation]]:
    """The object for one conf, and every expression that cannot be translated."""
    name = (conf.get("metaData") or {}).get("name") or ""
    if isinstance(conf.get("query"), str):
        return _build_staging_query(conf, name, schemas, default_where)
    translations, violations = {}, []
    known = merged_types(conf, schemas)
    for path, text, where in expressions(conf):
        if not isinstance(text, str):
            violations.append(
                Violation(
                    f"{text!r} is not a Spark SQL expression", where or default_where, name, path
                )
            )
            continue
        if text in translations or sql.is_plain_column(text):
            continue
        try:
            translations[text] = sql.translate(text, known).sql
        except sql.SqlError as error:
            violations.append(Violation(str(error), where or default_where, name, path))
    learned = {table: schemas.get(table) for table in tables(conf)}
    return {
        "version": VERSION,
        "sql": translations,
        "schemas": {t: columns for t, columns in learned.items() if columns is not None},
        "inferred": notes_of(conf),
    }, violations


def _build_staging_query(conf, name, schemas, default_where) -> tuple[dict, list[Violation]]:
    where = getattr(conf, "where", None) or default_where
    extra = {"version": VERSION, "sql": {}, "schemas": {}, "inferred": notes_of(conf)}
    if spark_only := [field for field in ("setups", "createView") if conf.get(field)]:
        # Chronon runs it as it is, so the conf stays whole; the engine refuses to run it, by name.
        extra["inferred"].append(
            f"{' and '.join(spark_only)}: this StagingQuery runs in Spark only, catena reads the "
            f"table that Spark writes"
        )
        return extra, []
    try:
        query = query_sql.translate_query(conf["query"], schemas)
    except sql.SqlError as error:
        return extra, [Violation(str(error), where, name, "query")]
    extra["query"] = {"duckdb": query.duckdb, "tables": query.tables, "own_day": query.own_day}
    for table in query.tables:
        if (columns := schemas.get(table)) is not None:
            extra["schemas"][table] = columns
    return extra, []


def merged_types(conf, schemas) -> dict[str, str]:
    """Types of columns by name, where every place of the conf that has the name agrees.

    One translation serves all places where an expression stands, so a type counts only when it is
    the same in all of them.
    """
    merged: dict[str, str | None] = {}
    for scope in column_types(conf, schemas).values():
        for column, kind in (scope or {}).items():
            merged[column] = kind if merged.get(column, kind) == kind else None
        if scope is None:
            return {}
    return {column: kind for column, kind in merged.items() if kind is not None}

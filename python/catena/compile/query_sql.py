# SPDX-License-Identifier: Apache-2.0
"""Whole Spark SQL queries of StagingQuerys as DuckDB's; refuses what may mean something else.

Row expressions are those of sql.py; here are the clauses around them, aggregates and window
functions. Macros (`{{ start_date }}`) stay where they are, inside quotes, for the engine to fill.

Kept from Spark: nulls are smaller than everything where rows are ordered; collect_list and
collect_set leave nulls out.
"""

import re
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from catena.compile import sql
from catena.compile.query_days import own_day_tables
from catena.compile.sql_text import SqlError, quote, spark

MACROS = ("start_date", "end_date", "latest_date", "max_date")
_MACRO = re.compile(r"\{\{\s*(\w+)\s*(\([^()]*\))?\s*\}\}")


@dataclass
class TranslatedQuery:
    duckdb: str
    tables: list[str] = field(default_factory=list)  # namespace.table, each once
    own_day: list[str] = field(default_factory=list)  # those of query_days.py


def translate_query(text: str, schemas) -> TranslatedQuery:
    check_macros(text)
    tree = _parse(text)
    emitter = QueryEmitter(_column_types(tree, schemas))
    try:
        duckdb = emitter.query(tree, named=True)
    except RecursionError:
        raise SqlError("the query is nested too deeply") from None
    return TranslatedQuery(duckdb, list(emitter.tables), own_day_tables(tree, emitter.read))


def check_macros(text: str) -> None:
    for name, arguments in _MACRO.findall(text):
        if name not in MACROS:
            raise SqlError(f"unknown macro {{{{ {name} }}}}; there are {', '.join(MACROS)}")
        if (name == "max_date") != bool(arguments):
            example = "max_date(table=namespace.table)" if name == "max_date" else name
            raise SqlError(f"write {{{{ {example} }}}}")
    left = _MACRO.sub("", text)
    if "{{" in left or "}}" in left:
        raise SqlError("the query has a {{ or }} that belongs to no macro")
    quoted = re.sub(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", "", text, flags=re.DOTALL)
    if "{{" in quoted:
        raise SqlError("put macros in quotes: '{{ start_date }}'")


def _parse(text: str):
    try:
        trees = sqlglot.parse(text, read="spark")
    except (SqlglotError, ValueError) as error:
        first = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines()
        raise SqlError(f"not a Spark SQL query: {first[0] if first else error}") from None
    except RecursionError:
        raise SqlError("the query is nested too deeply") from None
    if len(trees) != 1 or not isinstance(trees[0], exp.Query):
        raise SqlError("a StagingQuery is one SELECT")
    return trees[0]


def _column_types(tree, schemas) -> dict[str, str]:
    """Types by column where a name can mean one thing only: a single table, nothing derived."""
    tables = list(tree.find_all(exp.Table))
    if len(tables) != 1 or tree.find(exp.Subquery, exp.CTE, exp.SetOperation):
        return {}
    return {name.lower(): kind for name, kind in schemas.get(_table_name(tables[0])) or []}


def _table_name(node) -> str:
    if node.args.get("catalog") is not None or not node.db:
        raise SqlError(f"`{spark(node)}`: write tables as namespace.table")
    return f"{node.db}.{node.name}"


_JOINS = {
    ("", "", ""): "JOIN", ("", "INNER", ""): "JOIN", ("LEFT", "", ""): "LEFT JOIN",
    ("LEFT", "OUTER", ""): "LEFT JOIN", ("RIGHT", "", ""): "RIGHT JOIN",
    ("RIGHT", "OUTER", ""): "RIGHT JOIN", ("FULL", "", ""): "FULL JOIN",
    ("FULL", "OUTER", ""): "FULL JOIN", ("", "CROSS", ""): "CROSS JOIN",
    ("LEFT", "SEMI", ""): "SEMI JOIN", ("", "SEMI", ""): "SEMI JOIN",
    ("LEFT", "ANTI", ""): "ANTI JOIN", ("", "ANTI", ""): "ANTI JOIN",
}  # fmt: skip


class QueryEmitter(sql.Emitter):
    """Writes one query. `tables` collects the tables it reads."""

    def __init__(self, column_types):
        super().__init__(column_types)
        self.tables: dict[str, None] = {}
        self.read: dict[int, str] = {}  # Name by id() of the node that reads it.
        self.named: set[str] = set()  # common table expressions

    def emit(self, node):
        write = _QUERY_EMIT.get(type(node))
        return write(self, node) if write is not None else super().emit(node)

    # -- clauses

    def query(self, node, named=False) -> str:
        """`named`: what it gives is read by name, so every column must have one."""
        if isinstance(node, exp.Select):
            return self.select(node, named)
        if isinstance(node, exp.SetOperation):
            return self.set_operation(node, named)
        if isinstance(node, exp.Subquery):
            self.only(node, "this")
            return f"({self.query(node.this, named)})"
        raise SqlError(f"`{spark(node)}`: {type(node).__name__} is not in the supported part")

    def with_clause(self, node) -> str:
        with_ = node.args.get("with_") or node.args.get("with")
        if with_ is None:
            return ""
        self.only(with_, "expressions")
        parts = []
        for cte in with_.expressions:
            self.only(cte, "this", "alias")
            if cte.args["alias"].columns:
                raise SqlError(f"`{cte.alias}`: name its columns in the SELECT")
            parts.append(f"{quote(cte.alias)} AS ({self.query(cte.this, True)})")
            self.named.add(cte.alias.lower())
        return f"WITH {', '.join(parts)} "

    def set_operation(self, node, named) -> str:
        words = {exp.Union: "UNION", exp.Intersect: "INTERSECT", exp.Except: "EXCEPT"}
        self.only(node, "this", "expression", "distinct", "with_", "with", "order", "limit")
        text = self.with_clause(node)
        every = "" if node.args.get("distinct") else " ALL"
        left, right = self.query(node.this, named), self.query(node.expression)
        text += f"({left}) {words[type(node)]}{every} ({right})"
        return text + self.tail(node)

    def select(self, node, named) -> str:
        self.only(node, "expressions", "distinct", "from_", "from", "joins", "where", "group",
                  "having", "order", "limit", "with_", "with", "kind", "hint")  # fmt: skip
        if node.args.get("kind"):
            raise SqlError(f"`{spark(node)}`: SELECT {node.args['kind']} is not supported")
        text = self.with_clause(node) + "SELECT "
        if (distinct := node.args.get("distinct")) is not None:
            self.only(distinct)
            text += "DISTINCT "
        text += ", ".join(self.item(item, named) for item in node.expressions)
        from_ = node.args.get("from_") or node.args.get("from")
        if from_ is None:
            raise SqlError("a StagingQuery reads from a table; it has no FROM")
        text += f" FROM {self.relation(from_.this)}"
        for join in node.args.get("joins") or []:
            text += self.join(join)
        if node.args.get("where") is not None:
            text += f" WHERE {self.text(node.args['where'].this)}"
        if (group := node.args.get("group")) is not None:
            self.only(group, "expressions")
            text += f" GROUP BY {', '.join(self.texts(group.expressions))}"
        if node.args.get("having") is not None:
            text += f" HAVING {self.text(node.args['having'].this)}"
        return text + self.tail(node)

    def tail(self, node) -> str:
        text = ""
        if (order := node.args.get("order")) is not None:
            text += f" ORDER BY {self.ordering(order)}"
        if (limit := node.args.get("limit")) is not None:
            self.only(limit, "expression")
            text += f" LIMIT {self.text(limit.expression)}"
        return text

    def ordering(self, order) -> str:
        self.only(order, "expressions")
        parts = []
        for one in order.expressions:
            self.only(one, "this", "desc", "nulls_first")
            direction = "DESC" if one.args.get("desc") else "ASC"
            nulls = "FIRST" if one.args.get("nulls_first") else "LAST"
            parts.append(f"{self.text(one.this)} {direction} NULLS {nulls}")
        return ", ".join(parts)

    def item(self, node, named) -> str:
        if isinstance(node, exp.Alias):
            return f"{self.text(node.this)} AS {quote(node.alias)}"
        if isinstance(node, exp.Star):
            self.only(node)
            return "*"
        if isinstance(node, exp.Column) and isinstance(node.this, exp.Star):
            return f"{quote(node.table)}.*"
        if isinstance(node, exp.Column) or not named:
            return self.text(node)
        raise SqlError(f"`{spark(node)}`: give this column a name with AS")

    def relation(self, node) -> str:
        if isinstance(node, exp.Subquery):
            self.only(node, "this", "alias")
            alias = f" AS {quote(node.alias)}" if node.alias else ""
            return f"({self.query(node.this, named=True)}){alias}"
        if not isinstance(node, exp.Table):
            raise SqlError(f"`{spark(node)}`: only tables and subqueries can be read from")
        self.only(node, "this", "db", "alias")
        alias = f" AS {quote(node.alias)}" if node.alias else ""
        if not node.db and node.name.lower() in self.named:
            return quote(node.name) + alias
        name = _table_name(node)
        self.tables.setdefault(name)
        self.read[id(node)] = name
        return f"{quote(node.db)}.{quote(node.name)}{alias or ' AS ' + quote(node.name)}"

    def join(self, node) -> str:
        self.only(node, "this", "side", "kind", "method", "on", "using", "hint")
        which = tuple((node.args.get(a) or "").upper() for a in ("side", "kind", "method"))
        word = _JOINS.get(which)
        if word is None:
            raise SqlError(f"`{spark(node)}`: this kind of join is not supported")
        on, using = node.args.get("on"), node.args.get("using")
        if word == "JOIN" and on is None and not using:
            word = "CROSS JOIN"
        text = f" {word} {self.relation(node.this)}"
        if on is not None:
            text += f" ON {self.text(on)}"
        elif using:
            text += f" USING ({', '.join(quote(column.name) for column in using)})"
        return text


def _column(e, node):
    e.only(node, "this", "table")
    if not isinstance(node.this, exp.Identifier):
        raise SqlError(f"`{spark(node)}`: is not a column")
    if not node.table:
        return sql.Emitter.emit(e, node)
    kind = e.column_types.get(node.name.lower())
    return f"{quote(node.table)}.{quote(node.name)}", kind


def _paren_query(e, node):
    e.only(node, "this")
    return f"({e.query(node.this)})", None


def _exists(e, node):
    return f"EXISTS ({e.query(node.this)})", "BOOLEAN"


def _in(e, node):
    query = node.args.get("query")
    if query is None:
        return sql.Emitter.emit(e, node)
    inner = query.this if isinstance(query, exp.Subquery) else query
    return f"({e.text(node.this)} IN ({e.query(inner)}))", "BOOLEAN"


def _count(e, node):
    e.only(node, "this", "expressions", "big_int")
    what = node.this
    if isinstance(what, exp.Star):
        return "COUNT(*)", "LONG"
    if isinstance(what, exp.Distinct):
        return f"COUNT(DISTINCT {_distinct(e, what)})", "LONG"
    if node.expressions:
        raise SqlError(f"`{spark(node)}`: count one column, or DISTINCT ones")
    return f"COUNT({e.text(what)})", "LONG"


def _distinct(e, node):
    if len(node.expressions) == 1:
        return e.text(node.expressions[0])
    # Spark counts rows in which every column is there.
    columns = e.texts(node.expressions)
    missing = " OR ".join(f"{column} IS NULL" for column in columns)
    return f"CASE WHEN {missing} THEN NULL ELSE ROW({', '.join(columns)}) END"


def _aggregate(name, kind=None, null_free=False):
    def write(e, node):
        e.only(node, "this", *(["nulls_excluded"] if null_free else []))
        what, distinct = node.this, ""
        if isinstance(what, exp.Distinct):
            if len(what.expressions) != 1:
                raise SqlError(f"`{spark(node)}`: one column can be DISTINCT here")
            what, distinct = what.expressions[0], "DISTINCT "
        text, own = e.emit(what)
        filtered = f" FILTER (WHERE {text} IS NOT NULL)" if null_free else ""
        return f"{name}({distinct}{text}){filtered}", kind or own

    return write


def _sum(e, node):
    text, kind = _aggregate("SUM")(e, node)
    return text, "DOUBLE" if kind in ("FLOAT", "DOUBLE") else None


def _collect_set(e, node):
    text, _ = e.emit(node.this)
    return f"LIST(DISTINCT {text}) FILTER (WHERE {text} IS NOT NULL)", None


def _window(e, node):
    e.only(node, "this", "partition_by", "order", "spec", "over")
    text, kind = e.emit(node.this)
    parts = []
    if node.args.get("partition_by"):
        parts.append(f"PARTITION BY {', '.join(e.texts(node.args['partition_by']))}")
    if node.args.get("order") is not None:
        parts.append(f"ORDER BY {e.ordering(node.args['order'])}")
    if (spec := node.args.get("spec")) is not None:
        parts.append(_frame(spec))
    return f"{text} OVER ({' '.join(parts)})", kind


def _frame(spec):
    def bound(name):
        value = spec.args.get(name)
        if isinstance(value, str):
            return f"{value} {spec.args.get(name + '_side') or ''}".strip()
        if isinstance(value, exp.Literal) and not value.is_string:
            return f"{value.name} {spec.args.get(name + '_side')}"
        raise SqlError(f"`{spark(spec)}`: this frame of a window is not supported")

    kind = (spec.args.get("kind") or "").upper()
    if kind not in ("ROWS", "RANGE") or spec.args.get("exclude"):
        raise SqlError(f"`{spark(spec)}`: this frame of a window is not supported")
    return f"{kind} BETWEEN {bound('start')} AND {bound('end')}"


def _ranking(name):
    return lambda e, node: (f"{name}()", "INT")


def _offset(name):
    def write(e, node):
        e.only(node, "this", "offset", "default")
        arguments = [e.text(node.this)]
        if node.args.get("offset") is not None:
            arguments.append(e.text(node.args["offset"]))
        if node.args.get("default") is not None:
            arguments.append(e.text(node.args["default"]))
        return f"{name}({', '.join(arguments)})", None

    return write


_QUERY_EMIT = {
    exp.Column: _column,
    exp.Subquery: _paren_query,
    exp.Exists: _exists,
    exp.In: _in,
    exp.Count: _count,
    exp.Sum: _sum,
    exp.Avg: _aggregate("AVG", "DOUBLE"),
    exp.Min: _aggregate("MIN"),
    exp.Max: _aggregate("MAX"),
    exp.ArrayAgg: _aggregate("LIST", null_free=True),
    exp.ArrayUniqueAgg: _collect_set,
    exp.Window: _window,
    exp.RowNumber: _ranking("ROW_NUMBER"),
    exp.Rank: _ranking("RANK"),
    exp.DenseRank: _ranking("DENSE_RANK"),
    exp.Lag: _offset("LAG"),
    exp.Lead: _offset("LEAD"),
}

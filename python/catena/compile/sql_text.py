# SPDX-License-Identifier: Apache-2.0
"""Pieces of SQL text that both the expression rules and the function rules write."""

from sqlglot import exp

from catena.api.struct import suggest


class SqlError(ValueError):
    """An expression that cannot be translated; the message says why and what to write."""


def quote(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def string(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def spark(node) -> str:
    """The node as Spark SQL, for messages."""
    try:
        return node.sql(dialect="spark")
    except Exception:  # the parser accepts trees that its own printer does not
        return type(node).__name__


def why_refused(node, function_names=()) -> str:
    text = spark(node)
    if isinstance(node, (exp.Query, exp.Exists)):
        return (
            f"`{text}`: subqueries are not allowed in an expression; use a StagingQuery or a Join"
        )
    if isinstance(node, (exp.DDL, exp.DML, exp.Command, exp.Block, exp.Drop)):
        return f"`{text}`: a statement is not an expression"
    if isinstance(node, exp.Window):
        return f"`{text}`: window functions are not row expressions; use an Aggregation"
    if isinstance(node, exp.AggFunc):
        return f"`{text}`: aggregates are not row expressions; use an Aggregation of a GroupBy"
    if isinstance(node, exp.Star):
        return "`*` is not an expression; leave selects out to take every column"
    if isinstance(node, exp.Alias):
        return f"`{text}`: the output name is the key of selects; remove the AS"
    if isinstance(node, exp.Anonymous):
        return f"`{text}`: unknown function {node.name}{suggest(node.name.lower(), function_names)}"
    return f"`{text}`: {type(node).__name__} is not in the supported part of Spark SQL"


_Type = exp.DataType.Type
CAST_TYPES = {
    _Type.BOOLEAN: ("BOOLEAN", "BOOLEAN"),
    _Type.TINYINT: ("TINYINT", "BYTE"),
    _Type.SMALLINT: ("SMALLINT", "SHORT"),
    _Type.INT: ("INTEGER", "INT"),
    _Type.BIGINT: ("BIGINT", "LONG"),
    _Type.FLOAT: ("FLOAT", "FLOAT"),
    _Type.DOUBLE: ("DOUBLE", "DOUBLE"),
    _Type.TEXT: ("VARCHAR", "STRING"),
    _Type.VARCHAR: ("VARCHAR", "STRING"),
    _Type.DATE: ("DATE", "DATE"),
    _Type.TIMESTAMP: ("TIMESTAMP", "TIMESTAMP"),
    _Type.TIMESTAMPTZ: ("TIMESTAMP", "TIMESTAMP"),
    _Type.TIMESTAMPLTZ: ("TIMESTAMP", "TIMESTAMP"),
    _Type.TIMESTAMPNTZ: ("TIMESTAMP", "TIMESTAMP"),
}


def cast_text(value: str, kind: str | None, target) -> tuple[str, str]:
    """CAST(value AS target) as Spark means it; kind is the type of value when known."""
    name, our = target
    whole = our in ("BYTE", "SHORT", "INT", "LONG")
    if whole and kind == "TIMESTAMP":
        value, kind = f"FLOOR(EPOCH({value}))", "DOUBLE"
    if whole and kind not in ("BYTE", "SHORT", "INT", "LONG", "BOOLEAN"):
        # Spark truncates where DuckDB rounds; DECIMAL keeps every digit of a LONG.
        return f"TRY_CAST(TRUNC(TRY_CAST({value} AS DECIMAL(38, 10))) AS {name})", our
    if kind == our:
        return value, our
    return f"TRY_CAST({value} AS {name})", our

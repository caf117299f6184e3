# SPDX-License-Identifier: Apache-2.0
"""Spark SQL expressions in, DuckDB expressions out; anything not known to mean the same is refused.

The parse tree is sqlglot's; the text is ours. Every kind of node has an entry that says how it is
written and where the two engines differ (`_EMIT` here, functions in spark_functions.py), and a node
or an argument without an entry is an error at compile time. Only row expressions pass: no
subquery, no aggregate, no window, no table function, no clock, no chance.

Kept from Spark (non-ANSI): `/` is division of doubles and x/0 is null, a failed CAST is null, a
cast to an integer truncates, `||` and concat of null is null, `rlike` finds anywhere. Where an
integer overflows the result is null (Spark wraps around).
"""

import re
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from catena.compile import types
from catena.compile.spark_functions import ENTRIES
from catena.compile.sql_text import (
    CAST_TYPES,
    SqlError,
    cast_text,
    quote,
    spark,
    string,
    why_refused,
)

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass
class Translation:
    sql: str  # DuckDB
    type: str | None  # None when not known
    columns: set[str] = field(default_factory=set)


def parse(expression: str) -> exp.Expression:
    if not isinstance(expression, str) or not expression.strip():
        raise SqlError("the expression is empty")
    if "\0" in expression:
        raise SqlError("the expression contains a zero byte")
    try:
        return sqlglot.parse_one(expression, read="spark")
    except (SqlglotError, ValueError) as error:
        first = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines()
        raise SqlError(f"not a Spark SQL expression: {first[0] if first else error}") from None
    except RecursionError:
        raise SqlError("the expression is nested too deeply") from None


def is_plain_column(expression: str) -> bool:
    """A bare column name, which needs no translation (`true` and `null` are not)."""
    if _IDENTIFIER.fullmatch(expression) is None:
        return False
    try:
        return isinstance(parse(expression), exp.Column)
    except SqlError:
        return False


def translate(expression: str, column_types: dict[str, str] | None = None) -> Translation:
    """`column_types` by lower-case name; missing ones are simply not known."""
    tree = parse(expression)
    emitter = Emitter({k.lower(): v for k, v in (column_types or {}).items()})
    try:
        text, kind = emitter.emit(tree)
    except RecursionError:
        raise SqlError("the expression is nested too deeply") from None
    return Translation(text, kind, emitter.columns)


def rename_columns(expression: str, names: dict[str, str]) -> str:
    """The same Spark text with whole column names replaced."""
    result, end = [], 0
    for token in sqlglot.tokenize(expression, read="spark"):
        if token.text in names and expression[token.start] not in "'\"":
            after = expression[token.end + 1 :].lstrip()
            if not after.startswith("("):
                result += [expression[end : token.start], names[token.text]]
                end = token.end + 1
    return "".join(result) + expression[end:]


class Emitter:
    """Writes one expression. `columns` collects the columns it reads."""

    def __init__(self, column_types: dict[str, str]):
        self.column_types = column_types
        self.columns: set[str] = set()
        self.bound: list[set[str]] = []  # lambda parameters in scope

    def emit(self, node) -> tuple[str, str | None]:
        if node is None:
            raise SqlError("an argument is missing")
        write = _EMIT.get(type(node))
        if write is None:
            raise SqlError(why_refused(node))
        return write(self, node)

    def text(self, node) -> str:
        return self.emit(node)[0]

    def texts(self, nodes) -> list[str]:
        return [self.text(node) for node in nodes]

    def only(self, node, *names) -> None:
        """Refuses arguments that the entry does not know how to write."""
        for name, value in node.args.items():
            if name not in names and value not in (None, [], False):
                raise SqlError(
                    f"`{spark(node)}`: this form of {node.key.upper()} is not supported "
                    f"(argument {name})"
                )


def _column(e, node):
    e.only(node, "this")
    if not isinstance(node.this, exp.Identifier):
        raise SqlError(why_refused(node.this))
    return _identifier(e, node.this)


def _identifier(e, node):
    name = node.name
    if any(name in scope for scope in e.bound):
        return quote(name), None
    e.columns.add(name)
    return quote(name), e.column_types.get(name.lower())


def _literal(e, node):
    if node.is_string:
        return string(node.name), "STRING"
    text = node.name
    if re.fullmatch(r"[0-9]+", text):
        kind = "INT" if int(text) < 2**31 else "LONG"
        if int(text) >= 2**63:
            raise SqlError(f"`{text}`: the number does not fit a LONG")
        return text, kind
    if not re.fullmatch(r"([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
        raise SqlError(f"`{text}` is not a number")
    return f"CAST({text} AS DOUBLE)", "DOUBLE"


def _boolean(e, node):
    return ("TRUE" if node.this else "FALSE"), "BOOLEAN"


def _null(e, node):
    return "NULL", "NULL"


def _paren(e, node):
    text, kind = e.emit(node.this)
    return f"({text})", kind


_ARITHMETIC = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}


def _inside_arithmetic(node) -> bool:
    parent = node.parent
    while isinstance(parent, exp.Paren):
        parent = parent.parent
    return type(parent) in _ARITHMETIC or isinstance(parent, exp.Neg)


def _arithmetic(e, node):
    e.only(node, "this", "expression")
    (left, a), (right, b) = e.emit(node.this), e.emit(node.expression)
    for kind, side in ((a, node.this), (b, node.expression)):
        if kind == "STRING":
            raise SqlError(f"`{spark(node)}`: `{spark(side)}` is a STRING; cast it to a number")
    kind = types.common([a, b])
    kind = kind if kind in types.NUMERIC else None
    text = f"({left} {_ARITHMETIC[type(node)]} {right})"
    if kind in ("FLOAT", "DOUBLE") or _inside_arithmetic(node):
        return text, kind
    return f"TRY{text}", kind


def _neg(e, node):
    text, kind = e.emit(node.this)
    if isinstance(node.this, exp.Literal):
        return f"-{text}", kind
    return (f"(-{text})" if _inside_arithmetic(node) else f"TRY(-{text})"), kind


def _div(e, node):
    left, right = (
        cast_text(*e.emit(side), CAST_TYPES[exp.DataType.Type.DOUBLE])[0]
        for side in (node.this, node.expression)
    )
    return f"({left} / {_nonzero(node.expression, right)})", "DOUBLE"


def _nonzero(node, text):
    """The divisor, null when it is zero: what Spark makes of a division by zero."""
    literal = isinstance(node, exp.Literal) and not node.is_string and float(node.name) != 0
    return text if literal else f"NULLIF({text}, 0)"


def _mod(e, node):
    (left, a), (right, b) = e.emit(node.this), e.emit(node.expression)
    return f"({left} % {_nonzero(node.expression, right)})", types.common([a, b])


def _int_div(e, node):
    left, right = e.text(node.this), e.text(node.expression)
    return f"(TRY_CAST({left} AS BIGINT) // NULLIF(TRY_CAST({right} AS BIGINT), 0))", "LONG"


def _infix(operator, kind="BOOLEAN"):
    def write(e, node):
        e.only(node, "this", "expression")
        return f"({e.text(node.this)} {operator} {e.text(node.expression)})", kind

    return write


def _compare(operator):
    def write(e, node):
        e.only(node, "this", "expression")
        (left, a), (right, b) = e.emit(node.this), e.emit(node.expression)
        # Spark compares a string with a number as numbers; a failed cast is null.
        if a == "STRING" and b in types.NUMERIC:
            left = f"TRY_CAST({left} AS DOUBLE)"
        elif b == "STRING" and a in types.NUMERIC:
            right = f"TRY_CAST({right} AS DOUBLE)"
        return f"({left} {operator} {right})", "BOOLEAN"

    return write


def _bitwise(operator):
    def write(e, node):
        (left, a), (right, b) = e.emit(node.this), e.emit(node.expression)
        return f"({left} {operator} {right})", types.common([a, b])

    return write


def _not(e, node):
    return f"(NOT {e.text(node.this)})", "BOOLEAN"


def _is(e, node):
    value, what = e.text(node.this), node.expression
    if not isinstance(what, (exp.Null, exp.Boolean)):
        raise SqlError(f"`{spark(node)}`: write IS NULL, IS TRUE or IS FALSE")
    return f"({value} IS {e.text(what)})", "BOOLEAN"


def _in(e, node):
    if node.args.get("query") is not None:
        raise SqlError(why_refused(node.args.get("query")))
    e.only(node, "this", "expressions")
    if not node.expressions:
        raise SqlError(f"`{spark(node)}`: IN needs values")
    return f"({e.text(node.this)} IN ({', '.join(e.texts(node.expressions))}))", "BOOLEAN"


def _between(e, node):
    e.only(node, "this", "low", "high")
    low, high = e.text(node.args.get("low")), e.text(node.args.get("high"))
    return f"({e.text(node.this)} BETWEEN {low} AND {high})", "BOOLEAN"


def _like(operator):
    def write(e, node):
        e.only(node, "this", "expression")
        pattern = node.expression
        # A backslash escapes in Spark's patterns; DuckDB has no escape unless told.
        escape = (
            " ESCAPE '\\'" if "\\" in pattern.name or not isinstance(pattern, exp.Literal) else ""
        )
        return f"({e.text(node.this)} {operator} {e.text(pattern)}{escape})", "BOOLEAN"

    return write


def _escape(e, node):
    like = node.this
    operator = {exp.Like: "LIKE", exp.ILike: "ILIKE"}.get(type(like))
    if operator is None:
        raise SqlError(why_refused(node))
    return (
        f"({e.text(like.this)} {operator} {e.text(like.expression)} "
        f"ESCAPE {e.text(node.expression)})"
    ), "BOOLEAN"


def _if(e, node):
    e.only(node, "this", "true", "false")
    yes, a = e.emit(node.args.get("true"))
    no, b = e.emit(node.args.get("false")) if node.args.get("false") else ("NULL", "NULL")
    return f"CASE WHEN {e.text(node.this)} THEN {yes} ELSE {no} END", types.common([a, b])


def _case(e, node):
    e.only(node, "this", "ifs", "default")
    kinds, parts = [], ["CASE"]
    if node.this is not None:
        parts.append(e.text(node.this))
    for branch in node.args.get("ifs") or []:
        value, kind = e.emit(branch.args["true"])
        kinds.append(kind)
        parts.append(f"WHEN {e.text(branch.this)} THEN {value}")
    if node.args.get("default") is not None:
        value, kind = e.emit(node.args.get("default"))
        kinds.append(kind)
        parts.append(f"ELSE {value}")
    if not kinds:
        raise SqlError(f"`{spark(node)}`: CASE needs a WHEN")
    return " ".join(parts) + " END", types.common(kinds)


def _cast(e, node):
    e.only(node, "this", "to", "safe", "requires_string")
    target = CAST_TYPES.get(node.args.get("to").this)
    if target is None:
        raise SqlError(
            f"`{spark(node)}`: cannot cast to {node.args.get('to').sql('spark')}; supported "
            "are " + ", ".join(sorted({t for _, t in CAST_TYPES.values()}))
        )
    value = node.this
    if isinstance(value, exp.Literal) and re.fullmatch("[0-9]{1,9}", value.name):
        if not value.is_string and target[1] in ("INT", "LONG"):
            return f"CAST({value.name} AS {target[0]})", target[1]
    return cast_text(*e.emit(value), target)


_EMIT = {
    **ENTRIES,
    exp.Column: _column,
    exp.Identifier: _identifier,
    exp.Literal: _literal,
    exp.Boolean: _boolean,
    exp.Null: _null,
    exp.Paren: _paren,
    exp.Add: _arithmetic,
    exp.Sub: _arithmetic,
    exp.Mul: _arithmetic,
    exp.Neg: _neg,
    exp.Div: _div,
    exp.Mod: _mod,
    exp.IntDiv: _int_div,
    exp.BitwiseAnd: _bitwise("&"),
    exp.BitwiseOr: _bitwise("|"),
    exp.EQ: _compare("="),
    exp.NEQ: _compare("<>"),
    exp.GT: _compare(">"),
    exp.GTE: _compare(">="),
    exp.LT: _compare("<"),
    exp.LTE: _compare("<="),
    exp.NullSafeEQ: _infix("IS NOT DISTINCT FROM"),
    exp.NullSafeNEQ: _infix("IS DISTINCT FROM"),
    exp.And: _infix("AND"),
    exp.Or: _infix("OR"),
    exp.Not: _not,
    exp.Is: _is,
    exp.In: _in,
    exp.Between: _between,
    exp.Like: _like("LIKE"),
    exp.ILike: _like("ILIKE"),
    exp.Escape: _escape,
    exp.If: _if,
    exp.Case: _case,
    exp.Cast: _cast,
    exp.TryCast: _cast,
}

# SPDX-License-Identifier: Apache-2.0
"""Spark SQL functions that catena knows, each with the DuckDB text that means the same.

A template names sqlglot's arguments: "UPPER({this})". An argument that a template does not name
must be absent. `ANONYMOUS` are functions that the parser has no node for: (arity, template, type).
"""

import re
import string as text_format

from sqlglot import exp

from catena.compile import types
from catena.compile.sql_text import CAST_TYPES, SqlError, cast_text, quote, spark, why_refused


def _template(pattern, kind):
    """kind: a type, None, or the name of the argument whose type the result has, as "=this"."""
    names = [name for _, name, _, _ in text_format.Formatter().parse(pattern) if name]

    def write(e, node):
        e.only(node, *names)
        missing = [name for name in names if node.args.get(name) is None]
        if missing:
            raise refused(node, f"needs an argument ({', '.join(missing)})")
        emitted = {name: e.emit(node.args[name]) for name in names}
        values = {name: value for name, (value, _) in emitted.items()}
        return pattern.format(**values), emitted[kind[1:]][1] if kind and kind[0] == "=" else kind

    return write


def refused(node, why) -> SqlError:
    return SqlError(f"`{spark(node)}`: {why}")


def _variadic(name, kind=None, first="this"):
    def write(e, node):
        e.only(node, first, "expressions", "ignore_nulls", "safe", "coalesce", "is_nvl", "is_null")
        nodes = ([node.args[first]] if node.args.get(first) is not None else []) + node.expressions
        emitted = [e.emit(x) for x in nodes]
        if not emitted:
            raise refused(node, "needs an argument")
        result = types.common([t for _, t in emitted]) if kind is None else kind
        return f"{name}({', '.join(text for text, _ in emitted)})", result

    return write


def _concat(e, node):
    emitted = [e.emit(x) for x in node.expressions]
    if not emitted:
        raise refused(node, "needs an argument")
    if len(emitted) == 1:
        return emitted[0]
    lists = any(types.element(t) for _, t in emitted)
    kind = types.common([t for _, t in emitted]) if lists else "STRING"
    return "(" + " || ".join(text for text, _ in emitted) + ")", kind


def _dpipe(e, node):
    return f"({e.text(node.this)} || {e.text(node.expression)})", "STRING"


def _concat_ws(e, node):
    e.only(node, "expressions", "safe", "coalesce", "flatten")
    return f"CONCAT_WS({', '.join(e.texts(node.expressions))})", "STRING"


def _substring(e, node):
    e.only(node, "this", "start", "length")
    value, start = e.text(node.this), node.args.get("start")
    at = e.text(start)
    if isinstance(start, exp.Literal):
        at = "1" if start.name == "0" else at
    elif not isinstance(start, exp.Neg):
        at = f"CASE WHEN {at} = 0 THEN 1 ELSE {at} END"
    length = node.args.get("length")
    if length is None:
        return f"SUBSTRING({value}, {at})", "STRING"
    return f"SUBSTRING({value}, {at}, GREATEST({e.text(length)}, 0))", "STRING"


def _bracket(e, node):
    """element_at(x, i) counts from 1, x[i] from 0; the parser has made both count from 0."""
    e.only(node, "this", "expressions", "offset", "safe", "returns_list_for_maps")
    (container, kind), index = e.emit(node.this), node.expressions
    if len(index) != 1:
        raise refused(node, "needs one index")
    position, position_type = e.emit(index[0])
    pair = types.map_entry(kind)
    if pair is not None or position_type == "STRING":
        return f"{container}[{position}]", pair[1] if pair else None
    offset = node.args.get("offset")
    if types.element(kind) is None and not isinstance(index[0], (exp.Literal, exp.Neg)):
        raise refused(node, "cannot tell a list from a map here; give the table's schema")
    at = position if offset == 1 else f"{position} + 1"
    if isinstance(index[0], exp.Literal):
        at = str(int(index[0].name) + (0 if offset == 1 else 1))
        if at == "0":
            raise refused(node, "the elements of a list are counted from 1")
    return f"{container}[{at}]", types.element(kind)


def _json(e, node):
    e.only(node, "this", "expression", "only_json_types", "expressions", "scalar_only")
    value = e.text(node.this)
    path = node.expression
    try:
        text = path.name if isinstance(path, exp.Literal) else path.sql("spark").strip("'")
    except ValueError:
        text = ""
    if not re.fullmatch(r"\$(\.[A-Za-z0-9_\-]+|\[[0-9]+\]|\['[^'\\]+'\])*", text):
        raise refused(node, "only paths like $.a.b[0] are supported")
    path_text = text.replace("'", "''")
    return (
        f"JSON_EXTRACT_STRING(CASE WHEN JSON_VALID({value}) THEN {value} END, '{path_text}')"
    ), "STRING"


_FORMAT_CODES = set("Y y B b m -m d -d H -H I -I M -M S -S f g p j -j a A".split())


def time_format(node, format_node, parsing=False) -> str:
    """A Java date pattern as a strftime one; refuses letters that have no counterpart."""
    if not isinstance(format_node, exp.Literal) or not format_node.is_string:
        raise refused(node, "the format must be a literal")
    # The parser has translated the letters it knows; `strict` marks padded fields.
    given = format_node.name.replace("strict", "").replace("SSS", "%g").replace("''", "\0")
    parts = re.split(r"'([^']*)'", given)
    for i, part in enumerate(parts):
        codes = re.findall(r"%(-?.)", part)
        rest = re.sub(r"%-?.", "", part)
        if i % 2 == 0 and (set(codes) - _FORMAT_CODES or re.search("[A-Za-z']", rest)):
            raise refused(
                node,
                "this date format is not supported; use yyyy MM dd HH mm ss SSS, "
                "and quote other letters",
            )
    text = "".join(parts).replace("\0", "''")
    return text.replace("%-", "%") if parsing else text


def _timestamp(e, node) -> str:
    """Any date, timestamp or ISO string as a timestamp in UTC; null when it is none."""
    while (
        type(node) in (exp.TimeStrToTime, exp.TsOrDsToDate, exp.TsOrDsToTimestamp)
        and len([v for v in node.args.values() if v not in (None, False)]) == 1
    ):
        node = node.this
    value, kind = e.emit(node)
    if kind in types.NUMERIC:
        raise refused(node, "is a number, not a date; use from_unixtime(seconds, format)")
    return value if kind == "TIMESTAMP" else f"TRY_CAST({value} AS TIMESTAMP)"


def _unix_timestamp(e, node):
    e.only(node, "this", "format")
    if isinstance(node.this, exp.CurrentTimestamp):
        raise refused(node, "the current time is not allowed in a feature; use a column")
    value, kind = e.emit(node.this)
    fmt = time_format(node, node.args.get("format"), parsing=True)
    if kind in ("DATE", "TIMESTAMP"):
        return f"CAST(FLOOR(EPOCH({value})) AS BIGINT)", "LONG"
    if kind is None and fmt == "%Y-%m-%d %H:%M:%S":
        return f"CAST(FLOOR(EPOCH(TRY_CAST({value} AS TIMESTAMP))) AS BIGINT)", "LONG"
    if kind in types.NUMERIC or kind == "BOOLEAN":
        raise refused(node, f"unix_timestamp takes a date, timestamp or string, not {kind}")
    return f"CAST(FLOOR(EPOCH(TRY_STRPTIME({value}, '{fmt}'))) AS BIGINT)", "LONG"


def _unix_millis(e, node):
    e.only(node, "this")
    return f"CAST(FLOOR(EPOCH_US({_timestamp(e, node.this)}) / 1000) AS BIGINT)", "LONG"


def _from_unixtime(e, node):
    e.only(node, "this", "format")
    fmt = (
        time_format(node, node.args.get("format"))
        if node.args.get("format")
        else "%Y-%m-%d %H:%M:%S"
    )
    seconds = f"CAST(FLOOR({e.text(node.this)}) AS BIGINT)"
    return f"STRFTIME(MAKE_TIMESTAMP({seconds} * 1000000), '{fmt}')", "STRING"


def _date_format(e, node):
    e.only(node, "this", "format")
    return (
        f"STRFTIME({_timestamp(e, node.this)}, '{time_format(node, node.args.get('format'))}')",
        "STRING",
    )


def _part(pattern):
    def write(e, node):
        e.only(node, "this")
        return f"CAST({pattern.format(_timestamp(e, node.this))} AS INTEGER)", "INT"

    return write


def _to_date(e, node):
    e.only(node, "this", "safe")
    return f"CAST({_timestamp(e, node.this)} AS DATE)", "DATE"


def _to_timestamp(e, node):
    e.only(node, "this", "format", "safe")
    if node.args.get("format") is None:
        return _timestamp(e, node.this), "TIMESTAMP"
    return (
        f"TRY_STRPTIME({e.text(node.this)}, '{time_format(node, node.args.get('format'), True)}')",
        "TIMESTAMP",
    )


def _date_diff(e, node):
    e.only(node, "this", "expression", "unit")
    if node.args.get("unit") is not None and node.text("unit").upper() != "DAY":
        raise refused(node, "only whole days are supported")
    end, start = _timestamp(e, node.this), _timestamp(e, node.expression)
    return f"CAST(DATE_DIFF('day', CAST({start} AS DATE), CAST({end} AS DATE)) AS INTEGER)", "INT"


def _date_add(e, node):
    e.only(node, "this", "expression", "unit", "return_type")
    if node.text("unit").upper() not in ("", "DAY"):
        raise refused(node, "only whole days are supported")
    days = f"CAST({e.text(node.expression)} AS INTEGER)"
    return f"(CAST({_timestamp(e, node.this)} AS DATE) + {days})", "DATE"


def _round(e, node):
    e.only(node, "this", "decimals")
    value, kind = e.emit(node.this)
    digits = node.args.get("decimals")
    return f"ROUND({value}" + (f", {e.text(digits)})" if digits is not None else ")"), kind


def _whole(name):
    def write(e, node):
        e.only(node, "this")
        return f"TRY_CAST({name}({e.text(node.this)}) AS BIGINT)", "LONG"

    return write


def _log(e, node):
    e.only(node, "this", "expression")
    base, value = e.text(node.this), node.expression
    if value is None:
        return f"TRY(LN({base}))", "DOUBLE"
    return f"TRY(LN({e.text(value)}) / NULLIF(LN({base}), 0))", "DOUBLE"


def _sha2(e, node):
    e.only(node, "this", "length")
    length = node.text("length") or "256"
    if length not in ("0", "256"):
        raise refused(node, "only sha2(x, 256) is supported")
    return f"SHA256({e.text(node.this)})", "STRING"


def _size(e, node):
    e.only(node, "this")
    value, kind = e.emit(node.this)
    # Spark's size(null) is -1.
    count = f"CARDINALITY({value})" if types.map_entry(kind) else f"LEN({value})"
    return f"CAST(COALESCE({count}, -1) AS INTEGER)", "INT"


def _lambda(e, node, parameters):
    names = [x.name for x in node.expressions]
    if len(names) not in parameters:
        raise refused(node, f"the lambda must take {' or '.join(map(str, parameters))} arguments")
    e.bound.append(set(names))
    try:
        body = e.text(node.this)
    finally:
        e.bound.pop()
    return f"LAMBDA {', '.join(quote(n) for n in names)}: {body}"


def _with_lambda(name):
    def write(e, node):
        e.only(node, "this", "expression")
        value, kind = e.emit(node.this)
        result = kind if name == "LIST_FILTER" else None
        return f"{name}({value}, {_lambda(e, node.expression, (1,))})", result

    return write


def _regexp_extract(e, node):
    e.only(node, "this", "expression", "group", "null_if_pos_overflow")
    group = e.text(node.args.get("group")) if node.args.get("group") is not None else "1"
    return f"REGEXP_EXTRACT({e.text(node.this)}, {e.text(node.expression)}, {group})", "STRING"


def _regexp_replace(e, node):
    e.only(node, "this", "expression", "replacement", "modifiers", "single_replace")
    replacement = re.sub(r"\$([0-9])", r"\\\1", e.text(node.args.get("replacement")))
    return (
        f"REGEXP_REPLACE({e.text(node.this)}, {e.text(node.expression)}, {replacement}, 'g')"
    ), "STRING"


def _pad(e, node):
    e.only(node, "this", "expression", "fill_pattern", "is_left")
    fill = (
        e.text(node.args.get("fill_pattern"))
        if node.args.get("fill_pattern") is not None
        else "' '"
    )
    name = "LPAD" if node.args.get("is_left") else "RPAD"
    length = f"CAST(GREATEST({e.text(node.expression)}, 0) AS INTEGER)"
    return f"{name}({e.text(node.this)}, {length}, {fill})", "STRING"


def _trim(e, node):
    e.only(node, "this", "position")
    name = {"LEADING": "LTRIM", "TRAILING": "RTRIM"}.get(
        str(node.args.get("position") or ""), "TRIM"
    )
    return f"{name}({e.text(node.this)})", "STRING"


def _array(e, node):
    e.only(node, "expressions")
    emitted = [e.emit(x) for x in node.expressions]
    inner = types.common([t for _, t in emitted])
    return f"[{', '.join(t for t, _ in emitted)}]", f"LIST<{inner}>" if inner else None


def _nullif(e, node):
    value, kind = e.emit(node.this)
    return f"NULLIF({value}, {e.text(node.expression)})", kind


def _nvl2(e, node):
    yes, a = e.emit(node.args.get("true"))
    no, b = e.emit(node.args.get("false"))
    return f"CASE WHEN {e.text(node.this)} IS NOT NULL THEN {yes} ELSE {no} END", types.common(
        [a, b]
    )


def _element_type(pattern):
    def write(e, node):
        e.only(node, "this")
        value, kind = e.emit(node.this)
        return pattern.format(value), types.element(kind)

    return write


def _abs(e, node):
    value, kind = e.emit(node.this)
    return (f"ABS({value})" if kind in ("FLOAT", "DOUBLE") else f"TRY(ABS({value}))"), kind


_PMOD = "((({0} % NULLIF({1}, 0)) + {1}) % NULLIF({1}, 0))"
ANONYMOUS = {
    "PMOD": (2, _PMOD, "=0"),
    "ISNULL": (1, "({0} IS NULL)", "BOOLEAN"),
    "ISNOTNULL": (1, "({0} IS NOT NULL)", "BOOLEAN"),
    "LOG1P": (1, "TRY(LN(1 + {0}))", "DOUBLE"),
    "LOG2": (1, "TRY(LOG2({0}))", "DOUBLE"),
    "MAP_VALUES": (1, "MAP_VALUES({0})", None),
    "SIGNUM": (1, "CAST(SIGN({0}) AS DOUBLE)", "DOUBLE"),
}
_CASTS = {
    "BIGINT": "BIGINT",
    "INT": "INT",
    "DOUBLE": "DOUBLE",
    "FLOAT": "FLOAT",
    "STRING": "TEXT",
    "BOOLEAN": "BOOLEAN",
    "SMALLINT": "SMALLINT",
    "TINYINT": "TINYINT",
}


def _anonymous(e, node):
    name = node.name.upper()
    if name in _CASTS and len(node.expressions) == 1:
        target = CAST_TYPES[exp.DataType.Type[_CASTS[name]]]
        return cast_text(*e.emit(node.expressions[0]), target)
    if name not in ANONYMOUS:
        raise SqlError(why_refused(node, function_names()))
    arity, pattern, kind = ANONYMOUS[name]
    if len(node.expressions) != arity:
        raise refused(node, f"{node.name} takes {arity} arguments")
    emitted = [e.emit(x) for x in node.expressions]
    result = emitted[int(kind[1:])][1] if kind and kind[0] == "=" else kind
    return pattern.format(*(value for value, _ in emitted)), result


ENTRIES = {
    exp.Anonymous: _anonymous,
    exp.Abs: _abs,
    exp.Array: _array,
    exp.Bracket: _bracket,
    exp.ArrayContains: _template("LIST_CONTAINS({this}, {expression})", "BOOLEAN"),
    exp.ArrayDistinct: _template("LIST_DISTINCT({this})", "=this"),
    exp.ArrayFilter: _with_lambda("LIST_FILTER"),
    exp.Transform: _with_lambda("LIST_TRANSFORM"),
    exp.ArrayMax: _element_type("LIST_MAX({0})"),
    exp.ArrayMin: _element_type("LIST_MIN({0})"),
    exp.ArraySize: _size,
    exp.ArrayToString: _template("ARRAY_TO_STRING({this}, {expression})", "STRING"),
    exp.BitwiseLeftShift: _template("({this} << {expression})", "=this"),
    exp.BitwiseRightShift: _template("({this} >> {expression})", "=this"),
    exp.BitwiseXor: _template("XOR({this}, {expression})", "=this"),
    exp.Ceil: _whole("CEIL"),
    exp.Floor: _whole("FLOOR"),
    exp.Coalesce: _variadic("COALESCE"),
    exp.Concat: _concat,
    exp.ConcatWs: _concat_ws,
    exp.Contains: _template("CONTAINS({this}, {expression})", "BOOLEAN"),
    exp.DPipe: _dpipe,
    exp.DateDiff: _date_diff,
    exp.Day: _part("DAY({0})"),
    exp.DayOfMonth: _part("DAY({0})"),
    exp.DayOfWeek: _part("DAYOFWEEK({0}) + 1"),
    exp.DayOfYear: _part("DAYOFYEAR({0})"),
    exp.EndsWith: _template("ENDS_WITH({this}, {expression})", "BOOLEAN"),
    exp.Exp: _template("EXP({this})", "DOUBLE"),
    exp.Greatest: _variadic("GREATEST"),
    exp.Least: _variadic("LEAST"),
    exp.Hour: _part("HOUR({0})"),
    exp.Minute: _part("MINUTE({0})"),
    exp.Month: _part("MONTH({0})"),
    exp.Second: _part("SECOND({0})"),
    exp.Year: _part("YEAR({0})"),
    exp.Quarter: _part("QUARTER({0})"),
    exp.IsNan: _template("COALESCE(ISNAN(TRY_CAST({this} AS DOUBLE)), FALSE)", "BOOLEAN"),
    exp.JSONExtractScalar: _json,
    exp.Length: _template("CAST(LENGTH({this}) AS INTEGER)", "INT"),
    exp.Ln: _template("TRY(LN({this}))", "DOUBLE"),
    exp.Log: _log,
    exp.Lower: _template("LOWER({this})", "STRING"),
    exp.Upper: _template("UPPER({this})", "STRING"),
    exp.MD5: _template("MD5({this})", "STRING"),
    exp.SHA2: _sha2,
    exp.MapKeys: _template("MAP_KEYS({this})", None),
    exp.Nullif: _nullif,
    exp.Nvl2: _nvl2,
    exp.Pad: _pad,
    exp.Pow: _template("POWER(TRY_CAST({this} AS DOUBLE), {expression})", "DOUBLE"),
    exp.RegexpExtract: _regexp_extract,
    exp.RegexpReplace: _regexp_replace,
    exp.RegexpLike: _template("REGEXP_MATCHES({this}, {expression})", "BOOLEAN"),
    exp.RegexpSplit: _template("STRING_SPLIT_REGEX({this}, {expression})", "LIST<STRING>"),
    exp.Repeat: _template("REPEAT({this}, {times})", "STRING"),
    exp.Replace: _template("REPLACE({this}, {expression}, {replacement})", "STRING"),
    exp.Reverse: _template("REVERSE({this})", "STRING"),
    exp.Round: _round,
    exp.Sign: _template("CAST(SIGN({this}) AS DOUBLE)", "DOUBLE"),
    exp.Sqrt: _template("TRY(SQRT({this}))", "DOUBLE"),
    exp.StartsWith: _template("STARTS_WITH({this}, {expression})", "BOOLEAN"),
    exp.StrPosition: _template("CAST(STRPOS({this}, {substr}) AS INTEGER)", "INT"),
    exp.StrToTime: _to_timestamp,
    exp.StrToUnix: _unix_timestamp,
    exp.UnixMillis: _unix_millis,
    exp.UnixToStr: _from_unixtime,
    exp.Substring: _substring,
    exp.TimeToStr: _date_format,
    exp.Trim: _trim,
    exp.TsOrDsAdd: _date_add,
    exp.TsOrDsToDate: _to_date,
}


def function_names() -> list[str]:
    """Every function that can be written, for hints and for the reference."""
    parsed = {
        name
        for kind in ENTRIES
        if issubclass(kind, exp.Func) and kind is not exp.Anonymous
        for name in kind.sql_names()
    }
    return sorted(name.lower() for name in parsed | set(ANONYMOUS) | set(_CASTS))

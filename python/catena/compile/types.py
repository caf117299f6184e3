# SPDX-License-Identifier: Apache-2.0
"""Column types as text: BOOLEAN INT LONG ... LIST<T> MAP<K,V>; None is "not known".

Rules here mirror what the engine will find when it binds the expression, so that a wrong
definition is refused at compile time. A rule that is not sure answers None.
"""

import re

NUMERIC = ("BYTE", "SHORT", "INT", "LONG", "FLOAT", "DOUBLE")
SCALARS = NUMERIC + ("BOOLEAN", "STRING", "BINARY", "DATE", "TIMESTAMP")


def is_type(text) -> bool:
    if text in SCALARS:
        return True
    inner = element(text)
    if inner is not None:
        return is_type(inner)
    pair = map_entry(text)
    return pair is not None and all(is_type(part) for part in pair)


def element(text) -> str | None:
    """T of LIST<T>."""
    if text and text.startswith("LIST<") and text.endswith(">"):
        return text[5:-1].strip()
    return None


def map_entry(text) -> tuple[str, str] | None:
    """(K, V) of MAP<K,V>."""
    if not (text and text.startswith("MAP<") and text.endswith(">")):
        return None
    depth = 0
    inner = text[4:-1]
    for i, c in enumerate(inner):
        depth += (c == "<") - (c == ">")
        if c == "," and depth == 0:
            return inner[:i].strip(), inner[i + 1 :].strip()
    return None


def common(types) -> str | None:
    """The type that a CASE or COALESCE over these has."""
    types = [t for t in types if t != "NULL"]
    if not types or any(t is None for t in types):
        return None
    if all(t == types[0] for t in types):
        return types[0]
    if all(t in NUMERIC for t in types):
        widest = max(types, key=NUMERIC.index)
        return "DOUBLE" if widest == "FLOAT" and "LONG" in types else widest
    return None


TIMED = ("FIRST", "LAST", "FIRST_K", "LAST_K")
_COUNTS = ("COUNT", "UNIQUE_COUNT", "APPROX_UNIQUE_COUNT", "BOUNDED_UNIQUE_COUNT")
_OF_NUMBERS = ("AVERAGE", "VARIANCE", "SKEW", "KURTOSIS", "APPROX_PERCENTILE")
_OF_ANY_SCALAR = ("MIN", "MAX", "TOP_K", "BOTTOM_K", "UNIQUE_TOP_K", *_COUNTS)


def aggregated(
    operation: str, input_type: str | None, buckets: bool = False, element_wise: bool = False
) -> str | None:
    """Type of the column an aggregation makes; `operation` is Chronon's name, SUM for example."""
    if element_wise:
        each = _aggregated(operation, element(input_type))
        result = f"LIST<{each}>" if each else None
    else:
        result = _aggregated(operation, input_type)
    if not buckets:
        return result
    return f"MAP<STRING,{result}>" if result else None


def _aggregated(operation, input_type):
    timed = operation in TIMED
    pair = None if timed else map_entry(input_type)
    if pair is not None:
        value = _aggregated(operation, pair[1])
        return f"MAP<STRING,{value}>" if value else None
    inner = None if timed else element(input_type)
    value = input_type if inner is None else inner
    if operation in _COUNTS:
        return "LONG"
    if operation in ("AVERAGE", "VARIANCE", "SKEW", "KURTOSIS"):
        return "DOUBLE"
    if operation == "APPROX_PERCENTILE":
        return "LIST<FLOAT>"
    if operation == "HISTOGRAM":
        return "MAP<STRING,INT>"
    if operation == "APPROX_HISTOGRAM_K":
        return "MAP<STRING,LONG>"
    if value is None:
        return None
    if operation == "SUM":
        return "DOUBLE" if value in ("FLOAT", "DOUBLE") else "LONG"
    if operation in ("FIRST_K", "LAST_K", "TOP_K", "BOTTOM_K", "UNIQUE_TOP_K"):
        return f"LIST<{value}>"
    return value if operation in ("MIN", "MAX", "FIRST", "LAST") else None


def refusal(operation: str, input_type: str | None, element_wise: bool = False) -> str | None:
    """Why an operation cannot take a type, or None."""
    if input_type is None:
        return None
    if element_wise:
        inner = element(input_type)
        if inner is None:
            return f"element_wise needs a list, and the column is {input_type}"
        return _refusal(operation, inner)
    if operation in TIMED:  # A list or a map is one value to them.
        return _refusal(operation, input_type)
    pair = map_entry(input_type)
    if pair is None:
        return _refusal(operation, element(input_type) or input_type)
    if pair[0] != "STRING":
        return "only maps with STRING keys can be aggregated"
    return _refusal(operation, pair[1])


def _refusal(operation, value):
    if operation in TIMED:
        other = re.search(r"MAP<(?!\s*STRING\s*,)", value)
        return "only maps with STRING keys can be aggregated" if other else None
    if operation in _OF_NUMBERS:
        return None if value in NUMERIC else f"it needs a number, and the column is {value}"
    if operation == "SUM":
        numbers = value in NUMERIC or value == "BOOLEAN"
        return None if numbers else f"it needs a number, and the column is {value}"
    if operation == "HISTOGRAM":
        return None if value == "STRING" else f"it needs a STRING, and the column is {value}"
    if operation == "APPROX_HISTOGRAM_K":
        counted = value in NUMERIC or value == "STRING"
        return None if counted else f"it needs a number or a STRING, and the column is {value}"
    if operation in _OF_ANY_SCALAR and value not in SCALARS:
        return f"it needs single values, or a list or a map of them, and gets {value}"
    return None


def refused_by_chronon(input_type: str | None, element_wise: bool) -> str | None:
    """What Chronon has against a type that is aggregated here, or None."""
    if element_wise:
        return "element-wise aggregation: Chronon throws when it runs"
    if input_type in ("DATE", "TIMESTAMP"):
        return f"{input_type} inputs: Chronon refuses them"
    return None

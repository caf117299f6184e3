# SPDX-License-Identifier: Apache-2.0
"""The one place that spells output columns and tables, as Chronon does.

  aggregation   {input}_{op}[_{window}][_by_{bucket}]        amount_sum_7d, v_last3_1h_by_country
  join part     [{prefix}_]{group_by}_{column}               fraud_final_gb_amount_sum_7d
  external      ext_[{prefix}_]{source}_{field}

`op` is the operation in lower case; LAST_K, FIRST_K, TOP_K and BOTTOM_K carry their k (`last3`),
no other argument is part of a name. An aggregation over all time has no window suffix. In names of
GroupBys every character outside [a-zA-Z0-9_] becomes `_`.
"""

import re

from catena.api.operation import op_to_str
from catena.api.ttypes import Operation
from catena.api.window import window_suffix

_WITH_K = {Operation.LAST_K, Operation.FIRST_K, Operation.TOP_K, Operation.BOTTOM_K}


def sanitize(name):
    return None if name is None else re.sub("[^a-zA-Z0-9_]", "_", name)


def operation_suffix(operation: int, arguments: dict | None) -> str:
    name = op_to_str(operation)
    return f"{name[:-2]}{(arguments or {}).get('k')}" if operation in _WITH_K else name


def aggregation_columns(input_column, operation, arguments, windows, buckets) -> list[str]:
    """`windows`: (length, timeUnit) pairs or None. In Chronon's order: buckets, then windows."""
    base = f"{input_column}_{operation_suffix(operation, arguments)}"
    names = [f"{base}_{window_suffix(*window)}" for window in windows] if windows else [base]
    return [f"{name}_by_{bucket}" for bucket in buckets for name in names] if buckets else names


def get_output_col_names(aggregation) -> list[str]:
    windows = [(w.length, w.timeUnit) for w in aggregation.windows or []]
    return aggregation_columns(
        aggregation.inputColumn,
        aggregation.operation,
        aggregation.argMap,
        windows,
        aggregation.buckets,
    )


def part_prefix(group_by_name: str, prefix: str | None) -> str:
    """What every column of a join part starts with."""
    return "_".join(x for x in (prefix, sanitize(group_by_name)) if x)


def external_prefix(source_name: str, prefix: str | None) -> str:
    return "_".join(x for x in ("ext", prefix, sanitize(source_name)) if x)

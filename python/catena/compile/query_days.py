# SPDX-License-Identifier: Apache-2.0
"""Which partitions a day of a StagingQuery looks at: of some tables its own alone.

That is so where every place that reads the table keeps its `ds` between the macros start_date and
end_date; of every other table a day may look at whatever there is. What is not understood is taken
for the latter, which computes too often and never too seldom.
"""

import re

from sqlglot import exp

_FIRST = re.compile(r"\{\{\s*(start_date|end_date)\s*\}\}")
_LAST = re.compile(r"\{\{\s*end_date\s*\}\}")
# Sides of a join whose rows outside the condition are left out, when they are on its right.
_FILTERED_BY_ON = ("", "LEFT", "INNER")


def own_day_tables(tree, names: dict[int, str]) -> list[str]:
    """`names`: namespace.table of every exp.Table by its id(); common table expressions are not."""
    own: dict[str, bool] = {}
    for table in tree.find_all(exp.Table):
        if (name := names.get(id(table))) is not None:
            own[name] = own.get(name, True) and _reads_own_day(table)
    return [name for name, alone in own.items() if alone]


def _reads_own_day(table) -> bool:
    select = table.find_ancestor(exp.Select)
    conditions = _conjuncts(select.args["where"].this) if select.args.get("where") else []
    join = table.parent if isinstance(table.parent, exp.Join) else None
    if join is not None and (join.side or "").upper() in _FILTERED_BY_ON and join.args.get("on"):
        conditions += _conjuncts(join.args["on"])
    alone = not select.args.get("joins")
    bounds = [bound for condition in conditions for bound in _bounds(condition, table, alone)]
    return "first" in bounds and "last" in bounds


def _conjuncts(node) -> list:
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.And):
        return _conjuncts(node.this) + _conjuncts(node.expression)
    return [node]


def _bounds(node, table, alone: bool) -> list[str]:
    """Which of its own day's bounds a condition keeps the table's ds within."""
    if not isinstance(node.this, exp.Column) or not _is_day(node.this, table, alone):
        return []
    if isinstance(node, exp.Between):
        low, high = node.args["low"], node.args["high"]
        return ["first"] * _is(low, _FIRST) + ["last"] * _is(high, _LAST)
    if isinstance(node, exp.EQ):
        return ["first", "last"] if _is(node.expression, _FIRST) else []
    if isinstance(node, exp.GTE):
        return ["first"] * _is(node.expression, _FIRST)
    if isinstance(node, exp.LTE):
        return ["last"] * _is(node.expression, _LAST)
    return []


def _is_day(column, table, alone: bool) -> bool:
    if column.name.lower() != "ds":
        return False
    return column.table.lower() == table.alias_or_name.lower() if column.table else alone


def _is(node, macro) -> bool:
    return isinstance(node, exp.Literal) and node.is_string and macro.fullmatch(node.this.strip()) \
        is not None

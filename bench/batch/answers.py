# SPDX-License-Identifier: Apache-2.0
"""Do two runs of the chain answer alike? Rows, texts and counts exactly, sums and averages to 1e-9.

A sum of nothing is null here and 0 in Polars; both are read as 0.
"""

import pathlib

import duckdb

WINDOWS = ("1h", "24h", "7d")
TOLERANCE = 1e-9
ENRICHED = ("user_id", "merchant_id", "amount", "currency", "ts", "category", "country", "tier",
            "risk_score")


def _read(directory: pathlib.Path) -> str:
    return f"read_parquet('{directory}/*/*.parquet', hive_partitioning=true)"


def _far(a: str, b: str) -> str:
    return f"(abs({a} - {b}) > {TOLERANCE} * greatest(abs({a}), abs({b})))"


def _feature_differs(a: str, b: str) -> str:
    differences = []
    for w in WINDOWS:
        average, total, count = f"risk_average_{w}", f"amount_sum_{w}", f"count_{w}"
        differences += [
            f"({a}.{average} IS NULL) <> ({b}.{average} IS NULL)",
            f"coalesce({_far(f'{a}.{average}', f'{b}.{average}')}, false)",
            _far(f"coalesce({a}.{total}, 0)", f"coalesce({b}.{total}, 0)"),
            f"coalesce({a}.{count}, 0) <> coalesce({b}.{count}, 0)"]
    return " OR ".join(differences)


def _differing(ours: str, theirs: str, keys: tuple[str, ...], differs: str) -> int:
    absent = f"a.{keys[0]} IS NULL OR b.{keys[0]} IS NULL"
    on = " AND ".join(f"a.{key} = b.{key}" for key in keys)
    query = (f"SELECT count(*) FROM {ours} a FULL JOIN {theirs} b ON {on} "
             f"WHERE {absent} OR {differs}")
    return duckdb.execute(query).fetchone()[0]


def differences(ours: dict[str, pathlib.Path], theirs: pathlib.Path) -> dict[str, int]:
    """By table, the rows that one side lacks or answers otherwise."""
    enriched = " OR ".join(f"a.{name} IS DISTINCT FROM b.{name}" for name in ENRICHED)
    features = _feature_differs("a", "b")
    found = {}
    for table, keys, differs in (("enriched", ("transaction_id", "ds"), enriched),
                                 ("features", ("transaction_id", "ds"), features),
                                 ("daily", ("user_id", "ds"), features)):
        found[table] = _differing(_renamed(ours[table]), _read(theirs / table), keys, differs)
    return found


def _renamed(directory: pathlib.Path) -> str:
    """Our columns under the names of the hand-written programs."""
    columns = [row[0] for row in
               duckdb.execute(f"DESCRIBE SELECT * FROM {_read(directory)}").fetchall()]
    return ("(SELECT " + ", ".join(f'"{name}" AS "{plain_name(name)}"' for name in columns) +
            f" FROM {_read(directory)})")


def plain_name(column: str) -> str:
    """chain_user_risk_v1_amount_sum_1h is amount_sum_1h."""
    name = column.removeprefix("chain_user_risk_v1_").removeprefix("chain_sources_merchants_")
    name = name.removeprefix("chain_sources_scores_")
    if name == "risk_score_last":
        return "risk_score"
    return name.replace("transaction_id_count", "count")

# SPDX-License-Identifier: Apache-2.0
"""Do two runs of the chain answer alike? Rows, texts and counts exactly, sums and averages nearly.

    near    relative to the larger of the two values: 1e-9. Polars slides its windows by adding what
            enters and taking away what leaves, so that when a large value has left, a small sum, or
            one of nothing, keeps the large one's lost digits. Of Polars relative to 1 at least, and
            to 1e-6; the rows beyond 1e-9 are counted
    null    a sum of nothing is null here and 0 in Polars; both are read as 0
"""

import pathlib
from dataclasses import dataclass

import duckdb

WINDOWS = ("1h", "24h", "7d")
NEAR = 1e-9
NEAR_OF = {"polars": 1e-6}
LEAST_OF = {"polars": 1}
ENRICHED = ("user_id", "merchant_id", "amount", "currency", "ts", "category", "country", "tier",
            "risk_score")


def _read(directory: pathlib.Path) -> str:
    return f"read_parquet('{directory}/*/*.parquet', hive_partitioning=true)"


@dataclass
class Difference:
    wrong: int  # Rows that one side lacks or answers otherwise.
    inexact: int  # Others that are not near to 1e-9.
    error: float  # The greatest relative one of a sum or average.


def _error(a: str, b: str, least: float) -> str:
    return f"coalesce(abs({a} - {b}) / nullif(greatest(abs({a}), abs({b}), {least}), 0), 0)"


def _feature_differs() -> str:
    return " OR ".join(
        f"(a.risk_average_{w} IS NULL) <> (b.risk_average_{w} IS NULL) OR "
        f"coalesce(a.count_{w}, 0) <> coalesce(b.count_{w}, 0)" for w in WINDOWS)


def _feature_error(least: float) -> str:
    return "greatest(" + ", ".join(
        _error(f"a.risk_average_{w}", f"b.risk_average_{w}", least) + ", " +
        _error(f"coalesce(a.amount_sum_{w}, 0)", f"coalesce(b.amount_sum_{w}, 0)", least)
        for w in WINDOWS) + ")"


def _difference(ours: str, theirs: str, keys: tuple[str, ...], differs: str, error: str,
                near: float) -> Difference:
    absent = f"a.{keys[0]} IS NULL OR b.{keys[0]} IS NULL"
    on = " AND ".join(f"a.{key} = b.{key}" for key in keys)
    counted = duckdb.execute(f"""
        SELECT count(*) FILTER (wrong OR error > {near}),
               count(*) FILTER (NOT wrong AND error > {NEAR} AND error <= {near}),
               coalesce(max(error) FILTER (NOT wrong), 0)
        FROM (SELECT {absent} OR {differs} AS wrong, {error} AS error
              FROM {ours} a FULL JOIN {theirs} b ON {on})""").fetchone()
    return Difference(*counted)


def differences(ours: dict[str, pathlib.Path], theirs: pathlib.Path,
                peer: str) -> dict[str, Difference]:
    """By table."""
    enriched = " OR ".join(f"a.{name} IS DISTINCT FROM b.{name}" for name in ENRICHED)
    features = _feature_error(LEAST_OF.get(peer, 0))
    found = {}
    for table, keys, differs, error in (
            ("enriched", ("transaction_id", "ds"), enriched, "0"),
            ("features", ("transaction_id", "ds"), _feature_differs(), features),
            ("daily", ("user_id", "ds"), _feature_differs(), features)):
        found[table] = _difference(_renamed(ours[table]), _read(theirs / table), keys, differs,
                                   error, NEAR_OF.get(peer, NEAR))
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

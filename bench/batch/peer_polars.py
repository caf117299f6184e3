# SPDX-License-Identifier: Apache-2.0
"""The chain as one would write it in Polars: join_asof, then rolling; streaming where it can.

A window whose start jumps (sawtooth) is not one of Polars' own: there, prefix sums of each user are
looked up at both ends of the window.
"""

import os
import pathlib
import warnings

from peer import DAY, DAYS, FIRST, HOPS, HOUR, WINDOWS, ZSTD_LEVEL, Stages, arguments

GIVEN = arguments()
os.environ["POLARS_MAX_THREADS"] = str(GIVEN.threads)

import polars as pl  # noqa: E402  (reads the variable above when it is loaded)

SOURCES = GIVEN.warehouse / "bench.db"
# Rows are sorted before they are asked for; that it cannot check it in groups, it says every time.
warnings.filterwarnings("ignore", message="Sortedness of columns")


def write(frame: pl.LazyFrame, directory: pathlib.Path) -> None:
    frame.sink_parquet(pl.PartitionBy(directory, key="ds", include_key=False),
                       compression=GIVEN.compression,
                       compression_level=ZSTD_LEVEL if GIVEN.compression == "zstd" else None,
                       mkdir=True, engine="streaming", maintain_order=False)


def enriched(directory: pathlib.Path) -> None:
    transactions = pl.scan_parquet(SOURCES / "transactions", hive_partitioning=True)
    merchants = pl.scan_parquet(SOURCES / "merchants" / "ds=2023-12-31", hive_partitioning=False)
    scores = (pl.scan_parquet(SOURCES / "risk_scores", hive_partitioning=True)
              .select("merchant_id", "risk_score", "ts")
              .filter(pl.col("risk_score").is_not_null()).sort("ts"))
    write(transactions.join(merchants, on="merchant_id", how="left").sort("ts")
          .join_asof(scores, on="ts", by="merchant_id", strategy="backward",
                     allow_exact_matches=False)
          .select("transaction_id", "user_id", "merchant_id", "amount", "currency", "ts",
                  "category", "country", "tier", "risk_score", "ds"), directory)


def scan_enriched() -> pl.LazyFrame:
    return pl.scan_parquet(GIVEN.out / "enriched", hive_partitioning=True)


def sorted_rows() -> pl.DataFrame:
    return (scan_enriched().select("transaction_id", "user_id", "ts", "amount", "risk_score", "ds")
            .sort("user_id", "ts").with_columns(pl.col("user_id").set_sorted())
            .collect(engine="streaming"))


def exact(rows: pl.DataFrame) -> list[pl.DataFrame]:
    # rolling keeps the order of rows, so its answers stand beside them.
    return [rows.lazy()
            .rolling("ts", period=f"{length}i", closed="left", group_by="user_id")
            .agg(pl.col("risk_score").mean().alias(f"risk_average_{w}"),
                 pl.col("amount").sum().alias(f"amount_sum_{w}"),
                 pl.len().cast(pl.Int64).alias(f"count_{w}"))
            .drop("user_id", "ts").collect()
            for w, length in WINDOWS.items()]


SUMS = {"risk": "risk_score", "amount": "amount"}
PARTS = ["risk", "risk_n", "amount", "n"]


def prefix_sums(rows: pl.DataFrame) -> pl.DataFrame:
    """Of each user at each of its times: everything up to and with it."""
    added = [pl.col(column).fill_null(0).sum().alias(name) for name, column in SUMS.items()]
    return (rows.lazy().group_by("user_id", "ts", maintain_order=True)
            .agg(*added, pl.col("risk_score").count().cast(pl.Int64).alias("risk_n"),
                 pl.len().cast(pl.Int64).alias("n"))
            .with_columns(pl.col(PARTS).cum_sum().over("user_id"))
            .select("user_id", "ts", *PARTS).collect())


def before(rows: pl.DataFrame, time: pl.Expr, prefixes: pl.DataFrame) -> pl.DataFrame:
    """The prefix of each row's user strictly before `time`."""
    return (rows.lazy().select("user_id", time.alias("ts"))
            .join_asof(prefixes.lazy(), on="ts", by="user_id", strategy="backward",
                       allow_exact_matches=False, check_sortedness=False)
            .select(pl.col(PARTS).fill_null(0)).collect())


def sawtooth(rows: pl.DataFrame) -> list[pl.DataFrame]:
    prefixes = prefix_sums(rows)
    head = before(rows, pl.col("ts"), prefixes)
    answers = []
    for w, length in WINDOWS.items():
        tail = before(rows, (pl.col("ts") - length) // HOPS[w] * HOPS[w], prefixes)
        inside = head - tail
        answers.append(inside.select(
            pl.when(pl.col("risk_n") > 0).then(pl.col("risk") / pl.col("risk_n"))
            .alias(f"risk_average_{w}"),
            pl.col("amount").alias(f"amount_sum_{w}"), pl.col("n").alias(f"count_{w}")))
    return answers


def features(directory: pathlib.Path) -> None:
    rows = sorted_rows()
    answers = exact(rows) if GIVEN.window == "exact" else sawtooth(rows)
    left = rows.select("transaction_id", "user_id", "ts", "ds")
    write(pl.concat([left, *answers], how="horizontal").lazy(), directory)


# Partial sums a (user, day), each added to the seven days that it is inside of.
def daily(directory: pathlib.Path) -> None:
    late = pl.col("ts") % DAY >= DAY - HOUR
    of_day = {
        "sr": pl.col("risk_score").sum(), "nr": pl.col("risk_score").count(),
        "sa": pl.col("amount").sum(), "n": pl.len(),
        "sr1": pl.when("late").then("risk_score").sum(),
        "nr1": pl.when("late").then("risk_score").count(),
        "sa1": pl.when("late").then("amount").sum(), "n1": pl.col("late").sum()}
    parts = (scan_enriched().select("user_id", "ts", "amount", "risk_score")
             .with_columns(d=((pl.col("ts") - FIRST) // DAY).cast(pl.Int32), late=late)
             .group_by("user_id", "d").agg(**of_day).collect(engine="streaming"))
    shifted = []
    for k in range(7):
        today = {f"{name}d": pl.col(name) if k == 0 else pl.lit(0).cast(parts.schema[name])
                 for name in of_day}
        shifted.append(parts.lazy().with_columns(d=pl.col("d") + k, **today)
                       .filter(pl.col("d") < DAYS))
    summed = pl.concat(shifted).group_by("user_id", "d").agg(
        pl.col("sr", "nr", "sa", "n", *(f"{name}d" for name in of_day)).sum())

    def average(total: str, count: str) -> pl.Expr:
        return pl.when(pl.col(count) > 0).then(pl.col(total) / pl.col(count))

    write(summed.select(
        "user_id",
        risk_average_1h=average("sr1d", "nr1d"), amount_sum_1h="sa1d",
        count_1h=pl.col("n1d").cast(pl.Int64),
        risk_average_24h=average("srd", "nrd"), amount_sum_24h="sad",
        count_24h=pl.col("nd").cast(pl.Int64),
        risk_average_7d=average("sr", "nr"), amount_sum_7d="sa",
        count_7d=pl.col("n").cast(pl.Int64),
        ds=(pl.lit("2024-01-01").str.to_date() + pl.duration(days=pl.col("d"))).cast(pl.String)),
        directory)


STAGES = Stages(GIVEN.out)
STAGES.run("enriched", enriched)
STAGES.run("features", features)
STAGES.run("daily", daily)
STAGES.report()

# SPDX-License-Identifier: Apache-2.0
"""The chain as one would write it in DuckDB: ASOF LEFT JOIN, then RANGE window frames."""

import pathlib

import duckdb

from peer import DAY, DAYS, FIRST, HOPS, HOUR, WINDOWS, ZSTD_LEVEL, Stages, arguments

GIVEN = arguments()
SOURCES = GIVEN.warehouse / "bench.db"
LEVEL = f", COMPRESSION_LEVEL {ZSTD_LEVEL}" if GIVEN.compression == "zstd" else ""
ENRICHED = f"read_parquet('{GIVEN.out}/enriched/*/*.parquet', hive_partitioning=true)"


def connect() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(f"SET threads={GIVEN.threads}")
    connection.execute("SET preserve_insertion_order=false")
    connection.execute(f"SET temp_directory='{GIVEN.out}/tmp'")
    return connection


def write(query: str, directory: pathlib.Path) -> None:
    CONNECTION.execute(f"COPY ({query}) TO '{directory}' (FORMAT parquet, PARTITION_BY (ds), "
                       f"COMPRESSION {GIVEN.compression}{LEVEL}, PARQUET_VERSION V2, "
                       "OVERWRITE_OR_IGNORE)")


def enriched(directory: pathlib.Path) -> None:
    write(f"""
        SELECT t.transaction_id, t.user_id, t.merchant_id, t.amount, t.currency, t.ts,
               m.category, m.country, m.tier, r.risk_score, t.ds
        FROM read_parquet('{SOURCES}/transactions/*/*.parquet') t
        LEFT JOIN read_parquet('{SOURCES}/merchants/ds=2023-12-31/*.parquet') m
          ON t.merchant_id = m.merchant_id
        ASOF LEFT JOIN (SELECT merchant_id, risk_score, ts
                        FROM read_parquet('{SOURCES}/risk_scores/*/*.parquet')
                        WHERE risk_score IS NOT NULL) r
          ON t.merchant_id = r.merchant_id AND t.ts > r.ts""", directory)


def frame(window: str) -> str:
    start = f"{WINDOWS[window]}"
    if GIVEN.window == "sawtooth":
        start = f"(ts - ((ts - {WINDOWS[window]}) // {HOPS[window]}) * {HOPS[window]})"
    return f"(PARTITION BY user_id ORDER BY ts RANGE BETWEEN {start} PRECEDING AND 1 PRECEDING)"


def features(directory: pathlib.Path) -> None:
    columns = ", ".join(
        f"avg(risk_score) OVER w{w} AS risk_average_{w}, sum(amount) OVER w{w} AS amount_sum_{w}, "
        f"count(*) OVER w{w} AS count_{w}" for w in WINDOWS)
    frames = ", ".join(f"w{w} AS {frame(w)}" for w in WINDOWS)
    write(f"SELECT transaction_id, user_id, ts, {columns}, ds FROM {ENRICHED} WINDOW {frames}",
          directory)


# Partial sums a (user, day), each added to the seven days that it is inside of.
def daily(directory: pathlib.Path) -> None:
    late = f"ts % {DAY} >= {DAY - HOUR}"
    CONNECTION.execute(f"""
        CREATE OR REPLACE TEMP TABLE parts AS
        SELECT user_id, ((ts - {FIRST}) // {DAY})::INT AS d,
               sum(risk_score) sr, count(risk_score)::DOUBLE nr,
               sum(amount) sa, count(*)::DOUBLE n,
               sum(CASE WHEN {late} THEN risk_score END) sr1,
               count(CASE WHEN {late} THEN risk_score END)::DOUBLE nr1,
               sum(CASE WHEN {late} THEN amount END) sa1,
               count(CASE WHEN {late} THEN 1 END)::DOUBLE n1
        FROM {ENRICHED} GROUP BY ALL""")

    def today(column: str) -> str:
        return f"sum(CASE WHEN k = 0 THEN {column} END)"

    write(f"""
        SELECT user_id,
               {today("sr1")} / nullif({today("nr1")}, 0) AS risk_average_1h,
               {today("sa1")} AS amount_sum_1h, coalesce({today("n1")}, 0)::BIGINT AS count_1h,
               {today("sr")} / nullif({today("nr")}, 0) AS risk_average_24h,
               {today("sa")} AS amount_sum_24h, coalesce({today("n")}, 0)::BIGINT AS count_24h,
               sum(sr) / nullif(sum(nr), 0) AS risk_average_7d,
               sum(sa) AS amount_sum_7d, sum(n)::BIGINT AS count_7d,
               (DATE '2024-01-01' + td) AS ds
        FROM (SELECT parts.*, k, (d + k)::INT AS td FROM parts, range(7) g(k)
              WHERE d + k < {DAYS})
        GROUP BY user_id, td""", directory)


CONNECTION = connect()
STAGES = Stages(GIVEN.out)
STAGES.run("enriched", enriched)
STAGES.run("features", features)
STAGES.run("daily", daily)
STAGES.report()

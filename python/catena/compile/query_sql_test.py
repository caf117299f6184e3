# SPDX-License-Identifier: Apache-2.0
"""Queries of StagingQuerys: what DuckDB answers to the translation, and what is refused."""

import duckdb
import pytest

from catena.compile.query_sql import translate_query
from catena.compile.sql_text import SqlError

COLUMNS = {"user_id": "LONG", "amount": "DOUBLE", "name": "STRING", "ds": "STRING"}
SCHEMAS = {"ns.t": [list(column) for column in COLUMNS.items()]}


@pytest.fixture(scope="module")
def tables():
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA ns")
    connection.execute(
        "CREATE TABLE ns.t AS SELECT * FROM (VALUES (1, 5.0, 'a', '2026-03-01'), "
        "(1, NULL, 'b', '2026-03-02'), (2, 7.5, NULL, '2026-03-02'), (3, 0.0, 'a', '2026-03-03')) "
        "v(user_id, amount, name, ds)"
    )
    connection.execute(
        "CREATE TABLE ns.u AS SELECT * FROM (VALUES (1, 'x'), (3, 'y'), (4, 'z')) v(id, tag)"
    )
    return connection


@pytest.mark.parametrize(
    "query,rows",
    [
        ("SELECT user_id, IF(amount > 1, 'big', 'small') AS size FROM ns.t WHERE ds = '2026-03-02'",
         [(1, "small"), (2, "big")]),
        ("SELECT ds, COUNT(*) AS n, COUNT(amount) AS a, SUM(user_id) AS s, AVG(amount) AS m "
         "FROM ns.t GROUP BY ds HAVING COUNT(*) > 1", [("2026-03-02", 2, 1, 3, 7.5)]),
        ("SELECT COUNT(DISTINCT name) AS one, COUNT(DISTINCT user_id, name) AS two FROM ns.t",
         [(2, 3)]),
        ("WITH sums AS (SELECT user_id, SUM(amount) AS total FROM ns.t GROUP BY user_id) "
         "SELECT s.total, u.tag FROM sums s LEFT JOIN ns.u u ON s.user_id = u.id",
         [(5.0, "x"), (7.5, None), (0.0, "y")]),
        ("SELECT user_id FROM ns.t LEFT SEMI JOIN ns.u ON user_id = id", [(1,), (1,), (3,)]),
        ("SELECT user_id FROM ns.t LEFT ANTI JOIN ns.u ON user_id = id", [(2,)]),
        ("SELECT id FROM ns.u WHERE id NOT IN (SELECT user_id FROM ns.t)", [(4,)]),
        ("SELECT id FROM ns.u WHERE EXISTS (SELECT 1 FROM ns.t WHERE user_id = id)", [(1,), (3,)]),
        ("SELECT (SELECT MAX(amount) FROM ns.t) / 0 AS never FROM ns.u LIMIT 1", [(None,)]),
        ("SELECT user_id FROM ns.t UNION SELECT id FROM ns.u", [(1,), (2,), (3,), (4,)]),
        ("SELECT tag FROM ns.u UNION ALL SELECT tag FROM ns.u WHERE id = 4",
         [("x",), ("y",), ("z",), ("z",)]),
        # Nulls are the smallest.
        ("SELECT name, ROW_NUMBER() OVER (ORDER BY amount) AS up, "
         "RANK() OVER (ORDER BY amount DESC) AS down FROM ns.t",
         [("b", 1, 4), ("a", 2, 3), ("a", 3, 2), (None, 4, 1)]),
        ("SELECT user_id, LAG(amount) OVER (PARTITION BY name ORDER BY ds) AS before FROM ns.t "
         "WHERE name = 'a'", [(1, None), (3, 5.0)]),
        ("SELECT SUM(user_id) OVER (ORDER BY ds, user_id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) "
         "AS s FROM ns.t", [(1,), (2,), (3,), (5,)]),
        ("SELECT SIZE(collect_list(amount)) AS n, SIZE(collect_set(name)) AS m FROM ns.t",
         [(3, 2)]),
        ("SELECT q.* FROM (SELECT DISTINCT name FROM ns.t WHERE name IS NOT NULL) q",
         [("a",), ("b",)]),
    ],
)  # fmt: skip
def test_answers_as_spark(tables, query, rows):
    translated = translate_query(query, SCHEMAS)
    found = tables.execute(translated.duckdb).fetchall()
    assert sorted(found, key=repr) == sorted(rows, key=repr), translated.duckdb


def test_tables_are_listed_once_and_macros_stay():
    found = translate_query(
        "SELECT t.ds FROM ns.t JOIN ns.u ON id = user_id JOIN ns.t AS again ON again.ds = t.ds "
        "WHERE t.ds BETWEEN '{{ start_date }}' AND '{{end_date}}' "
        "AND t.ds <= '{{ max_date(table=ns.u) }}'",
        SCHEMAS,
    )
    assert found.tables == ["ns.t", "ns.u"]
    assert "'{{ start_date }}'" in found.duckdb and "'{{ max_date(table=ns.u) }}'" in found.duckdb


@pytest.mark.parametrize(
    "query,said",
    [
        ("SELECT S2_CELL(user_id) AS c FROM ns.t", "unknown function S2_CELL"),
        ("SELECT user_id + 1 FROM ns.t", "give this column a name with AS"),
        ("SELECT ds FROM ns.t WHERE ds > {{ start_date }}", "put macros in quotes"),
        ("SELECT ds FROM ns.t WHERE ds > '{{ ds }}'", "unknown macro {{ ds }}"),
        ("SELECT ds FROM ns.t WHERE ds > '{{ max_date }}'", "max_date(table=namespace.table)"),
        ("SELECT ds FROM ns.t WHERE ds > '{{ start_date'", "belongs to no macro"),
        ("SELECT ds FROM t", "write tables as namespace.table"),
        ("SELECT ds FROM a.b.c", "write tables as namespace.table"),
        ("DROP TABLE ns.t", "is one SELECT"),
        ("SELECT 1 AS a FROM ns.t; SELECT 2 AS b FROM ns.t", "is one SELECT"),
        ("SELECT 1 AS one", "it has no FROM"),
        ("SELECT x FROM ns.t LATERAL VIEW EXPLODE(name) v AS x", "not supported"),
        ("SELECT EXPLODE(name) AS x FROM ns.t", "not in the supported part"),
        ("SELECT ds FROM ns.t TABLESAMPLE (10 PERCENT)", "not supported"),
        ("SELECT ds FROM ns.t NATURAL JOIN ns.u", "not supported"),
        ("SELECT ds, COUNT(*) AS n FROM ns.t GROUP BY ROLLUP(ds)", "not in the supported part"),
        ("SELECT ds FROM", "not a Spark SQL query"),
        ("", "is one SELECT"),
    ],
)
def test_is_refused(query, said):
    with pytest.raises(SqlError) as refused:
        translate_query(query, SCHEMAS)
    assert said in str(refused.value)


START_TO_END = "BETWEEN '{{ start_date }}' AND '{{ end_date }}'"


@pytest.mark.parametrize(
    "query,own",
    [
        (f"SELECT user_id, ds FROM ns.t WHERE ds {START_TO_END}", ["ns.t"]),
        (f"SELECT user_id, ds FROM ns.t WHERE (amount > 1) AND (ds {START_TO_END} AND true)",
         ["ns.t"]),
        ("SELECT user_id, ds FROM ns.t WHERE ds >= '{{start_date}}' AND ds <= '{{ end_date }}'",
         ["ns.t"]),
        ("SELECT user_id, ds FROM ns.t WHERE ds = '{{ end_date }}'", ["ns.t"]),
        ("SELECT user_id, ds FROM ns.t", []),
        ("SELECT user_id, ds FROM ns.t WHERE ds <= '{{ end_date }}'", []),
        ("SELECT user_id, ds FROM ns.t WHERE ds >= '{{ start_date }}'", []),
        ("SELECT user_id, ds FROM ns.t WHERE ds BETWEEN '2026-01-01' AND '{{ end_date }}'", []),
        ("SELECT user_id, ds FROM ns.t WHERE ds BETWEEN '{{ start_date }}' AND "
         "'{{ latest_date }}'", []),
        (f"SELECT user_id, ds FROM ns.t WHERE ds {START_TO_END} OR amount > 1", []),
        (f"SELECT user_id, ds FROM ns.t WHERE NOT (ds {START_TO_END})", []),
        (f"SELECT user_id, ds FROM ns.t WHERE ds NOT {START_TO_END}", []),
        # Every place counts.
        (f"SELECT user_id, ds FROM ns.t WHERE ds {START_TO_END} AND user_id IN "
         "(SELECT user_id FROM ns.t)", []),
        (f"SELECT t.user_id, t.ds FROM ns.t t JOIN ns.u u ON t.user_id = u.id "
         f"WHERE t.ds {START_TO_END}", ["ns.t"]),
        (f"SELECT t.user_id, t.ds FROM ns.t t JOIN ns.u u ON t.user_id = u.id "
         f"WHERE ds {START_TO_END}", []),
        (f"SELECT t.user_id, t.ds FROM ns.t t LEFT JOIN ns.u u ON t.user_id = u.id AND "
         f"u.ds {START_TO_END}", ["ns.u"]),
        (f"SELECT t.user_id, t.ds FROM ns.t t RIGHT JOIN ns.u u ON t.user_id = u.id AND "
         f"u.ds {START_TO_END}", []),
        (f"SELECT t.user_id, t.ds FROM ns.t t LEFT JOIN ns.u u ON t.user_id = u.id AND "
         f"t.ds {START_TO_END}", []),
        (f"WITH days AS (SELECT user_id, ds FROM ns.t WHERE ds {START_TO_END}) "
         "SELECT user_id, ds FROM days", ["ns.t"]),
        (f"WITH days AS (SELECT user_id, ds FROM ns.t) SELECT user_id, ds FROM days "
         f"WHERE ds {START_TO_END}", []),
    ],
)
def test_of_which_tables_a_day_reads_its_own_alone(query, own):
    assert translate_query(query, SCHEMAS).own_day == own

# SPDX-License-Identifier: Apache-2.0
"""What each Spark expression answers, checked by running its translation in DuckDB."""

import math

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.compile import sql

ROW = {
    "i": ("INTEGER", "INT", 7),
    "z": ("INTEGER", "INT", 0),
    "big": ("BIGINT", "LONG", 9007199254740993),
    "d": ("DOUBLE", "DOUBLE", 2.5),
    "neg": ("DOUBLE", "DOUBLE", -2.7),
    "s": ("VARCHAR", "STRING", "hello"),
    "n": ("VARCHAR", "STRING", None),
    "num": ("VARCHAR", "STRING", "12.7"),
    "b": ("BOOLEAN", "BOOLEAN", True),
    "ds": ("VARCHAR", "STRING", "2026-01-02"),
    "at": ("VARCHAR", "STRING", "2026-01-02 03:04:05"),
    "j": ("VARCHAR", "STRING", '{"a": {"b": 5}, "c": [1, {"d": "x"}], "e": null}'),
    "bad": ("VARCHAR", "STRING", "{not json"),
    "arr": ("INTEGER[]", "LIST<INT>", [10, 20, 30]),
    "m": ("MAP(VARCHAR, INTEGER)", "MAP<STRING,INT>", {"k": 1}),
}
TYPES = {name: kind for name, (_, kind, _) in ROW.items()}

ANSWERS = [
    ("UNIX_TIMESTAMP(ds, 'yyyy-MM-dd') * 1000", 1767312000000),
    ("UNIX_TIMESTAMP(at) * 1000", 1767323045000),
    ("UNIX_TIMESTAMP(s, 'yyyy-MM-dd')", None),
    ("unix_timestamp(n)", None),
    ("unix_millis(CAST('2026-01-02 03:04:05.0069' AS TIMESTAMP))", 1767323045006),
    ("unix_millis(CAST('1969-12-31 23:59:59.9995' AS TIMESTAMP))", -1),
    ("unix_millis(at)", 1767323045000),
    ("unix_millis(n)", None),
    ("IF(d > 0, d * 2, 0.5)", 5.0),
    ("IF(n = 'x', 1, 2)", 2),
    ("if(s='hello', 1, 0)", 1),
    ("CASE WHEN s = 'alpha' OR s LIKE 'h%' THEN 1 ELSE 0 END", 1),
    ("CASE i WHEN 7 THEN 'seven' END", "seven"),
    ("CASE i WHEN 8 THEN 'eight' END", None),
    ("upper(COALESCE(n, 'missing'))", "MISSING"),
    ("i / 2", 3.5),
    ("i / z", None),
    ("i % 2", 1),
    ("i % z", None),
    ("-7 % 3", -1),
    ("pmod(-7, 3)", 2),
    ("i div 2", 3),
    ("-7 div 2", -3),
    ("i div z", None),
    ("i + 2147483647", None),
    ("i - 1 - 2 * 3", 0),
    ("-i", -7),
    ("CAST('abc' AS INT)", None),
    ("CAST(num AS INT)", 12),
    ("CAST(d AS INT)", 2),
    ("CAST(neg AS BIGINT)", -2),
    ("CAST(big AS STRING)", "9007199254740993"),
    ("CAST(CAST(big AS STRING) AS BIGINT)", 9007199254740993),
    ("CAST(b AS INT)", 1),
    ("CAST('true' AS BOOLEAN)", True),
    ("CAST(num AS DOUBLE)", 12.7),
    ("bigint(num)", 12),
    ("double('x')", None),
    ("substr(s, 2, 3)", "ell"),
    ("substring(s, 0, 2)", "he"),
    ("substr(s, -3)", "llo"),
    ("substr(s, 2, -1)", ""),
    ("concat(s, n)", None),
    ("concat(s, '-', i)", "hello-7"),
    ("s || '!'", "hello!"),
    ("concat_ws(',', s, n, 'x')", "hello,x"),
    ("element_at(m, 'k')", 1),
    ("element_at(m, 'missing')", None),
    ("m['k']", 1),
    ("arr[0]", 10),
    ("arr[i]", None),
    ("element_at(arr, 1)", 10),
    ("element_at(arr, -1)", 30),
    ("size(arr)", 3),
    ("size(m)", 1),
    ("size(CAST(NULL AS STRING))", "refused"),
    ("array_contains(arr, 20)", True),
    ("get_json_object(j, '$.a.b')", "5"),
    ("get_json_object(j, '$.c[1].d')", "x"),
    ("get_json_object(j, '$.e')", None),
    ("get_json_object(bad, '$.a')", None),
    ("s rlike 'l+o'", True),
    ("s RLIKE '^l'", False),
    ("n <=> NULL", True),
    ("s <=> 'hello'", True),
    ("n IS NULL AND s IS NOT NULL", True),
    ("i = '7'", True),
    ("num > 12", True),
    ("s > 5", None),
    ("date_format(at, 'yyyy/MM/dd HH')", "2026/01/02 03"),
    ("date_format(ds, 'yyyyMMdd')", "20260102"),
    ("from_unixtime(1767323045, 'yyyy-MM-dd HH:mm:ss')", "2026-01-02 03:04:05"),
    ("CAST(to_date(at) AS STRING)", "2026-01-02"),
    ("datediff(to_date('2026-01-05'), ds)", 3),
    ("CAST(date_add(ds, 3) AS STRING)", "2026-01-05"),
    ("CAST(date_sub(ds, 2) AS STRING)", "2025-12-31"),
    ("year(ds)", 2026),
    ("hour(at)", 3),
    ("dayofweek('2026-01-04')", 1),
    ("length(s)", 5),
    ("lower('ABC')", "abc"),
    ("trim('  x ')", "x"),
    ("instr(s, 'l')", 3),
    ("lpad('7', 3, '0')", "007"),
    ("replace(s, 'l', 'L')", "heLLo"),
    ("regexp_extract(s, '(l+)', 1)", "ll"),
    ("regexp_replace(s, '(l)', '<$1>')", "he<l><l>o"),
    ("split('a,b', ',')", ["a", "b"]),
    ("transform(arr, x -> x + 1)", [11, 21, 31]),
    ("filter(arr, x -> x > 10)", [20, 30]),
    ("round(d)", 3.0),
    ("round(2.345, 2)", 2.35),
    ("ceil(d)", 3),
    ("floor(neg)", -3),
    ("abs(neg)", 2.7),
    ("sqrt(neg)", None),
    ("ln(z)", None),
    ("log10(100)", 2.0),
    ("power(i, 2)", 49.0),
    ("greatest(i, z, NULL)", 7),
    ("nullif(i, 7)", None),
    ("nvl(n, s)", "hello"),
    ("nvl2(n, 1, 2)", 2),
    ("isnull(n)", True),
    ("md5('a')", "0cc175b9c0f1b6a831c399e269772661"),
    ("i IN (1, 7)", True),
    ("i BETWEEN 1 AND 7", True),
    ("NOT b", False),
    ("i & 3", 3),
    ("1L", 1),
    ("CAST(2.7 AS INT)", 2),
    ("CAST(3000000000 AS INT)", None),
    ("true", True),
    ("NULL", None),
    ('"double quoted"', "double quoted"),
    (r"'it\'s'", "it's"),
    (r"'50%' LIKE '50\\%'", True),
    (r"'50x' LIKE '50\\%'", False),
    ("`i` + 1", 8),
]

REFUSED = [
    ("(SELECT 1)", "subqueries"),
    ("i IN (SELECT 1)", "subqueries"),
    ("SUM(i)", "aggregates"),
    ("row_number() OVER (ORDER BY i)", "window"),
    ("explode(arr)", "not in the supported part"),
    ("read_csv('/etc/passwd')", "not in the supported part"),
    ("read_parquet('x')", "not in the supported part"),
    ("read_text('x')", "unknown function"),
    ("uper(s)", 'did you mean "upper"'),
    ("my_udf(i)", "unknown function"),
    ("current_timestamp()", "not in the supported part"),
    ("unix_timestamp()", "current time"),
    ("rand()", "not in the supported part"),
    ("a; b", "statement"),
    ("DROP TABLE x", "statement"),
    ("COPY t TO 'x'", "statement"),
    ("a b c", "not a Spark SQL expression"),
    ("'unclosed", "not a Spark SQL expression"),
    ("", "empty"),
    ("*", "leave selects out"),
    ("i AS x", "remove the AS"),
    ("date_format(at, 'QQQ')", "date format"),
    ("date_format(at, s)", "literal"),
    ("s + 1", "cast it to a number"),
    ("get_json_object(j, '$..x')", "paths"),
    ("t.i", "not supported"),
    ("aggregate(arr, 0, (acc, x) -> acc + x)", "not in the supported part"),
    ("exists(arr, x -> x > 1)", "allowed"),
    ("99999999999999999999", "does not fit"),
    ("CAST(i AS INTERVAL)", "cannot cast"),
    ("(" * 5000 + "i" + ")" * 5000, "deep"),
    ("i\0", "zero byte"),
]


def run(text):
    columns = ", ".join(
        f"CAST(? AS {sql_type}) AS {name}" for name, (sql_type, _, _) in ROW.items()
    )
    values = [
        duckdb.execute("SELECT MAP {'k': 1}").fetchone()[0] if name == "m" else value
        for name, (_, _, value) in ROW.items()
    ]
    connection = duckdb.connect()
    return connection.execute(f"SELECT {text} FROM (SELECT {columns})", values).fetchone()[0]


@pytest.mark.parametrize("typed", [True, False], ids=["typed", "untyped"])
@pytest.mark.parametrize("expression,expected", ANSWERS, ids=[e for e, _ in ANSWERS])
def test_answer(expression, expected, typed):
    if expected == "refused" or (not typed and expression in NEEDS_TYPES):
        return
    actual = run(sql.translate(expression, TYPES if typed else None).sql)
    if isinstance(expected, float):
        assert math.isclose(actual, expected, rel_tol=1e-12)
        assert isinstance(actual, float)
    else:
        assert actual == expected
        assert type(actual) is type(expected)


# Without a schema these cannot be told apart (list or map, string or number): the answer may be a
# refusal, or DuckDB's own error, and is not part of the contract.
NEEDS_TYPES = ("arr[i]", "size(m)", "i = '7'", "num > 12", "s > 5", "CAST(big AS STRING)")


@pytest.mark.parametrize("expression,reason", REFUSED, ids=[e[:40] for e, _ in REFUSED])
def test_refused(expression, reason):
    with pytest.raises(sql.SqlError) as error:
        sql.translate(expression, TYPES)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_types():
    def kind(text):
        return sql.translate(text, TYPES).type

    assert kind("i") == "INT"
    assert kind("i / 2") == "DOUBLE"
    assert kind("i + big") == "LONG"
    assert kind("IF(d > 0, d * 2, 0.5)") == "DOUBLE"
    assert kind("coalesce(n, 'x')") == "STRING"
    assert kind("arr[0]") == "INT"
    assert kind("element_at(m, 'k')") == "INT"
    assert kind("unknown_column") is None
    assert kind("i > 1") == "BOOLEAN"


def test_columns_are_collected():
    assert sql.translate("transform(arr, x -> x + i)").columns == {"arr", "i"}


def test_plain_column():
    assert sql.is_plain_column("amount")
    for text in ("true", "null", "a.b", "a + b", "`a`", "1a", "", "current_date"):
        assert not sql.is_plain_column(text)


def test_rename_columns_leaves_strings_functions_and_parts_of_names():
    renamed = sql.rename_columns(
        "score + IF(s = 'score', scores, score(1)) + `score`", {"score": "x"}
    )
    assert renamed == "x + IF(s = 'score', scores, score(1)) + x"


WORDS = (
    "i d s n arr m 1 0 2.5 'x' NULL ( ) + - * / % , = <=> AND OR NOT IS IN LIKE CASE WHEN THEN "
    "ELSE END IF( CAST( AS INT) substr( concat( coalesce( [ ] -> . ; select from -- /* ' ` \\ "
).split()


@settings(max_examples=400, deadline=None, print_blob=True)
@given(st.one_of(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join), st.text(max_size=30)))
def test_any_text_is_translated_or_refused(text):
    try:
        translated = sql.translate(text, TYPES)
    except sql.SqlError:
        return
    try:
        run(translated.sql)
    except duckdb.ParserException as error:  # what we write must at least be SQL
        raise AssertionError(f"{text!r} became {translated.sql!r}: {error}") from error
    except duckdb.Error:
        pass  # wrong types, found when the engine binds

// SPDX-License-Identifier: Apache-2.0
#include "catena/sql/database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "catena/base/random.h"
#include "catena/sql/quote.h"

namespace catena::sql {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using types::Batch;
using types::BatchBuilder;
using types::DataType;
using types::Kind;
using types::Schema;
using types::Value;
using types::ValueList;
using types::ValueMap;

std::unique_ptr<Database> OpenDatabase(DatabaseOptions options = {}) {
  options.memory_limit_bytes = uint64_t{512} << 20;
  return Database::Open(options).value();
}

Batch Numbers(int64_t first, int64_t count) {
  BatchBuilder builder(Schema{{{"n", Kind::kLong}}});
  for (int64_t i = 0; i < count; ++i) builder.column(0)->Append<int64_t>(first + i);
  return builder.Build();
}

TEST(Database, TypesAsDocumented) {
  const auto database = OpenDatabase();
  const Batch batch =
      database
          ->Query(
              "SELECT true AS a, 1::TINYINT AS b, 2::SMALLINT AS c, 3::INTEGER AS d, 4::BIGINT AS "
              "e, "
              "5::UTINYINT AS f, 6::USMALLINT AS g, 7::UINTEGER AS h, 8::UBIGINT AS i, 9::HUGEINT "
              "AS j, "
              "1.25::DECIMAL(4, 2) AS k, 1152921504606846976.5::DECIMAL(30, 1) AS l, 0.5::FLOAT AS "
              "m, "
              "'x' AS n, '\\xFF'::BLOB AS o, DATE '1969-12-31' AS p, "
              "TIMESTAMP '1969-12-31 23:59:59.9995' AS q, TIMESTAMPTZ '2026-01-01 00:00:00+02' AS "
              "r, "
              "[1, NULL]::INTEGER[2] AS s, MAP {'k': [1.5::DOUBLE]} AS t, {'x': 1, 'y': 'z'} AS u, "
              "'b'::ENUM ('a', 'b') AS v, NULL AS w, TIMESTAMP_NS '1970-01-01 00:00:00.000001999' "
              "AS x, "
              "sum(1) AS y")
          .value();
  EXPECT_EQ(batch.schema().ToString(),
            "a BOOLEAN, b BYTE, c SHORT, d INT, e LONG, f SHORT, g INT, h LONG, i DOUBLE, "
            "j DOUBLE, k DOUBLE, l DOUBLE, m FLOAT, n STRING, o BINARY, p DATE, q TIMESTAMP, "
            "r TIMESTAMP, s LIST<INT>, t MAP<STRING,LIST<DOUBLE>>, u STRUCT<x:INT,y:STRING>, "
            "v STRING, w INT, x TIMESTAMP, y DOUBLE");
  const std::vector<Value> expected = {true,
                                       1,
                                       2,
                                       3,
                                       4,
                                       5,
                                       6,
                                       7,
                                       8.0,
                                       9.0,
                                       1.25,
                                       1152921504606846976.5,
                                       0.5,
                                       "x",
                                       "\xff",
                                       -1,
                                       -1,
                                       int64_t{1767218400000},
                                       ValueList{1, Value()},
                                       ValueMap{{"k", ValueList{1.5}}},
                                       ValueMap{{"x", 1}, {"y", "z"}},
                                       "b",
                                       Value(),
                                       0,
                                       1.0};
  EXPECT_EQ(batch.Row(0), expected);
}

TEST(Database, UnknownTypesNameTheColumn) {
  const auto database = OpenDatabase();
  const auto answer = database->Query("SELECT 1 AS fine, INTERVAL 1 DAY AS strange");
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(answer.error().message, HasSubstr("strange"));
}

TEST(Database, ErrorsSayWhatToDoAboutThem) {
  const auto database = OpenDatabase();
  const auto code = [&](const std::string& sql) {
    const auto answer = database->Query(sql);
    EXPECT_FALSE(answer.ok()) << sql;
    EXPECT_EQ(answer.error().message.find('\n'), std::string::npos) << answer.error().message;
    return answer.error().code;
  };
  EXPECT_EQ(code("SELEC 1"), ErrorCode::kInvalidConf);
  EXPECT_EQ(code("SELECT x FROM (SELECT 1 AS y)"), ErrorCode::kInvalidConf);
  EXPECT_EQ(code("SELECT * FROM no_table"), ErrorCode::kInvalidConf);
  EXPECT_EQ(code("SELECT 1; SELECT 2"), ErrorCode::kInvalidConf);
  EXPECT_EQ(code("SELECT CAST(x AS INTEGER) FROM (SELECT 'a' || range AS x FROM range(3))"),
            ErrorCode::kInvalidData);
  EXPECT_EQ(code("SELECT * FROM read_parquet('/nowhere/x.parquet')"), ErrorCode::kUnavailable);
  EXPECT_EQ(code("SET memory_limit = '1TB'"), ErrorCode::kInvalidData) << "settings are locked";
  EXPECT_EQ(code("INSTALL httpfs"), ErrorCode::kUnavailable);
  const auto unknown = database->Query("SELECT amuont FROM (SELECT 1 AS amount)");
  EXPECT_THAT(unknown.error().message, HasSubstr("amuont"));
  EXPECT_THAT(unknown.error().message, HasSubstr("amount"));
  EXPECT_THAT(unknown.error().message, HasSubstr("SQL: SELECT amuont"));
}

TEST(Database, TimeZoneIsUtcWhateverTheProcessHas) {
  const auto database = OpenDatabase();
  const Batch batch =
      database->Query("SELECT CAST(TIMESTAMPTZ '2026-06-01 12:00:00+00' AS VARCHAR) AS t").value();
  EXPECT_EQ(batch.column(0).Text(0), "2026-06-01 12:00:00+00");
}

TEST(Database, SpillsOnlyWhereItIsTold) {
  const auto setting = [](const DatabaseOptions& options) {
    const Batch batch =
        OpenDatabase(options)->Query("SELECT current_setting('temp_directory') AS t").value();
    return std::string(batch.column(0).Text(0));
  };
  EXPECT_EQ(setting({}), "");
  DatabaseOptions options;
  options.temp_directory = (fs::temp_directory_path() / "catena_spill").string();
  EXPECT_EQ(setting(options), options.temp_directory);
}

TEST(Database, ScanGivesEveryRowInOrder) {
  const auto database = OpenDatabase();
  int64_t next = 0;
  int pieces = 0;
  ASSERT_TRUE(database
                  ->Scan(
                      "SELECT range AS n, 'row ' || range AS t FROM range(500000)",
                      [&](Batch batch) {
                        EXPECT_GE(batch.rows() + static_cast<size_t>(next), batch.rows());
                        for (size_t row = 0; row < batch.rows(); ++row, ++next) {
                          if (batch.column(0).Values<int64_t>()[row] != next ||
                              batch.column(1).Text(row) != "row " + std::to_string(next)) {
                            return Status(Corruption("out of order"));
                          }
                        }
                        ++pieces;
                        return Status();
                      },
                      100000)
                  .ok());
  EXPECT_EQ(next, 500000);
  EXPECT_EQ(pieces, 5);
  ASSERT_TRUE(database
                  ->Scan("SELECT 1 AS n WHERE false",
                         [&](Batch) { return Status(Corruption("no rows, no visit")); })
                  .ok());
}

TEST(Database, SameNamesAreTold) {
  const auto database = OpenDatabase();
  EXPECT_EQ(database->Query("SELECT 1 AS a, 2 AS a, 3 AS a_1").value().schema().ToString(),
            "a INT, a_1 INT, a_1_1 INT");
}

TEST(Database, RegisteredBatchesAreTables) {
  const auto database = OpenDatabase();
  std::vector<Batch> batches;
  for (int i = 0; i < 7; ++i) batches.push_back(Numbers(i * 10000, 10000));
  const auto rows = database->Register(batches[0].schema(), batches).value();
  const Batch sums =
      database->Query("SELECT count(*) AS c, sum(n) AS s FROM " + rows.sql()).value();
  EXPECT_EQ(sums.Row(0), (std::vector<Value>{70000, 69999.0 * 70000 / 2}));
  const Batch all = database->Query("SELECT * FROM " + rows.sql() + " WHERE n % 2 = 0").value();
  ASSERT_EQ(all.rows(), 35000u);
  for (size_t row = 0; row < all.rows(); ++row) {
    ASSERT_EQ(all.column(0).Values<int64_t>()[row], static_cast<int64_t>(row) * 2);
  }
  const Batch joined = database
                           ->Query("SELECT count(*) AS c FROM " + rows.sql() + " AS a JOIN " +
                                   rows.sql() + " AS b USING (n)")
                           .value();
  EXPECT_EQ(joined.Row(0), (std::vector<Value>{70000}));
}

TEST(Database, UnregisteredRowsAreGone) {
  const auto database = OpenDatabase();
  std::string sql;
  {
    const auto rows = database->Register(Numbers(0, 3).schema(), {Numbers(0, 3)}).value();
    sql = "SELECT * FROM " + rows.sql();
    EXPECT_EQ(database->Query(sql)->rows(), 3u);
  }
  const auto gone = database->Query(sql);
  ASSERT_FALSE(gone.ok());
  EXPECT_THAT(gone.error().message, HasSubstr("not registered"));
}

TEST(Database, RefusesTextThatIsNotUtf8) {
  const auto database = OpenDatabase();
  BatchBuilder builder(Schema{{{"t", Kind::kString}}});
  ASSERT_TRUE(builder.AppendRow(std::vector<Value>{"fine"}).ok());
  ASSERT_TRUE(builder.AppendRow(std::vector<Value>{"broken \xff"}).ok());
  const Batch batch = builder.Build();
  const auto refused = database->Register(batch.schema(), {batch});
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("column t, row 1"));
}

TEST(Database, InstantsBeyondMicrosecondsAreErrors) {
  const auto database = OpenDatabase();
  BatchBuilder builder(Schema{{{"t", Kind::kTimestamp}}});
  ASSERT_TRUE(builder.AppendRow(std::vector<Value>{INT64_MAX}).ok());
  const Batch batch = builder.Build();
  const auto rows = database->Register(batch.schema(), {batch}).value();
  const auto failed = database->Query("SELECT * FROM " + rows.sql());
  ASSERT_FALSE(failed.ok());
  EXPECT_THAT(failed.error().message, HasSubstr("out of range"));
}

TEST(Database, AllowedDirectoriesAreAWall) {
  const fs::path root = fs::temp_directory_path() / ("catena_sql_" + std::to_string(getpid()));
  fs::create_directories(root / "in");
  fs::create_directories(root / "out");
  std::ofstream(root / "in" / "x.csv") << "a\n1\n";
  std::ofstream(root / "out" / "x.csv") << "a\n2\n";
  DatabaseOptions options;
  options.allowed_directories = {(root / "in").string()};
  const auto database = OpenDatabase(options);
  const auto read = [&](const fs::path& path) {
    return database->Query("SELECT * FROM read_csv(" + QuoteText(path.string()) + ")");
  };
  EXPECT_TRUE(read(root / "in" / "x.csv").ok());
  const auto refused = read(root / "out" / "x.csv");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidConf) << refused.error().message;
  EXPECT_FALSE(read(root / "in" / ".." / "out" / "x.csv").ok());
  EXPECT_TRUE(database->CopyToParquet("SELECT 1 AS x", root / "in" / "y.parquet").ok());
  EXPECT_FALSE(database->CopyToParquet("SELECT 1 AS x", root / "out" / "y.parquet").ok());
  fs::remove_all(root);
}

// Of a task that fails, not of those that it interrupted, which DuckDB tells of once in a while.
TEST(Database, AScanThatFailsTellsWhy) {
  DatabaseOptions options;
  options.threads = 8;
  const auto database = OpenDatabase(options);
  const std::string sql =
      "SELECT CAST(CASE WHEN i = 299999 THEN 'boom' ELSE '1' END AS INT) AS n FROM "
      "range(300000) AS t(i)";
  for (int i = 0; i < 300; ++i) {
    const Status scanned = database->Scan(sql, [](const Batch&) { return Status(); });
    ASSERT_FALSE(scanned.ok());
    EXPECT_EQ(scanned.error().code, ErrorCode::kInvalidData) << scanned.error().message;
    EXPECT_THAT(scanned.error().message, HasSubstr("boom"));
  }
}

// Random nested rows through SQL and back.
TEST(DatabaseProperty, RowsSurviveTheRoundTrip) {
  const uint64_t seed = 20261122;
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  Random random(seed);
  const Schema schema{{{"l", Kind::kLong},
                       {"s", Kind::kString},
                       {"ls", DataType::List(Kind::kString)},
                       {"lll", DataType::List(DataType::List(Kind::kInt))},
                       {"m", DataType::Map(Kind::kString, DataType::List(Kind::kDouble))},
                       {"t", Kind::kTimestamp},
                       {"b", Kind::kBool}}};
  const auto database = OpenDatabase();
  const auto make = [&](auto&& self, const DataType& type) -> Value {
    if (random.OneIn(6)) return Value();
    switch (type.kind) {
      case Kind::kString:
        return std::string(random.Below(40), static_cast<char>('a' + random.Below(26)));
      case Kind::kDouble:
        return random.Unit();
      case Kind::kBool:
        return random.OneIn(2);
      case Kind::kInt:
        return random.Between(-100, 100);
      case Kind::kList: {
        ValueList list;
        for (uint64_t i = random.Below(5); i > 0; --i) list.push_back(self(self, type.children[0]));
        return list;
      }
      case Kind::kMap: {
        ValueMap map;
        for (uint64_t i = random.Below(4); i > 0; --i) {
          map.emplace_back("key " + std::to_string(i), self(self, type.children[1]));
        }
        return map;
      }
      default:
        return random.Between(-1000000000000, 1000000000000);
    }
  };
  for (int round = 0; round < 5; ++round) {
    BatchBuilder builder(schema);
    for (uint64_t i = random.Below(6000); i > 0; --i) {
      std::vector<Value> row;
      for (const auto& field : schema.fields) row.push_back(make(make, field.type));
      ASSERT_TRUE(builder.AppendRow(row).ok());
    }
    const Batch batch = builder.Build();
    const auto rows = database->Register(schema, {batch}).value();
    const Batch back = database->Query("SELECT * FROM " + rows.sql()).value();
    ASSERT_EQ(back.schema(), schema);
    ASSERT_EQ(back.rows(), batch.rows());
    for (size_t row = 0; row < batch.rows(); ++row) ASSERT_EQ(back.Row(row), batch.Row(row));
  }
}

// DuckDB is opened by who comes first, once.
TEST(Database, ManyThreadsOpenItTogether) {
  const auto database = OpenDatabase();
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      const std::string name = "t" + std::to_string(i);
      EXPECT_TRUE(database->Execute("CREATE TABLE " + name + " AS SELECT 1 AS n").ok());
      EXPECT_TRUE(database->Guard("a + 1").ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(database->Query("SELECT * FROM t" + std::to_string(i)).value().rows(), 1u);
  }
}

// DuckDB speaks of settings that are locked here; a person has other ways.
TEST(DatabaseMemoryTest, TooLittleSaysWhatToRaise) {
  DatabaseOptions options;
  options.memory_limit_bytes = uint64_t{16} << 20;
  const auto database = *Database::Open(options);
  const auto sorted = database->Query(
      "SELECT max(a) FROM (SELECT string_agg(range::VARCHAR || repeat('x', 1000), ',') AS a FROM "
      "range(100000))");
  ASSERT_FALSE(sorted.ok());
  EXPECT_EQ(sorted.error().code, ErrorCode::kUnavailable) << sorted.error().message;
  EXPECT_THAT(sorted.error().message,
              ::testing::HasSubstr("raise --memory-limit, or memory_limit"));
  EXPECT_THAT(sorted.error().message, ::testing::Not(::testing::HasSubstr("Possible solutions")));
  EXPECT_THAT(sorted.error().message, ::testing::Not(::testing::HasSubstr("\n")));
}

}  // namespace
}  // namespace catena::sql

// SPDX-License-Identifier: Apache-2.0
#include "catena/table/parquet_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "catena/base/file.h"
#include "catena/base/hash.h"
#include "catena/base/random.h"
#include "catena/sql/database.h"
#include "catena/sql/quote.h"

namespace catena::table {
namespace {

using ::testing::HasSubstr;
using types::Batch;
using types::DataType;
using types::Kind;
using types::Schema;
using types::Value;
using types::ValueList;
using types::ValueMap;

DataType Struct(std::vector<std::pair<std::string, DataType>> fields) {
  DataType type(Kind::kStruct);
  for (auto& [name, of] : fields) {
    type.field_names.push_back(name);
    type.children.push_back(of);
  }
  return type;
}

const Schema kEveryType{
    {{"b", Kind::kBool},
     {"i8", Kind::kByte},
     {"i16", Kind::kShort},
     {"i32", Kind::kInt},
     {"i64", Kind::kLong},
     {"f32", Kind::kFloat},
     {"f64", Kind::kDouble},
     {"s", Kind::kString},
     {"bytes", Kind::kBinary},
     {"day", Kind::kDate},
     {"t", Kind::kTimestamp},
     {"lists", DataType::List(DataType::List(Kind::kString))},
     {"map.of", DataType::Map(Kind::kString, DataType::List(Kind::kDouble))},
     {"fields", Struct({{"x.y", Kind::kLong}, {"z", DataType::List(Kind::kBool)}})}}};

class ParquetFileTest : public ::testing::Test {
 protected:
  ParquetFileTest() : database_(sql::Database::Open({}).value()) {}
  ~ParquetFileTest() override { std::filesystem::remove(path_); }

  Batch Read() {
    auto read = database_->Query("SELECT * FROM read_parquet(" + sql::QuoteText(path_) + ")");
    EXPECT_TRUE(read.ok()) << (read.ok() ? "" : read.error().message);
    return read.ok() ? *read : Batch();
  }
  std::string Ask(const std::string& select) {
    const auto read = database_->Query("SELECT CAST(" + select + "(" + sql::QuoteText(path_) + ")");
    return read.ok() ? std::string(read->column(0).Text(0)) : read.error().message;
  }
  static Batch BatchOf(const Schema& schema, const std::vector<std::vector<Value>>& rows) {
    types::BatchBuilder builder(schema);
    for (const auto& row : rows) EXPECT_TRUE(builder.AppendRow(row).ok());
    return builder.Build();
  }
  // What is told of a file of one column with these values.
  std::string FailureOf(const DataType& type, const std::vector<Value>& values) {
    std::vector<std::vector<Value>> rows;
    for (const Value& value : values) rows.push_back({value});
    const Schema schema{{{"c", type}}};
    const auto written = WriteParquet(schema, std::vector{BatchOf(schema, rows)}, path_);
    EXPECT_FALSE(written.ok());
    EXPECT_EQ(written.error().code, ErrorCode::kInvalidData);
    return written.error().message;
  }

  std::string path_ =
      std::filesystem::temp_directory_path() / ("catena-" + std::to_string(getpid()) + ".parquet");
  std::unique_ptr<sql::Database> database_;
};

double AnyDouble(Random* random) {
  const double some[] = {0.0, -0.0, NAN, INFINITY, -INFINITY, 1e308, 5e-324};
  return random->OneIn(3) ? some[random->Below(std::size(some))] : random->Unit() * 100;
}

int64_t AnyWhole(int bits, Random* random) {
  const auto most = static_cast<int64_t>((uint64_t{1} << (bits - 1)) - 1);
  if (random->OneIn(4)) return random->OneIn(2) ? most : -most - 1;
  return random->Between(-100, 100);
}

Value AnyOf(const DataType& type, Random* random) {
  if (random->OneIn(6)) return Value();
  switch (type.kind) {
    case Kind::kBool:
      return random->OneIn(2);
    case Kind::kByte:
      return AnyWhole(8, random);
    case Kind::kShort:
      return AnyWhole(16, random);
    case Kind::kInt:
      return AnyWhole(32, random);
    case Kind::kLong:
      return AnyWhole(64, random);
    case Kind::kDate:
      return random->Between(-700'000, 2'900'000);
    case Kind::kTimestamp:
      return random->Between(-60'000'000'000'000, 250'000'000'000'000);
    case Kind::kFloat:
      return static_cast<double>(static_cast<float>(AnyDouble(random)));
    case Kind::kDouble:
      return AnyDouble(random);
    case Kind::kString:
      return random->OneIn(3) ? Value("grün") : Value(std::to_string(random->Below(50)));
    case Kind::kBinary:
      return std::string(random->Below(4), static_cast<char>(random->Below(256)));
    case Kind::kList: {
      ValueList list;
      for (uint64_t i = random->Below(4); i > 0; --i) {
        list.push_back(AnyOf(type.children[0], random));
      }
      return list;
    }
    case Kind::kMap: {
      ValueMap map;
      for (uint64_t i = random->Below(4); i > 0; --i) {
        map.emplace_back("key " + std::to_string(i), AnyOf(type.children[1], random));
      }
      return map;
    }
    case Kind::kStruct: {
      ValueMap fields;
      for (size_t i = 0; i < type.children.size(); ++i) {
        fields.emplace_back(type.field_names[i], AnyOf(type.children[i], random));
      }
      return fields;
    }
  }
  return Value();
}

// Without LIST, MAP and STRUCT, which takes the shorter way.
Schema FlatOf(const Schema& schema) {
  Schema flat;
  for (const auto& field : schema.fields) {
    if (field.type.children.empty()) flat.fields.push_back(field);
  }
  return flat;
}

// Batches of random rows, some of no rows and some of columns without a null; `all` gets the rows.
std::vector<Batch> BatchesOf(const Schema& schema, Random* random,
                             std::vector<std::vector<Value>>* all) {
  std::vector<Batch> batches;
  for (uint64_t b = random->Below(5); b > 0; --b) {
    const bool has_nulls = !random->OneIn(3);
    types::BatchBuilder builder(schema);
    for (uint64_t i = random->Below(3000); i > 0; --i) {
      std::vector<Value> row;
      for (const auto& field : schema.fields) {
        row.push_back(AnyOf(field.type, random));
        while (!has_nulls && row.back().is_null()) row.back() = AnyOf(field.type, random);
      }
      EXPECT_TRUE(builder.AppendRow(row).ok());
      all->push_back(std::move(row));
    }
    batches.push_back(builder.Build());
  }
  return batches;
}

// DuckDB reads back what was written, whatever the columns, batches, groups, encodings and codec.
TEST_F(ParquetFileTest, RowsSurviveTheRoundTrip) {
  constexpr uint64_t kSeed = 20'261'128;
  const std::vector<std::string> codecs = {"zstd", "gzip", "snappy", "lz4_raw", "uncompressed"};
  for (uint64_t seed = kSeed; seed < kSeed + 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const Schema schema = random.OneIn(2) ? kEveryType : FlatOf(kEveryType);
    ParquetOptions options;
    options.version = 1 + static_cast<int>(seed % 2);
    options.compression = codecs[seed % codecs.size()];
    options.row_group_rows = random.Between(2050, 5000);
    std::vector<std::vector<Value>> all;
    const std::vector<Batch> batches = BatchesOf(schema, &random, &all);
    const auto sum = WriteParquet(schema, batches, path_, options, 7);
    ASSERT_TRUE(sum.ok()) << sum.error().message;
    EXPECT_EQ(*sum, Crc32c(*ReadFile(path_), 7));
    const Batch read = Read();
    ASSERT_EQ(read.schema(), schema);
    ASSERT_EQ(read.rows(), all.size());
    for (size_t row = 0; row < all.size(); ++row) ASSERT_EQ(read.Row(row), all[row]) << row;
    const std::string bytes = *ReadFile(path_);
    ASSERT_TRUE(WriteParquet(schema, batches, path_, options).ok());
    EXPECT_EQ(*ReadFile(path_), bytes);
  }
}

// Columns of scalars beside a nested one go the longer way; what is told of them is the same.
TEST_F(ParquetFileTest, TheShorterWayWritesWhatTheLongerDoes) {
  const Schema flat = FlatOf(kEveryType);
  Schema nested = flat;
  nested.fields.push_back({"nested", DataType::List(Kind::kLong)});
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    std::vector<std::vector<Value>> rows;
    const std::vector<Batch> batches = BatchesOf(nested, &random, &rows);
    if (rows.empty()) continue;  // One of them has a row group of no rows then.
    std::vector<Batch> flat_batches;
    std::vector<std::string> names;
    for (const auto& field : flat.fields) names.push_back(field.name);
    for (const Batch& batch : batches) flat_batches.push_back(batch.Select(names));
    ParquetOptions options;
    options.version = 1 + static_cast<int>(seed % 2);
    const std::string facts =
        "list((column_id, type, num_values, encodings, stats_null_count, stats_min_value, "
        "stats_max_value, total_uncompressed_size, total_compressed_size) "
        "ORDER BY row_group_id, column_id) FILTER (path_in_schema NOT LIKE 'nested%') AS VARCHAR) "
        "FROM parquet_metadata";
    ASSERT_TRUE(WriteParquet(nested, batches, path_, options).ok());
    const std::string longer = Ask(facts);
    ASSERT_TRUE(WriteParquet(flat, flat_batches, path_, options).ok());
    EXPECT_EQ(Ask(facts), longer);
  }
}

TEST_F(ParquetFileTest, NumbersAreEncodedByVersionAndTextsByDictionary) {
  const Schema schema{{{"x", Kind::kLong}, {"y", Kind::kDouble}, {"z", Kind::kString}}};
  const std::vector rows{BatchOf(schema, {{1, 0.5, "a"}, {2, 1.5, "a"}})};
  ParquetOptions options;
  ASSERT_TRUE(WriteParquet(schema, rows, path_, options).ok());
  const std::string encodings =
      "list(encodings ORDER BY column_id) AS VARCHAR) FROM parquet_metadata";
  EXPECT_EQ(Ask(encodings), "['RLE, PLAIN', 'RLE, PLAIN', 'PLAIN_DICTIONARY, RLE']");
  options.version = 2;
  ASSERT_TRUE(WriteParquet(schema, rows, path_, options).ok());
  EXPECT_THAT(Ask(encodings), HasSubstr("DELTA_BINARY_PACKED"));
  EXPECT_THAT(Ask(encodings), HasSubstr("BYTE_STREAM_SPLIT"));
}

TEST_F(ParquetFileTest, ColumnsOfNothingAreColumns) {
  for (const std::vector<std::vector<Value>>& rows :
       {std::vector<std::vector<Value>>(), {std::vector<Value>(kEveryType.size())}}) {
    const auto written = WriteParquet(kEveryType, std::vector{BatchOf(kEveryType, rows)}, path_);
    ASSERT_TRUE(written.ok()) << written.error().message;
    const Batch read = Read();
    EXPECT_EQ(read.schema(), kEveryType);
    EXPECT_EQ(read.rows(), rows.size());
  }
}

TEST_F(ParquetFileTest, WhatNoFileCanHoldIsTold) {
  EXPECT_EQ(FailureOf(Kind::kString, {"a", "\xff"}), "column c: text is not UTF-8: row 1");
  // Together they would be a character.
  EXPECT_EQ(FailureOf(Kind::kString, {"a", "\xc3", "\xbc"}), "column c: text is not UTF-8: row 1");
  EXPECT_THAT(FailureOf(DataType::List(Kind::kString), {Value(ValueList{"\xff"})}),
              HasSubstr("not UTF-8"));
  EXPECT_THAT(FailureOf(Kind::kTimestamp, {0, std::numeric_limits<int64_t>::max()}),
              HasSubstr("column c: TIMESTAMP is out of range: row 1"));
  EXPECT_THAT(FailureOf(DataType::Map(Kind::kLong, Kind::kLong), {Value(ValueMap{{Value(), 1}})}),
              HasSubstr("column c: a MAP has a null key"));
}

TEST_F(ParquetFileTest, AFileThatCannotBeWrittenIsToldWithItsPath) {
  const Schema schema{{{"x", Kind::kLong}}};
  for (const char* path : {"/dev/full", "/nowhere/at/all.parquet"}) {
    const auto written = WriteParquet(schema, {}, path);
    ASSERT_FALSE(written.ok());
    EXPECT_EQ(written.error().code, ErrorCode::kUnavailable);
    EXPECT_THAT(written.error().message, HasSubstr(path));
    EXPECT_THAT(written.error().message,
                ::testing::AnyOf(HasSubstr("No space left"), HasSubstr("No such file")));
  }
}

TEST_F(ParquetFileTest, OptionsAreChecked) {
  ParquetOptions options;
  options.compression = "lzo";
  EXPECT_EQ(WriteParquet({}, {}, path_, options).error().code, ErrorCode::kInvalidConf);
}

}  // namespace
}  // namespace catena::table

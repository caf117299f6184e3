// SPDX-License-Identifier: Apache-2.0
// The twin is DuckDB's writer; DuckDB reads both files.
#include "catena/table/parquet/flat_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "catena/base/random.h"

namespace catena::table {
namespace {

using types::Column;
using types::Kind;
using types::Value;

constexpr Kind kKinds[] = {Kind::kBool,   Kind::kByte,  Kind::kShort,    Kind::kInt,
                           Kind::kLong,   Kind::kFloat, Kind::kDouble,   Kind::kString,
                           Kind::kBinary, Kind::kDate,  Kind::kTimestamp};

// How the values of a column are: few and often, near each other, anything, or null.
enum class Look { kFew, kNarrow, kWide, kAllNull };

int64_t RandomInteger(Random& random, Kind kind, Look look) {
  if (look == Look::kFew) return random.Between(0, 3) * 25;
  if (kind == Kind::kByte) return random.Between(-128, 127);
  if (look == Look::kNarrow) return random.Between(-300, 900);
  if (kind == Kind::kShort) return random.Between(-32768, 32767);
  if (kind == Kind::kInt) return random.Between(INT32_MIN, INT32_MAX);
  if (kind == Kind::kDate) return random.Between(-700'000, 2'900'000);
  if (kind == Kind::kTimestamp) return random.Between(-62'000'000'000'000, 253'000'000'000'000);
  return random.OneIn(9) ? (random.OneIn(2) ? INT64_MIN : INT64_MAX)
                         : random.Between(INT64_MIN / 2, INT64_MAX / 2);
}

double RandomDouble(Random& random, Look look) {
  // Without -0.0, which the dictionary of the twin takes for 0.0.
  constexpr double kOdd[] = {0.0, std::numeric_limits<double>::infinity(),
                             -std::numeric_limits<double>::infinity(),
                             std::numeric_limits<double>::quiet_NaN()};
  if (random.OneIn(20)) return kOdd[random.Below(4)];
  return look == Look::kFew ? static_cast<double>(random.Between(-2, 2))
                            : static_cast<double>(random.Between(-1'000'000, 1'000'000)) / 64;
}

std::string RandomText(Random& random, Look look) {
  constexpr const char* kFew[] = {"", "USD", "Z\u00fcrich", "a text that is longer than others"};
  if (look == Look::kFew) return kFew[random.Below(4)];
  std::string text(random.Below(look == Look::kNarrow ? 12 : 90), ' ');
  for (char& c : text) c = static_cast<char>('a' + random.Below(26));
  return text;
}

void AppendRandom(Random& random, Look look, int nulls, Column* column) {
  const Kind kind = column->type().kind;
  if (look == Look::kAllNull || (nulls > 0 && random.OneIn(static_cast<uint64_t>(nulls)))) {
    return column->AppendNull();
  }
  if (column->type().IsText()) return column->AppendText(RandomText(random, look));
  if (kind == Kind::kFloat) return column->Append(static_cast<float>(RandomDouble(random, look)));
  if (kind == Kind::kDouble) return column->Append(RandomDouble(random, look));
  const Value value =
      kind == Kind::kBool ? Value(random.OneIn(2)) : Value(RandomInteger(random, kind, look));
  EXPECT_TRUE(column->AppendValue(value).ok());
}

class FlatFileTest : public ::testing::Test {
 protected:
  FlatFileTest() { std::filesystem::create_directories(root_); }
  ~FlatFileTest() override { std::filesystem::remove_all(root_); }

  types::Batch RandomBatch(Random& random, const types::Schema& schema, size_t rows) {
    types::BatchBuilder builder(schema);
    for (size_t i = 0; i < schema.size(); ++i) {
      const auto look = static_cast<Look>(random.Below(random.OneIn(4) ? 4 : 3));
      const int nulls = random.OneIn(2) ? 0 : 1 + static_cast<int>(random.Below(9));
      for (size_t row = 0; row < rows; ++row) {
        AppendRandom(random, look, nulls, builder.column(i));
      }
    }
    return builder.Build();
  }
  std::string Text(const std::string& sql) {
    const auto answer = database_->Query("SELECT COLUMNS(*)::VARCHAR FROM (" + sql + ")");
    EXPECT_TRUE(answer.ok()) << answer.error().message;
    std::string text = database_->Describe(sql)->ToString() + "\n";
    for (size_t row = 0; row < answer->rows(); ++row) {
      for (size_t i = 0; i < answer->width(); ++i) {
        const Column& column = answer->column(i);
        text += (column.IsNull(row) ? "NULL" : std::string(column.Text(row))) + "|";
      }
      text += "\n";
    }
    return text;
  }
  std::string FromBoth(const std::string& sql_head, const std::string& function,
                       const std::string& sql_tail = "") {
    const std::string ours = Text(sql_head + function + "('" + ours_ + "')" + sql_tail);
    EXPECT_EQ(ours, Text(sql_head + function + "('" + theirs_ + "')" + sql_tail));
    return ours;
  }

  std::string root_ =
      (std::filesystem::temp_directory_path() / ("flat_file_test_" + std::to_string(getpid())))
          .string();
  std::string ours_ = root_ + "/ours.parquet";
  std::string theirs_ = root_ + "/theirs.parquet";
  std::unique_ptr<sql::Database> database_ = sql::Database::Open({}).value();
};

TEST_F(FlatFileTest, IsReadAsDuckDbsOwn) {
  constexpr uint64_t kSeed = 20'000'000;
  for (uint64_t seed = kSeed; seed < kSeed + 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    types::Schema schema;
    for (uint64_t i = 0, count = 1 + random.Below(6); i < count; ++i) {
      schema.fields.push_back({"c" + std::to_string(i), kKinds[random.Below(std::size(kKinds))]});
    }
    sql::ParquetOptions options;
    options.compression = random.OneIn(3) ? "uncompressed" : "zstd";
    options.row_group_rows = random.OneIn(2) ? 2048 : 122880;
    std::vector<BatchSlice> slices;
    std::vector<types::Batch> batches;
    for (uint64_t i = 0, count = random.Below(4); i < count; ++i) {
      const types::Batch batch = RandomBatch(random, schema, random.Below(3000));
      const size_t begin = random.Below(batch.rows() + 1);
      slices.emplace_back(batch, begin, begin + random.Below(batch.rows() - begin + 1));
      batches.push_back(slices.back().Rows());
    }
    ASSERT_TRUE(WriteFlatFile(schema, slices, ours_, options).ok());
    ASSERT_TRUE(database_->CopyToParquet(schema, batches, theirs_, options).ok());
    FromBoth("SELECT * FROM ", "read_parquet");
    FromBoth("SELECT name, type, repetition_type, converted_type, logical_type FROM ",
             "parquet_schema", " WHERE name NOT IN ('rows', 'duckdb_schema')");
    FromBoth("SELECT path_in_schema, sum(row_group_num_rows), sum(stats_null_count) FROM ",
             "parquet_metadata", " GROUP BY ALL ORDER BY ALL");
    // Bounds that are wrong would hide rows.
    const types::Field& field = schema.fields[0];
    if (field.type.IsNumeric()) {
      for (const char* where : {" WHERE c0 > 40", " WHERE c0 <= 0", " WHERE c0 = -0.0"}) {
        FromBoth("SELECT count(*) AS n FROM ", "read_parquet", where);
      }
    } else if (field.type.kind == Kind::kString) {
      FromBoth("SELECT count(*) AS n FROM ", "read_parquet", " WHERE c0 > 'USC'");
    }
  }
}

TEST_F(FlatFileTest, KeepsTheSignOfZeroAndNaN) {
  types::BatchBuilder builder({{{"d", Kind::kDouble}}});
  for (const double value : {-0.0, 0.0, std::nan("")}) builder.column(0)->Append(value);
  const types::Batch batch = builder.Build();
  ASSERT_TRUE(WriteFlatFile(batch.schema(), {batch}, ours_, {}).ok());
  const auto read = database_->Query("SELECT d FROM read_parquet('" + ours_ + "')").value();
  const auto values = read.column(0).Values<double>();
  EXPECT_TRUE(std::signbit(values[0]));
  EXPECT_FALSE(std::signbit(values[1]));
  EXPECT_TRUE(std::isnan(values[2]));
}

TEST_F(FlatFileTest, PartsLongTextsIntoPages) {
  types::BatchBuilder builder({{{"s", Kind::kString}}});
  Random random(3);
  for (int row = 0; row < 300; ++row) {
    std::string text(20000, ' ');
    for (char& c : text) c = static_cast<char>('a' + random.Below(26));
    builder.column(0)->AppendText(text);
    if (row % 7 == 0) builder.column(0)->AppendNull();
  }
  const types::Batch batch = builder.Build();
  ASSERT_TRUE(WriteFlatFile(batch.schema(), {batch}, ours_, {}).ok());
  ASSERT_TRUE(database_->CopyToParquet(batch.schema(), {batch}, theirs_).ok());
  FromBoth("SELECT * FROM ", "read_parquet");
}

TEST_F(FlatFileTest, SaysWhatItCannotWrite) {
  sql::ParquetOptions snappy;
  snappy.compression = "snappy";
  EXPECT_TRUE(IsFlat({{{"a", Kind::kLong}}}, {}));
  EXPECT_FALSE(IsFlat({{{"a", Kind::kLong}}}, snappy));
  EXPECT_FALSE(IsFlat({{{"a", types::DataType::List(Kind::kLong)}}}, {}));

  types::BatchBuilder builder({{{"a", Kind::kString}, {"t", Kind::kTimestamp}}});
  builder.column(0)->AppendText("fine");
  builder.column(1)->Append(INT64_MAX);
  builder.column(0)->AppendText("\xff");
  builder.column(1)->Append(int64_t{0});
  const types::Batch batch = builder.Build();
  const auto told = [&](const BatchSlice& slice, const std::string& path) {
    const Status status = WriteFlatFile(batch.schema(), {slice}, path, {});
    return status.ok() ? std::string("written") : status.error().message;
  };
  EXPECT_THAT(told(batch, ours_), ::testing::HasSubstr("not UTF-8: column a, row 1"));
  EXPECT_THAT(told({batch, 1, 2}, ours_), ::testing::HasSubstr("column a, row 0"));
  EXPECT_THAT(told({batch, 0, 1}, ours_),
              ::testing::HasSubstr("column t: TIMESTAMP is out of range"));
  EXPECT_THAT(told({batch, 0, 0}, root_ + "/none/x.parquet"), ::testing::HasSubstr("cannot write"));
}

}  // namespace
}  // namespace catena::table

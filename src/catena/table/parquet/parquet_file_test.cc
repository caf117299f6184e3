// SPDX-License-Identifier: Apache-2.0
// The naive twin is DuckDB: what it reads from our files is what it would have written.
#include "catena/table/parquet/parquet_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "catena/base/hash.h"
#include "catena/testing/property.h"

namespace catena::table {
namespace {

namespace fs = std::filesystem;
using types::Batch;
using types::BatchBuilder;
using types::Kind;
using types::Schema;

constexpr Kind kScalars[] = {Kind::kBool,   Kind::kByte,  Kind::kShort,    Kind::kInt,
                             Kind::kLong,   Kind::kFloat, Kind::kDouble,   Kind::kString,
                             Kind::kBinary, Kind::kDate,  Kind::kTimestamp};

class ParquetFileTest : public ::testing::Test {
 protected:
  ParquetFileTest()
      : root_(fs::temp_directory_path() / ("catena_parquet_" + std::to_string(getpid()))),
        database_(sql::Database::Open({}).value()) {
    fs::create_directories(root_);
  }
  ~ParquetFileTest() override { fs::remove_all(root_); }
  std::string Path(const char* name) const { return (root_ / name).string(); }
  Batch Query(const std::string& select, const std::string& path) {
    return database_->Query(select + " FROM read_parquet('" + path + "')").value();
  }

  fs::path root_;
  std::unique_ptr<sql::Database> database_;
};

std::string RandomText(Random& random, uint64_t different) {
  const uint64_t number = random.Below(different);
  return number == 0 ? "" : "täxt " + std::to_string(number) + std::string(number % 40, 'x');
}

void AppendRandom(Random& random, uint64_t different, types::Column* column) {
  const auto whole = static_cast<int64_t>(random.Below(different)) - 40;
  switch (column->type().kind) {
    case Kind::kBool:
      return column->Append<int8_t>(static_cast<int8_t>(random.Below(2)));
    case Kind::kByte:
      return column->Append<int8_t>(static_cast<int8_t>(whole));
    case Kind::kShort:
      return column->Append<int16_t>(static_cast<int16_t>(whole));
    case Kind::kInt:
    case Kind::kDate:
      return column->Append<int32_t>(static_cast<int32_t>(whole));
    case Kind::kFloat:
      return column->Append<float>(static_cast<float>(whole) / 8);
    case Kind::kDouble:
      return column->Append<double>(random.OneIn(50) ? std::numeric_limits<double>::quiet_NaN()
                                                     : static_cast<double>(whole) / 3);
    case Kind::kString:
    case Kind::kBinary:
      return column->AppendText(RandomText(random, different));
    default:
      return column->Append<int64_t>(whole * 1'000'000'007);
  }
}

Batch RandomRows(Random& random, const Schema& schema, size_t rows) {
  BatchBuilder builder(schema);
  for (size_t i = 0; i < schema.size(); ++i) {
    const uint64_t different = random.OneIn(2) ? 5 : 100000;
    const uint64_t null_one_in = random.OneIn(3) ? 0 : 1 + random.Below(9);
    for (size_t row = 0; row < rows; ++row) {
      if (null_one_in != 0 && random.OneIn(null_one_in)) {
        builder.column(i)->AppendNull();
      } else {
        AppendRandom(random, different, builder.column(i));
      }
    }
  }
  return builder.Build();
}

void ExpectEqual(const Batch& read, const Batch& written) {
  ASSERT_EQ(read.schema(), written.schema());
  ASSERT_EQ(read.rows(), written.rows());
  for (size_t i = 0; i < read.width(); ++i) {
    for (size_t row = 0; row < read.rows(); ++row) {
      const types::Value got = read.column(i).ValueAt(row);
      const types::Value wanted = written.column(i).ValueAt(row);
      ASSERT_EQ(PrintJson(ToJson(got)), PrintJson(ToJson(wanted)))
          << read.schema().fields[i].name << " of row " << row;
    }
  }
}

TEST_F(ParquetFileTest, WhatIsReadIsWhatWasWritten) {
  testing::ForSeeds(60, [&](Random& random) {
    Schema schema;
    const size_t width = 1 + random.Below(6);
    for (size_t i = 0; i < width; ++i) {
      schema.fields.push_back({"c" + std::to_string(i), kScalars[random.Below(11)]});
    }
    std::vector<Batch> batches;
    for (uint64_t i = random.Below(5); i-- > 0;) {
      batches.push_back(RandomRows(random, schema, random.OneIn(4) ? 0 : random.Below(3000)));
    }
    constexpr const char* kCompressions[] = {"zstd", "snappy", "lz4_raw", "uncompressed"};
    const sql::ParquetOptions options{kCompressions[random.Below(4)], 1 + random.Below(2000)};
    const std::string path = Path("ours.parquet");
    const uint32_t sum = WriteParquetFile(path, schema, batches, options).value();
    std::ifstream in(path, std::ios::binary);
    EXPECT_EQ(Crc32c(std::string(std::istreambuf_iterator<char>(in), {})), sum);
    const Batch read = Query("SELECT *", path);
    ExpectEqual(read, batches.empty() ? BatchBuilder(schema).Build() : types::Concat(batches));
    // DuckDB spells the types of its own file alike.
    const std::string theirs = Path("theirs.parquet");
    ASSERT_TRUE(database_->CopyToParquet(schema, batches, theirs, options).ok());
    const auto spelled = [&](const std::string& file) {
      return database_->Query("DESCRIBE SELECT * FROM read_parquet('" + file + "')").value();
    };
    ExpectEqual(spelled(path), spelled(theirs));
  });
}

TEST_F(ParquetFileTest, BoundsOfRowGroupsLeadToTheRows) {
  const Schema schema{{{"id", Kind::kLong}, {"moment", Kind::kTimestamp}, {"small", Kind::kShort}}};
  BatchBuilder builder(schema);
  for (int64_t id = -500; id < 500; ++id) {
    builder.column(0)->Append<int64_t>(id);
    builder.column(1)->Append<int64_t>(id * 1000);
    if (id % 7 == 0) {
      builder.column(2)->AppendNull();
    } else {
      builder.column(2)->Append<int16_t>(static_cast<int16_t>(id));
    }
  }
  const std::vector<Batch> batches{builder.Build()};
  const std::string path = Path("bounds.parquet");
  ASSERT_TRUE(WriteParquetFile(path, schema, batches, {"zstd", 100}).ok());
  const Batch metadata = database_
                             ->Query(
                                 "SELECT stats_min_value, stats_max_value, stats_null_count "
                                 "FROM parquet_metadata('" +
                                 path + "') WHERE path_in_schema = 'id' ORDER BY row_group_id")
                             .value();
  ASSERT_EQ(metadata.rows(), 10u);
  EXPECT_EQ(metadata.column(0).Text(0), "-500");
  EXPECT_EQ(metadata.column(1).Text(9), "499");
  for (const char* where :
       {"id = -321", "moment = TIMESTAMP '1969-12-31 23:54:39'", "small = -321"}) {
    const Batch found =
        database_->Query("SELECT id FROM read_parquet('" + path + "') WHERE " + where).value();
    ASSERT_EQ(found.rows(), 1u) << where;
    EXPECT_EQ(found.column(0).Values<int64_t>()[0], -321) << where;
  }
}

TEST_F(ParquetFileTest, LongTextsAreSpreadOverRowGroups) {
  const Schema schema{{{"text", Kind::kString}}};
  BatchBuilder builder(schema);
  for (const size_t size : {size_t{70} << 20, size_t{3}, size_t{40} << 20, size_t{40} << 20}) {
    builder.column(0)->AppendText(std::string(size, 'a' + static_cast<char>(size % 26)));
  }
  const std::vector<Batch> batches{builder.Build()};
  const std::string path = Path("long.parquet");
  ASSERT_TRUE(WriteParquetFile(path, schema, batches, {"snappy", 1000}).ok());
  const Batch lengths = Query("SELECT length(text)", path);
  ASSERT_EQ(lengths.rows(), 4u);
  EXPECT_EQ(lengths.column(0).Values<int64_t>()[2], int64_t{40} << 20);
  EXPECT_GE(database_->Query("SELECT row_group_id FROM parquet_metadata('" + path + "')")->rows(),
            3u);
}

TEST_F(ParquetFileTest, ErrorsNameTheColumn) {
  const Schema instants{{{"moment", Kind::kTimestamp}}};
  BatchBuilder far(instants);
  far.column(0)->Append<int64_t>(std::numeric_limits<int64_t>::max());
  const std::vector<Batch> out_of_range{far.Build()};
  const auto instant = WriteParquetFile(Path("x.parquet"), instants, out_of_range, {});
  ASSERT_FALSE(instant.ok());
  EXPECT_EQ(instant.error().code, ErrorCode::kInvalidData);
  EXPECT_NE(instant.error().message.find("column moment"), std::string::npos);

  const Schema texts{{{"name", Kind::kString}}};
  BatchBuilder bytes(texts);
  bytes.column(0)->AppendText("\xff\xfe");
  const std::vector<Batch> not_utf8{bytes.Build()};
  const auto text = WriteParquetFile(Path("x.parquet"), texts, not_utf8, {});
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.error().code, ErrorCode::kInvalidData);
  EXPECT_NE(text.error().message.find("column name"), std::string::npos);

  EXPECT_EQ(WriteParquetFile(Path("x.parquet"), texts, {}, {"gzip", 10}).error().code,
            ErrorCode::kInvalidConf);
  const auto nowhere = WriteParquetFile(Path("no/x.parquet"), texts, {}, {});
  ASSERT_FALSE(nowhere.ok());
  EXPECT_EQ(nowhere.error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace catena::table

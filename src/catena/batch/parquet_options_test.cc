// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/parquet_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catena/batch/warehouse_fixture.h"

namespace catena::batch {
namespace {

Result<table::ParquetOptions> Of(const std::string& json) {
  return ParquetOptionsOf(*ParseJson(json, "table properties"));
}

TEST(ParquetOptionsTest, AreTheTablePropertiesOrZstd) {
  EXPECT_EQ(ParquetOptionsOf(Json())->compression, "zstd");
  EXPECT_EQ(Of(R"({"retention": "1 year"})")->compression, "zstd");
  EXPECT_EQ(Of(R"({"parquet.compression": "SNAPPY"})")->compression, "snappy");
  EXPECT_EQ(Of(R"({"write.parquet.compression-codec": "none"})")->compression, "uncompressed");
  EXPECT_EQ(Of(R"({"parquet.compression.codec.zstd.level": "19"})")->zstd_level, 19);
  EXPECT_EQ(Of(R"({"write.parquet.compression-level": "3"})")->zstd_level, 3);
  EXPECT_EQ(Of("{}")->version, 1);
  EXPECT_EQ(Of(R"({"parquet.writer.version": "PARQUET_2_0"})")->version, 2);
  EXPECT_EQ(Of(R"({"parquet.writer.version": "v1"})")->version, 1);
}

TEST(ParquetOptionsTest, WhatCannotBeWrittenIsRefused) {
  for (const char* json :
       {R"({"parquet.compression": "lzo"})", R"({"write.parquet.compression-level": "high"})",
        R"({"write.parquet.compression-level": "3.5"})", R"({"parquet.writer.version": "v3"})",
        R"({"write.parquet.compression-level": "23"})"}) {
    EXPECT_EQ(Of(json).error().code, ErrorCode::kInvalidConf) << json;
  }
}

TEST(ParquetOptionsTest, TablesOfOtherFormatsAreRefused) {
  for (const char* json :
       {R"({"provider": "iceberg"})", R"({"table_type": "ICEBERG"})", R"({"provider": "delta"})",
        R"({"write.format.default": "orc"})", R"({"spark.chronon.table_write.iceberg": "true"})"}) {
    EXPECT_EQ(Of(json).error().code, ErrorCode::kUnsupported) << json;
  }
  for (const char* json :
       {R"({"provider": "hive"})", R"({"write.format.default": "parquet"})",
        R"({"table_type": "EXTERNAL_TABLE"})", R"({"spark.chronon.table_write.format": "Hive"})"}) {
    EXPECT_TRUE(Of(json).ok()) << json;
  }
}

class TablePropertiesTest : public ::testing::Test, protected TemporaryWarehouse {
 protected:
  std::string CodecOf(const std::string& properties) { return Of("compression", properties); }
  // Of the columns of the files.
  std::string Of(const std::string& fact, const std::string& properties) {
    Write("t.events", "2026-03-04", "key STRING, v LONG, ts LONG", {{"a", 1, At("2026-03-04", 1)}});
    const conf::Conf conf = ConfOf(R"({
        "metaData": {"name": "gb", "outputNamespace": "t", "tableProperties": )" +
                                   properties +
                                   R"(}, "keyColumns": ["key"], "accuracy": 1,
        "aggregations": [{"inputColumn": "v", "operation": 7}],
        "sources": [{"events": {"table": "t.events", "query": {"timeColumn": "ts"}}}]})");
    const auto report = Backfill(context_, conf, {Day("2026-03-04"), Day("2026-03-04")});
    if (!report.ok()) return report.error().message;
    const auto found = database_->Query("SELECT string_agg(DISTINCT " + fact + ", ' ' ORDER BY " +
                                        fact + ") AS c FROM parquet_metadata('" +
                                        warehouse_->Find("t.gb")->directory() + "/*/*.parquet')");
    return found.ok() ? std::string(found->column(0).Text(0)) : found.error().message;
  }
};

// As Chronon's confs have it, and before anything is written.
TEST_F(TablePropertiesTest, AFormatThatTheJobIsAskedForIsRefused) {
  const std::string said = CodecOf(R"({}, "executionInfo": {"conf": {
      "common": {"spark.chronon.table_write.format": "iceberg"}}})");
  EXPECT_THAT(said, ::testing::HasSubstr("neither Iceberg nor Delta"));
  EXPECT_THAT(said, ::testing::HasSubstr("spark.chronon.table_write.format = iceberg"));
  EXPECT_FALSE(warehouse_->Find("t.gb")->Exists());
}

TEST_F(TablePropertiesTest, ReachTheFiles) { EXPECT_EQ(CodecOf("{}"), "ZSTD"); }

TEST_F(TablePropertiesTest, NameTheCodec) {
  EXPECT_EQ(CodecOf(R"({"parquet.compression": "snappy"})"), "SNAPPY");
}

TEST_F(TablePropertiesTest, NameTheEncodings) {
  EXPECT_THAT(Of("encodings", "{}"),
              ::testing::AllOf(::testing::HasSubstr("PLAIN"),
                               ::testing::Not(::testing::HasSubstr("DELTA"))));
  EXPECT_THAT(Of("encodings", R"({"parquet.writer.version": "v2"})"),
              ::testing::HasSubstr("DELTA_BINARY_PACKED"));
}

TEST_F(TablePropertiesTest, AreRefusedByTheNameOfTheConf) {
  EXPECT_THAT(
      CodecOf(R"({"parquet.compression": "lzo"})"),
      ::testing::AllOf(::testing::HasSubstr("gb.tableProperties"), ::testing::HasSubstr("lzo")));
}

}  // namespace
}  // namespace catena::batch

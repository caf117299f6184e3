// SPDX-License-Identifier: Apache-2.0
// What the engine makes of the answers of catena-lake, which are written down here; real tables of
// Delta Lake and Iceberg are in python/catena/tables/in_place_test.py.
#include "catena/table/lake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "catena/table/table.h"

namespace catena::table {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using types::Batch;
using types::Value;

class LakeTest : public testing::Test {
 protected:
  LakeTest() {
    root_ = fs::temp_directory_path() / ("catena_lake_" + std::to_string(getpid()));
    fs::create_directories(directory() / "_delta_log");
    Put(directory() / "_delta_log/0.json", "");
    database_ = sql::Database::Open({}).value();
    warehouse_.emplace(Warehouse::Create(root_, database_.get()).value());
    const auto program = [this]() -> Result<std::string> { return (root_ / "program").string(); };
    warehouse_->ReadLakesWith(std::make_shared<LakeReader>(program, root_ / "_lake"));
  }
  ~LakeTest() override { fs::remove_all(root_); }

  fs::path directory() const { return root_ / "data.db" / "theirs"; }
  static void Put(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }
  // From now on the program says this, and the table is of another version.
  void Answer(const std::string& text, const std::string& script = "") {
    Put(root_ / "answer", text);
    Put(root_ / "program", "#!/bin/sh\necho asked >>" + (root_ / "log").string() + "\n" +
                               (script.empty() ? "cat " + (root_ / "answer").string() : script) +
                               "\n");
    fs::permissions(root_ / "program", fs::perms::owner_all);
    Put(directory() / ("_delta_log/" + std::to_string(++version_) + ".json"), "");
  }
  std::string File(const std::string& name, const std::string& select,
                   const std::string& more = "") {
    const std::string path = directory() / name;
    EXPECT_TRUE(
        database_->Execute("COPY (" + select + ") TO '" + path + "' (FORMAT parquet" + more + ")")
            .ok());
    return path;
  }
  static std::string Placed(const std::string& path, const std::string& values) {
    return R"({"path": ")" + path + R"(", "values": {)" + values + "}}";
  }
  static std::string Listing(const std::string& columns, const std::vector<std::string>& files) {
    std::string list;
    for (const std::string& file : files) list += (list.empty() ? "" : ", ") + file;
    return R"({"columns": [)" + columns + R"(], "files": [)" + list + "]}";
  }
  Table Theirs() { return warehouse_->Find("data.theirs").value(); }
  std::string Refusal() {
    const auto schema = Theirs().SchemaOf();
    return schema.ok() ? "it was read" : schema.error().message;
  }
  std::vector<std::vector<Value>> Rows(const std::vector<std::string>& columns,
                                       const std::string& where = "true") {
    ScanRequest request;
    request.columns = columns;
    request.wheres = {where};
    request.with_ds = true;
    const auto batch = Theirs().Read(request);
    EXPECT_TRUE(batch.ok()) << batch.error().message;
    std::vector<std::vector<Value>> rows;
    for (size_t row = 0; row < batch->rows(); ++row) rows.push_back(batch->Row(row));
    return rows;
  }

  fs::path root_;
  int version_ = 0;
  std::unique_ptr<sql::Database> database_;
  std::optional<Warehouse> warehouse_;
};

constexpr char kColumns[] = R"({"name": "x", "type": "LONG", "id": null, "stored": ["x"]},
                               {"name": "region", "type": "STRING", "id": null,
                                "stored": ["region"]},
                               {"name": "late", "type": "DOUBLE", "id": null, "stored": ["late"]},
                               {"name": "ds", "type": "STRING", "id": null, "stored": ["ds"]})";

TEST_F(LakeTest, FilesWhereverTheyLieAreDaysOfTheMetadata) {
  const std::string a = File("a.parquet", "SELECT 1::INTEGER AS x UNION ALL SELECT 2");
  const std::string b =
      File("b.parquet", "SELECT 3::BIGINT AS x, 2.5::DOUBLE AS late, 1 AS dropped");
  const std::string c = File("c.parquet", "SELECT 4::BIGINT AS x, 1.5::DOUBLE AS late");
  const std::string d = File("d.parquet", "SELECT 5::BIGINT AS x");
  Answer(Listing(kColumns, {Placed(c, R"("ds": "2026-11-01", "region": null)"),
                            Placed(a, R"("ds": "2026-11-02", "region": "eu")"),
                            Placed(b, R"("ds": "2026-11-01", "region": "o'us")"),
                            Placed(d, R"("ds": null, "region": "eu")")}));
  EXPECT_EQ(Theirs().SchemaOf()->ToString(), "x LONG, region STRING, late DOUBLE");
  EXPECT_EQ(Theirs().Partitions()->size(), 2u);
  EXPECT_TRUE(Theirs().Exists());
  EXPECT_EQ(warehouse_->Tables().value(), std::vector<std::string>{"data.theirs"});
  EXPECT_EQ(Rows({"x", "region", "late"}),
            (std::vector<std::vector<Value>>{{3, "o'us", 2.5, "2026-11-01"},
                                             {4, Value(), 1.5, "2026-11-01"},
                                             {1, "eu", Value(), "2026-11-02"},
                                             {2, "eu", Value(), "2026-11-02"}}));
  EXPECT_EQ(Rows({"x"}, "region = 'eu' AND x > 1"),
            (std::vector<std::vector<Value>>{{2, "2026-11-02"}}));
  EXPECT_EQ(Rows({"x"}, "ds = '2026-11-01' AND region IS NULL"),
            (std::vector<std::vector<Value>>{{4, "2026-11-01"}}));
  const auto description = Theirs().Describe();
  EXPECT_EQ(description->rows, 4u);
  EXPECT_FALSE(Theirs().IsSpelledOurWay().value());
}

TEST_F(LakeTest, ColumnsAreFoundByTheirNumberThenByTheirOtherNames) {
  const std::string before =
      File("a.parquet", "SELECT 1 AS old, 'gone' AS now", ", FIELD_IDS {old: 7, now: 8}");
  const std::string after = File("b.parquet", "SELECT 2 AS now", ", FIELD_IDS {now: 7}");
  const std::string plain = File("c.parquet", "SELECT 3 AS old");
  Answer(Listing(R"({"name": "now", "type": "INT", "id": 7, "stored": ["now", "old"]})",
                 {Placed(before, R"("dt": "20261101")"), Placed(after, R"("dt": "20261102")"),
                  Placed(plain, R"("dt": "20261103")")}));
  EXPECT_EQ(Rows({"now"}), (std::vector<std::vector<Value>>{
                               {1, "2026-11-01"}, {2, "2026-11-02"}, {3, "2026-11-03"}}));
  // dt is Iceberg's name of a transform here, not a column.
  EXPECT_FALSE(Theirs().SchemaOf()->Find("dt").has_value());
}

TEST_F(LakeTest, WithoutFilesThereAreColumnsAndNoRows) {
  Answer(Listing(kColumns, {}));
  EXPECT_EQ(warehouse_->Tables().value(), std::vector<std::string>{"data.theirs"});
  EXPECT_EQ(Theirs().SchemaOf()->ToString(), "x LONG, region STRING, late DOUBLE");
  EXPECT_TRUE(Theirs().Partitions()->empty());
  EXPECT_EQ(Theirs().Describe()->rows, 0u);
  EXPECT_FALSE(Theirs().IsSpelledOurWay().value());
  EXPECT_TRUE(Rows({"x", "region"}, "late > 1").empty());
  const auto rows = database_->Query("SELECT x, late, ds FROM " + Theirs().SelectSql().value());
  EXPECT_EQ(rows->schema().ToString(), "x LONG, late DOUBLE, ds STRING");
  EXPECT_EQ(rows->rows(), 0u);
}

TEST_F(LakeTest, IsAskedOnceAVersion) {
  const std::string a = File("a.parquet", "SELECT 1 AS x");
  const auto asked = [&] {
    std::ifstream log(root_ / "log");
    return std::count(std::istreambuf_iterator<char>(log), {}, '\n');
  };
  for (const int version : {1, 2}) {
    Answer(Listing(kColumns, {Placed(a, R"("ds": "2026-11-0)" + std::to_string(version) + "\"")}));
    EXPECT_EQ(Rows({"x"}).size(), 1u);
    EXPECT_EQ(Theirs().Partitions()->front(), ParseDate("2026-11-01").value() + (version - 1));
    EXPECT_EQ(Rows({"x"}).size(), 1u);
    EXPECT_EQ(asked(), version);
  }
}

TEST_F(LakeTest, WhatCannotBeReadIsOneSentence) {
  const std::string a = File("a.parquet", "SELECT 1 AS x");
  Answer(R"({"error": "reading delta tables needs deltalake"})");
  EXPECT_THAT(Refusal(), HasSubstr("delta table data.theirs: cannot read the table: reading"));
  EXPECT_EQ(Theirs().SchemaOf().error().code, ErrorCode::kUnsupported);
  Answer(R"({"broken": "the log is no JSON"})");
  EXPECT_THAT(Refusal(), HasSubstr("delta table data.theirs: cannot read the table: the log"));
  EXPECT_EQ(Theirs().SchemaOf().error().code, ErrorCode::kInvalidData);
  Answer("Traceback");
  EXPECT_THAT(Refusal(), HasSubstr("ended without an answer"));
  Answer("", "kill -9 $$");
  EXPECT_THAT(Refusal(), HasSubstr("ended without an answer"));
  Answer(Listing(kColumns, {Placed(a, "")}));
  EXPECT_THAT(Refusal(), HasSubstr("not partitioned by day; partition it by `ds`"));
  Answer(Listing(kColumns, {Placed(a, R"("region": "eu")")}));
  EXPECT_THAT(Refusal(), HasSubstr("not partitioned by day"));
  Answer(Listing(kColumns, {Placed(a, R"("ds": "2026-11-01")"), Placed(a, R"("ds": "all")")}));
  EXPECT_THAT(Refusal(), HasSubstr("belongs to no day; rewrite it"));
  Answer(Listing(kColumns, {Placed(a, R"("ds": "2026-11-01")"), Placed(a, R"("region": "eu")")}));
  EXPECT_THAT(Refusal(), HasSubstr("ds is not said"));
  fs::remove(root_ / "program");
  Put(directory() / "_delta_log/99.json", "");
  EXPECT_THAT(Refusal(), HasSubstr("cannot run " + (root_ / "program").string()));
  const Warehouse without = Warehouse::Create(root_, database_.get()).value();
  EXPECT_THAT(without.Find("data.theirs")->SchemaOf().error().message, HasSubstr("not read here"));
}

TEST_F(LakeTest, IsNeverWritten) {
  const auto written = Theirs().WritePartition(Date{20000}, std::string("SELECT 1 AS id"));
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, ErrorCode::kInvalidConf);
  EXPECT_THAT(written.error().message, HasSubstr("kept by another system, delta"));
}

}  // namespace
}  // namespace catena::table

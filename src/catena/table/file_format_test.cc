// SPDX-License-Identifier: Apache-2.0
// What every format of FileFormats() must do; then what is its own.
#include "catena/table/file_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace catena::table {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using types::Batch;
using types::Kind;
using types::Value;

Date Day(int number) { return ParseDate("2026-11-01").value() + (number - 1); }

class FileFormatTest : public testing::Test {
 protected:
  FileFormatTest() {
    root_ = fs::temp_directory_path() / ("catena_formats_" + std::to_string(getpid()));
    database_ = sql::Database::Open({}).value();
    warehouse_.emplace(Warehouse::Create(root_, database_.get()).value());
  }
  ~FileFormatTest() override { fs::remove_all(root_); }
  Table Find(const std::string& name) { return warehouse_->Find(name).value(); }
  // The answer of a SELECT in a file of the format.
  std::string Write(const FileFormat& format, const std::string& select) {
    const std::string path = (root_ / ("rows" + std::string(format.endings[0]))).string();
    const Status written =
        database_->Execute("COPY (" + select + ") TO '" + path + "' (FORMAT " + format.name + ")");
    EXPECT_TRUE(written.ok()) << written.error().message;
    return path;
  }
  std::string ErrorOf(const std::string& path, const ImportOptions& options = {}) {
    const auto days = ImportFile(database_.get(), path, Find("data.wrong"), options);
    EXPECT_FALSE(days.ok()) << path;
    return days.ok() ? "" : days.error().message;
  }

  fs::path root_;
  std::unique_ptr<sql::Database> database_;
  std::optional<Warehouse> warehouse_;
};

constexpr char kRows[] =
    "SELECT * FROM (VALUES ('2026-11-02', 1700000000000, 'A-1', 'x, \"y\"', 0, 1.5), "
    "('2026-11-01', 1700000000001, 'B-2', NULL, 1, NULL), "
    "('2026-11-02', 1700000000002, 'C-3', 'z', 1, 2.25)) t(ds, ts, id, name, ok, amount)";

TEST_F(FileFormatTest, EveryFormatGivesTheSameTable) {
  for (const FileFormat& format : FileFormats()) {
    const Table table = Find(std::string("data.of_") + format.name);
    ImportOptions options;
    options.declared.fields = {{"ok", Kind::kInt}, {"ts", Kind::kLong}, {"amount", Kind::kDouble}};
    const std::string path = Write(format, kRows);
    for (int again = 0; again < 2; ++again) {
      EXPECT_EQ(ImportFile(database_.get(), path, table, options).value(),
                (std::vector<Date>{Day(1), Day(2)}))
          << format.name;
    }
    const Batch rows = table.Read({}).value();
    EXPECT_EQ(rows.schema().ToString(), "ts LONG, id STRING, name STRING, ok INT, amount DOUBLE")
        << format.name;
    ASSERT_EQ(rows.rows(), 3u) << format.name;
    EXPECT_EQ(rows.Row(0), (std::vector<Value>{1700000000001, "B-2", Value(), 1, Value()}));
    EXPECT_EQ(rows.Row(1), (std::vector<Value>{1700000000000, "A-1", "x, \"y\"", 0, 1.5}));
    EXPECT_EQ(rows.Row(2), (std::vector<Value>{1700000000002, "C-3", "z", 1, 2.25}));
  }
}

TEST_F(FileFormatTest, EveryFormatReadsOtherPartitionColumnsAndFormats) {
  for (const FileFormat& format : FileFormats()) {
    const Table table = Find(std::string("data.dt_") + format.name);
    ImportOptions options;
    options.partition_column = "dt";
    options.partition_format = "yyyyMMdd";
    const std::string path =
        Write(format, "SELECT * FROM (VALUES (20261102, 1), (20261101, 2)) t(dt, n)");
    EXPECT_EQ(ImportFile(database_.get(), path, table, options).value(),
              (std::vector<Date>{Day(1), Day(2)}))
        << format.name;
    EXPECT_EQ(table.SchemaOf()->fields.size(), 1u) << format.name;
  }
}

TEST_F(FileFormatTest, EveryFormatSaysWhatIsWrong) {
  for (const FileFormat& format : FileFormats()) {
    const std::string ending = format.endings[0];
    EXPECT_THAT(ErrorOf((root_ / ("no" + ending)).string()), HasSubstr("no such file"));
    std::string path = Write(format, kRows);
    ImportOptions options;
    options.partition_column = "day";
    EXPECT_THAT(ErrorOf(path, options), HasSubstr("lacks a column: day")) << format.name;
    options.partition_column = "name";
    EXPECT_THAT(ErrorOf(path, options), HasSubstr("not a date yyyy-MM-dd: ")) << format.name;
    options = {};
    options.partition_format = "dd.MM.yy";
    EXPECT_THAT(ErrorOf(path, options), HasSubstr("a partition format")) << format.name;
    options = {};
    options.declared.fields = {{"id", Kind::kLong}};
    EXPECT_THAT(ErrorOf(path, options), HasSubstr("A-1")) << format.name;
    std::ofstream(path) << "\"half a \xff\xfe {[";
    EXPECT_THAT(ErrorOf(path), HasSubstr(path)) << format.name;
    EXPECT_FALSE(Find("data.wrong").Exists()) << format.name;
  }
  EXPECT_THAT(ErrorOf((root_ / "rows.xlsx").string()),
              HasSubstr(".csv, .csv.gz, .csv.zst, .json, "));
}

TEST_F(FileFormatTest, CsvNamesTheLineAndKeepsTextThatLooksLikeADay) {
  const fs::path csv = root_ / "rows.csv";
  const Table table = Find("data.csv");
  std::ofstream(csv) << "ds,n,when\n2026-11-01,1,2019-06-17\n";
  ASSERT_TRUE(ImportFile(database_.get(), csv, table).ok());
  EXPECT_EQ(table.SchemaOf()->ToString(), "n LONG, when STRING");
  std::ofstream(csv) << "ds,n\n2026-11-01,1\nyesterday,2\n";
  EXPECT_THAT(ErrorOf(csv), HasSubstr("'yesterday', about line 3"));
  std::ofstream(csv) << "ds,n\n2026-11-01,1\n2026-11-01,many\n";
  ImportOptions numbers;
  numbers.declared.fields = {{"n", Kind::kLong}};
  const auto misfit = ImportFile(database_.get(), csv, table, numbers);
  ASSERT_FALSE(misfit.ok());
  EXPECT_EQ(misfit.error().code, ErrorCode::kInvalidData);
  EXPECT_THAT(misfit.error().message, HasSubstr("Line: 3"));
}

TEST_F(FileFormatTest, CsvNamesTheFirstLineWithAnotherNumberOfFields) {
  const std::string path = (root_ / "ragged.csv").string();
  for (const char* bad : {"5,2026-11-01", "5,x,2026-11-01,9"}) {
    for (const int good : {0, 900}) {
      std::ofstream out(path);
      out << "a,b,ds\n";
      for (int row = 0; row < good; ++row) out << row << ",x,2026-11-01\n";
      out << bad << "\n6,y,2026-11-02\n";
      out.close();
      EXPECT_THAT(ErrorOf(path), HasSubstr("Line: " + std::to_string(good + 2) + " ")) << bad;
    }
  }
}

TEST_F(FileFormatTest, AFileThatIsMalformedIsWrongDataInEveryFormat) {
  for (const FileFormat& format : FileFormats()) {
    const std::string path = (root_ / (std::string("bad") + format.endings[0])).string();
    std::ofstream(path) << "{\"ds\": \"2026-11-01\"}\n{\"ds\": ,,\n";
    const auto days = ImportFile(database_.get(), path, Find("data.wrong"), {});
    ASSERT_FALSE(days.ok()) << format.name;
    EXPECT_EQ(days.error().code, ErrorCode::kInvalidData) << days.error().message;
  }
}

TEST_F(FileFormatTest, OtherEncodingsThanUtf8AreNamedWithTheRemedy) {
  const auto expect = [&](const std::string& name, const std::string& bytes) {
    const std::string path = (root_ / name).string();
    std::ofstream(path, std::ios::binary) << bytes;
    const std::string error = ErrorOf(path);
    EXPECT_THAT(error, HasSubstr("not UTF-8; `iconv")) << name;
    EXPECT_THAT(error, HasSubstr(path)) << name;
    EXPECT_THAT(error, testing::Not(HasSubstr("SELECT"))) << name;
  };
  std::string utf16 = "\xff\xfe";
  for (const char c : std::string("a,ds\n1,2026-11-01\n")) utf16 += {c, '\0'};
  expect("mark.csv", utf16);
  expect("plain.csv", utf16.substr(2));
  expect("value.csv", "a,ds\ncaf\xe9,2026-11-01\n");
  expect("header.csv", "caf\xe9,ds\n1,2026-11-01\n");
  std::string late = "a,ds\n";
  for (int row = 0; row < 30000; ++row) late += "x,2026-11-01\n";
  expect("late.csv", late + "caf\xe9,2026-11-01\n");
  expect("value.json", "{\"a\": \"caf\xe9\", \"ds\": \"2026-11-01\"}\n");
  expect("mark.json", utf16);
  // A byte order mark of UTF-8 is one, and no part of the first name.
  std::ofstream(root_ / "bom.csv") << "\xef\xbb\xbf"
                                   << "a,ds\n1,2026-11-01\n";
  ASSERT_TRUE(ImportFile(database_.get(), root_ / "bom.csv", Find("data.bom")).ok());
  EXPECT_EQ(Find("data.bom").SchemaOf()->ToString(), "a LONG");
}

TEST_F(FileFormatTest, CsvColumnsOfOneNameAreRefused) {
  const std::string path = (root_ / "twice.csv").string();
  for (const char* header : {"a,b,a,ds", "a,b,A,ds", "a,ds,b,ds", "\"a\",b,a,ds"}) {
    std::ofstream(path) << header << "\n1,2,3,2026-11-01\n";
    EXPECT_THAT(ErrorOf(path), HasSubstr("two columns have one name")) << header;
    EXPECT_THAT(ErrorOf(path), HasSubstr(path)) << header;
  }
  std::ofstream(path) << "a,a_1,,ds\n1,2,3,2026-11-01\n";
  EXPECT_TRUE(ImportFile(database_.get(), path, Find("data.once")).ok());
}

TEST_F(FileFormatTest, NamesOfFoldersAreNoColumns) {
  const fs::path folder = root_ / "ds=2020-01-01" / "name=folder" / "more=1";
  fs::create_directories(folder);
  for (const FileFormat& format : FileFormats()) {
    const Table table = Find(std::string("data.in_folders_") + format.name);
    const fs::path file = folder / fs::path(Write(format, kRows)).filename();
    fs::rename(root_ / file.filename(), file);
    EXPECT_EQ(ImportFile(database_.get(), file, table).value(), (std::vector<Date>{Day(1), Day(2)}))
        << format.name;
    const Batch rows = table.Read({}).value();
    EXPECT_EQ(rows.width(), 5u) << format.name;
    EXPECT_EQ(rows.Find("name")->ValueAt(2), Value("z")) << format.name;
  }
}

TEST_F(FileFormatTest, AnEmptyFieldOfCsvIsNullInQuotesToo) {
  const std::string path = (root_ / "empty.csv").string();
  std::ofstream(path) << "s,n,ds\n\"\",\"\",\"2026-11-01\"\n,,2026-11-01\n"
                         "\" \",\"7\",2026-11-01\n";
  const Table table = Find("data.empty");
  ASSERT_TRUE(ImportFile(database_.get(), path, table).ok());
  const Batch rows = table.Read({}).value();
  EXPECT_EQ(rows.schema().ToString(), "s STRING, n LONG");
  EXPECT_EQ(rows.Row(0), (std::vector<Value>{Value(), Value()}));
  EXPECT_EQ(rows.Row(1), (std::vector<Value>{Value(), Value()}));
  EXPECT_EQ(rows.Row(2), (std::vector<Value>{" ", 7}));
}

TEST_F(FileFormatTest, JsonMayLeaveOutFieldsAndNestLists) {
  const fs::path json = root_ / "rows.ndjson";
  const Table table = Find("data.json");
  std::ofstream(json) << R"({"ds": "2026-11-01", "n": 1, "tags": ["a", null]})"
                         "\n"
                      << R"({"ds": "2026-11-01", "n": 2.5})"
                         "\n";
  ASSERT_TRUE(ImportFile(database_.get(), json, table).ok());
  EXPECT_EQ(table.SchemaOf()->ToString(), "n DOUBLE, tags LIST<STRING>");
  EXPECT_EQ(table.Read({})->Row(1), (std::vector<Value>{2.5, Value()}));
}

TEST_F(FileFormatTest, JsonTextsStayTexts) {
  const fs::path json = root_ / "rows.json";
  const Table table = Find("data.texts");
  std::ofstream(json)
      << R"([{"ds": "2026-11-01", "day": "2019-06-17", "time": "2019-06-17 10:00:00",
      "id": "123e4567-e89b-12d3-a456-426614174000", "of": {"day": "2020-01-01"}}])";
  ASSERT_TRUE(ImportFile(database_.get(), json, table).ok());
  EXPECT_EQ(table.SchemaOf()->ToString(),
            "day STRING, time STRING, id STRING, of STRUCT<day:STRING>");
  EXPECT_EQ(table.Read({})->Row(0)[2], Value("123e4567-e89b-12d3-a456-426614174000"));
}

TEST_F(FileFormatTest, JsonValuesOfSeveralTypesAreTextsWithoutQuotes) {
  const Table table = Find("data.mixed");
  const std::string path = (root_ / "mixed.ndjson").string();
  std::ofstream(path) << R"({"ds": "2026-11-01", "x": 1}
{"ds": "2026-11-01", "x": "a \"b\""}
{"ds": "2026-11-01", "x": null}
{"ds": "2026-11-01", "x": {"y": "z"}}
)";
  for (const bool declared : {false, true}) {
    ImportOptions options;
    if (declared) options.declared.fields = {{"x", Kind::kString}};
    ASSERT_TRUE(ImportFile(database_.get(), path, table, options).ok());
    const Batch rows = table.Read({}).value();
    EXPECT_EQ(rows.schema().ToString(), "x STRING");
    EXPECT_EQ(rows.Row(0), std::vector<Value>{"1"});
    EXPECT_EQ(rows.Row(1), std::vector<Value>{"a \"b\""});
    EXPECT_EQ(rows.Row(2), std::vector<Value>{Value()});
    EXPECT_EQ(rows.Row(3), std::vector<Value>{R"({"y":"z"})"});
  }
}

TEST_F(FileFormatTest, HostileJsonIsRefusedWhole) {
  const fs::path json = root_ / "rows.json";
  for (const char* text :
       {"", "[]", "{}", "[1, 2]", "null", R"([{"ds": "2026-11-01"},])", R"([[{"ds": 1}]])",
        R"({"ds": "2026-11-01", "ds": "2026-11-02"})", R"({"ds": "2026-11-01"} {"ds": )",
        R"({"ds": {"a": 1}, "n": 1})", R"({"ds": null, "n": 1})", R"({"ds": "2026-02-30", "n": 1})",
        R"({"ds": "2026-11-1", "n": 1})", R"({"ds": "2026-11-01"})"}) {
    std::ofstream(json) << text;
    EXPECT_NE(ErrorOf(json), "") << text;
    EXPECT_FALSE(Find("data.wrong").Exists()) << text;
  }
}

}  // namespace
}  // namespace catena::table

// SPDX-License-Identifier: Apache-2.0
#include "catena/table/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "catena/table/file_format.h"

namespace catena::table {
namespace {

namespace fs = std::filesystem;
using conf::Expression;
using testing::HasSubstr;
using types::Batch;
using types::BatchBuilder;
using types::DataType;
using types::Kind;
using types::Schema;
using types::Value;

Date Day(int number) { return ParseDate("2026-11-01").value() + (number - 1); }

const Schema kSmall{{{"id", Kind::kLong}, {"name", Kind::kString}}};

Batch Small(int64_t first, int64_t count) {
  BatchBuilder builder(kSmall);
  for (int64_t id = first; id < first + count; ++id) {
    EXPECT_TRUE(builder.AppendRow(std::vector<Value>{id, "n" + std::to_string(id)}).ok());
  }
  return builder.Build();
}

std::vector<int64_t> Ids(const Batch& batch, const char* name = "id") {
  const auto values = batch.Find(name)->Values<int64_t>();
  return {values.begin(), values.end()};
}

std::vector<int64_t> Count(int64_t first, int64_t count) {
  std::vector<int64_t> numbers(count);
  for (int64_t i = 0; i < count; ++i) numbers[i] = first + i;
  return numbers;
}

class TableTest : public testing::Test {
 protected:
  TableTest() {
    static std::atomic<int> counter{0};
    root_ = fs::temp_directory_path() /
            ("catena_table_" + std::to_string(getpid()) + "_" + std::to_string(counter++));
    sql::DatabaseOptions options;
    options.memory_limit_bytes = uint64_t{512} << 20;
    options.threads = 2;
    database_ = sql::Database::Open(options).value();
    warehouse_.emplace(Warehouse::Create(root_, database_.get()).value());
  }
  ~TableTest() override { fs::remove_all(root_); }

  Table Find(const char* name) { return warehouse_->Find(name).value(); }
  std::vector<std::string> Names(const fs::path& directory) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory)) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  fs::path root_;
  std::unique_ptr<sql::Database> database_;
  std::optional<Warehouse> warehouse_;
};

TEST_F(TableTest, NamesBecomePaths) {
  EXPECT_EQ(TablePath("data.purchases").value(), "data.db/purchases");
  EXPECT_EQ(TablePath("team.join.v1").value(), "team.db/join_v1");
  EXPECT_EQ(TablePath("users").value(), "default.db/users");
  for (const char* bad : {"", ".", "..", "a..b", ".a", "a.", "a/b", "../x", "a b", "a'b", "a\n"}) {
    const auto path = TablePath(bad);
    ASSERT_FALSE(path.ok()) << bad;
    EXPECT_EQ(path.error().code, ErrorCode::kInvalidConf);
  }
}

TEST_F(TableTest, AbsentThingsSayWhatToDo) {
  const auto absent = Warehouse::Open(root_ / "nowhere", database_.get());
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(absent.error().message, HasSubstr("nowhere"));
  const Table table = Find("data.none");
  EXPECT_FALSE(table.Exists());
  EXPECT_TRUE(table.Partitions()->empty());
  const auto schema = table.SchemaOf();
  ASSERT_FALSE(schema.ok());
  EXPECT_EQ(schema.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(schema.error().message, HasSubstr("data.none"));
  EXPECT_TRUE(table.DropPartition(Day(1)).ok());
}

TEST_F(TableTest, WritesReadsInStableOrder) {
  const Table table = Find("data.t");
  // Written out of order; several files in day 2.
  ASSERT_TRUE(table.WritePartition(Day(3), Small(7000000, 10)).ok());
  auto writer = table.BeginPartition(Day(2), kSmall).value();
  for (int i = 0; i < 24; ++i) ASSERT_TRUE(writer.Append(Small(100000 * i, 100000)).ok());
  EXPECT_EQ(table.Partitions()->size(), 1u) << "invisible before the commit";
  ASSERT_TRUE(writer.Commit().ok());
  EXPECT_EQ(table.Partitions().value(), (std::vector<Date>{Day(2), Day(3)}));
  EXPECT_EQ(table.SchemaOf().value(), kSmall);
  const TableDescription description = table.Describe().value();
  EXPECT_EQ(description.files, 4u);
  EXPECT_EQ(description.rows, 2400010u);
  EXPECT_GT(description.bytes, 0u);

  ScanRequest request;
  request.columns = {"id"};
  request.with_ds = true;
  std::vector<int64_t> ids;
  ASSERT_TRUE(table
                  .Scan(request,
                        [&](Batch batch) {
                          EXPECT_EQ(batch.schema().ToString(), "id LONG, ds STRING");
                          const auto some = Ids(batch);
                          ids.insert(ids.end(), some.begin(), some.end());
                          for (size_t row = 0; row < batch.rows(); ++row) {
                            const bool third_day = some[row] >= 7000000;
                            EXPECT_EQ(batch.column(1).Text(row),
                                      third_day ? "2026-11-03" : "2026-11-02");
                          }
                          return Status();
                        })
                  .ok());
  auto expected = Count(0, 2400000);
  for (const int64_t id : Count(7000000, 10)) expected.push_back(id);
  EXPECT_EQ(ids, expected);
  EXPECT_EQ(warehouse_->Tables().value(), (std::vector<std::string>{"data.t"}));

  request.wheres = {"id % 3 = 1"};
  const auto filtered = Ids(table.Read(request).value());
  std::erase_if(expected, [](int64_t id) { return id % 3 != 1; });
  EXPECT_EQ(filtered, expected);
}

TEST_F(TableTest, OddDirectoryNames) {
  const fs::path odd = root_ / "it's a [house] of * and ? {x,y}" / "ds=2020-01-01";
  const Warehouse warehouse = Warehouse::Create(odd, database_.get()).value();
  const Table table = warehouse.Find("data.t").value();
  ASSERT_TRUE(table.WritePartition(Day(1), Small(0, 2)).ok());
  ASSERT_TRUE(table.WritePartition(Day(2), Small(2, 2)).ok());
  ScanRequest request;
  request.with_ds = true;
  const auto rows = table.Read(request);
  ASSERT_TRUE(rows.ok()) << rows.error().message;
  EXPECT_EQ(Ids(*rows), Count(0, 4));
  EXPECT_EQ(rows->Row(3)[2], Value("2026-11-02"));
  std::ofstream(odd / "a[1].csv") << "ds,n\n2026-11-01,5\n";
  const Table csv = warehouse.Find("data.csv").value();
  ASSERT_TRUE(ImportFile(database_.get(), odd / "a[1].csv", csv).ok());
  EXPECT_EQ(Ids(csv.Read({}).value(), "n"), Count(5, 1));
}

TEST_F(TableTest, EveryTypeComesBack) {
  const Schema schema{{{"bo", Kind::kBool},
                       {"by", Kind::kByte},
                       {"sh", Kind::kShort},
                       {"in", Kind::kInt},
                       {"lo", Kind::kLong},
                       {"fl", Kind::kFloat},
                       {"do", Kind::kDouble},
                       {"st", Kind::kString},
                       {"bi", Kind::kBinary},
                       {"da", Kind::kDate},
                       {"ti", Kind::kTimestamp},
                       {"li", DataType::List(DataType::List(Kind::kString))},
                       {"ma", DataType::Map(Kind::kString, Kind::kDouble)},
                       {"odd \"name'", Kind::kLong},
                       {"DS2", Kind::kLong}}};
  BatchBuilder builder(schema);
  const std::vector<Value> full = {
      true,
      -128,
      -32768,
      INT32_MIN,
      INT64_MAX,
      0.5,
      1e300,
      "text longer than twelve \xc3\xa9",
      std::string("\x00\xff\x80", 3),
      -719162,
      int64_t{-62135596800000} + 1,
      types::ValueList{types::ValueList{"a", Value()}, types::ValueList{}, Value()},
      types::ValueMap{{"k", 1.5}, {"other key of some length", Value()}},
      7,
      8};
  ASSERT_TRUE(builder.AppendRow(full).ok());
  ASSERT_TRUE(builder.AppendRow(std::vector<Value>(schema.size())).ok());
  // More list elements than a vector of DuckDB holds, with nulls among them.
  std::vector<Value> many = full;
  types::ValueList elements;
  for (int i = 0; i < 5000; ++i) {
    elements.push_back(i % 3 == 0 ? Value() : Value("element number " + std::to_string(i)));
  }
  many[11] = types::ValueList{elements};
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(builder.AppendRow(many).ok());
  const Batch rows = builder.Build();
  const Table table = Find("data.types");
  ASSERT_TRUE(table.WritePartition(Day(1), rows).ok());
  EXPECT_EQ(table.SchemaOf().value().ToString(), schema.ToString());
  const Batch read = table.Read({}).value();
  ASSERT_EQ(read.rows(), rows.rows());
  for (size_t row = 0; row < rows.rows(); ++row) EXPECT_EQ(read.Row(row), rows.Row(row)) << row;
}

TEST_F(TableTest, EmptyPartitionAndEmptyRange) {
  const Table table = Find("data.empty");
  ASSERT_TRUE(table.WritePartition(Day(1), Small(0, 0)).ok());
  EXPECT_TRUE(table.Exists());
  EXPECT_EQ(table.SchemaOf().value(), kSmall);
  ScanRequest request;
  request.expressions = {{"twice", "id * 2"}};
  request.with_ds = true;
  EXPECT_EQ(table.Read(request)->schema().ToString(), "twice LONG, ds STRING");
  request.range = PartitionRange::Of(Day(9));
  const Batch none = table.Read(request).value();
  EXPECT_EQ(none.rows(), 0u);
  EXPECT_EQ(none.schema().ToString(), "twice LONG, ds STRING");
}

TEST_F(TableTest, ColumnsComeAndWiden) {
  const Table table = Find("data.evolves");
  const auto write = [&](int day, const Schema& schema, const std::vector<Value>& row) {
    BatchBuilder builder(schema);
    ASSERT_TRUE(builder.AppendRow(row).ok());
    ASSERT_TRUE(table.WritePartition(Day(day), builder.Build()).ok());
  };
  write(1, {{{"a", Kind::kInt}, {"b", Kind::kFloat}}}, {1, 0.5});
  write(2, {{{"b", Kind::kLong}, {"a", Kind::kLong}, {"c", Kind::kString}}},
        {2, int64_t{1} << 40, "new"});
  EXPECT_EQ(table.SchemaOf().value().ToString(), "a LONG, b DOUBLE, c STRING");
  const Batch all = table.Read({}).value();
  EXPECT_EQ(all.Row(0), (std::vector<Value>{1, 0.5, Value()}));
  EXPECT_EQ(all.Row(1), (std::vector<Value>{int64_t{1} << 40, 2.0, "new"}));
  // Same types when only one of the days is asked for.
  ScanRequest first;
  first.range = PartitionRange::Of(Day(1));
  EXPECT_EQ(table.Read(first)->schema().ToString(), "a LONG, b DOUBLE, c STRING");

  write(3, {{{"a", Kind::kString}}}, {"text"});
  const auto conflict = table.Read({});
  ASSERT_FALSE(conflict.ok());
  EXPECT_EQ(conflict.error().code, ErrorCode::kInvalidData);
  EXPECT_THAT(conflict.error().message, HasSubstr("column a: LONG in "));
  EXPECT_THAT(conflict.error().message, HasSubstr("ds=2026-11-03"));
}

TEST_F(TableTest, DirectoryNamesTheDay) {
  const Table table = Find("data.t");
  const Schema with_ds{{{"id", Kind::kLong}, {"ds", Kind::kString}}};
  ASSERT_TRUE(database_->Execute("SELECT 1").ok());
  fs::create_directories(fs::path(table.directory()) / "ds=2026-11-01");
  // A file of somebody else's, with a `ds` of its own.
  ASSERT_TRUE(database_
                  ->CopyToParquet("SELECT 5::BIGINT AS id, 'wrong' AS ds",
                                  table.directory() + "/ds=2026-11-01/000.parquet")
                  .ok());
  ScanRequest request;
  request.with_ds = true;
  request.wheres = {"ds = '2026-11-01'"};
  EXPECT_EQ(table.Read(request)->Row(0), (std::vector<Value>{5, "2026-11-01"}));
  BatchBuilder builder(with_ds);
  ASSERT_TRUE(builder.AppendRow(std::vector<Value>{6, "dropped"}).ok());
  ASSERT_TRUE(table.WritePartition(Day(2), builder.Build()).ok());
  EXPECT_EQ(table.SchemaOf()->ToString(), "id LONG");
}

TEST_F(TableTest, LeftoversAreInvisibleAndRemoved) {
  const Table table = Find("data.t");
  ASSERT_TRUE(table.WritePartition(Day(1), Small(0, 3)).ok());
  // A writer was killed: before its rename, and between its rename and its cleaning.
  const fs::path directory = table.directory();
  for (const char* dead : {".work-1-0", ".work-99999-7"}) {
    fs::create_directories(directory / dead / "data");
    std::ofstream(directory / dead / "data" / "part-00000.parquet") << "half a fi";
    std::ofstream(directory / dead / "lock").flush();
  }
  fs::create_directories(directory / "ds=2026-11-05");
  std::ofstream(directory / "ds=2026-11-05" / ".part-00000.parquet.tmp").flush();
  std::ofstream(directory / "ds=2026-11-05" / "_SUCCESS").flush();
  fs::create_directories(directory / "ds=2026-13-45");
  fs::create_directories(directory / "_temporary");
  EXPECT_EQ(table.Partitions().value(), (std::vector<Date>{Day(1)}));
  EXPECT_EQ(Ids(table.Read({}).value()), Count(0, 3));

  auto alive = table.BeginPartition(Day(3), kSmall).value();
  ASSERT_TRUE(alive.Append(Small(5, 2)).ok());
  ASSERT_TRUE(table.WritePartition(Day(2), Small(3, 2)).ok());
  int works = 0;
  for (const std::string& name : Names(directory)) works += name.starts_with(".work-") ? 1 : 0;
  EXPECT_EQ(works, 1) << "the dead are gone, the living stay";
  ASSERT_TRUE(alive.Commit().ok());
  EXPECT_EQ(Ids(table.Read({}).value()), Count(0, 7));
}

TEST_F(TableTest, AbandonedWriterLeavesNothing) {
  const Table table = Find("data.t");
  ASSERT_TRUE(table.WritePartition(Day(1), Small(0, 3)).ok());
  {
    auto writer = table.BeginPartition(Day(1), kSmall).value();
    ASSERT_TRUE(writer.Append(Small(50, 1)).ok());
    const auto bad = writer.Append(BatchBuilder({{{"x", Kind::kLong}}}).Build());
    ASSERT_FALSE(bad.ok());
    EXPECT_THAT(bad.error().message, HasSubstr("wanted: id LONG, name STRING"));
  }
  EXPECT_EQ(Ids(table.Read({}).value()), Count(0, 3));
  for (const std::string& name : Names(table.directory())) {
    EXPECT_FALSE(name.starts_with(".work-")) << name;
  }
}

TEST_F(TableTest, ReplaceIsOldOrNew) {
  const Table table = Find("data.t");
  ASSERT_TRUE(table.WritePartition(Day(1), Small(0, 1000)).ok());
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 1; i <= 40; ++i) {
      ASSERT_TRUE(table.WritePartition(Day(1), Small(i * 1000, 1000)).ok());
    }
    done = true;
  });
  int reads = 0;
  while (!done) {
    const auto read = table.Read({});
    if (!read.ok()) {
      EXPECT_EQ(read.error().code, ErrorCode::kUnavailable) << read.error().message;
      continue;
    }
    ASSERT_EQ(read->rows(), 1000u);
    const auto ids = Ids(*read);
    EXPECT_EQ(ids, Count(ids[0], 1000)) << "a mixture";
    EXPECT_EQ(ids[0] % 1000, 0);
    ++reads;
  }
  writer.join();
  EXPECT_GT(reads, 0);
  EXPECT_EQ(Ids(table.Read({}).value()), Count(40000, 1000));
}

TEST_F(TableTest, WritersOfOneTableDoNotDisturbEachOther) {
  const auto write = [&](int first_day) {
    const Table table = Find("data.t");
    for (int i = 0; i < 10; ++i) {
      ASSERT_TRUE(table.WritePartition(Day(first_day + i % 5), Small(first_day * 100, 10)).ok());
    }
  };
  std::thread other(write, 10);
  write(1);
  other.join();
  EXPECT_EQ(Find("data.t").Partitions()->size(), 10u);
  EXPECT_EQ(Find("data.t").Describe()->rows, 100u);
}

TEST_F(TableTest, OneJobAtATime) {
  const Table table = Find("data.t");
  auto lock = table.LockForJob(/*wait=*/false);
  ASSERT_TRUE(lock.ok());
  const auto second = table.LockForJob(/*wait=*/false);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(table.WritePartition(Day(1), Small(0, 1)).ok()) << "the job itself writes";
  EXPECT_TRUE(table.DropPartition(Day(1)).ok());
  EXPECT_FALSE(table.Exists());
}

TEST_F(TableTest, SameRowsSameBytes) {
  const Table a = Find("data.a");
  const Table b = Find("data.b");
  ASSERT_TRUE(a.WritePartition(Day(1), Small(0, 5000)).ok());
  ASSERT_TRUE(b.WritePartition(Day(1), Small(0, 5000)).ok());
  EXPECT_EQ(Names(fs::path(a.directory()) / "ds=2026-11-01"),
            Names(fs::path(b.directory()) / "ds=2026-11-01"));
}

TEST_F(TableTest, ReadQueryIsWhatProjectionDoes) {
  const Table table = Find("data.events");
  const Schema schema{{{"user", Kind::kString},
                       {"amount", Kind::kLong},
                       {"time", Kind::kInt},
                       {"_topic_partition", Kind::kInt},
                       {"_offset", Kind::kLong}}};
  for (int day = 1; day <= 3; ++day) {
    BatchBuilder builder(schema);
    for (int i = 0; i < 500; ++i) {
      ASSERT_TRUE(builder
                      .AppendRow(std::vector<Value>{
                          i % 7 == 0 ? Value() : Value("user" + std::to_string(i % 13)), i,
                          day * 1000 + i, i % 4, day * 1000 + i})
                      .ok());
    }
    ASSERT_TRUE(table.WritePartition(Day(day), builder.Build()).ok());
  }
  conf::Query query;
  query.has_selects = true;
  const auto both = [](const char* text) { return Expression{text, text}; };
  query.selects = {
      {"u", both("upper(user)")}, {"half", both("amount / 2")}, {"amount", both("amount")}};
  query.wheres = {both("amount % 3 = 0"), both("user IS NOT NULL")};
  query.time_column = both("time");
  query.start_partition = "2026-11-02";
  ReadOptions options;
  options.range = PartitionRange{Day(1), Day(2)};
  options.with_source_order = true;
  const Batch read = table.ReadQuery(query, options).value();
  EXPECT_EQ(read.schema().ToString(),
            "u STRING, half DOUBLE, amount LONG, ts LONG, ds STRING, _topic_partition INT, "
            "_offset LONG");
  ScanRequest raw;
  raw.range = PartitionRange::Of(Day(2));
  raw.with_ds = true;
  const Batch rows = table.Read(raw).value();
  auto projection = sql::Projection::Bind(database_.get(), query, rows.schema(),
                                          {{"ds", "_topic_partition", "_offset"}})
                        .value();
  const Batch projected = projection.Apply(rows)->rows;
  ASSERT_EQ(projected.schema(), read.schema());
  ASSERT_EQ(projected.rows(), read.rows());
  for (size_t row = 0; row < read.rows(); ++row) ASSERT_EQ(projected.Row(row), read.Row(row));
  const auto order = SourceOrderOf(read);
  EXPECT_EQ(order[0], (uint64_t{3} << 48) | 2003);
  EXPECT_EQ(SourceOrderOf(Small(0, 3), 10), (std::vector<uint64_t>{10, 11, 12}));

  conf::Query everything;
  EXPECT_EQ(table.ReadQuery(everything, ReadOptions()).value().schema().ToString(),
            schema.ToString() + ", ds STRING");
  query.wheres = {both("missing > 1")};
  const auto unknown = table.ReadQuery(query, options);
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code, ErrorCode::kInvalidConf);
  EXPECT_THAT(unknown.error().message, HasSubstr("table data.events: where: no such column"));
}

TEST_F(TableTest, ScansAdmitExpressionsOnly) {
  const Table table = Find("data.t");
  ASSERT_TRUE(table.WritePartition(Day(1), Small(0, 3)).ok());
  for (const char* text : {"(SELECT count(*) FROM read_text('/etc/passwd'))", "1; DROP TABLE x",
                           "id FROM read_csv('/etc/passwd')", "sum(id)", "__catena_file"}) {
    ScanRequest request;
    request.expressions = {{"x", text}};
    EXPECT_EQ(table.Read(request).error().code, ErrorCode::kInvalidConf) << text;
    ScanRequest filtered;
    filtered.wheres = {text};
    EXPECT_EQ(table.Read(filtered).error().code, ErrorCode::kInvalidConf) << text;
  }
  ScanRequest overflow;
  overflow.expressions = {{"x", "id * 9223372036854775807"}};
  const auto failed = table.Read(overflow);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, ErrorCode::kInvalidData) << failed.error().message;
}

TEST_F(TableTest, VisitorsErrorEndsTheScan) {
  const Table table = Find("data.t");
  ASSERT_TRUE(table.WritePartition(Day(1), Small(0, 300000)).ok());
  int visits = 0;
  const Status status = table.Scan({}, [&](Batch) -> Status {
    ++visits;
    return NotFound("enough");
  });
  EXPECT_EQ(status.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(visits, 1);
}

}  // namespace
}  // namespace catena::table

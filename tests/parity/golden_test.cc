// SPDX-License-Identifier: Apache-2.0
// Every golden case through every path that it has, compared with what the real Chronon answered:
// every column, every row.
//
//   Tables    backfilled
//   Streamed  what has a time axis: its events through a topic into tiles and raw rows, its
//             snapshots uploaded; each row of the answer is fetched as of its time
//   Uploads   what was uploaded answers, until two days later, as what Chronon uploaded does
//
// None waits: a case that one path cannot take is named in kNotStreamed, with the reason.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string_view>

#include "../scenario_run.h"
#include "catena/batch/runner.h"
#include "catena/conf/output_names.h"
#include "golden_case.h"
#include "golden_mutations.h"
#include "golden_scenario.h"
#include "golden_upload.h"

namespace catena::parity {
namespace {

namespace fs = std::filesystem;
using types::Value;

struct NotStreamed {
  std::string_view name;
  std::string_view why;
};
// Entities and group-by backfills have no times to fetch at, and these cannot be streamed.
constexpr std::array kNotStreamed = {
    NotStreamed{"t12_nan_inf", "a JSON record holds neither NaN nor infinities"},
};

// Within the two days for which an upload keeps its tail: at its end, within an hour's window, on
// a hop and beside one, and at the last instant.
constexpr std::array kAskedAfterUpload = {Millis{0}, Millis{1'799'999}, Millis{5'400'000},
                                          Millis{86'400'000}, Millis{2 * 86'400'000 - 1}};

bool IsUpload(const std::string& name) { return name.starts_with("u"); }

std::vector<std::string> UploadedCases() {
  std::vector<std::string> names = GoldenNames();
  std::erase_if(names, [](const std::string& name) { return !IsUpload(name); });
  return names;
}

std::vector<std::string> BackfilledCases() {
  std::vector<std::string> names = GoldenNames();
  std::erase_if(names, IsUpload);
  return names;
}

std::vector<std::string> StreamedCases() {
  std::vector<std::string> names = BackfilledCases();
  std::erase_if(names, [](const std::string& name) {
    const bool has_times = name[0] == 'c' || name[0] == 's' || name[0] == 't';
    return !has_times || std::ranges::count(kNotStreamed, name, &NotStreamed::name) > 0;
  });
  return names;
}

// A case in a warehouse of its own.
class TablesRun {
 public:
  explicit TablesRun(const std::string& name) : golden_(name), name_(name) {
    std::string pattern = (fs::temp_directory_path() / "golden-XXXXXX").string();
    root_ = mkdtemp(pattern.data());
  }
  ~TablesRun() {
    warehouse_.reset();
    database_.reset();
    fs::remove_all(root_);
  }

  // What differs or fails; "" when the case passes.
  std::string Run() {
    if (const Status loaded = Load(); !loaded.ok()) return loaded.error().message;
    if (golden_.Has("precompute")) {
      const auto report = Backfill(golden_.Property("precompute"));
      if (!report.ok()) return report.error().message;
    }
    const auto table = Backfill(golden_.Property("mode") == "join" ? "join.json" : "group_by.json");
    if (!table.ok()) return table.error().message;
    std::string problem = Compare("expected.parquet", *table);
    if (problem.empty() && golden_.Has("alsoTable")) {
      problem = Compare("expected_parent.parquet", golden_.Property("alsoTable"));
    }
    if (problem.empty() && name_ == kMutationsCase) problem = CompareWithTwin(*table);
    return problem;
  }

  // Our upload against theirs, key by key and time by time.
  std::string RunUpload() {
    if (const Status loaded = Load(); !loaded.ok()) return loaded.error().message;
    const auto conf = conf::ParseConf(golden_.Conf("group_by.json"), "group_by.json");
    if (!conf.ok()) return conf.error().message;
    const auto store = *kv::OpenKVStore("memory:", kv::OpenMode::kOwn);
    const auto report = batch::UploadGroupBy(Context(), *conf, golden_.end(), store.get());
    if (!report.ok()) return report.error().message;
    fetch::Fetcher fetcher(store.get(), /*gated=*/true);
    fetcher.AddConf(*conf);
    const auto group_by = std::get<std::shared_ptr<const conf::GroupBy>>(conf->definition);
    const ChrononUpload chronon(golden_, group_by);
    for (const Millis later : kAskedAfterUpload) {
      const std::string problem =
          CompareUploads(chronon, &fetcher, group_by->metadata.name, golden_.end().End() + later);
      if (!problem.empty()) return problem;
    }
    return "";
  }

 private:
  Status Load() {
    CATENA_TRY(database_, sql::Database::Open({}));
    CATENA_TRY(auto warehouse, table::Warehouse::Create(root_, database_.get()));
    warehouse_ = std::make_unique<table::Warehouse>(std::move(warehouse));
    for (const std::string& input : golden_.InputTables()) {
      const fs::path file = golden_.folder() / "in" / (input + ".parquet");
      const std::string rows = " FROM read_parquet('" + file.string() + "')";
      CATENA_TRY(const auto days, database_->Query("SELECT DISTINCT ds" + rows));
      CATENA_TRY(const auto table, warehouse_->Find(golden_.Property("namespace") + "." + input));
      for (size_t row = 0; row < days.rows(); ++row) {
        const std::string day(days.column(0).Text(row));
        CATENA_TRY(const Date date, ParseDate(day));
        CATENA_RETURN_IF_ERROR(
            table.WritePartition(date, "SELECT *" + rows + " WHERE ds = '" + day + "'"));
      }
    }
    return Status();
  }

  // The table that was written.
  Result<std::string> Backfill(const std::string& conf_file) {
    CATENA_TRY(const conf::Conf conf, conf::ParseConf(golden_.Conf(conf_file), conf_file));
    CATENA_TRY(const auto report, batch::Backfill(Context(), conf, {std::nullopt, golden_.end()}));
    return conf::OutputTable(conf.metadata());
  }

  batch::BatchContext Context() const {
    return {database_.get(), warehouse_.get(), &SystemClock(), nullptr};
  }

  static std::string CompareUploads(const ChrononUpload& chronon, fetch::Fetcher* fetcher,
                                    const std::string& name, Timestamp time) {
    types::BatchBuilder builder(types::Schema{{{"key", types::Kind::kString}}}, 1);
    for (const std::string& key : chronon.keys()) builder.column(0)->AppendText(key);
    const types::Batch keys = builder.Build();
    const std::vector<Timestamp> as_of(keys.rows(), time);
    const auto answer = fetcher->FetchGroupBy(name, keys, as_of);
    if (!answer.ok()) return answer.error().message;
    for (size_t row = 0; row < keys.rows(); ++row) {
      const std::string key(keys.column(0).Text(row));
      const auto theirs = chronon.ValuesAt(key, time);
      const std::vector<Value> ours = answer->features.Row(row);
      if (ours.size() != theirs.size()) return "another number of features";
      for (size_t i = 0; i < ours.size(); ++i) {
        if (!theirs[i] || IsClose(ours[i], *theirs[i])) continue;
        return key + " at " + FormatTimestamp(time) + ", " +
               answer->features.schema().fields[i].name + ": " + PrintJson(ToJson(ours[i])) +
               " and not " + PrintJson(ToJson(*theirs[i]));
      }
    }
    return "";
  }

  // Doubles within 1e-9, which Chronon adds in another order.
  static bool IsClose(const Value& ours, const Value& theirs) {
    const auto* a = std::get_if<double>(&ours.data);
    const auto* b = std::get_if<double>(&theirs.data);
    if (a == nullptr || b == nullptr) return ours == theirs;
    return std::abs(*a - *b) <= 1e-9 * std::max(1.0, std::abs(*b));
  }

  std::string Compare(const std::string& file, const std::string& table_name) {
    Answers theirs = golden_.Expected(database_.get(), file);
    table::ScanRequest request;
    request.with_ds = true;
    auto table = warehouse_->Find(table_name)->Read(request);
    if (!table.ok()) return table.error().message;
    Answers ours = golden_.Sorted(*table);
    if (file == "expected_parent.parquet") KeepCommonDays(&theirs, &ours);
    if (NamesIn(ours) != NamesIn(theirs)) {
      return file + ": columns " + NamesIn(ours) + " and not " + NamesIn(theirs);
    }
    if (ours.rows.size() != theirs.rows.size()) {
      return file + ": " + std::to_string(ours.rows.size()) + " rows and not " +
             std::to_string(theirs.rows.size());
    }
    size_t differ = 0;
    std::string first;
    for (size_t row = 0; row < ours.rows.size(); ++row) {
      if (!golden_.Comparable(theirs, row)) continue;
      for (size_t c = 0; c < ours.schema.size(); ++c) {
        const Value& value = ours.rows[row][c];
        if (golden_.Agrees(theirs, row, c, value)) continue;
        if (name_ == kMutationsCase && IsWindowed(ours.schema.fields[c].name)) {
          ++stale_cells_;
          continue;
        }
        if (++differ > 1) continue;
        first = file + ": row " + std::to_string(row) + " " + ours.schema.fields[c].name + ": " +
                PrintJson(ToJson(value)) + " and not " + PrintJson(ToJson(theirs.rows[row][c]));
      }
    }
    return differ == 0 ? "" : first + " (" + std::to_string(differ) + " cells differ)";
  }

  static bool IsWindowed(const std::string& column) {
    return column.ends_with("_1h") || column.ends_with("_1d") || column.ends_with("_7d");
  }

  // Ours against kMutationsTwin, every column of it and every row.
  std::string CompareWithTwin(const std::string& table_name) {
    if (stale_cells_ > kStaleCells) return std::to_string(stale_cells_) + " cells are stale";
    std::string sql = kMutationsTwin;
    for (const std::string table : {"qs", "mutations", "snap"}) {
      const std::string file = (golden_.folder() / "in" / (table + ".parquet")).string();
      for (size_t at; (at = sql.find("$" + table)) != std::string::npos;) {
        sql.replace(at, table.size() + 1, "read_parquet('" + file + "')");
      }
    }
    const auto twin = database_->Query(sql);
    if (!twin.ok()) return twin.error().message;
    table::ScanRequest request;
    for (const types::Field& field : twin->schema().fields) request.columns.push_back(field.name);
    const auto actual = warehouse_->Find(table_name)->Read(request);
    if (!actual.ok()) return actual.error().message;
    const Answers theirs = golden_.Sorted(*twin);
    const Answers ours = golden_.Sorted(*actual);
    if (theirs.rows.size() != ours.rows.size()) return "the twin has another number of rows";
    for (size_t row = 0; row < theirs.rows.size(); ++row) {
      if (ours.rows[row] != theirs.rows[row]) {
        return "the twin has another answer in row " + std::to_string(row);
      }
    }
    return "";
  }

  static std::string NamesIn(const Answers& answers) {
    std::string names;
    for (const types::Field& field : answers.schema.fields) names += " " + field.name;
    return names;
  }

  // Of a parent, Chronon materialises other days than we do: more at the beginning, less at the
  // end.
  static void KeepCommonDays(Answers* theirs, Answers* ours) {
    const auto day_of = [](const Answers& answers, const std::vector<Value>& row) {
      return std::get<std::string>(row[answers.Column("ds")].data);
    };
    std::set<std::string> days[2];
    for (const auto& row : theirs->rows) days[0].insert(day_of(*theirs, row));
    for (const auto& row : ours->rows) days[1].insert(day_of(*ours, row));
    std::erase_if(theirs->rows,
                  [&](const auto& row) { return !days[1].contains(day_of(*theirs, row)); });
    std::erase_if(ours->rows,
                  [&](const auto& row) { return !days[0].contains(day_of(*ours, row)); });
  }

  GoldenCase golden_;
  std::string name_;
  size_t stale_cells_ = 0;
  std::string root_;
  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<table::Warehouse> warehouse_;
};

class Tables : public testing::TestWithParam<std::string> {};
class Streamed : public testing::TestWithParam<std::string> {};
class Uploads : public testing::TestWithParam<std::string> {};

TEST_P(Tables, AnswersAsChronon) { EXPECT_EQ(TablesRun(GetParam()).Run(), ""); }

TEST_P(Streamed, AnswersAsChronon) {
  const scenario::Scenario scenario = ScenarioOf(GoldenCase(GetParam()));
  scenario::ScenarioRun run(scenario, {});
  run.UploadSnapshots();
  run.AppendRecords(run.records());
  if (run.records() > 0) run.Stream();
  const scenario::Compared compared = run.Fetch();
  // Before the first daily upload there is nothing to look up, and the answer says so.
  EXPECT_EQ(compared.equal + compared.incomplete, scenario.queries.rows.size());
  EXPECT_GE(compared.equal, scenario.queries.rows.size() * 8 / 10);
  EXPECT_GT(compared.nonnull, 0u);
}

TEST_P(Uploads, AnswersAsChronon) { EXPECT_EQ(TablesRun(GetParam()).RunUpload(), ""); }

TEST(GoldenTest, IsWhole) {
  const std::vector<std::string> names = GoldenNames();
  EXPECT_EQ(names.size(), 44u);
  for (const NotStreamed& one : kNotStreamed) {
    EXPECT_TRUE(std::ranges::count(names, one.name)) << one.name << ", " << one.why;
  }
}

const auto kNameOf = [](const auto& info) { return info.param; };
INSTANTIATE_TEST_SUITE_P(Golden, Tables, testing::ValuesIn(BackfilledCases()), kNameOf);
INSTANTIATE_TEST_SUITE_P(Golden, Streamed, testing::ValuesIn(StreamedCases()), kNameOf);
INSTANTIATE_TEST_SUITE_P(Golden, Uploads, testing::ValuesIn(UploadedCases()), kNameOf);

}  // namespace
}  // namespace catena::parity

// SPDX-License-Identifier: Apache-2.0
// `catena eval`: a conf over a few rows of a file; unit tests of features.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>

#include "catena/base/yaml.h"
#include "catena/batch/preview/evaluation.h"
#include "catena/cli/commands.h"
#include "catena/cli/storage.h"
#include "catena/sql/quote.h"
#include "catena/table/file_format.h"

namespace catena::cli {
namespace {

namespace fs = std::filesystem;

struct EvalFlags {
  std::string conf;
  std::vector<std::string> rows;
  bool json = false;
};

// A folder that goes when this goes.
class TemporaryFolder {
 public:
  static Result<std::unique_ptr<TemporaryFolder>> Make() {
    std::string pattern = (fs::temp_directory_path() / "catena-eval-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) {
      return Unavailable("cannot make a temporary folder: " + pattern);
    }
    return std::unique_ptr<TemporaryFolder>(new TemporaryFolder(pattern));
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

struct Rows {
  batch::EvaluationInput input;
  std::vector<Json> expected;
  bool expects = false;
};

Status TakeList(const Json& json, const std::string& where, std::vector<Json>* rows) {
  if (!json.is_array()) return InvalidConf(where + ": is a list of rows");
  for (const Json& row : json) {
    if (!row.is_object()) return InvalidConf(where + ": a row is a mapping of columns to values");
    rows->push_back(row);
  }
  return Status();
}

Status ReadYamlRows(const std::string& file, Rows* rows) {
  CATENA_TRY(const std::string text, ReadTextOrStdin(file));
  CATENA_TRY(const Json json, ParseYaml(text, file));
  if (!json.is_object()) {
    return InvalidConf(file + ": is a mapping with tables:, queries: or expect: in it");
  }
  for (const auto& [key, value] : json.items()) {
    const std::string where = file + ": " + key;
    if (key == "queries") {
      CATENA_RETURN_IF_ERROR(TakeList(value, where, &rows->input.queries));
    } else if (key == "expect") {
      rows->expects = true;
      CATENA_RETURN_IF_ERROR(TakeList(value, where, &rows->expected));
    } else if (key == "tables" && value.is_object()) {
      for (const auto& [table, list] : value.items()) {
        CATENA_RETURN_IF_ERROR(TakeList(list.is_null() ? Json::array() : list, where + ": " + table,
                                        &rows->input.tables[table]));
      }
    } else {
      return InvalidConf(where + ": unknown key; there are tables (a mapping), queries, expect");
    }
  }
  return Status();
}

// payments.transactions.csv: rows of the table payments.transactions; of queries.csv: queries.
Status ReadCsvRows(const std::string& file, Rows* rows) {
  const std::string path = fs::absolute(file).lexically_normal().string();
  std::error_code code;
  if (!fs::is_regular_file(path, code)) return InvalidConf("no such file: " + file);
  sql::DatabaseOptions options;
  options.threads = 1;
  options.allowed_directories = {fs::path(path).parent_path().string()};
  CATENA_TRY(const auto database, sql::Database::Open(options));
  const auto batch = table::ReadFileRows(database.get(), path);
  if (!batch.ok()) {
    // As of YAML: 1 is for answers that are not the expected ones.
    const bool malformed = batch.error().code == ErrorCode::kInvalidData;
    return malformed ? InvalidConf(batch.error().message) : batch.error();
  }
  const std::string table = fs::path(path).stem().string();
  std::vector<Json>& list = table == "queries" ? rows->input.queries : rows->input.tables[table];
  for (size_t row = 0; row < batch->rows(); ++row) {
    Json& object = list.emplace_back(Json::object());
    for (size_t i = 0; i < batch->width(); ++i) {
      object[batch->schema().fields[i].name] = types::ToJson(batch->column(i).ValueAt(row));
    }
  }
  return Status();
}

std::string Cell(const Json& value) {
  if (value.is_null()) return "";
  const std::string text = value.is_string() ? value.get<std::string>() : PrintJson(value);
  return text.find_first_of(",\"\n\r") == std::string::npos ? text : sql::QuoteName(text);
}

void Print(const types::Batch& rows, bool json) {
  std::string line;
  for (const types::Field& field : rows.schema().fields) {
    line += (line.empty() ? "" : ",") + Cell(field.name);
  }
  if (!json) fmt::print("{}\n", line);
  for (size_t row = 0; row < rows.rows(); ++row) {
    Json object = Json::object();
    line.clear();
    for (size_t i = 0; i < rows.width(); ++i) {
      const Json value = types::ToJson(rows.column(i).ValueAt(row));
      line += (i == 0 ? "" : ",") + Cell(value);
      object[rows.schema().fields[i].name] = value;
    }
    fmt::print("{}\n", json ? PrintJson(object) : line);
  }
}

Result<int> Eval(const EvalFlags& given, const CommonFlags& common) {
  CATENA_TRY(const Settings settings, common.Load());
  CATENA_TRY(const conf::Conf conf, OpenConf(settings, given.conf));
  Rows rows;
  for (const std::string& file : given.rows) {
    CATENA_RETURN_IF_ERROR(file.ends_with(".csv") ? ReadCsvRows(file, &rows)
                                                  : ReadYamlRows(file, &rows));
  }
  CATENA_TRY(const auto folder, TemporaryFolder::Make());
  sql::DatabaseOptions options;
  options.threads = 1;
  options.allowed_directories = {folder->path()};
  CATENA_TRY(const auto database, sql::Database::Open(options));
  CATENA_TRY(const auto warehouse, table::Warehouse::Create(folder->path(), database.get()));
  setenv("CATENA_LOG", "warn", 0);  // What a backfill logs is no answer to a test.
  const batch::BatchContext context{database.get(), &warehouse, &SystemClock(), nullptr};
  CATENA_TRY(const types::Batch answer, batch::Evaluate(context, conf, rows.input));
  Print(answer, given.json);
  if (!rows.expects) return 0;
  const std::vector<std::string> differences = batch::CompareRows(answer, rows.expected);
  for (const std::string& difference : differences) fmt::print(stderr, "{}\n", difference);
  return differences.empty() ? 0 : 1;
}

}  // namespace

Command EvalCommand() {
  return {
      "eval",
      "Define",
      "Compute a conf over a few rows of a file: unit-test a feature, a chain too.",
      "The file is YAML (or JSON) with `tables:`, lists of rows by table. A day is a row's ds, "
      "else that of its ts (of a mutation, its mutation_ts; rows of snapshots need a ds); times "
      "may be written 2026-11-20 12:00:05. A Join answers a row a left row. A GroupBy answers a "
      "row for each of `queries:` (keys and ts), or its values at the ends of the days. With "
      "`expect:`, rows in order, each column that they name is compared; a difference is told and "
      "the exit code is 1 (of rows that cannot be read, 2). A file NS.TABLE.csv is rows of that "
      "table, queries.csv are queries. No table of the warehouse is read or written.",
      "  catena eval production/group_bys/fraud/user_risk.v1 --rows user_risk_test.yaml\n"
      "  catena eval joins/fraud/final.v1 --rows payments.transactions.csv --rows "
      "risk.scores.csv\n"
      "  echo '{tables: {data.clicks: [{user: a, n: 2, ts: 2026-11-20 12:00}]}, queries: "
      "[{user: a, ts: 2026-11-20 12:30}], expect: [{n_sum_1h: 2}]}' | catena eval clicks.v1 "
      "--rows -\n",
      [](Flags* flags, const CommonFlags* common) -> Run {
        auto given = std::make_shared<EvalFlags>();
        flags->Text("CONF,--conf-path", &given->conf,
                    "Compiled conf: a path, or one below <repo>/production.", Need::kRequired);
        flags->Texts("--rows FILE", &given->rows,
                     "YAML, JSON or CSV with rows; - is YAML from standard input.",
                     Need::kRequired);
        flags->Switch("--json", &given->json, "Print a JSON object a line instead of CSV.");
        return [given, common] { return Eval(*given, *common); };
      }};
}

}  // namespace catena::cli

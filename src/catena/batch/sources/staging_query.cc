// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/sources/staging_query.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "catena/batch/partition_output.h"
#include "catena/batch/table_meanings.h"
#include "catena/conf/output_names.h"
#include "catena/plan/staging_plan.h"
#include "catena/sql/query_guard.h"
#include "catena/sql/query_template.h"
#include "catena/sql/quote.h"

namespace catena::batch {
namespace {

// Where the answer of one run of days lies until it is written.
constexpr char kAnswer[] = "\"__staging_query\"";

Status RequireSupported(const conf::StagingQuery& staging_query) {
  const std::string where = "staging_query " + staging_query.metadata.name;
  if (!staging_query.setups.empty()) {
    return Unsupported(where +
                       ".setups: they run in Spark only; write the query without functions that "
                       "they define");
  }
  if (staging_query.create_view) {
    return Unsupported(where +
                       ".createView: there is no catalog that could hold a view; leave it out, and "
                       "the rows are computed day by day");
  }
  if (!staging_query.duckdb.empty()) return Status();
  return InvalidConf(where +
                     ".query: it was never translated; run `catena compile`, or `catena "
                     "compile --from DIR` on confs that Chronon compiled");
}

Status CreateViews(const BatchContext& context, const std::vector<std::string>& tables) {
  for (const std::string& name : tables) {
    CATENA_TRY(const table::Table table, context.warehouse->Find(name));
    CATENA_TRY(const std::string rows, table.SelectSql());
    const size_t dot = name.find('.');
    const std::string schema = sql::QuoteName(name.substr(0, dot));
    const std::string view = schema + "." + sql::QuoteName(name.substr(dot + 1));
    CATENA_RETURN_IF_ERROR(context.database->Execute("CREATE SCHEMA IF NOT EXISTS " + schema));
    CATENA_RETURN_IF_ERROR(
        context.database->Execute("CREATE OR REPLACE VIEW " + view + " AS SELECT * FROM " + rows));
  }
  return Status();
}

// The answer's columns without `ds`. DuckDB sums integers into a type of its own, and would give
// the second column of a name another one, where Spark refuses it.
Result<std::string> ColumnsOf(sql::Database* database, const std::string& query) {
  CATENA_TRY(const types::Batch found,
             database->Query("SELECT column_name, column_type, lower(column_name) FROM (DESCRIBE " +
                             query + "\n)"));
  std::string columns;
  std::string names;
  std::set<std::string_view> lower_names;
  bool has_ds = false;
  for (size_t row = 0; row < found.rows(); ++row) {
    const std::string name(found.column(0).Text(row));
    if (!lower_names.insert(found.column(2).Text(row)).second) {
      return InvalidConf("the query gives two columns one name (of any case); rename one: " + name);
    }
    names += (names.empty() ? "" : ", ") + name;
    if (name == "ds") {
      has_ds = true;
      continue;
    }
    const std::string quoted = sql::QuoteName(name);
    const bool sum = found.column(1).Text(row) == "HUGEINT";
    columns += (columns.empty() ? "" : ", ") +
               (sum ? "CAST(" + quoted + " AS BIGINT) AS " + quoted : quoted);
  }
  if (!has_ds) {
    return InvalidConf("the query must give the partition of its rows as the column ds; it gives " +
                       names);
  }
  if (columns.empty()) return InvalidConf("the query gives no column besides ds");
  return columns;
}

// Days that have rows, each inside `range`.
Result<std::vector<Date>> DaysOf(sql::Database* database, const table::PartitionRange& range) {
  CATENA_TRY(const types::Batch found,
             database->Query(std::string("SELECT DISTINCT CAST(ds AS VARCHAR) AS ds FROM ") +
                             kAnswer + " ORDER BY ds NULLS FIRST"));
  std::vector<Date> days;
  for (size_t row = 0; row < found.rows(); ++row) {
    if (found.column(0).IsNull(row)) return InvalidData("a row has no ds");
    const std::string text(found.column(0).Text(row));
    const auto day = ParseDate(text);
    if (!day.ok()) return InvalidData("ds must be a date like 2026-03-10: " + text);
    if (!range.Contains(*day)) {
      return InvalidData(
          "the query gives rows of days that it was not asked for; filter with "
          "ds BETWEEN '{{ start_date }}' AND '{{ end_date }}': " +
          text);
    }
    days.push_back(*day);
  }
  return days;
}

Status RunStep(const BatchContext& context, const conf::StagingQuery& staging_query,
               const plan::Step& step, int32_t step_days, StepReport* report) {
  sql::Database* database = context.database;
  CATENA_RETURN_IF_ERROR(CreateViews(context, staging_query.tables));
  CATENA_TRY(PartitionOutput output,
             PartitionOutput::Open(context, step, staging_query.metadata, report));
  std::vector<Date> days;
  for (const plan::PlannedDay& planned : step.compute) days.push_back(planned.day);
  std::vector<Date> holes;
  for (const table::PartitionRange& range : table::ToRanges(days, step_days)) {
    const sql::TemplateDates dates{
        range.first, range.last, step.through, [&](const std::string& name) -> Result<Date> {
          CATENA_TRY(const table::Table table, context.warehouse->Find(name));
          CATENA_TRY(const std::vector<Date> found, table.Partitions());
          if (found.empty()) return NotFound("max_date of a table without partitions: " + name);
          return found.back();
        }};
    CATENA_TRY(const std::string query, sql::FillTemplate(staging_query.duckdb, dates));
    CATENA_RETURN_IF_ERROR(sql::GuardQuery(database, query, staging_query.tables));
    CATENA_TRY(const std::string columns, ColumnsOf(database, query));
    CATENA_RETURN_IF_ERROR(
        database->Execute(std::string("CREATE OR REPLACE TABLE ") + kAnswer + " AS " + query));
    CATENA_TRY(const std::vector<Date> given, DaysOf(database, range));
    for (const Date day : range) {
      if (!std::binary_search(given.begin(), given.end(), day)) {
        holes.push_back(day);
        CATENA_RETURN_IF_ERROR(output.Drop(day));
        continue;
      }
      CATENA_TRY(const types::Batch rows,
                 database->Query("SELECT " + columns + " FROM " + kAnswer +
                                 " WHERE CAST(ds AS VARCHAR) = '" + FormatDate(day) + "'"));
      CATENA_RETURN_IF_ERROR(output.Write(day, rows, ""));
    }
    CATENA_RETURN_IF_ERROR(database->Execute(std::string("DROP TABLE ") + kAnswer));
  }
  if (!holes.empty()) {
    report->notes.push_back("the query gave no rows of these days, which stay holes: " +
                            plan::PrintDays(holes));
  }
  return Status();
}

}  // namespace

Result<plan::BackfillPlan> PlanStagingQuery(const BatchContext& context,
                                            const conf::StagingQuery& staging_query,
                                            const plan::DaysAsked& asked) {
  std::vector<std::string> tables = staging_query.tables;
  tables.push_back(conf::OutputTable(staging_query.metadata));
  CATENA_TRY(const plan::Inventory inventory, ReadInventory(context, tables));
  return plan::PlanStagingQuery(staging_query, asked, inventory);
}

Status RunStagingQuery(const BatchContext& context, const conf::StagingQuery& staging_query,
                       const plan::DaysAsked& asked, int32_t step_days, RunReport* report) {
  CATENA_RETURN_IF_ERROR(RequireSupported(staging_query));
  CATENA_TRY(const table::Table table,
             context.warehouse->Find(conf::OutputTable(staging_query.metadata)));
  CATENA_TRY(const FileLock lock, table.LockForJob(/*wait=*/false));
  CATENA_RETURN_IF_ERROR(RemoveHalfWrittenMarks(table));
  CATENA_TRY(const plan::BackfillPlan plan, PlanStagingQuery(context, staging_query, asked));
  CATENA_RETURN_IF_ERROR(Adopt(context, plan.adopted));
  const plan::Step& step = plan.steps.front();
  if (context.progress != nullptr) {
    context.progress->OnPlan(plan);
    context.progress->OnStep(step, 0, 1);
  }
  const auto start = std::chrono::steady_clock::now();
  StepReport done = BeginReport(step);
  done.notes.insert(done.notes.end(), step.notes.begin(), step.notes.end());
  const Status status =
      step.compute.empty() ? Status() : RunStep(context, staging_query, step, step_days, &done);
  done.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  report->seconds += done.seconds;
  report->steps.push_back(std::move(done));
  return status.WithContext(step.name);
}

}  // namespace catena::batch

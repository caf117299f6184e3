// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/join_backfill.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "catena/batch/join/bootstrap.h"
#include "catena/batch/join/derived_columns.h"
#include "catena/batch/join/skew_keys.h"
#include "catena/batch/join_part.h"
#include "catena/batch/partition_facts.h"
#include "catena/batch/partition_output.h"
#include "catena/fetch/external_columns.h"

namespace catena::batch {
namespace {

// Keys that parts use, ts, the rest as selected; then what parts add.
std::vector<std::string> LeftColumns(const conf::Join& join, const types::Schema& left) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (left.Find(name) && std::find(names.begin(), names.end(), name) == names.end()) {
      names.push_back(name);
    }
  };
  for (const conf::JoinPart& part : join.join_parts) {
    for (const std::string& key : conf::LeftKeys(part)) add(key);
  }
  add("ts");
  for (const types::Field& field : left.fields) {
    if (field.name != kTopicPartitionColumn && field.name != kOffsetColumn) add(field.name);
  }
  return names;
}

Status RequireDistinct(const types::Schema& schema, const std::string& join) {
  std::set<std::string> names;
  for (const types::Field& field : schema.fields) {
    if (field.name != "ds" && names.insert(field.name).second) continue;
    return InvalidConf(
        "two output columns have one name, or one is named ds; rename it in the "
        "selects or give the join part a prefix: " +
        join + ": " + field.name);
  }
  return Status();
}

Result<types::Batch> Enrich(const BatchContext& context, const plan::Step& step,
                            const LeftRows& left) {
  const conf::Join& join = *step.join;
  const types::Batch& rows = left.source.rows;
  types::Batch output = rows.Select(LeftColumns(join, rows.schema()));
  const size_t first_part = output.width();
  for (const conf::JoinPart& part : join.join_parts) {
    CATENA_TRY(const types::Batch columns, JoinPartColumns(context, part, left, step.through));
    for (size_t i = 0; i < columns.width(); ++i) {
      output.AddColumn(columns.schema().fields[i].name, columns.shared(i));
    }
  }
  for (const conf::ExternalPart& part : join.externals) {
    CATENA_TRY(const types::Batch columns, fetch::ExternalColumns(part, rows, rows.rows()));
    for (size_t i = 0; i < columns.width(); ++i) {
      const std::string& name = columns.schema().fields[i].name;
      // Two services may want the same key.
      if (!output.schema().Find(name)) output.AddColumn(name, columns.shared(i));
    }
  }
  CATENA_RETURN_IF_ERROR(RequireDistinct(output.schema(), join.metadata.name));
  CATENA_TRY(const Bootstraps bootstraps, Bootstraps::Read(context, join, left));
  CATENA_TRY(output, bootstraps.IntoParts(output, first_part));
  CATENA_TRY(output, DeriveJoin(context, join, output, first_part, left.source.days));
  CATENA_TRY(output, bootstraps.IntoDerived(output, first_part));
  for (const char* name : {kTopicPartitionColumn, kOffsetColumn}) {
    if (const auto at = rows.schema().Find(name)) output.AddColumn(name, rows.shared(*at));
  }
  CATENA_RETURN_IF_ERROR(RequireDistinct(output.schema(), join.metadata.name));
  return output;
}

// Left rows come by day, so each day is one run of them.
Status WriteDays(const BatchContext& context, const table::PartitionRange& days,
                 const std::map<Date, PartitionFacts>& left, const std::vector<Date>& day_of_row,
                 const types::Batch& rows, PartitionOutput* output) {
  std::vector<uint32_t> taken;
  uint64_t done = 0;
  for (const Date day : days) {
    const auto [first, last] = std::equal_range(day_of_row.begin(), day_of_row.end(), day);
    taken.resize(static_cast<size_t>(last - first));
    std::iota(taken.begin(), taken.end(), static_cast<uint32_t>(first - day_of_row.begin()));
    const bool all = taken.size() == rows.rows();
    const auto print = left.find(day);
    CATENA_RETURN_IF_ERROR(output->Write(day, all ? rows : rows.Take(taken),
                                         print == left.end() ? "" : print->second.print));
    done += taken.size();
    if (context.progress != nullptr) context.progress->OnRows(done, rows.rows());
  }
  return Status();
}

}  // namespace

Result<StepReport> RunJoinStep(const BatchContext& context, const plan::Step& step) {
  StepReport report = BeginReport(step);
  if (step.compute.empty()) return report;
  CATENA_TRY(PartitionOutput output, PartitionOutput::Open(context, step, &report));
  // Runs of missing days are read and swept one after another: reused days in between cost nothing.
  uint64_t skewed = 0;
  std::vector<Date> days;
  for (const plan::PlannedDay& planned : step.compute) days.push_back(planned.day);
  CATENA_TRY(const table::Table left_table,
             context.warehouse->Find(conf::TableOf(step.join->left)));
  for (const table::PartitionRange& range : table::ToRanges(days)) {
    // Before the rows: a partition that is replaced in between looks changed to the next run.
    CATENA_TRY(const auto left_facts, FactsOf(left_table, range));
    CATENA_TRY(LeftRows left, ReadLeft(context, *step.join, range));
    report.rows_read += left.source.rows.rows();
    skewed += DropSkewedRows(*step.join, &left);
    if (context.progress != nullptr) {
      context.progress->OnRows(0, left.source.rows.rows());
    }
    CATENA_TRY(const types::Batch rows, Enrich(context, step, left));
    CATENA_RETURN_IF_ERROR(WriteDays(context, range, left_facts, left.source.days, rows, &output));
  }
  if (skewed > 0) {
    report.notes.push_back("left rows of skew keys that were left out: " + std::to_string(skewed));
  }
  return report;
}

}  // namespace catena::batch

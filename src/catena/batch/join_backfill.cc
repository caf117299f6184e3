// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/join_backfill.h"

#include <algorithm>
#include <set>

#include "catena/batch/join/bootstrap.h"
#include "catena/batch/join/derived_columns.h"
#include "catena/batch/join/skew_keys.h"
#include "catena/batch/join_part.h"
#include "catena/batch/partition_facts.h"
#include "catena/batch/partition_output.h"
#include "catena/batch/rows/memory_plan.h"
#include "catena/batch/sorted_events.h"
#include "catena/fetch/external_columns.h"
#include "catena/plan/left_print.h"

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

Status RequireRowIds(const conf::Join& join, const types::Schema& left) {
  for (const std::string& name : join.row_ids) {
    if (name == "ds" || left.Find(name)) continue;
    return InvalidConf("rowIds names a column that the left side does not give; select it there: " +
                       name + " (the left side gives " + left.ToString() + ")");
  }
  return Status();
}

// What is added to left rows; of all days, so that each right side is read once.
struct Additions {
  std::vector<ScatteredColumns> parts;
  Bootstraps bootstraps;
};

Result<Additions> ReadAdditions(const BatchContext& context, const conf::Join& join, Date through,
                                std::span<const LeftRows> left) {
  CATENA_RETURN_IF_ERROR(RequireRowIds(join, left.front().source.rows.schema()));
  Additions additions;
  LeftKeyIds ids(left);
  for (const conf::JoinPart& part : join.join_parts) {
    CATENA_TRY(ScatteredColumns answers, AnswerPart(context, part, left, through, &ids));
    additions.parts.push_back(std::move(answers));
  }
  CATENA_TRY(additions.bootstraps, Bootstraps::Read(context, join, left));
  return additions;
}

// One day, whose rows begin at row `first` of all left rows.
Result<types::Batch> Enrich(const BatchContext& context, const conf::Join& join,
                            const Additions& additions, const LeftRows& left, size_t first) {
  const types::Batch& rows = left.source.rows;
  types::Batch output = rows.Select(LeftColumns(join, rows.schema()));
  const size_t first_part = output.width();
  std::vector<size_t> part_begins = {first_part};
  for (size_t p = 0; p < join.join_parts.size(); ++p) {
    CATENA_TRY(const types::Batch columns,
               JoinPartColumns(context, join.join_parts[p], additions.parts[p], left, first));
    for (size_t i = 0; i < columns.width(); ++i) {
      output.AddColumn(columns.schema().fields[i].name, columns.shared(i));
    }
    part_begins.push_back(output.width());
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
  CATENA_TRY(output, additions.bootstraps.IntoParts(output, part_begins, first));
  CATENA_TRY(output, DeriveJoin(context, join, output, first_part, left.source.days));
  CATENA_TRY(output, additions.bootstraps.IntoDerived(output, first_part, first));
  for (const char* name : {kTopicPartitionColumn, kOffsetColumn}) {
    if (const auto at = rows.schema().Find(name)) output.AddColumn(name, rows.shared(*at));
  }
  CATENA_RETURN_IF_ERROR(RequireDistinct(output.schema(), join.metadata.name));
  return output;
}

std::vector<PartitionOutput::DayRows> DaysOfRows(const table::PartitionRange& days,
                                                 const std::map<Date, std::string>& left_prints,
                                                 std::span<const LeftRows> left) {
  std::vector<PartitionOutput::DayRows> runs;
  size_t begin = 0;
  for (const Date day : days) {
    const size_t end = begin + left[runs.size()].size();
    runs.push_back({day, begin, end, left_prints.at(day)});
    begin = end;
  }
  return runs;
}

// Of days whose left is a Join the step knows it.
Result<std::map<Date, std::string>> LeftPrints(const BatchContext& context, const conf::Join& join,
                                               const table::PartitionRange& range) {
  std::map<Date, std::string> prints;
  if (std::holds_alternative<conf::JoinSource>(join.left)) {
    for (const Date day : range) prints[day] = "";
    return prints;
  }
  std::set<std::string> names = {conf::TableOf(join.left)};
  for (const conf::BootstrapPart& part : join.bootstraps) names.insert(part.table);
  std::map<std::string, std::map<Date, PartitionFacts>> facts;
  for (const std::string& name : names) {
    CATENA_TRY(const table::Table table, context.warehouse->Find(name));
    CATENA_TRY(facts[name], FactsOf(table, range));
  }
  for (const Date day : range) {
    prints[day] = plan::LeftPrint(join, [&](const std::string& name) {
      const auto at = facts[name].find(day);
      return at == facts[name].end() ? std::string() : at->second.print;
    });
  }
  return prints;
}

// Runs of days, as long as memory allows.
Result<std::vector<table::PartitionRange>> RangesOf(const BatchContext& context,
                                                    const conf::Join& join,
                                                    const std::vector<Date>& days) {
  const SourceRequest left{{days.front(), days.back()}, {}};
  CATENA_TRY(const auto kept, KeptDays(context, join.left, left));
  uint64_t row_bytes = 0;  // Kept rows have their room already.
  if (!kept) {
    CATENA_TRY(row_bytes, BytesOfRow(context, join.left, left));
  }
  for (const conf::JoinPart& part : join.join_parts) {
    CATENA_TRY(const uint64_t added, BytesOfPart(context, part));
    row_bytes += added;
  }
  std::vector<table::PartitionRange> ranges;
  for (const table::PartitionRange& range : table::ToRanges(days)) {
    CATENA_TRY(const auto parts, DaysAtATime(context, join.left, range, row_bytes));
    ranges.insert(ranges.end(), parts.begin(), parts.end());
  }
  return ranges;
}

}  // namespace

Status BindJoin(const BatchContext& context, const conf::Join& join) {
  BatchContext quiet = context;
  quiet.progress = nullptr;
  quiet.kept = nullptr;
  quiet.times = nullptr;
  const Date day;
  std::vector<LeftRows> left(1);
  SourceRows& rows = left.front().source;
  CATENA_TRY(const types::Schema schema,
             SchemaOfSource(quiet, join.left, {{day, day - 1}, {}, true}));
  rows.rows = types::BatchBuilder(schema).Build();
  CATENA_TRY(const Additions additions, ReadAdditions(quiet, join, day, left));
  return Enrich(quiet, join, additions, left.front(), 0).status();
}

Result<StepReport> RunJoinStep(const BatchContext& context, const plan::Step& step) {
  StepReport report = BeginReport(step);
  if (step.compute.empty()) return report;
  CATENA_TRY(PartitionOutput output,
             PartitionOutput::Open(context, step, step.join->metadata, &report));
  // Runs of missing days are read and swept one after another: reused days in between cost nothing.
  uint64_t skewed = 0;
  std::vector<Date> days;
  for (const plan::PlannedDay& planned : step.compute) days.push_back(planned.day);
  CATENA_TRY(const auto ranges, RangesOf(context, *step.join, days));
  // Each asks rows of other days, which the next step would not find.
  if (ranges.size() > 1 && context.kept != nullptr) context.kept->events()->BeginStep({}, {});
  for (const table::PartitionRange& range : ranges) {
    // Before the rows: a partition that is replaced in between looks changed to the next run.
    CATENA_TRY(const auto left_prints, LeftPrints(context, *step.join, range));
    CATENA_TRY(std::vector<LeftRows> left, ReadLeft(context, *step.join, range));
    for (LeftRows& day : left) {
      report.rows_read += day.size();
      skewed += DropSkewedRows(*step.join, &day);
    }
    const auto days_of_rows = DaysOfRows(range, left_prints, left);
    if (context.progress != nullptr) context.progress->OnRows(0, days_of_rows.back().end);
    CATENA_TRY(const Additions additions, ReadAdditions(context, *step.join, step.through, left));
    CATENA_RETURN_IF_ERROR(
        output.WriteDays(context, days_of_rows, [&](const PartitionOutput::DayRows& day) {
          const auto at = static_cast<size_t>(day.day.days - range.first.days);
          return Enrich(context, *step.join, additions, left[at], day.begin);
        }));
  }
  if (skewed > 0) {
    report.notes.push_back("left rows of skew keys that were left out: " + std::to_string(skewed));
  }
  return report;
}

}  // namespace catena::batch

// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/join/label_join.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "catena/batch/partition_facts.h"
#include "catena/batch/partition_output.h"
#include "catena/batch/rows/key_reader.h"
#include "catena/batch/runner.h"
#include "catena/batch/table_meanings.h"
#include "catena/conf/output_names.h"
#include "catena/conf/semantic_hash.h"

namespace catena::batch {
namespace {

Status CheckLabel(const conf::GroupBy& label, const conf::LabelPart& part) {
  const bool entities = IsOfEntities(label.sources.front());
  if (label.aggregations.empty() != entities) {
    return Unsupported(entities ? "a label of entities has no aggregations"
                                : "a label of events has an aggregation");
  }
  const Millis whole = kDay * part.left_start_offset;
  for (const conf::Aggregation& aggregation : label.aggregations) {
    if (part.left_start_offset == part.left_end_offset && aggregation.windows.size() == 1 &&
        aggregation.windows[0].Length() == whole) {
      continue;
    }
    return InvalidConf(
        "a label is aggregated over one window, and both offsets of the labelPart are its days; "
        "else events from before a row would be its label: " +
        aggregation.input_column + ", offsets " + std::to_string(part.left_start_offset) + " and " +
        std::to_string(part.left_end_offset));
  }
  return Status();
}

Status CheckLabels(const conf::Conf& conf) {
  const conf::Join* join = conf.join();
  if (join == nullptr || !join->label_part) {
    return InvalidConf("this conf is no Join with a labelPart: " + conf.metadata().name);
  }
  if (IsOfEntities(join->left)) {
    return Unsupported("labels are joined to events; the left side is of entities: " +
                       join->metadata.name);
  }
  for (const conf::JoinPart& label : join->label_part->labels) {
    CATENA_RETURN_IF_ERROR(CheckLabel(*label.group_by, *join->label_part)
                               .WithContext("label " + label.group_by->metadata.name));
  }
  return Status();
}

// The label's GroupBy, writing a table of the Join's.
conf::Conf ConfOfLabel(const conf::Conf& conf, const conf::JoinPart& label) {
  auto group_by = std::make_shared<conf::GroupBy>(*label.group_by);
  const std::string prefix = label.prefix.empty() ? "" : label.prefix + ".";
  group_by->metadata.name = conf.metadata().name + "." + prefix + label.group_by->metadata.name;
  group_by->metadata.output_namespace = conf.metadata().output_namespace;
  conf::Conf of_label = conf;
  of_label.definition = std::shared_ptr<const conf::GroupBy>(std::move(group_by));
  return of_label;
}

// What runs before the labels are joined: the Join, then each label.
struct Preparation {
  conf::Conf conf;
  plan::DaysAsked asked;
};

// Rows from before the left side's first day there are none.
Result<table::PartitionRange> LeftDays(const BatchContext& context, const conf::Conf& conf,
                                       Date label_ds) {
  const conf::Join& join = *conf.join();
  table::PartitionRange days{label_ds - (join.label_part->left_start_offset - 1),
                             label_ds - (join.label_part->left_end_offset - 1)};
  CATENA_TRY(const auto tables, plan::TablesOf(conf));
  CATENA_TRY(const plan::Inventory inventory, ReadInventory(context, tables));
  const std::vector<Date> present = plan::DaysOf(join.left, inventory);
  if (!present.empty()) days.first = std::max(days.first, present.front());
  if (!present.empty() && !days.empty()) return days;
  return NotFound("the left side has no rows of the days that labels of " + FormatDate(label_ds) +
                  " are for, until " + FormatDate(days.last) + ": " + conf::TableOf(join.left));
}

std::vector<Preparation> Preparations(const conf::Conf& conf, const plan::DaysAsked& asked,
                                      const table::PartitionRange& left_days) {
  std::vector<Preparation> all = {{conf, {left_days.first, left_days.last, asked.allow_holes}}};
  for (const conf::JoinPart& label : conf.join()->label_part->labels) {
    all.push_back({ConfOfLabel(conf, label), {asked.end, asked.end, asked.allow_holes}});
  }
  return all;
}

std::string VersionOf(const conf::Join& join, Date label_ds) {
  return LabelsTable(join) + "/label_ds=" + FormatDate(label_ds);
}

// By left day: which files of the Join and of the labels its labels are made from.
Result<std::map<Date, std::string>> PrintsOf(const BatchContext& context, const conf::Conf& conf,
                                             const table::PartitionRange& left_days,
                                             Date label_ds) {
  std::string labels;
  for (const conf::JoinPart& label : conf.join()->label_part->labels) {
    const conf::Conf of_label = ConfOfLabel(conf, label);
    CATENA_TRY(const auto table, context.warehouse->Find(conf::OutputTable(of_label.metadata())));
    CATENA_TRY(const auto facts, FactsOf(table, table::PartitionRange::Of(label_ds)));
    labels += "+" + (facts.empty() ? "" : facts.begin()->second.print);
  }
  CATENA_TRY(const auto rows, context.warehouse->Find(conf::OutputTable(conf.metadata())));
  CATENA_TRY(const auto facts, FactsOf(rows, left_days));
  std::map<Date, std::string> prints;
  for (const auto& [day, fact] : facts) prints[day] = fact.print + labels;
  return prints;
}

// `changing`: days of the Join that do not stay as they are.
Result<plan::Step> PlanLabels(const BatchContext& context, const conf::Conf& conf, Date label_ds,
                              const std::vector<Date>& days, const std::set<Date>& changing,
                              const std::map<Date, std::string>& prints) {
  plan::Step step;
  step.kind = plan::StepKind::kLabels;
  step.name = conf.metadata().name;
  step.table = VersionOf(*conf.join(), label_ds);
  step.join = std::get<std::shared_ptr<const conf::Join>>(conf.definition);
  step.meaning = conf::MeaningOfLabels(*conf.join());
  step.through = label_ds;
  step.because = "asked for";
  CATENA_TRY(const auto table, context.warehouse->Find(step.table));
  CATENA_TRY(const auto present, table.Partitions());
  CATENA_TRY(const auto marks, ReadMarks(table));
  for (const Date day : days) {
    const auto mark = marks.find(day);
    const auto print = prints.find(day);
    if (mark == marks.end() || !std::binary_search(present.begin(), present.end(), day)) {
      step.compute.push_back({day, plan::Why::kMissing});
    } else if (mark->second.meaning != step.meaning) {
      step.compute.push_back({day, plan::Why::kStale});
    } else if (changing.contains(day) || print == prints.end() ||
               mark->second.left != print->second) {
      step.compute.push_back({day, plan::Why::kLeftChanged});
    } else {
      step.reuse.push_back(day);
    }
  }
  return step;
}

// The values of one label on label_ds, by key.
struct LabelValues {
  std::vector<std::string> left_keys;
  types::Batch values;  // Under the names that they get.
  KeyIndex keys;
  std::vector<uint32_t> row_of_id;
};

Status CheckKeys(const LabelValues& label, const types::Schema& left, const types::Schema& right,
                 const std::vector<std::string>& right_keys) {
  for (size_t i = 0; i < right_keys.size(); ++i) {
    const auto at = left.Find(label.left_keys[i]);
    if (!at) {
      return InvalidConf(
          "the Join has no such key column; select it on its left side or map it with "
          "keyMapping: " +
          label.left_keys[i] + " (the Join gives " + left.ToString() + ")");
    }
    CATENA_RETURN_IF_ERROR(RequireEqualKeys(left.fields[*at].type, label.left_keys[i], "the Join",
                                            right.fields[*right.Find(right_keys[i])].type,
                                            right_keys[i]));
  }
  return Status();
}

Result<LabelValues> ReadLabel(const BatchContext& context, const conf::Conf& conf,
                              const conf::JoinPart& part, const types::Schema& left,
                              Date label_ds) {
  const std::vector<std::string>& keys = part.group_by->key_columns;
  CATENA_TRY(const auto table,
             context.warehouse->Find(conf::OutputTable(ConfOfLabel(conf, part).metadata())));
  table::ScanRequest request;
  request.range = table::PartitionRange::Of(label_ds);
  CATENA_TRY(const types::Batch rows, table.Read(request));
  LabelValues label;
  label.left_keys = conf::LeftKeys(part);
  CATENA_RETURN_IF_ERROR(CheckKeys(label, left, rows.schema(), keys));
  std::vector<uint32_t> ids(rows.rows(), 0);
  KeyReader(rows.schema(), keys).Add(rows, {}, &label.keys, ids);
  for (uint32_t row = 0; row < ids.size(); ++row) {
    if (ids[row] == label.row_of_id.size()) label.row_of_id.push_back(row);
  }
  for (size_t i = 0; i < rows.width(); ++i) {
    const std::string& name = rows.schema().fields[i].name;
    if (std::find(keys.begin(), keys.end(), name) != keys.end()) continue;
    const std::string named = conf::ColumnPrefix(part) + name;
    if (left.Find(named) || left.Find("label_" + named)) {
      return InvalidConf("a label has the name of a column of the Join; give the label a prefix: " +
                         named);
    }
    label.values.AddColumn(named, rows.shared(i));
  }
  return label;
}

types::Batch LabelsOf(const types::Batch& left, const std::vector<std::string>& identifier,
                      const std::vector<LabelValues>& labels) {
  std::vector<uint32_t> ids(left.rows(), 0);
  KeyIndex seen;
  KeyReader(left.schema(), identifier).Add(left, {}, &seen, ids);
  std::vector<uint32_t> taken;
  for (uint32_t row = 0; row < ids.size(); ++row) {
    if (ids[row] == taken.size()) taken.push_back(row);
  }
  const types::Batch rows = left.Take(taken);
  types::Batch output = rows.Select(identifier);
  for (const LabelValues& label : labels) {
    ids.assign(rows.rows(), 0);
    KeyReader(rows.schema(), label.left_keys).Find(rows, {}, label.keys, ids);
    for (size_t i = 0; i < label.values.width(); ++i) {
      const types::Column& values = label.values.column(i);
      auto column = std::make_shared<types::Column>(values.type(), rows.rows());
      for (const uint32_t id : ids) {
        if (id == kNoGroup) {
          column->AppendNull();
        } else {
          column->AppendFrom(values, label.row_of_id[id]);
        }
      }
      output.AddColumn(label.values.schema().fields[i].name, std::move(column));
    }
  }
  return output;
}

Status CheckNames(const types::Schema& schema) {
  std::set<std::string> names;
  for (const types::Field& field : schema.fields) {
    if (names.insert(field.name).second) continue;
    return InvalidConf("two labels have one name; give one of them a prefix: " + field.name);
  }
  return Status();
}

Result<StepReport> WriteLabels(const BatchContext& context, const conf::Conf& conf,
                               const plan::Step& step, const std::map<Date, std::string>& prints) {
  StepReport report = BeginReport(step);
  if (step.compute.empty()) return report;
  const conf::Join& join = *step.join;
  CATENA_TRY(const auto rows, context.warehouse->Find(conf::OutputTable(join.metadata)));
  CATENA_TRY(const types::Schema schema, rows.SchemaOf());
  const std::vector<std::string> identifier = conf::RowIdentifier(join);
  std::set<std::string> columns(identifier.begin(), identifier.end());
  std::vector<LabelValues> labels;
  for (const conf::JoinPart& part : join.label_part->labels) {
    CATENA_TRY(LabelValues label, ReadLabel(context, conf, part, schema, step.through)
                                      .WithContext("label " + part.group_by->metadata.name));
    columns.insert(label.left_keys.begin(), label.left_keys.end());
    labels.push_back(std::move(label));
  }
  CATENA_TRY(PartitionOutput output, PartitionOutput::Open(context, step, join.metadata, &report));
  for (const plan::PlannedDay& planned : step.compute) {
    table::ScanRequest request;
    request.range = table::PartitionRange::Of(planned.day);
    request.columns = {columns.begin(), columns.end()};
    CATENA_TRY(const types::Batch left, rows.Read(request));
    const types::Batch labeled = LabelsOf(left, identifier, labels);
    CATENA_RETURN_IF_ERROR(CheckNames(labeled.schema()));
    report.rows_read += left.rows();
    CATENA_RETURN_IF_ERROR(output.Write(planned.day, labeled, prints.at(planned.day)));
  }
  return report;
}

}  // namespace

std::string LabelsTable(const conf::Join& join) {
  return conf::OutputTable(join.metadata) + "_labels";
}

Status RunLabelJoin(const BatchContext& context, const conf::Conf& conf,
                    const plan::DaysAsked& asked, RunReport* report) {
  CATENA_RETURN_IF_ERROR(CheckLabels(conf));
  CATENA_TRY(const auto left_days, LeftDays(context, conf, asked.end));
  for (const Preparation& before : Preparations(conf, asked, left_days)) {
    CATENA_RETURN_IF_ERROR(RunBackfill(context, before.conf, before.asked, report));
  }
  const auto start = std::chrono::steady_clock::now();
  CATENA_TRY(const auto table, context.warehouse->Find(VersionOf(*conf.join(), asked.end)));
  CATENA_TRY(const FileLock lock, table.LockForJob(/*wait=*/false));
  CATENA_RETURN_IF_ERROR(RemoveHalfWrittenMarks(table));
  CATENA_TRY(const auto prints, PrintsOf(context, conf, left_days, asked.end));
  std::vector<Date> days;
  for (const auto& [day, print] : prints) days.push_back(day);
  CATENA_TRY(const plan::Step step, PlanLabels(context, conf, asked.end, days, {}, prints));
  if (context.progress != nullptr) {
    context.progress->OnPlan({{step}});
    context.progress->OnStep(step, 0, 1);
  }
  CATENA_TRY(StepReport done,
             WriteLabels(context, conf, step, prints).WithContext("labels of " + step.name));
  done.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  report->seconds += done.seconds;
  report->steps.push_back(std::move(done));
  return Status();
}

Result<plan::BackfillPlan> PlanLabelJoin(const BatchContext& context, const conf::Conf& conf,
                                         const plan::DaysAsked& asked) {
  CATENA_RETURN_IF_ERROR(CheckLabels(conf));
  CATENA_TRY(const auto left_days, LeftDays(context, conf, asked.end));
  plan::BackfillPlan plan;
  std::vector<Date> days;
  std::set<Date> changing;
  for (const Preparation& before : Preparations(conf, asked, left_days)) {
    CATENA_TRY(const auto steps, PlanBackfill(context, before.conf, before.asked));
    const plan::Step& last = steps.steps.back();
    if (last.join != nullptr) days = last.reuse;
    for (const plan::PlannedDay& planned : last.compute) {
      if (last.join != nullptr) days.push_back(planned.day);
      changing.insert(planned.day);
    }
    // New values of a label change the labels of every day.
    if (last.join == nullptr && !last.compute.empty()) changing.insert(days.begin(), days.end());
    plan.steps.insert(plan.steps.end(), steps.steps.begin(), steps.steps.end());
  }
  std::sort(days.begin(), days.end());
  CATENA_TRY(const auto prints, PrintsOf(context, conf, left_days, asked.end));
  CATENA_TRY(plan::Step step, PlanLabels(context, conf, asked.end, days, changing, prints));
  plan.steps.push_back(std::move(step));
  return plan;
}

}  // namespace catena::batch

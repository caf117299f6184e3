// SPDX-License-Identifier: Apache-2.0
#include "catena/plan/backfill_plan.h"

namespace catena::plan {

std::string PrintDays(const std::vector<Date>& days, size_t runs_max) {
  std::string text;
  size_t runs = 0;
  for (size_t i = 0; i < days.size();) {
    if (runs == runs_max) return text + " and " + std::to_string(days.size() - i) + " more days";
    size_t end = i + 1;
    while (end < days.size() && days[end] == days[end - 1] + 1) ++end;
    text += (text.empty() ? "" : ", ") + FormatDate(days[i]);
    if (end - i > 1) text += ".." + FormatDate(days[end - 1]);
    i = end;
    ++runs;
  }
  return text.empty() ? "none" : text;
}

std::string PrintNames(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string_view StepKindName(StepKind kind) {
  constexpr std::string_view kNames[] = {"join", "group_by", "upload", "staging_query", "labels"};
  return kNames[static_cast<size_t>(kind)];
}

std::string_view WhyName(Why why) {
  constexpr std::string_view kNames[] = {"missing",      "stale",          "left_changed",
                                         "left_unknown", "inputs_changed", "asked"};
  return kNames[static_cast<size_t>(why)];
}

namespace {

std::string Reason(const PlannedDay& planned) {
  constexpr std::string_view kReasons[] = {"missing",
                                           "stale: another definition",
                                           "stale: left partition changed",
                                           "stale: left partition not recorded",
                                           "stale: changed: ",
                                           "asked for again"};
  return std::string(kReasons[static_cast<size_t>(planned.why)]) + PrintNames(planned.changed);
}

// Missing days first.
std::map<std::pair<Why, std::string>, std::vector<Date>> DaysByReason(const Step& step) {
  std::map<std::pair<Why, std::string>, std::vector<Date>> days;
  for (const PlannedDay& planned : step.compute) {
    days[{planned.why, Reason(planned)}].push_back(planned.day);
  }
  return days;
}

std::string PrintEstimate(const StepEstimate& estimate) {
  const auto amount = [](uint64_t rows, uint64_t bytes) {
    return std::to_string(rows) + " rows, " + PrintBytes(bytes);
  };
  return "   about   reads " + amount(estimate.rows_read, estimate.bytes_read) + "; writes " +
         amount(estimate.rows_written, estimate.bytes_written) + "\n";
}

}  // namespace

std::string PrintBytes(uint64_t bytes) {
  constexpr std::string_view kUnits[] = {" KB", " MB", " GB", " TB"};
  if (bytes < 1000) return std::to_string(bytes) + " bytes";
  size_t unit = 0;
  uint64_t tenths = bytes / 100;
  for (; tenths >= 10000 && unit + 1 < std::size(kUnits); ++unit) tenths /= 1000;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) +
         std::string(kUnits[unit]);
}

std::string PrintPlan(const BackfillPlan& plan) {
  std::string text;
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& step = plan.steps[i];
    text += std::to_string(i + 1) + ". " + std::string(StepKindName(step.kind)) + " " + step.name;
    if (!step.table.empty()) text += " -> " + step.table;
    text += " (" + step.because + ")\n";
    for (const auto& [reason, days] : DaysByReason(step)) {
      text += step.kind == StepKind::kUpload
                  ? "   upload events through " + PrintDays(days) + "\n"
                  : "   compute " + PrintDays(days) + " (" + reason.second + ")\n";
    }
    if (!step.reuse.empty()) text += "   reuse   " + PrintDays(step.reuse) + "\n";
    if (step.estimate && !step.compute.empty()) text += PrintEstimate(*step.estimate);
    for (const std::string& note : step.notes) text += "   note    " + note + "\n";
  }
  return text;
}

Json PlanToJson(const BackfillPlan& plan) {
  Json steps = Json::array();
  for (const Step& step : plan.steps) {
    Json compute = Json::array();
    for (const PlannedDay& planned : step.compute) {
      compute.push_back({{"ds", FormatDate(planned.day)},
                         {"why", std::string(WhyName(planned.why))},
                         {"changed", planned.changed}});
    }
    Json reuse = Json::array();
    for (const Date day : step.reuse) reuse.push_back(FormatDate(day));
    Json estimate;
    if (step.estimate) {
      estimate = {{"rows_read", step.estimate->rows_read},
                  {"bytes_read", step.estimate->bytes_read},
                  {"rows_written", step.estimate->rows_written},
                  {"bytes_written", step.estimate->bytes_written}};
    }
    steps.push_back({{"kind", std::string(StepKindName(step.kind))},
                     {"name", step.name},
                     {"table", step.table},
                     {"meaning", step.meaning},
                     {"through", FormatDate(step.through)},
                     {"because", step.because},
                     {"compute", std::move(compute)},
                     {"reuse", std::move(reuse)},
                     {"estimate", std::move(estimate)},
                     {"notes", step.notes}});
  }
  return {{"steps", std::move(steps)}};
}

}  // namespace catena::plan

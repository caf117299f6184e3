// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/run_report.h"

#include <fmt/format.h>

namespace catena::batch {
namespace {

Json DaysToJson(const std::vector<Date>& days) {
  Json json = Json::array();
  for (const Date day : days) json.push_back(FormatDate(day));
  return json;
}

std::string_view OutcomeName(StepOutcome outcome) {
  constexpr std::string_view kNames[] = {"done", "failed", "skipped"};
  return kNames[static_cast<size_t>(outcome)];
}

}  // namespace

Json ReportToJson(const RunReport& report) {
  Json steps = Json::array();
  for (const StepReport& step : report.steps) {
    steps.push_back({{"kind", step.kind},
                     {"name", step.name},
                     {"table", step.table},
                     {"computed", DaysToJson(step.computed)},
                     {"reused", DaysToJson(step.reused)},
                     {"rows", step.rows},
                     {"rows_read", step.rows_read},
                     {"bytes", step.bytes},
                     {"seconds", step.seconds},
                     {"outcome", OutcomeName(step.outcome)},
                     {"reason", step.reason},
                     {"notes", step.notes}});
  }
  return {{"steps", std::move(steps)}, {"seconds", report.seconds}};
}

std::string PrintReport(const RunReport& report) {
  std::string text;
  for (const StepReport& step : report.steps) {
    if (step.outcome != StepOutcome::kDone) {
      text += fmt::format("{} {} -> {}: {}: {}\n", step.kind, step.name, step.table,
                          OutcomeName(step.outcome), step.reason);
      continue;
    }
    text += fmt::format("{} {} -> {}: computed {} ({}), reused {}, {} rows, {} bytes, {:.2f} s\n",
                        step.kind, step.name, step.table, step.computed.size(),
                        plan::PrintDays(step.computed), step.reused.size(), step.rows, step.bytes,
                        step.seconds);
    for (const std::string& note : step.notes) text += "  " + note + "\n";
  }
  return text;
}

}  // namespace catena::batch

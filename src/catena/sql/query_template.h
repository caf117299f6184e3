// SPDX-License-Identifier: Apache-2.0
// Macros of a StagingQuery: {{ start_date }}, {{ end_date }}, {{ latest_date }} and
// {{ max_date(table=namespace.table) }}, replaced by dates like 2026-03-10.
//
//   start_date, end_date   first and last day of the rows that are computed at once
//   latest_date            last day of the whole job
//   max_date               the newest partition of a table
//   errors                 kInvalidConf: an unknown macro, with those that there are; those of
//                          max_date
//   source                 Chronon StagingQuery.substitute, ParametricMacro

#pragma once

#include <functional>
#include <string>

#include "catena/base/time.h"

namespace catena::sql {

struct TemplateDates {
  Date start;
  Date end;
  Date latest;
  std::function<Result<Date>(const std::string& table)> max_date;
};

Result<std::string> FillTemplate(const std::string& text, const TemplateDates& dates);

}  // namespace catena::sql

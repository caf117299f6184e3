// SPDX-License-Identifier: Apache-2.0
#include "catena/sql/query_template.h"

#include <cctype>
#include <string_view>

namespace catena::sql {
namespace {

std::string WithoutSpaces(std::string_view text) {
  std::string kept;
  for (const char c : text) {
    if (std::isspace(static_cast<unsigned char>(c)) == 0) kept += c;
  }
  return kept;
}

Result<Date> ValueOf(const std::string& macro, const TemplateDates& dates) {
  constexpr std::string_view kMaxDate = "max_date(table=";
  if (macro == "start_date") return dates.start;
  if (macro == "end_date") return dates.end;
  if (macro == "latest_date") return dates.latest;
  if (macro.starts_with(kMaxDate) && macro.ends_with(")")) {
    return dates.max_date(macro.substr(kMaxDate.size(), macro.size() - kMaxDate.size() - 1));
  }
  return InvalidConf(
      "unknown macro; there are start_date, end_date, latest_date and "
      "max_date(table=namespace.table): {{ " +
      macro + " }}");
}

}  // namespace

Result<std::string> FillTemplate(const std::string& text, const TemplateDates& dates) {
  std::string filled;
  size_t at = 0;
  while (true) {
    const size_t open = text.find("{{", at);
    if (open == std::string::npos) return filled + text.substr(at);
    const size_t close = text.find("}}", open);
    if (close == std::string::npos) {
      return InvalidConf("a macro is not closed with }}: " + text.substr(open, 40));
    }
    CATENA_TRY(const Date value,
               ValueOf(WithoutSpaces(text.substr(open + 2, close - open - 2)), dates));
    filled += text.substr(at, open - at) + FormatDate(value);
    at = close + 2;
  }
}

}  // namespace catena::sql

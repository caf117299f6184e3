// SPDX-License-Identifier: Apache-2.0
#include "catena/conf/expression.h"

#include <cctype>

namespace catena::conf {

bool IsPlainColumn(std::string_view text) {
  if (text.size() > 2 && text.front() == '`' && text.back() == '`') {
    text = text.substr(1, text.size() - 2);
  }
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text[0]))) return false;
  for (const char c : text) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_') return false;
  }
  return true;
}

Status RequireTranslated(const Expression& expression) {
  if (!expression.duckdb.empty() || expression.spark.empty()) return Status();
  return InvalidConf(
      "expression is not translated; run `catena compile --from DIR` on confs that Chronon "
      "compiled: " +
      expression.spark);
}

}  // namespace catena::conf

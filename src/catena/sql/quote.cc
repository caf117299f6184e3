// SPDX-License-Identifier: Apache-2.0
#include "catena/sql/quote.h"

namespace catena::sql {

namespace {

std::string Quoted(std::string_view text, char quote) {
  std::string quoted(1, quote);
  for (const char c : text) {
    if (c == quote) quoted += quote;
    quoted += c;
  }
  return quoted + quote;
}

}  // namespace

std::string QuoteName(std::string_view name) { return Quoted(name, '"'); }

std::string QuoteText(std::string_view text) { return Quoted(text, '\''); }

std::string QuotePath(std::string_view path) {
  std::string literal;
  for (const char c : path) {
    const bool glob = c == '*' || c == '?' || c == '[';
    literal += glob ? std::string("[") + c + "]" : std::string(1, c);
  }
  return QuoteText(literal);
}

std::string SqlTypeName(const types::DataType& type) {
  using types::Kind;
  switch (type.kind) {
    case Kind::kBool:
      return "BOOLEAN";
    case Kind::kByte:
      return "TINYINT";
    case Kind::kShort:
      return "SMALLINT";
    case Kind::kInt:
      return "INTEGER";
    case Kind::kLong:
      return "BIGINT";
    case Kind::kFloat:
      return "FLOAT";
    case Kind::kDouble:
      return "DOUBLE";
    case Kind::kString:
      return "VARCHAR";
    case Kind::kBinary:
      return "BLOB";
    case Kind::kDate:
      return "DATE";
    case Kind::kTimestamp:
      return "TIMESTAMP";
    case Kind::kList:
      return SqlTypeName(type.children[0]) + "[]";
    case Kind::kMap:
      return "MAP(" + SqlTypeName(type.children[0]) + ", " + SqlTypeName(type.children[1]) + ")";
    case Kind::kStruct: {
      std::string members;
      for (size_t i = 0; i < type.children.size(); ++i) {
        members += (members.empty() ? "" : ", ") + QuoteName(type.field_names[i]) + " " +
                   SqlTypeName(type.children[i]);
      }
      return "STRUCT(" + members + ")";
    }
  }
  return "";
}

}  // namespace catena::sql

// SPDX-License-Identifier: Apache-2.0
#include "catena/fetch/external_columns.h"

namespace catena::fetch {
namespace {

types::ColumnPtr Nulls(const types::DataType& type, size_t rows) {
  auto nulls = std::make_shared<types::Column>(type, rows);
  for (size_t row = 0; row < rows; ++row) nulls->AppendNull();
  return nulls;
}

}  // namespace

Result<types::Batch> ExternalColumns(const conf::ExternalPart& part, const types::Batch& rows,
                                     size_t count) {
  types::Batch columns;
  for (const types::Field& key : part.keys.fields) {
    if (!part.contextual && !rows.schema().Find(key.name)) {
      columns.AddColumn(key.name, Nulls(key.type, count));
    }
  }
  for (const types::Field& value : part.values.fields) {
    const std::string name = part.full_name + "_" + value.name;
    const auto at = part.contextual ? rows.schema().Find(value.name) : std::nullopt;
    if (!at) {
      columns.AddColumn(name, Nulls(value.type, count));
      continue;
    }
    const types::DataType& type = rows.schema().fields[*at].type;
    if (!(type == value.type)) {
      return InvalidConf(
          "a contextual field has another type than the column that gives it; cast "
          "one of them: " +
          value.name + " " + types::TypeName(value.type) + " and " + types::TypeName(type));
    }
    columns.AddColumn(name, rows.shared(*at));
  }
  return columns;
}

}  // namespace catena::fetch

// SPDX-License-Identifier: Apache-2.0
// Schema: ordered, named, typed fields of a Batch or a table.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catena/types/data_type.h"

namespace catena::types {

struct Field {
  std::string name;
  DataType type;
  bool operator==(const Field&) const = default;
};

struct Schema {
  std::vector<Field> fields;

  size_t size() const { return fields.size(); }
  // Position of the field of exactly this name (names are case-sensitive).
  std::optional<size_t> Find(std::string_view name) const {
    for (size_t i = 0; i < fields.size(); ++i) {
      if (fields[i].name == name) return i;
    }
    return std::nullopt;
  }
  // "a LONG, b STRING": for messages.
  std::string ToString() const;
  bool operator==(const Schema&) const = default;
};

inline std::string Schema::ToString() const {
  std::string text;
  for (const Field& field : fields) {
    if (!text.empty()) text += ", ";
    text += field.name + " " + TypeName(field.type);
  }
  return text;
}

}  // namespace catena::types

// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/stored_value.h"

#include <algorithm>

namespace catena::aggregate {

bool IsStorable(const types::DataType& type) {
  if (type.kind == types::Kind::kMap && type.children[0].kind != types::Kind::kString) return false;
  return std::ranges::all_of(type.children, IsStorable);
}

bool IsStored(const std::string& bytes, const types::DataType& type) {
  types::Column column(type);
  ByteReader reader(bytes);
  if (!types::DecodeCell(&reader, &column) || !reader.AtEnd() || column.IsNull(0)) return false;
  std::string again;
  types::EncodeCell(column, 0, &again);
  return again == bytes;
}

}  // namespace catena::aggregate

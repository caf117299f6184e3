// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/join/skew_keys.h"

#include <set>

namespace catena::batch {
namespace {

// As the conf would write it.
std::string TextOf(const types::Column& column, size_t row) {
  if (column.IsNull(row)) return "null";
  const Json json = types::ToJson(column.ValueAt(row));
  return json.is_string() ? json.get<std::string>() : PrintJson(json);
}

std::set<std::string> Listed(const std::vector<std::string>& values) {
  std::set<std::string> listed(values.begin(), values.end());
  if (listed.contains("Null") || listed.contains("NULL")) listed.insert("null");
  return listed;
}

template <typename T>
void Keep(const std::vector<uint32_t>& rows, std::vector<T>* values) {
  std::vector<T> kept;
  kept.reserve(rows.size());
  for (const uint32_t row : rows) kept.push_back((*values)[row]);
  *values = std::move(kept);
}

}  // namespace

uint64_t DropSkewedRows(const conf::Join& join, LeftRows* left) {
  if (join.skew_keys.empty()) return 0;
  SourceRows& source = left->source;
  const size_t rows = source.rows.rows();
  std::vector<uint8_t> skewed(rows, 1);
  for (const auto& [key, values] : join.skew_keys) {
    const types::Column* column = source.rows.Find(key);
    if (column == nullptr) return 0;  // The join part that wants the key says so.
    const std::set<std::string> listed = Listed(values);
    for (size_t row = 0; row < rows; ++row) {
      if (skewed[row] != 0 && !listed.contains(TextOf(*column, row))) skewed[row] = 0;
    }
  }
  std::vector<uint32_t> kept;
  for (uint32_t row = 0; row < rows; ++row) {
    if (skewed[row] == 0) kept.push_back(row);
  }
  if (kept.size() == rows) return 0;
  source.rows = source.rows.Take(kept);
  Keep(kept, &source.days);
  if (!source.orders.empty()) Keep(kept, &source.orders);
  Keep(kept, &left->query_times);
  return rows - kept.size();
}

}  // namespace catena::batch

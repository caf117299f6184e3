// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/sources/entity_upload.h"

#include "catena/base/json.h"
#include "catena/fetch/online_state.h"

namespace catena::batch {

EntityUpload::EntityUpload(const conf::GroupBy& group_by, const types::Schema& rows,
                           const aggregate::WindowedAggregator& windowed)
    : inputs_(windowed.rows().input_schema()) {
  for (const types::Field& field : inputs_.schema().fields) {
    columns_.push_back(*rows.Find(field.name));
  }
  for (const std::string& key : group_by.key_columns) {
    key_types_.push_back(rows.fields[*rows.Find(key)].type);
  }
}

Error EntityUpload::TooMany(std::string_view key, size_t rows, size_t bytes) const {
  const auto parts = types::DecodeKey(key, key_types_);
  const std::string shown =
      parts.ok() ? PrintJson(types::ToJson(types::Value(types::ValueList(*parts)))) : "?";
  return Unsupported(
      "a key has more rows than a fetch may fold (at most " + std::to_string(kEntityRowsMax) +
      " rows and " + std::to_string(kEntityBytesMax >> 10) +
      " KiB of their inputs); leave out rows with a where, aggregate by a finer key, or make the "
      "GroupBy SNAPSHOT: key " +
      shown + " has " + std::to_string(rows) + " rows, " + std::to_string(bytes >> 10) + " KiB");
}

Status EntityUpload::Encode(const GroupByRows& all, std::span<const uint32_t> rows,
                            std::string_view key, std::string* out) const {
  std::string bytes;
  std::vector<size_t> ends;
  for (const uint32_t row : rows) {
    inputs_.Encode(all.rows, columns_, row, &bytes);
    ends.push_back(bytes.size());
  }
  if (rows.size() > kEntityRowsMax || bytes.size() > kEntityBytesMax) {
    return TooMany(key, rows.size(), bytes.size());
  }
  std::vector<fetch::EntityRow> kept;
  for (size_t i = 0; i < rows.size(); ++i) {
    const size_t begin = i == 0 ? 0 : ends[i - 1];
    kept.push_back({all.times[rows[i]], std::string_view(bytes).substr(begin, ends[i] - begin)});
  }
  fetch::EncodeEntityRows(kept, out);
  return Status();
}

}  // namespace catena::batch

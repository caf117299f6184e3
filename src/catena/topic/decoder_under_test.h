// SPDX-License-Identifier: Apache-2.0
// What the tests and the fuzzers of all decoders need: schemas, records, and one law.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "catena/base/check.h"
#include "catena/topic/decoder.h"
#include "catena/types/data_type.h"

namespace catena::topic {

// Of (name, type as ParseType reads it).
inline types::Schema SchemaOf(const std::vector<std::pair<std::string, std::string>>& fields) {
  types::Schema schema;
  for (const auto& [name, type] : fields) {
    schema.fields.push_back({name, types::ParseType(type).value()});
  }
  return schema;
}

inline std::vector<Record> RecordsOf(const std::vector<std::string>& values) {
  std::vector<Record> records(values.size());
  for (size_t i = 0; i < values.size(); ++i) records[i].value = values[i];
  return records;
}

// Whatever the bytes, a record becomes a row, or a bad record that says why.
inline void CheckAnyBytes(Decoder* decoder, const uint8_t* data, size_t size) {
  const auto records = RecordsOf({std::string(reinterpret_cast<const char*>(data), size)});
  const Decoded decoded = decoder->Decode(records).value();
  CATENA_CHECK(decoded.rows.rows() + decoded.bad.size() == 1, "a record is a row or bad");
  CATENA_CHECK(decoded.bad.empty() || !decoded.bad[0].reason.empty(), "a bad record has a reason");
}

}  // namespace catena::topic

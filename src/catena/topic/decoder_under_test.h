// SPDX-License-Identifier: Apache-2.0
// What the tests and the fuzzers of all decoders need: schemas, records, and one law.

#pragma once

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catena/base/check.h"
#include "catena/base/file.h"
#include "catena/base/json.h"
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

// A topic of one serde whose schema is a file, there as long as this lives. One of an extension
// and process at a time.
class SchemaFile {
 public:
  SchemaFile(std::string serde, const std::string& extension)
      : serde_(std::move(serde)),
        path_(std::filesystem::temp_directory_path() /
              ("catena_" + serde_ + "_" + std::to_string(getpid()) + extension)) {}
  ~SchemaFile() { std::filesystem::remove(path_); }
  SchemaFile(const SchemaFile&) = delete;
  SchemaFile& operator=(const SchemaFile&) = delete;

  // With another schema than before, if there was one.
  TopicAddress Holding(std::string_view schema) const {
    CATENA_CHECK(ReplaceFile(path_, schema).ok(), "no place for a schema");
    return {.serde = {{"serde", serde_}, {"schema", path_}}};
  }

 private:
  std::string serde_;
  std::string path_;
};

// The row of one record, its values parted by blanks, or the reason why there is none.
inline std::string PrintRow(Decoder* decoder, const std::string& bytes) {
  const Decoded decoded = decoder->Decode(RecordsOf({bytes})).value();
  if (!decoded.bad.empty()) return decoded.bad[0].reason;
  std::string text;
  for (const types::Value& value : decoded.rows.Row(0)) {
    text += (text.empty() ? "" : " ") + PrintJson(types::ToJson(value));
  }
  return text;
}

// Whatever the bytes, a record becomes a row, or a bad record that says why.
inline void CheckAnyBytes(Decoder* decoder, const uint8_t* data, size_t size) {
  const auto records = RecordsOf({std::string(reinterpret_cast<const char*>(data), size)});
  const Decoded decoded = decoder->Decode(records).value();
  CATENA_CHECK(decoded.rows.rows() + decoded.bad.size() == 1, "a record is a row or bad");
  CATENA_CHECK(decoded.bad.empty() || !decoded.bad[0].reason.empty(), "a bad record has a reason");
}

}  // namespace catena::topic

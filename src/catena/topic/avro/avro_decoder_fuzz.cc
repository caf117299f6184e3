// SPDX-License-Identifier: Apache-2.0
// Any bytes are one row or one bad record with a reason, never both and never neither.

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "catena/base/check.h"
#include "catena/base/file.h"
#include "catena/topic/decoder_under_test.h"
#include "catena/types/data_type.h"

namespace {

constexpr const char* kSchema = R"({"type": "record", "name": "Event", "fields": [
  {"name": "skipped", "type": {"type": "map", "values": ["null", "Event", "string"]}},
  {"name": "a", "type": "long"},
  {"name": "b", "type": ["null", "string"]},
  {"name": "c", "type": {"type": "map", "values": {"type": "array", "items": "float"}}},
  {"name": "d", "type": {"type": "array", "items": "null"}},
  {"name": "e", "type": {"type": "record", "name": "R", "fields": [
    {"name": "x", "type": {"type": "enum", "name": "E", "symbols": ["A", "B"]}},
    {"name": "y", "type": {"type": "fixed", "name": "F", "size": 2}}]}}]})";

std::unique_ptr<catena::topic::Decoder> Open() {
  using catena::types::DataType;
  using catena::types::Kind;
  DataType nested = catena::types::ParseType("STRUCT<y:BINARY,x:STRING>").value();
  const catena::types::Schema columns{
      {{"e", nested},
       {"a", Kind::kInt},
       {"b", Kind::kString},
       {"c", DataType::Map(Kind::kString, DataType::List(Kind::kDouble))},
       {"d", DataType::List(Kind::kLong)}}};
  const std::string path =
      (std::filesystem::temp_directory_path() / ("catena_avro_fuzz_" + std::to_string(getpid())))
          .string();
  CATENA_CHECK(catena::ReplaceFile(path, kSchema).ok(), "no place for the schema");
  auto decoder =
      catena::topic::Decoder::Open({.serde = {{"serde", "avro"}, {"schema", path}}}, columns);
  std::filesystem::remove(path);
  return std::move(decoder).value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto decoder = Open();
  catena::topic::CheckAnyBytes(decoder.get(), data, size);
  return 0;
}

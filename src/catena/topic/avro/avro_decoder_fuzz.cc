// SPDX-License-Identifier: Apache-2.0
// Any bytes are one row or one bad record with a reason, never both and never neither.

#include <cstddef>
#include <cstdint>
#include <memory>

#include "catena/topic/decoder_under_test.h"
#include "catena/types/data_type.h"

namespace catena::topic {
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

std::unique_ptr<Decoder> Open() {
  const types::Schema columns = SchemaOf({{"e", "STRUCT<y:BINARY,x:STRING>"},
                                          {"a", "INT"},
                                          {"b", "STRING"},
                                          {"c", "MAP<STRING,LIST<DOUBLE>>"},
                                          {"d", "LIST<LONG>"}});
  return Decoder::Open(SchemaFile("avro", ".avsc").Holding(kSchema), columns).value();
}

}  // namespace
}  // namespace catena::topic

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto decoder = catena::topic::Open();
  catena::topic::CheckAnyBytes(decoder.get(), data, size);
  return 0;
}

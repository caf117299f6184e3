// SPDX-License-Identifier: Apache-2.0
// Any bytes are a row or a bad record with a reason.

#include <cstddef>
#include <cstdint>
#include <memory>

#include "catena/topic/decoder_under_test.h"
#include "catena/types/data_type.h"

namespace catena::topic {
namespace {

constexpr const char* kSchema = R"(syntax = "proto3"; import "google/protobuf/timestamp.proto";
message E {
  int64 a = 1; optional string b = 2; map<string, R> c = 3; repeated sint32 d = 4; R e = 5;
  google.protobuf.Timestamp f = 6; E skipped = 7;
}
message R { enum K { A = 0; B = 1; } K x = 1; bytes y = 2; repeated double z = 3; }
)";

std::unique_ptr<Decoder> Open() {
  const types::Schema columns = SchemaOf({{"e", "STRUCT<y:BINARY,x:STRING,z:LIST<FLOAT>>"},
                                          {"a", "INT"},
                                          {"b", "STRING"},
                                          {"c", "MAP<STRING,STRUCT<x:BYTE>>"},
                                          {"d", "LIST<SHORT>"},
                                          {"f", "TIMESTAMP"}});
  return Decoder::Open(SchemaFile("protobuf", ".proto").Holding(kSchema), columns).value();
}

}  // namespace
}  // namespace catena::topic

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto decoder = catena::topic::Open();
  catena::topic::CheckAnyBytes(decoder.get(), data, size);
  return 0;
}

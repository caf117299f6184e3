// SPDX-License-Identifier: Apache-2.0
// Any bytes are a row or a bad record with a reason.

#include <unistd.h>

#include <filesystem>
#include <string>

#include "catena/base/check.h"
#include "catena/base/file.h"
#include "catena/topic/decoder_under_test.h"
#include "catena/types/data_type.h"

namespace {

constexpr const char* kSchema = R"(syntax = "proto3"; import "google/protobuf/timestamp.proto";
message E {
  int64 a = 1; optional string b = 2; map<string, R> c = 3; repeated sint32 d = 4; R e = 5;
  google.protobuf.Timestamp f = 6; E skipped = 7;
}
message R { enum K { A = 0; B = 1; } K x = 1; bytes y = 2; repeated double z = 3; }
)";

std::unique_ptr<catena::topic::Decoder> Open() {
  using catena::types::ParseType;
  const catena::types::Schema columns{
      {{"e", ParseType("STRUCT<y:BINARY,x:STRING,z:LIST<FLOAT>>").value()},
       {"a", ParseType("INT").value()},
       {"b", ParseType("STRING").value()},
       {"c", ParseType("MAP<STRING,STRUCT<x:BYTE>>").value()},
       {"d", ParseType("LIST<SHORT>").value()},
       {"f", ParseType("TIMESTAMP").value()}}};
  const std::string path = (std::filesystem::temp_directory_path() /
                            ("catena_protobuf_fuzz_" + std::to_string(getpid()) + ".proto"))
                               .string();
  CATENA_CHECK(catena::ReplaceFile(path, kSchema).ok(), "no place for the schema");
  auto decoder =
      catena::topic::Decoder::Open({.serde = {{"serde", "protobuf"}, {"schema", path}}}, columns);
  std::filesystem::remove(path);
  return std::move(decoder).value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto decoder = Open();
  catena::topic::CheckAnyBytes(decoder.get(), data, size);
  return 0;
}

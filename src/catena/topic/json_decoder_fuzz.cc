// SPDX-License-Identifier: Apache-2.0
// Any bytes are one row or one bad record with a reason, never both and never neither.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "catena/topic/decoder_under_test.h"
#include "catena/types/data_type.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using catena::types::DataType;
  using catena::types::Kind;
  static const catena::types::Schema schema{
      {{"a", Kind::kLong},
       {"b", Kind::kString},
       {"c", DataType::Map(Kind::kString, DataType::List(Kind::kDouble))},
       {"d", Kind::kBool}}};
  static const auto decoder = catena::topic::Decoder::Open({}, schema).value();
  catena::topic::CheckAnyBytes(decoder.get(), data, size);
  return 0;
}

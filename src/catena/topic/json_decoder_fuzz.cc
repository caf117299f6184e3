// SPDX-License-Identifier: Apache-2.0
// Any bytes are one row or one bad record with a reason, never both and never neither.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "catena/base/check.h"
#include "catena/topic/decoder.h"
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
  std::vector<catena::topic::Record> records(1);
  records[0].value.assign(reinterpret_cast<const char*>(data), size);
  const catena::topic::Decoded decoded = decoder->Decode(records).value();
  CATENA_CHECK(decoded.rows.rows() + decoded.bad.size() == 1, "a record is a row or bad");
  CATENA_CHECK(decoded.bad.empty() || !decoded.bad[0].reason.empty(), "a bad record has a reason");
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
// AvroEncode: a JSON value as Avro binary, for defaults of schemas and for `catena topic produce`.
//
//   input   what the type holds: numbers, strings, arrays, objects; bytes and fixed as a string of
//           the characters U+0000 to U+00FF, as the specification spells them. Of a union the first
//           branch that holds the value, without a wrapping object
//   null    a field that a JSON object lacks is its default, else null where its union allows
//   errors  kInvalidData names the field; `out` then holds garbage
//   source  Avro 1.11 specification, "Binary Encoding"

#pragma once

#include <cstdint>
#include <string>

#include "catena/base/json.h"
#include "catena/base/result.h"
#include "catena/topic/avro/avro_schema.h"

namespace catena::topic {

Status AvroEncode(const Json& value, const AvroSchema& schema, uint32_t type, std::string* out);

}  // namespace catena::topic

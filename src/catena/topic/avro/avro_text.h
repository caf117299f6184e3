// SPDX-License-Identifier: Apache-2.0
// Avro text: Avro values of one schema as JSON and back.
//
//   source  record_text.h is the contract

#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "catena/base/json.h"
#include "catena/base/result.h"
#include "catena/topic/avro/avro_schema.h"
#include "catena/topic/record_text.h"
#include "catena/topic/registry/schema_registry.h"
#include "catena/topic/topic.h"

namespace catena::topic {

Result<std::unique_ptr<RecordText>> OpenAvroText(const TopicAddress& topic);
// Of values whose registry header has been taken off.
Result<std::unique_ptr<RecordText>> AvroTextOf(const RegisteredSchema& registered,
                                               const std::string& what);

// What AvroEncode makes bytes of: bytes and fixed as the characters U+0000 to U+00FF, of a union
// the value alone. kInvalidData for bytes that are no value of the schema.
Result<Json> AvroToJson(std::string_view bytes, const AvroSchema& schema);

}  // namespace catena::topic

// SPDX-License-Identifier: Apache-2.0
// Avro text: records of the formats "avro" and "schema_registry" of decoder.h as JSON and back.
//
//   input   written with the schema of the file, or with the one that `reader_schema_version` of
//           the subject is; read with the schema that the record names
//   source  record_text.h is the contract; of the registry nothing is asked before it is needed

#pragma once

#include <memory>
#include <string_view>

#include "catena/base/json.h"
#include "catena/base/result.h"
#include "catena/topic/avro/avro_schema.h"
#include "catena/topic/record_text.h"
#include "catena/topic/topic.h"

namespace catena::topic {

Result<std::unique_ptr<RecordText>> OpenAvroText(const TopicAddress& topic);
Result<std::unique_ptr<RecordText>> OpenRegistryText(const TopicAddress& topic);

// What AvroEncode makes bytes of: bytes and fixed as the characters U+0000 to U+00FF, of a union
// the value alone. kInvalidData for bytes that are no value of the schema.
Result<Json> AvroToJson(std::string_view bytes, const AvroSchema& schema);

}  // namespace catena::topic

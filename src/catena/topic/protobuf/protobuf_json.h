// SPDX-License-Identifier: Apache-2.0
// Protobuf messages as Protobuf's own JSON, and back.
//
//   input   fields by their names in the schema; 64-bit integers as strings or numbers
//   errors  kInvalidData: an unknown field, a value that does not fit
//   source  google/protobuf/util/json_util.h

#pragma once

#include <google/protobuf/message.h>

#include "catena/base/json.h"
#include "catena/base/result.h"

namespace catena::topic {

// Fields that were not set have their defaults, where they do not know that they were not set.
Result<Json> ProtobufToJson(const google::protobuf::Message& message);
Status JsonToProtobuf(const Json& json, google::protobuf::Message* message);

}  // namespace catena::topic

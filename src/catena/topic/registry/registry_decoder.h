// SPDX-License-Identifier: Apache-2.0
// Format "schema_registry" of decoder.h: Avro or Protobuf, as the subject's schema says.
//
//   errors   kUnsupported: the subject's schema is of another kind
//   source   decoder.h and record_text.h are the contracts

#pragma once

#include <memory>

#include "catena/base/result.h"
#include "catena/topic/decoder.h"
#include "catena/topic/record_text.h"
#include "catena/topic/topic.h"
#include "catena/types/schema.h"

namespace catena::topic {

Result<std::unique_ptr<Decoder>> OpenRegistryDecoder(const TopicAddress& topic,
                                                     const types::Schema& schema);
// Of the registry nothing is asked before it is needed.
Result<std::unique_ptr<RecordText>> OpenRegistryText(const TopicAddress& topic);

}  // namespace catena::topic

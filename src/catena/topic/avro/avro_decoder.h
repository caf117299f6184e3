// SPDX-License-Identifier: Apache-2.0
// Avro decoder: formats "avro" and "schema_registry" of decoder.h, which is its contract.

#pragma once

#include <memory>

#include "catena/base/result.h"
#include "catena/topic/decoder.h"
#include "catena/topic/topic.h"
#include "catena/types/schema.h"

namespace catena::topic {

// Every record was written with the schema of the file that `schema` names.
Result<std::unique_ptr<Decoder>> OpenAvroDecoder(const TopicAddress& topic,
                                                 const types::Schema& schema);

// Every record names the schema that it was written with; the subject's is the reader's.
Result<std::unique_ptr<Decoder>> OpenRegistryDecoder(const TopicAddress& topic,
                                                     const types::Schema& schema);

}  // namespace catena::topic

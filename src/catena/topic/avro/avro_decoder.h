// SPDX-License-Identifier: Apache-2.0
// Avro decoder: format "avro" of decoder.h, and "schema_registry" where the subject's schema is
// Avro; decoder.h is the contract.

#pragma once

#include <memory>

#include "catena/base/result.h"
#include "catena/topic/decoder.h"
#include "catena/topic/registry/schema_registry.h"
#include "catena/topic/topic.h"
#include "catena/types/schema.h"

namespace catena::topic {

// Every record was written with the schema of the file that `schema` names.
Result<std::unique_ptr<Decoder>> OpenAvroDecoder(const TopicAddress& topic,
                                                 const types::Schema& schema);

// Every record names the schema that it was written with; `newest`, the subject's, is the reader's.
Result<std::unique_ptr<Decoder>> OpenRegisteredAvroDecoder(const RegistryParameters& parameters,
                                                           std::unique_ptr<SchemaRegistry> registry,
                                                           const RegisteredSchema& newest,
                                                           const types::Schema& schema);

}  // namespace catena::topic

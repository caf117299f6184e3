// SPDX-License-Identifier: Apache-2.0
// Protobuf decoder: format "protobuf" of decoder.h, and "schema_registry" where the subject's
// schema is Protobuf; decoder.h is the contract.

#pragma once

#include <memory>

#include "catena/base/result.h"
#include "catena/topic/decoder.h"
#include "catena/topic/record_text.h"
#include "catena/topic/registry/schema_registry.h"
#include "catena/topic/topic.h"
#include "catena/types/schema.h"

namespace catena::topic {

// Every record is a `message` of the schema in the file that `schema` names.
Result<std::unique_ptr<Decoder>> OpenProtobufDecoder(const TopicAddress& topic,
                                                     const types::Schema& schema);
// Every record names its schema and its message in it; where values carry no names, all are of the
// subject's.
Result<std::unique_ptr<Decoder>> OpenRegisteredProtobufDecoder(
    const TopicAddress& topic, const RegistryParameters& parameters,
    std::unique_ptr<SchemaRegistry> registry, const RegisteredSchema& reader,
    const types::Schema& schema);

// JSON as Protobuf has it: 64-bit integers and bytes as strings, times as text; both spellings of
// numbers are read.
Result<std::unique_ptr<RecordText>> OpenProtobufText(const TopicAddress& topic);
// Of values whose registry header has been taken off; indexes of a message are part of them unless
// `indexed` is false.
Result<std::unique_ptr<RecordText>> ProtobufTextOf(const RegisteredSchema& registered,
                                                   const std::string& message, bool indexed,
                                                   const std::string& what);

}  // namespace catena::topic

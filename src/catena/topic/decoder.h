// SPDX-License-Identifier: Apache-2.0
// Decoder: record values of a topic become rows of a Batch.
//
//   input    records whose value is one event in the decoder's format; the key is not looked at
//   output   one row per good record, in record order; one BadRecord per other record. Of change
//            envelopes (change_envelope.h) up to two rows a record
//   null     a field that the event lacks, or holds as JSON null, is null in its column
//   errors   Open: kUnsupported for a type that the format cannot carry, kInvalidConf for an
//            unknown format, or a schema that cannot fill the columns. A bad record is data, to be
//            dead-lettered; Decode fails as a whole only when a schema registry does not answer
//            (kUnavailable) or refuses to (kInvalidConf), and may then be called again
//   threads  a decoder belongs to one thread
//   order    rows keep the order of their records
//   limits   nesting of 64 levels
//
// The format is `serde` of a topic's address (topic.h): "json", "avro", "protobuf" or
// "schema_registry"; when absent "schema_registry" beside a `registry_host`, else "json".
//
// Format "json": a value is one JSON object in UTF-8. Fields match columns by exact name; unknown
// fields are checked and ignored; of a repeated field (or map key) the first counts.
//
//     type                         accepts
//     BOOLEAN                      true, false
//     BYTE SHORT INT LONG          numbers of integral value within the type (5, 5.0, not 5.5, "5")
//     DATE, TIMESTAMP              the same: days, milliseconds since 1970 UTC; no ISO text
//     FLOAT DOUBLE                 any number within the type
//     STRING, BINARY               strings; BINARY takes their UTF-8 bytes
//     LIST<T>, MAP<STRING,T>       arrays, objects; null elements and mapped values are null
//
// Format "avro": a value is Avro binary of the schema in the file that `schema` names. What fills
// which column stands in avro/avro_plan.h.
//
// Format "protobuf": a value is a `message` of the schema in the file that `schema` names, a .proto
// text or a descriptor set. What fills which column stands in protobuf/protobuf_columns.h.
//
// Format "schema_registry": a value is byte 0, the id of its schema in 4 bytes, and Avro binary, or
// indexes of a message and Protobuf; `registry_host`, `registry_port` and `registry_scheme` say
// where the schemas are. Each is asked for once, an unknown one once per Decode. The reader's
// schema, whose kind is all records' and whose defaults stand for Avro fields that a writer has
// not, is version `reader_schema_version` (latest) of `subject` (name-value). With
// schema_registry_wire_format=false, values are Avro binary or Protobuf of that schema alone.

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "catena/base/result.h"
#include "catena/topic/topic.h"
#include "catena/types/batch.h"
#include "catena/types/schema.h"

namespace catena::topic {

struct BadRecord {
  uint32_t record = 0;  // Position in the span.
  std::string reason;   // "field \"amount\" wants DOUBLE, found a string (byte 17)".
};

struct Decoded {
  types::Batch rows;
  std::vector<uint32_t> record_of_row;  // Positions in the span, never descending.
  std::vector<BadRecord> bad;           // By record.
};

class Decoder {
 public:
  virtual ~Decoder() = default;
  // Field names of `schema` are distinct.
  static Result<std::unique_ptr<Decoder>> Open(const TopicAddress& topic,
                                               const types::Schema& schema);
  virtual Result<Decoded> Decode(std::span<const Record> records) = 0;
};

}  // namespace catena::topic

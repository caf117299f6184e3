// SPDX-License-Identifier: Apache-2.0
// AvroSchema: the types that an Avro schema declares, as a table.
//
//     {"type": "record", "name": "a.Pay", "fields": [        type 0  record a.Pay, children 1, 2
//       {"name": "user", "type": "long"},                    type 1  long
//       {"name": "before", "type": ["null", "Pay"]}]}        type 2  union, children 3, 0
//                                                            type 3  null
//
// A named type may contain itself, so children are positions; a logical type that does not belong
// to its type is ignored, as the specification wants.
//
//   errors   kInvalidConf says which part of the schema is none; names must be defined before they
//            are used, within this schema
//   threads  a value
//   source   Avro 1.11 specification, "Schema Declaration"

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catena/base/json.h"
#include "catena/base/result.h"
#include "catena/topic/topic.h"

namespace catena::topic {

enum class AvroKind : uint8_t {
  kNull,
  kBoolean,
  kInt,
  kLong,
  kFloat,
  kDouble,
  kBytes,
  kString,
  kFixed,
  kEnum,
  kArray,
  kMap,
  kRecord,
  kUnion,
};

enum class AvroLogical : uint8_t {
  kNone,
  kDate,             // int: days since 1970.
  kTimestampMillis,  // long: since 1970 UTC; local timestamps as if of UTC.
  kTimestampMicros,
  kTimestampNanos,
  kDecimal,
  kOther,  // A time of day, uuid, duration: as the plain type.
};

struct AvroField {
  std::string name;
  std::vector<std::string> aliases;
  std::optional<Json> absent;  // The default.
};

struct AvroType {
  AvroKind kind = AvroKind::kNull;
  AvroLogical logical = AvroLogical::kNone;
  std::string name;                  // Of a named type, in full.
  std::vector<uint32_t> children;    // Items, values, fields or branches.
  std::vector<AvroField> fields;     // Of a record, one per child.
  std::vector<std::string> symbols;  // Of an enum.
  size_t size = 0;                   // Of a fixed.
};

class AvroSchema {
 public:
  // `what` names the text in errors.
  static Result<AvroSchema> Parse(std::string_view text, std::string_view what);

  static constexpr uint32_t kRoot = 0;
  const AvroType& type(uint32_t at) const { return types_[at]; }
  size_t size() const { return types_.size(); }
  // "long", "timestamp-micros", "a.Pay", "array": for messages.
  std::string NameOf(uint32_t at) const;

 private:
  friend class AvroSchemaParser;
  std::vector<AvroType> types_;
};

// Of the file that `schema` of the topic names.
Result<AvroSchema> ReadAvroSchemaFile(const TopicAddress& topic);

}  // namespace catena::topic

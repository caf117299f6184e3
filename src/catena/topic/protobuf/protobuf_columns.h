// SPDX-License-Identifier: Apache-2.0
// ProtobufColumns: how the messages of one type fill the columns of a schema.
//
// Bound once a message type; then every message is read by it, field by field. Fields match
// columns by exact name; a column without a field is null.
//
//     type                     accepts
//     BOOLEAN                  bool
//     BYTE SHORT INT LONG      every integer, enum (its number); one outside the type makes its
//                              record bad
//     FLOAT DOUBLE             float, double, every integer
//     STRING                   string, bytes (both must be UTF-8), enum (its name)
//     BINARY                   bytes, string
//     DATE                     every integer, days
//     TIMESTAMP, LONG          google.protobuf.Timestamp, milliseconds (rounded down)
//     LIST<T>                  repeated
//     MAP<STRING,T>            map with string keys
//     STRUCT<...>              a message, by the names of its fields
//     any                      google.protobuf.*Value of what it accepts
//
//   null     a field that knows that it was not set (of a message, optional, in a oneof); any other
//            field that was not set has its default
//   errors   kInvalidConf names the field, its type and the type that is wanted
//   threads  immutable once bound

#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <vector>

#include "catena/base/result.h"
#include "catena/types/batch.h"
#include "catena/types/schema.h"

namespace catena::topic {

class ProtobufColumns {
 public:
  static Result<ProtobufColumns> Bind(const google::protobuf::Descriptor& message,
                                      const types::Schema& columns);

  // Appends a row; false with a reason that names the field, and a half row in the columns.
  bool Append(const google::protobuf::Message& message, types::BatchBuilder* builder,
              std::string* reason) const;

  // One column, or what is within one.
  struct Fill {
    const google::protobuf::FieldDescriptor* field = nullptr;  // Null: always null.
    types::Kind to = types::Kind::kLong;
    std::vector<Fill> within;  // Of a LIST its element, of a MAP key and value, of a STRUCT all.
    bool is_wrapped = false;   // In a google.protobuf.*Value.
  };

 private:
  std::vector<Fill> fills_;
};

}  // namespace catena::topic

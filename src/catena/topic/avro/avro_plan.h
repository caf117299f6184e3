// SPDX-License-Identifier: Apache-2.0
// AvroPlan: how the Avro values of one writer's schema fill the columns of a schema.
//
// Made once per writer's schema; what it holds are steps, each of which reads a value into a column
// or passes over it, so that nothing of the schema is looked at again while records are read:
//
//     writer's   {user: long, note: string, tags: array<string>, amount: float}
//     columns    amount DOUBLE, user LONG, country STRING
//     steps      kFields: kInteger -> column 1, kSkipSized, kSkipArray, kFloat -> column 0,
//                         kConstant -> column 2 (the reader's schema has a default), else kNull
//
// Fields match columns by exact name. A field that the writer has not is the default of the
// reader's schema, whose aliases are other names of its fields; without a reader's schema, null.
//
//     type                     accepts
//     BOOLEAN                  boolean
//     BYTE SHORT INT LONG      int, long; a value outside the type makes its record bad
//     FLOAT DOUBLE             int, long, float, double
//     STRING                   string, bytes (both must be UTF-8), enum
//     BINARY                   bytes, string, fixed
//     DATE                     int, date
//     TIMESTAMP                int, long, timestamp-millis, -micros and -nanos (rounded down)
//     LIST<T> MAP<STRING,T>    array, map; a map with a key twice makes its record bad
//     STRUCT<...>              record, by the names of its fields
//     any                      null; a union, whose branches that do not fit make a record bad
//
//   errors   kInvalidConf names the field, its Avro type and the type that is wanted: when no
//            record could fill the column
//   threads  immutable once made
//   source   Avro 1.11 specification, "Schema Resolution"

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "catena/base/result.h"
#include "catena/topic/avro/avro_schema.h"
#include "catena/types/column.h"
#include "catena/types/schema.h"

namespace catena::topic {

enum class AvroOp : uint8_t {
  kNull,      // Reads nothing.
  kConstant,  // Reads nothing; `constants[first]`.
  kRefuse,    // A branch that does not fit; `texts[first]` says why.
  kBoolean,
  kInteger,        // To integers; within [low, high], then divided.
  kIntegerToReal,  // To FLOAT or DOUBLE.
  kFloat,
  kDouble,
  kText,    // To STRING (`check_utf8`) or BINARY.
  kFixed,   // `size` bytes.
  kEnum,    // `count` symbols from texts[first].
  kList,    // Of edges[first].
  kMap,     // Of edges[first].
  kFields,  // `count` edges from `first`, each with its column; of a STRUCT or of the whole row.
  kUnion,   // `count` edges from `first`, one a branch.
  kSkipNothing,
  kSkipBytes,    // `size` of them.
  kSkipVarints,  // `size` of them.
  kSkipSized,
  kSkipArray,   // Of edges[first].
  kSkipMap,     // Of edges[first].
  kSkipFields,  // `count` edges from `first`.
  kSkipUnion,   // `count` edges from `first`.
};

inline bool IsSkip(AvroOp op) { return op >= AvroOp::kSkipNothing; }

struct AvroStep {
  AvroOp op = AvroOp::kNull;
  types::Kind to = types::Kind::kLong;
  bool check_utf8 = false;
  uint32_t first = 0;
  uint32_t count = 0;
  size_t size = 0;
  int64_t low = INT64_MIN;
  int64_t high = INT64_MAX;
  int64_t divisor = 1;
};

struct AvroEdge {
  uint32_t step = 0;
  uint32_t column = 0;  // Of kFields: which child, when the step is none that skips.
};

struct AvroPlan {
  std::vector<AvroStep> steps;
  std::vector<AvroEdge> edges;
  std::vector<std::string> texts;
  std::vector<std::shared_ptr<const types::Column>> constants;  // Of one row.
  uint32_t root = 0;

  // `reader` may be null. The root of a schema is a record, or a union of which one is.
  static Result<AvroPlan> Make(const AvroSchema& writer, const AvroSchema* reader,
                               const types::Schema& columns);
};

}  // namespace catena::topic

// SPDX-License-Identifier: Apache-2.0
// What the integers of a compiled conf mean: Chronon and Zipline number operations differently.
//
//   errors  an integer no dialect has, or 18/19 where the dialect cannot be told, is kInvalidConf
//   source  Chronon api.thrift (C), Zipline's fork (Z); chronon-surface, "Dialect traps" 1

#pragma once

#include "catena/base/json.h"
#include "catena/conf/aggregation.h"

namespace catena::conf {

enum class Dialect : uint8_t { kChronon, kZipline };

// Z when metaData has `executionInfo` or `version` or the name ends in `__N`; else C.
Dialect DialectOf(const Json& conf);

Result<Operation> OperationOf(int64_t number, Dialect dialect);

}  // namespace catena::conf

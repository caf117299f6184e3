// SPDX-License-Identifier: Apache-2.0
// The one table of operations: from its place in conf/operations.h to an operation, bound to an
// input type.
//
// To add an operation: one file in operations/ that defines its OperationEntry, and one line in
// conf/operations.h (docs/how-to/add-an-operation.md).
//
//   errors   BindOperation: kInvalidConf names an input type that the operation does not take (and
//            those it does) or a wrong argument
//   threads  immutable

#pragma once

#include <span>

#include "catena/aggregate/operation.h"
#include "catena/conf/aggregation.h"

namespace catena::aggregate {

// Indexed by conf::Operation.
std::span<const OperationEntry* const> Operations();

Result<KernelPtr> BindOperation(conf::Operation operation, const BindRequest& request);

}  // namespace catena::aggregate

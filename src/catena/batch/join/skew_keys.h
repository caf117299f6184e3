// SPDX-License-Identifier: Apache-2.0
// Skew keys: values of left keys so frequent that their rows are left out of a Join.
//
// A row goes when every skew key column of the Join holds a value that is listed for it. Values are
// compared as texts: 7 and '7' are one. `null` lists the null; a null that is not listed stays
// (Chronon's SQL would drop it, docs/differences-from-chronon.md).
//
//   output   how many rows went
//   source   Chronon Extensions.scala skewFilter

#pragma once

#include "catena/batch/join_part.h"

namespace catena::batch {

uint64_t DropSkewedRows(const conf::Join& join, LeftRows* left);

}  // namespace catena::batch

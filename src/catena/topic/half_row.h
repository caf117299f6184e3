// SPDX-License-Identifier: Apache-2.0
// EndHalfRow: completes a row that a decoder gave up in the middle of.
//
// A decoder that writes right into the columns of a batch learns only on the way that a record is
// bad. Its row is then ended with whatever it takes, and left out when the batch is done: bad
// records are rare, and looking at each record twice would cost the good ones.
//
//     columns  a: 3 rows | 1     b: 3 rows | nothing     c: 3 rows | 2 elements, not closed
//     after    a: 4 rows         b: 4 rows, null         c: 4 rows
//
//   input  columns of `rows` complete rows, and of parts of one more

#pragma once

#include <cstddef>

#include "catena/types/batch.h"

namespace catena::topic {

void EndHalfRow(size_t rows, types::BatchBuilder* builder);

}  // namespace catena::topic

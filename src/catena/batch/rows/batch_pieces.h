// SPDX-License-Identifier: Apache-2.0
// Pieces of a Batch: put together, cut out, weighed.

#pragma once

#include <cstdint>
#include <vector>

#include "catena/types/batch.h"

namespace catena::batch {

// Rows of all pieces in order, at least one, all of one schema. Column by column, so that of what
// only the pieces hold no more is there twice than a column a thread.
types::Batch ConcatPieces(std::vector<types::Batch> pieces, int threads);
// Rows [begin, end).
types::Batch CutOut(const types::Batch& rows, size_t begin, size_t end);
// What the columns hold, without what they reserved.
uint64_t BytesOf(const types::Batch& rows);
uint64_t BytesOf(const types::Column& column);

}  // namespace catena::batch

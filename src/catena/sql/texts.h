// SPDX-License-Identifier: Apache-2.0
// Whether texts are what DuckDB and Parquet call a string.

#pragma once

#include <span>

#include "catena/base/result.h"
#include "catena/types/batch.h"

namespace catena::sql {

// kInvalidData names the column and the row of the first STRING that is not UTF-8; all batches have
// `schema`.
Status CheckTexts(const types::Schema& schema, std::span<const types::Batch> batches);

}  // namespace catena::sql

// SPDX-License-Identifier: Apache-2.0
// Rows of Batches as a table of Arrow, without copies of numbers and texts. Inside the plugin only.
//
//   input    batches that outlive the table
//   errors   kInvalidData of CheckRows, by column and row
//   threads  any

#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "catena/base/result.h"
#include "catena/types/batch.h"

namespace arrow {
class Schema;
class Table;
}  // namespace arrow

namespace catena::table {

inline constexpr int64_t kMicrosPerMilli = 1000;

std::shared_ptr<arrow::Schema> ArrowSchema(const types::Schema& schema);

// Whether a file can hold the rows. kInvalidData: text that is not UTF-8, a TIMESTAMP that
// microseconds do not reach, a MAP whose key is null.
Status CheckRows(const types::Batch& batch);

// Of batches of that schema, which were checked.
std::shared_ptr<arrow::Table> ArrowTable(const std::shared_ptr<arrow::Schema>& schema,
                                         std::span<const types::Batch> batches);

}  // namespace catena::table

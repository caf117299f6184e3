// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/half_row.h"

#include <algorithm>

#include "catena/types/column.h"

namespace catena::topic {
namespace {

using types::Column;
using types::Kind;

// Closes what is open within the column, so that its children have equally many rows, all of them
// in a row of the column.
void Settle(Column* column) {
  if (column->child_count() == 0) return;
  size_t children = 0;
  for (size_t c = 0; c < column->child_count(); ++c) {
    Settle(column->mutable_child(c));
    children = std::max(children, column->child(c).size());
  }
  for (size_t c = 0; c < column->child_count(); ++c) {
    if (column->child(c).size() < children) column->mutable_child(c)->AppendNull();
  }
  const bool is_struct = column->type().kind == Kind::kStruct;
  const size_t closed = is_struct ? column->size() : column->offset(column->size());
  if (closed < children) column->CloseRow();
}

}  // namespace

void EndHalfRow(size_t rows, types::BatchBuilder* builder) {
  for (size_t i = 0; i < builder->schema().size(); ++i) {
    Settle(builder->column(i));
    if (builder->column(i)->size() == rows) builder->column(i)->AppendNull();
  }
}

}  // namespace catena::topic

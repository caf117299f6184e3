// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/fold/mutation_rows.h"

#include "catena/fetch/entities/mutation_query.h"
#include "catena/fetch/online_state.h"

namespace catena::streaming {

MutationRows::MutationRows(const conf::GroupBy& group_by, const types::Schema& rows)
    : reversal_(*rows.Find(fetch::kReversal)) {
  const bool has_time = !conf::QueryOf(group_by.sources.front()).time_column.spark.empty();
  if (has_time) event_time_ = rows.Find("ts");
}

bool MutationRows::HasTime(const types::Batch& rows, size_t row) const {
  return !event_time_ || !rows.column(*event_time_).IsNull(row);
}

kv::TimedValue MutationRows::ValueOf(const types::Batch& rows, size_t row, int64_t mutation_time,
                                     uint64_t source_order, std::string_view inputs) const {
  fetch::MutationRow mutation;
  const types::Column& reversal = rows.column(reversal_);
  mutation.is_before = !reversal.IsNull(row) && reversal.Values<int8_t>()[row] != 0;
  if (event_time_) mutation.row.event_time = rows.column(*event_time_).Values<int64_t>()[row];
  mutation.row.row = inputs;
  std::string value;
  fetch::EncodeMutationRow(mutation, &value);
  return {FromMillis(mutation_time), fetch::MutationSequence(source_order, mutation.is_before),
          std::move(value)};
}

}  // namespace catena::streaming

// SPDX-License-Identifier: Apache-2.0
// MutationRows: images of the rows of an entity table, as the state of a GroupBy keeps them.
//
//     record at one offset   before (key a, v 1)   after (key b, v 2)
//     value                  a, mutation time, order 2n       b, mutation time, order 2n + 1
//
//   input    rows that fetch::MutationQuery gives, of types that fetch::CheckMutationColumns passed
//   null     an image without an event time is not kept: no window takes it
//   threads  immutable
//   source   fetch/entities/lives.h says what is made of them at read

#pragma once

#include <optional>
#include <string_view>

#include "catena/conf/group_by.h"
#include "catena/kv/kv_store.h"
#include "catena/types/batch.h"

namespace catena::streaming {

class MutationRows {
 public:
  MutationRows(const conf::GroupBy& group_by, const types::Schema& rows);

  bool HasTime(const types::Batch& rows, size_t row) const;
  // `inputs`: the row as RowCodec writes it.
  kv::TimedValue ValueOf(const types::Batch& rows, size_t row, int64_t mutation_time,
                         uint64_t source_order, std::string_view inputs) const;

 private:
  size_t reversal_ = 0;
  std::optional<size_t> event_time_;  // Absent: the source names no time column.
};

}  // namespace catena::streaming

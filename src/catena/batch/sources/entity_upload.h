// SPDX-License-Identifier: Apache-2.0
// EntityUpload: the value that an upload keeps of one key of TEMPORAL entities: its rows.
//
// Mutations to come take rows away, which no folded value allows for every operation; so what is
// uploaded is what the snapshot holds, and a fetch folds what of it still lives.
//
//   input    rows of one snapshot, those of the key in the order of their ties
//   output   fetch::EncodeEntityRows
//   errors   kUnsupported: the key has more than kEntityRowsMax rows or kEntityBytesMax bytes of
//            them, which each fetch would have to fold
//   threads  const calls may run concurrently

#pragma once

#include <span>
#include <string>
#include <vector>

#include "catena/batch/group_by_rows.h"
#include "catena/types/row_codec.h"

namespace catena::batch {

inline constexpr size_t kEntityRowsMax = 10'000;
inline constexpr size_t kEntityBytesMax = size_t{1} << 20;

class EntityUpload {
 public:
  EntityUpload(const conf::GroupBy& group_by, const types::Schema& rows,
               const aggregate::WindowedAggregator& windowed);

  Status Encode(const GroupByRows& all, std::span<const uint32_t> rows, std::string_view key,
                std::string* out) const;

 private:
  Error TooMany(std::string_view key, size_t rows, size_t bytes) const;

  types::RowCodec inputs_;
  std::vector<size_t> columns_;
  std::vector<types::DataType> key_types_;
};

}  // namespace catena::batch

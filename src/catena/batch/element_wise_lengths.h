// SPDX-License-Identifier: Apache-2.0
// ElementWiseLengths: refuses lists that have no positions in common.
//
// An element-wise aggregation folds the i-th elements of lists. Were the lists of one key of two
// lengths, every window that holds both would be null without a word; a batch job says so instead.
//
//   input   rows of a GroupBy, piece by piece; empty and null lists are no input, here neither
//   errors  kInvalidData names the column, both lengths and the times of the two rows
//   source  semantics.md: "error when lengths differ"

#pragma once

#include <span>
#include <string>
#include <vector>

#include "catena/conf/group_by.h"
#include "catena/types/batch.h"

namespace catena::batch {

class ElementWiseLengths {
 public:
  explicit ElementWiseLengths(const conf::GroupBy& group_by);

  // Row i of `rows` belongs to groups[i] and happened at times[i].
  Status Check(const types::Batch& rows, std::span<const uint32_t> groups,
               std::span<const int64_t> times);

 private:
  struct First {
    uint64_t length = 0;  // 0: no list so far.
    int64_t time = 0;
  };
  struct Input {
    std::string column;
    std::vector<First> firsts;  // By group.
  };
  std::vector<Input> inputs_;
};

}  // namespace catena::batch

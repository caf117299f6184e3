// SPDX-License-Identifier: Apache-2.0
// KeyReader: the keys of many rows, added to a KeyIndex or looked up in it.
//
//   input    ids[row] == kNoGroup passes the row over; `days` by row make (key, day) the key, empty
//            leaves it the key alone
//   output   ids[row]; kNoGroup where a part of the key is null, the key is not in `share`, or, of
//            Find, unknown
//   threads  Find may run concurrently on one index
//   why      one integer column is the usual key, and needs no bytes

#pragma once

#include <span>
#include <string>
#include <vector>

#include "catena/batch/rows/key_index.h"
#include "catena/types/batch.h"

namespace catena::batch {

// One of `count` parts that all keys are split into by their hash.
struct KeyShare {
  uint32_t index = 0;
  uint32_t count = 1;
  bool Contains(uint64_t hash) const { return count == 1 || (hash >> 32) % count == index; }
};

// kInvalidConf unless keys of the two types can be equal. The message calls the columns
// `left_name` of `whose` and `right_name`, which may be empty.
Status RequireEqualKeys(const types::DataType& left, const std::string& left_name,
                        const std::string& whose, const types::DataType& right,
                        const std::string& right_name);

// `days` and `ids` are of the rows.
struct KeyedRows {
  const types::Batch* rows;
  std::span<const Date> days;
  std::span<uint32_t> ids;
};

class KeyReader {
 public:
  // Each of `columns` is in the schema.
  KeyReader(const types::Schema& schema, const std::vector<std::string>& columns,
            KeyShare share = {});
  void Add(const types::Batch& rows, std::span<const Date> days, KeyIndex* keys,
           std::span<uint32_t> ids) const;
  // The same of piece after piece, on several threads: each numbers the keys of rows of its own,
  // which are renumbered.
  void AddAll(std::span<const KeyedRows> pieces, int threads, KeyIndex* keys) const;
  void Find(const types::Batch& rows, std::span<const Date> days, const KeyIndex& keys,
            std::span<uint32_t> ids) const;
  // ids[row] becomes kNoGroup where Add would make it so, else 0.
  void PassOver(const types::Batch& rows, std::span<uint32_t> ids) const;

 private:
  // ids[i] and days[i] are of row first + i.
  template <typename Index>
  void Read(const types::Batch& rows, size_t first, std::span<const Date> days, Index* keys,
            std::span<uint32_t> ids) const;

  std::vector<size_t> columns_;
  bool integer_ = false;  // One column, whose keys are IntegerKeys.
  KeyShare share_;
};

}  // namespace catena::batch

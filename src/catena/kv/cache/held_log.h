// SPDX-License-Identifier: Apache-2.0
// HeldLog: what a CachedStore holds back for one commit, in the order in which it came.
//
//     owners    key, its newest record                            one a key that was written
//     records   dataset, time, sequence, where its bytes are, the owner's record before it
//     bytes     of all keys and values, one after the other
//
// Holding appends, a commit takes the log as it is: nothing is searched for, moved or copied a
// value. A record whose value is replaced before the commit is changed in its place.
//
//   threads  const calls may run concurrently

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catena/kv/kv_store.h"

namespace catena::kv {

class HeldLog {
 public:
  using Owner = uint32_t;
  static constexpr uint32_t kNone = UINT32_MAX;
  struct Record {
    Timestamp time;
    uint64_t sequence = 0;
    size_t at = 0;  // In the bytes.
    uint32_t size = 0;
    uint32_t dataset = 0;
    uint32_t before = kNone;  // Of the same owner.
    Owner owner = 0;
  };

  // Memory for about so much is asked for at once, when the first comes: what is never used of it
  // is never touched, and nothing moves as the log grows.
  explicit HeldLog(size_t memory_expected = 0) : memory_expected_(memory_expected) {}

  // Of a key that has none.
  Owner AddOwner(std::string_view key);
  // The record's number: they count from 0.
  uint32_t Append(Owner owner, uint32_t dataset, Timestamp time, uint64_t sequence,
                  std::string_view value);
  void Replace(uint32_t record, std::string_view value);
  void Clear();  // Keeps its memory.
  // Ask for the memory that Replace will write to; the second once the first has come.
  void PrefetchRecord(uint32_t record) const { __builtin_prefetch(&records_[record]); }
  void PrefetchBytes(uint32_t record) const {
    __builtin_prefetch(bytes_.data() + records_[record].at);
  }

  size_t size() const { return records_.size(); }
  uint32_t NewestOf(Owner owner) const { return owners_[owner].newest; }
  const Record& operator[](uint32_t record) const { return records_[record]; }
  std::string_view BytesOf(const Record& record) const {
    return std::string_view(bytes_).substr(record.at, record.size);
  }
  // What one dataset takes, and all that is held.
  size_t MemoryOf(uint32_t dataset) const;
  size_t memory() const;

  // All of it, of records of one place the newest. The log does not change meanwhile.
  class Sorted;

 private:
  struct OwnerPlace {
    size_t key_at = 0;  // In the bytes.
    uint32_t key_size = 0;
    uint32_t newest = kNone;
  };

  std::string_view KeyOf(Owner owner) const {
    return std::string_view(bytes_).substr(owners_[owner].key_at, owners_[owner].key_size);
  }
  std::vector<Owner> OwnersByKey() const;
  // Numbers of all records by dataset, key and as they came; where those of each dataset end.
  std::vector<uint32_t> RecordsInOrder(std::vector<size_t>* ends) const;

  size_t memory_expected_;
  std::vector<OwnerPlace> owners_;
  std::vector<Record> records_;
  std::string bytes_;
  std::vector<size_t> memory_of_;  // By dataset, as far as there is any.
};

// In the order in which stores keep them. Only the records' numbers are sorted: a put is made from
// its record when it is visited, so that nothing is written a put but what the visitor writes.
class HeldLog::Sorted : public SortedPuts {
 public:
  // `names` by dataset. Both outlive this object.
  Sorted(const HeldLog& log, std::span<const std::string_view> names);

  size_t datasets() const override { return runs_.size(); }
  std::string_view NameOf(size_t dataset) const override { return names_[runs_[dataset].dataset]; }
  size_t bytes() const override { return log_.bytes_.size(); }
  size_t size() const override { return numbers_.size(); }
  Status VisitEach(size_t dataset, const Visit& visit) const override;

 private:
  struct Run {  // Of the numbers, those of one dataset.
    size_t dataset = 0;
    size_t begin = 0;
    size_t end = 0;
  };
  void Prefetch(size_t at) const;

  const HeldLog& log_;
  std::span<const std::string_view> names_;
  std::vector<uint32_t> numbers_;
  std::vector<Run> runs_;
};

}  // namespace catena::kv

// SPDX-License-Identifier: Apache-2.0
// PublishedRows: which left records' rows an enriched topic holds, as read from its tail.
//
//     topic, partition 0   ... 7  9 | 12        a row each, by the offset of its left record
//     topic, partition 1   ... 8    | 10  [11]  11 was sent, and is not there
//                                   ^ the last call of Append
//
// Rows of one left partition are appended in the order of their offsets, at most
// kPublishedAtOnce a call, and each call waits for the one before. So of what is not there only the
// rows of the last call can be in doubt, and those are among the newest that are known here. What
// the topic refused is a dead letter before the next call.
//
//   threads  a value

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>

namespace catena::streaming {

// At most so many rows are published in one call.
inline constexpr size_t kPublishedAtOnce = 1000;

class PublishedRows {
 public:
  void Add(int32_t partition, int64_t offset) {
    std::set<int64_t>& newest = newest_[partition];
    newest.insert(offset);
    if (newest.size() > kPublishedAtOnce) newest.erase(newest.begin());
  }
  void Forget(int32_t partition) { newest_.erase(partition); }
  bool Contains(int32_t partition, int64_t offset) const {
    const auto at = newest_.find(partition);
    if (at == newest_.end()) return false;
    const std::set<int64_t>& newest = at->second;
    if (newest.size() == kPublishedAtOnce && offset < *newest.begin()) return true;
    return newest.contains(offset);
  }

 private:
  std::map<int32_t, std::set<int64_t>> newest_;  // By partition of the left topic.
};

}  // namespace catena::streaming

// SPDX-License-Identifier: Apache-2.0
// KeptRows: columns of days that a step wrote and a later step of the same plan reads.
//
// They are written all the same; who finds them here need not read them back. What one step sorted
// of them for the next is in events().
//
//   input    Want before the first step; Keep as days are written
//   limits   a day for which there is no room is not kept, and is read from its files
//   threads  any

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "catena/base/time.h"
#include "catena/types/batch.h"

namespace catena::batch {

class KeptEvents;  // sorted_events.h

class KeptRows {
 public:
  explicit KeptRows(uint64_t bytes_most);
  KeptEvents* events() const { return events_.get(); }

  void Want(const std::string& table, const std::set<std::string>& columns);
  void Keep(const std::string& table, Date day, const types::Batch& rows);
  // The wanted columns of that day; absent when it is not kept.
  std::optional<types::Batch> Find(const std::string& table, Date day) const;
  bool Has(const std::string& table) const;
  // Keeps no longer what no table of `needed` is.
  void ForgetOthers(const std::set<std::string>& needed);

 private:
  struct Table {
    std::set<std::string> columns;
    std::map<Date, types::Batch> days;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Table> tables_;
  uint64_t room_;
  std::shared_ptr<KeptEvents> events_;
};

}  // namespace catena::batch

// SPDX-License-Identifier: Apache-2.0
// KeptRows: columns of days that a step wrote or read and a later step of the same job reads.
//
//     step enriched    reads transactions, keeps user_id and ts of them; writes its table, keeps
//                      what the next step picks of it
//     step features    finds both
//
// What is written is written all the same; who finds it here need not read it back. What one step
// sorted of them for the next is in events().
//
//   input    BeginStep before each step; Keep as days are read and written
//   limits   a day for which there is no room is not kept, and is read from its files; a column
//            that several days or tables share takes its room once
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
  using Columns = std::map<std::string, std::set<std::string>>;  // By table.

  explicit KeptRows(uint64_t bytes_most);
  KeptEvents* events() const { return events_.get(); }

  // `later`: what the steps behind the one that begins read, which Keep keeps. Other tables than
  // these and `now`, those that it reads itself, are kept no longer.
  void BeginStep(Columns later, const std::set<std::string>& now);
  // `print`: of the files that the rows were read from (partition_facts.h), taken before; empty:
  // this job wrote them, whose lock keeps others away.
  void Keep(const std::string& table, Date day, const types::Batch& rows,
            const std::string& print = "");
  // The kept columns of that day; absent when it is not kept, or was kept with another print.
  std::optional<types::Batch> Find(const std::string& table, Date day,
                                   const std::string& print = "") const;
  bool Wants(const std::string& table) const;  // Of days that are read or written now.
  bool Has(const std::string& table) const;

 private:
  struct Day {
    types::Batch rows;
    std::string print;
  };
  uint64_t RoomFor(const types::Batch& rows) const;
  void Hold(const types::Batch& rows);
  void LetGo(const types::Batch& rows);

  mutable std::mutex mutex_;
  Columns later_;
  std::map<std::string, std::map<Date, Day>> tables_;
  std::map<const types::Column*, size_t> holders_;  // How many days hold a column.
  uint64_t room_;
  std::shared_ptr<KeptEvents> events_;
};

}  // namespace catena::batch

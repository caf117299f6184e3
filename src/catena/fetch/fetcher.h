// SPDX-License-Identifier: Apache-2.0
// Fetcher: features of a GroupBy or a Join for keys, as of a time.
//
// For every key and time t within retention the answer is what the batch backfill says at t
// (docs/concepts/consistency.md). Where it cannot be, the row says so: an Incomplete reason, an
// out-of-retention time, or a part's error; never a value that merely looks right.
//
//   input    keys: a Batch with the key columns by name (of a Join: the left's columns), one row a
//            request; as_of: one instant a row, exclusive (an event at exactly t is not seen)
//   output   features: a Batch, one row a request, columns in conf order, a Join's with the prefix
//            of their part; null where the window is empty, the key is null or the part failed
//   errors   kNotFound: no such conf, or nothing was uploaded or streamed for it yet (with the
//            command that does); kUnavailable: the store does not answer. A Join answers what it
//            can: the error of one part is told in that part
//   threads  every call may run concurrently with every other
//   cost     one multi-get for all parts and all rows, and the marks of each part
//   source   Chronon Fetcher (fetchJoin, fetchGroupBys), at any time instead of now only

#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "catena/base/clock.h"
#include "catena/conf/conf.h"
#include "catena/fetch/group_by_reader.h"
#include "catena/kv/kv_store.h"
#include "catena/types/batch.h"

namespace catena::fetch {

// What one GroupBy contributed: its columns in FetchAnswer::features, and how each row fared.
struct PartAnswer {
  std::string name;  // The GroupBy's; of a Join with the part's prefix: "prefix_name".
  size_t column_begin = 0;
  size_t column_end = 0;
  std::vector<RowAnswer> rows;  // One a request.
  std::optional<Error> error;   // The whole part failed; its columns are null.
};

struct FetchAnswer {
  types::Batch features;
  std::vector<PartAnswer> parts;

  // No part failed, is incomplete or out of retention for this request.
  bool Complete(size_t row) const;
};

class DerivedFeatures;

class Fetcher {
 public:
  // `store` outlives the Fetcher. Definitions of later confs win over earlier ones of one name.
  // `gated`: the caller has made sure that streams are far enough for what it asks (a chain's gate
  // knows it to the record), so the stored watermarks, which trail, are not looked at.
  explicit Fetcher(kv::KVStore* store, bool gated = false);
  ~Fetcher();

  void AddConf(const conf::Conf& conf);
  void AddGroupBy(std::shared_ptr<const conf::GroupBy> group_by);
  void AddJoin(std::shared_ptr<const conf::Join> join);
  std::vector<std::string> GroupByNames() const;
  std::vector<std::string> JoinNames() const;

  Result<FetchAnswer> FetchGroupBy(const std::string& name, const types::Batch& keys,
                                   std::span<const Timestamp> as_of);
  // With derivations, all features are those of a last PartAnswer, named like the Join, and what
  // the parts gave is not among them.
  Result<FetchAnswer> FetchJoin(const std::string& name, const types::Batch& keys,
                                std::span<const Timestamp> as_of);
  // Before the Join's own derivations.
  Result<FetchAnswer> FetchBaseJoin(const std::string& name, const types::Batch& keys,
                                    std::span<const Timestamp> as_of);

  // Names and types of the columns that a request must bring: keys, of a Join those of all parts,
  // and left columns that its derivations read.
  Result<types::Schema> KeySchema(const std::string& name, bool is_join);

 private:
  struct Part {
    std::shared_ptr<const conf::GroupBy> group_by;
    std::vector<std::string> key_columns;  // In the request.
    std::string prefix;                    // Of its output columns.
    std::string label;
  };
  Result<std::vector<Part>> PartsOf(const std::string& name, bool is_join) const;
  Result<FetchAnswer> Fetch(const std::vector<Part>& parts, const types::Batch& keys,
                            std::span<const Timestamp> as_of);
  Result<std::shared_ptr<const conf::Join>> JoinOf(const std::string& name) const;
  // The columns of one part after the derivations of its GroupBy; no prefix.
  Status DerivePart(const Part& part, const types::Batch& keys, std::span<const Timestamp> as_of,
                    types::Batch* features, std::vector<RowAnswer>* rows);
  Result<std::shared_ptr<const GroupByReader>> ReaderOf(
      const std::shared_ptr<const conf::GroupBy>& group_by);

  kv::KVStore* store_;
  bool gated_;
  std::unique_ptr<DerivedFeatures> derived_;
  mutable std::mutex mutex_;  // Guards the maps, not the reads.
  std::map<std::string, std::shared_ptr<const conf::GroupBy>> group_bys_;
  std::map<std::string, std::shared_ptr<const conf::Join>> joins_;
  std::map<std::string, types::Schema> schemas_;  // By table, as the confs say.
  // By definition: two Joins may hold different ones under one name. A reader keeps its own alive.
  std::map<const conf::GroupBy*, std::shared_ptr<const GroupByReader>> readers_;
};

}  // namespace catena::fetch

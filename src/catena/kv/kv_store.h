// SPDX-License-Identifier: Apache-2.0
// KVStore: where features wait to be fetched.
//
// A dataset maps a key to timestamped values. Batch uploads replace, tiles and streamed rows
// accumulate until the dataset's horizon passes them. Keys and values are opaque bytes; what they
// mean is the caller's business. One implementation per file in this folder; OpenKVStore() picks
// one by the scheme of a URL.
//
//   threads   every call may run concurrently with every other
//   order     after Apply returns OK, every later read sees it; values of one key come in
//             (time, sequence) order
//   atomic    one MultiGet reads one state of the store: all of a WriteBatch or nothing of it
//   retries   a put is idempotent per (dataset, key, time, sequence): a micro-batch may come again
//   errors    kUnavailable: write or read again; kCorruption: stop and keep the evidence
//   contract  kv/conformance_test.cc runs the same tests against every implementation

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catena/base/result.h"
#include "catena/base/time.h"

namespace catena::kv {

// Values of one key with after <= time < before.
struct GetRequest {
  std::string_view dataset;
  std::string_view key;
  Timestamp after = Timestamp::min();
  Timestamp before = Timestamp::max();
  // The newest `limit` values only, still in time order; 0 is no limit.
  size_t limit = 0;
};

struct TimedValue {
  Timestamp time;
  uint64_t sequence = 0;  // Tells values of one instant apart: a row's source order; 0 for tiles.
  std::string value;
};

// What a multi-get answers, with the bytes of all values in a few pieces of memory: nothing is
// allocated a value, nor a request, and Clear keeps the memory for the next call.
class FlatAnswers {
 public:
  struct Value {
    Timestamp time;
    uint64_t sequence = 0;
    std::string_view bytes;  // Until Clear.
  };

  void Clear();
  // To the answer that is being made.
  void Add(Timestamp time, uint64_t sequence, std::string_view bytes) {
    values_.push_back({time, sequence, Keep(bytes)});
  }
  // It is whole; of its values the newest `limit` stay, all when that is 0.
  void Close(size_t limit = 0);
  // There is none.
  void Fail(Error error);

  size_t size() const { return ends_.size(); }
  // Of answer i, which has no values when it failed.
  Status StatusOf(size_t i) const;
  std::span<const Value> operator[](size_t i) const {
    const size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::span(values_).subspan(begin, ends_[i] - begin);
  }

 private:
  struct Piece {
    std::unique_ptr<char[]> bytes;
    size_t size = 0;
  };
  std::string_view Keep(std::string_view bytes);

  std::vector<Value> values_;
  std::vector<size_t> ends_;  // By answer.
  std::vector<std::pair<size_t, Error>> errors_;
  std::vector<Piece> pieces_;
  size_t piece_ = 0;  // The one that is being filled,
  size_t used_ = 0;   // and how much of it is.
};

struct Put {
  std::string dataset;
  std::string key;
  TimedValue value;
};

// A small named value of a dataset: offsets, watermarks, the list of live generations.
struct Mark {
  std::string dataset;
  std::string name;
  std::string value;
};

struct WriteBatch {
  std::vector<Put> puts;
  std::vector<Mark> marks;
};

// What the writer of a store has in memory, ahead of it.
class Front {
 public:
  virtual ~Front() = default;
  // As the store will answer once all of it has arrived.
  virtual std::vector<Result<std::vector<TimedValue>>> MultiGet(
      std::span<const GetRequest> requests) = 0;
  virtual Result<std::optional<std::string>> GetMark(std::string_view dataset,
                                                     std::string_view name) = 0;
  virtual Result<std::vector<Mark>> ListMarks(std::string_view dataset,
                                              std::string_view prefix) = 0;
  // Returns when all that is held now has arrived.
  virtual Status Commit() = 0;
};

// A Put whose bytes are another's.
struct PutView {
  std::string_view dataset;
  std::string_view key;
  Timestamp time;
  uint64_t sequence = 0;
  std::string_view value;
};

// Very many puts, those of a dataset together, in the order in which a store keeps them: as its
// writer has them in memory, without copies.
class SortedPuts {
 public:
  using Visit = std::function<Status(const PutView& put)>;
  virtual ~SortedPuts() = default;
  virtual size_t datasets() const = 0;  // That have any.
  virtual std::string_view NameOf(size_t dataset) const = 0;
  // Of all puts together about, keys and values; and how many there are, at most.
  virtual size_t bytes() const = 0;
  virtual size_t size() const = 0;
  // By key, time and sequence, of each place one; ends with the first error of `visit`. The bytes
  // of a put live as long as this object.
  virtual Status VisitEach(size_t dataset, const Visit& visit) const = 0;
  // The same of every dataset.
  Status VisitAll(const Visit& visit) const;
};

class KVStore {
 public:
  virtual ~KVStore() = default;

  // One answer per request, in request order. An absent key or dataset is an empty answer, not an
  // error; one failed request does not fail its neighbours.
  virtual std::vector<Result<std::vector<TimedValue>>> MultiGet(
      std::span<const GetRequest> requests) = 0;
  // The same, for who asks for very much; a store may answer without a copy of its own.
  virtual void MultiGetFlat(std::span<const GetRequest> requests, FlatAnswers* answers);

  // Absent is nullopt.
  virtual Result<std::optional<std::string>> GetMark(std::string_view dataset,
                                                     std::string_view name) = 0;
  // Every mark of a dataset whose name starts with `prefix`, by name.
  virtual Result<std::vector<Mark>> ListMarks(std::string_view dataset,
                                              std::string_view prefix) = 0;

  // Stores every put and every mark of the batch, or nothing. `durable` returns only when the
  // write survives a crash of the machine; otherwise it survives a crash of the process at once
  // and of the machine within a second.
  virtual Status Apply(const WriteBatch& batch, bool durable = false) = 0;
  // The same of very many puts, which a store may take without copies of its own.
  virtual Status ApplySorted(const SortedPuts& puts, std::span<const Mark> marks);

  // Values of the dataset older than `horizon` may be forgotten from now on, at leisure. Never
  // moves backwards. Not persisted: whoever owns the rule says it again after a restart.
  virtual Status SetHorizon(std::string_view dataset, Timestamp horizon) = 0;

  // Calls `visit` with every (key, value) of a dataset in (key, time, sequence) order until it
  // returns false. For state listings, conservation checks and tests, not for serving.
  virtual Status Scan(
      std::string_view dataset,
      const std::function<bool(std::string_view key, const TimedValue&)>& visit) = 0;

  // Names of the datasets that hold anything, sorted; and the bytes a dataset takes, estimated.
  virtual Result<std::vector<std::string>> ListDatasets() = 0;
  virtual Result<uint64_t> ApproximateBytes(std::string_view dataset) = 0;

  // Forgets every value and mark of the dataset, and its horizon: as if it had never been. When it
  // fails some may be left; calling again goes on. Not while somebody else writes to the dataset.
  virtual Status DropDataset(std::string_view dataset) = 0;

  // Returns when everything applied so far survives a crash of the machine, as far as the store is
  // asked to.
  virtual Status Sync() = 0;

  // Gives back the space of what was overwritten or forgotten, where the store does not do that by
  // itself at once; takes as long as it takes.
  virtual Status Compact() { return Status(); }

  // Called by a writer that begins anew, having dropped all that it knew from earlier reads. Where
  // the answer to a write can be lost on its way, writes are refused (kUnavailable) from then on
  // until this: what they were derived from may no longer be what the store holds.
  virtual Status Resume() { return Status(); }

  // Whoever reads this store, in any process, is answered by `front` from now on, which itself
  // reads and writes the store that is returned; until StopAnswering of the same front. Null where
  // readers cannot be made to: nothing may then be held back from them.
  virtual KVStore* AnswerThrough(Front* /*front*/) { return nullptr; }
  virtual void StopAnswering(Front* /*front*/) {}
};

enum class OpenMode : uint8_t {
  kOwn,   // Writes; the one owner of an embedded store. kUnavailable while another process owns it.
  kJoin,  // Goes through the owner when there is one, else owns: what a one-shot writer wants.
  kReadOnly,  // Goes through the owner when there is one that answers, else reads without owning.
};

// `url` is "memory:", "rocksdb:PATH" (absolute or relative path), "redis://HOST:PORT" (with login,
// database and options, redis_connection.h). kInvalidConf on an unknown scheme, listing the known
// ones. An owner of a "rocksdb:" store answers other processes on a socket in its folder until it
// is destroyed (store_server.h); all processes of a "redis:" store go to the server.
Result<std::unique_ptr<KVStore>> OpenKVStore(const std::string& url, OpenMode mode);

// Whether nobody else writes a store of this URL while a process has it by OpenMode::kOwn. Of the
// others whoever must be alone has to look for itself. Of an unknown scheme nothing is promised.
bool HasOneOwner(const std::string& url);

}  // namespace catena::kv

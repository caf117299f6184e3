// SPDX-License-Identifier: Apache-2.0
// CachedStore: a store's one writer keeps in memory what it read and wrote last, and holds its
// writes back until there are many.
//
//     Hold -> in memory, readable -> ... Commit: one write of all that came since the one before
//
// A stream reads what it wrote a moment ago: tiles to add to, features to enrich with; and it
// writes the same tiles again and again. A dataset is cached once something was written to it
// through this object, and must from then on be written through nothing else; all other datasets
// and scans go to the store behind.
//
//   crash    the store behind holds the commits, each as a whole: what is held when the process
//            dies is lost together, so it must be such that it can be made again (a stream reads it
//            from its topics, from the offsets that came with the last commit)
//   readers  all others see what is held (KVStore::AnswerThrough); where they cannot be made to,
//            nothing is held back: every write is passed on at once
//   atomic   a write excludes all reads, so a MultiGet sees one state, from memory or not
//   memory   at most bytes_max: of what is held, half; Hold waits for a commit where there is more.
//            Of a key and dataset that was read, the newest hundreds of values are kept, thousands
//            where there is room: five minutes of raw rows of a busy key are asked for again and
//            again; older ones, which nobody asks for, go when there is no more room. Of what is
//            only written, nothing once it is stored. Keys that are written before every commit
//            keep a value of a dataset each
//   errors   the store's; after one in a write this object takes no more writes until Resume, which
//            drops what is held. Where memory runs out within a change this throws, and answers and
//            takes nothing more until then (kUnavailable): half a change is not to be built upon
//   threads  every call may run concurrently with every other

#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <shared_mutex>
#include <stop_token>
#include <thread>
#include <utility>

#include "catena/kv/cache/asked_lately.h"
#include "catena/kv/cache/coverage.h"
#include "catena/kv/cache/forgotten_keys.h"
#include "catena/kv/cache/held_log.h"
#include "catena/kv/cache/kept_values.h"
#include "catena/kv/cache/key_table.h"
#include "catena/kv/kv_store.h"

namespace catena::kv {

class CachedStore : public KVStore {
 public:
  using DatasetNumber = uint32_t;
  // As PutView; the bytes live until Hold returns.
  struct HeldPut {
    DatasetNumber dataset = 0;
    std::string_view key;
    Timestamp time;
    uint64_t sequence = 0;
    std::string_view value;
  };

  // `store` outlives this object. No memory: nothing is kept nor held back.
  CachedStore(KVStore* store, size_t bytes_max);
  // Drops what is held: Sync before.
  ~CachedStore() override;
  CachedStore(const CachedStore&) = delete;
  CachedStore& operator=(const CachedStore&) = delete;

  // Cached from then on. Of those that its writer reads back (ReadEach) what is written is kept
  // from a key's first value on; that a key has none is known where there was nothing behind.
  enum class ReadBack : bool { kNo, kYes };
  DatasetNumber NumberOf(std::string_view dataset, ReadBack read_back = ReadBack::kNo);
  // Where the keys of a ReadEach stand, for the Hold that follows it: those that both begin with,
  // in the same memory, are then not looked for again.
  class Found;
  // As Apply, of datasets by number: readable when it returns, stored by the next Commit.
  Status Hold(std::span<const HeldPut> puts, std::vector<Mark> marks, const Found* found = nullptr);
  // One value of a key, asked for by its time.
  struct Place {
    DatasetNumber dataset = 0;
    std::string_view key;
    Timestamp time;
  };
  // Calls `visit` for each place with its value of sequence 0, null when there is none, and whether
  // no later value of the key and dataset exists. For the writer of these datasets alone: the
  // places are not read as of one moment. Places of one key should stand together.
  using Visit = std::function<Status(size_t place, const std::string_view* value, bool is_newest)>;
  Status ReadEach(std::span<const Place> places, const Visit& visit, Found* found = nullptr);
  // Stores what is held now. Waits for a commit that is under way.
  Status Commit() { return CommitHeld(/*paced=*/false); }
  // Drops what is held, and holds nothing back any more; others read the store behind again.
  void Close();
  // Requests of the stream itself that memory did not answer, since this was asked last.
  uint64_t TakeMisses() { return misses_.exchange(0); }

  std::vector<Result<std::vector<TimedValue>>> MultiGet(
      std::span<const GetRequest> requests) override {
    return Read(requests, /*keep=*/true);
  }
  void MultiGetFlat(std::span<const GetRequest> requests, FlatAnswers* answers) override;
  Result<std::optional<std::string>> GetMark(std::string_view dataset,
                                             std::string_view name) override;
  Result<std::vector<Mark>> ListMarks(std::string_view dataset, std::string_view prefix) override;
  Status Apply(const WriteBatch& batch, bool durable) override;
  Status SetHorizon(std::string_view dataset, Timestamp horizon) override {
    return store_->SetHorizon(dataset, horizon);
  }
  Status Scan(std::string_view dataset,
              const std::function<bool(std::string_view, const TimedValue&)>& visit) override;
  Result<std::vector<std::string>> ListDatasets() override;
  // What is held counts as it lies in memory, beside what it replaces behind.
  Result<uint64_t> ApproximateBytes(std::string_view dataset) override;
  Status DropDataset(std::string_view dataset) override;
  // Leaves cores to those who write meanwhile: it may take seconds as long as they do and there is
  // room for what they write.
  Status Sync() override;
  Status Compact() override;
  Status Resume() override;

 private:
  // By commit: what is written in epoch n is stored by commit n.
  using Epoch = uint64_t;
  struct Held {  // What was written of a key in one epoch.
    Epoch epoch = 0;
    HeldLog::Owner owner = 0;  // In the log of that epoch.
  };
  struct Entry {
    std::string key;
    KeptValues values;  // `held` is the number of the record that is to be stored.
    Coverage coverage;
    Held newest, before;  // Epochs of two logs: what is held now, and what is being committed.
    mutable std::atomic<bool> used{true};  // Since the sweep came by.

    void Prefetch() const { values.Prefetch(); }
    void Use() const {
      if (!used.load(std::memory_order_relaxed)) used.store(true, std::memory_order_relaxed);
    }
  };
  using Answers = std::vector<Result<std::vector<TimedValue>>>;
  struct HeldMark {
    std::string value;
    Epoch epoch = 0;
  };
  struct Reading;  // One call of Read.
  class RequestFinder;
  struct ForOthers : Front {
    explicit ForOthers(CachedStore* cached) : cached(cached) {}
    Answers MultiGet(std::span<const GetRequest> requests) override {
      return cached->Read(requests, /*keep=*/false);
    }
    Result<std::optional<std::string>> GetMark(std::string_view dataset,
                                               std::string_view name) override {
      return cached->GetMark(dataset, name);
    }
    Result<std::vector<Mark>> ListMarks(std::string_view dataset,
                                        std::string_view prefix) override {
      return cached->ListMarks(dataset, prefix);
    }
    Status Commit() override { return cached->Commit(); }
    CachedStore* cached;
  };

  // A change under the lock; what throws in its midst leaves a half.
  class Change {
   public:
    explicit Change(CachedStore* store) : store_(store) {}
    ~Change() {
      if (std::uncaught_exceptions() == exceptions_) return;
      store_->is_half_ = true;
      store_->changed_.notify_all();
    }
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;

   private:
    CachedStore* store_;
    const int exceptions_ = std::uncaught_exceptions();
  };
  static Error IsHalf() { return Unavailable("memory ran out within a write: begin again"); }
  Status Failure() const { return is_half_ ? IsHalf() : failure_; }

  std::string_view NameOf(DatasetNumber dataset) const {
    const std::shared_lock lock(mutex_);
    return names_[dataset];  // Names stay where they are.
  }
  Answers Read(std::span<const GetRequest> requests, bool keep);
  bool Answer(Reading* reading) const;
  class Finder;
  // Fills `missing` where memory does not answer all; false when it never could.
  bool AnswerFromMemory(std::span<const GetRequest> requests, FlatAnswers* answers,
                        std::vector<GetRequest>* missing) const;
  void AskBehind(Reading* reading) const;
  void Keep(Reading* reading);
  bool IsEmptyBehind(std::string_view dataset) const;
  // Whether all is known of a key's values of a dataset from a time on; without an entry: that
  // there are none.
  bool Knows(const Entry* entry, std::string_view key, DatasetNumber dataset,
             Timestamp from) const {
    if (entry != nullptr) return entry->coverage.From(dataset) <= from;
    return dataset < Coverage::kBits && (begun_empty_ >> dataset & 1) != 0 &&
           !forgotten_.MayHave(key);
  }
  Entry* AddEntry(std::string_view key);
  // The newest values of `from` or later.
  void Insert(DatasetNumber dataset, std::string_view key, Timestamp from,
              std::span<const TimedValue> values);

  static size_t MemoryOf(const Entry& entry);
  static bool IsEarlier(const TimedValue& a, const TimedValue& b) {
    return a.time < b.time || (a.time == b.time && a.sequence < b.sequence);
  }
  static bool IsSameInstant(const TimedValue& a, const TimedValue& b) {
    return a.time == b.time && a.sequence == b.sequence;
  }
  // The log in which an epoch's writes are; null when they are stored.
  const HeldLog* LogOf(Epoch epoch) const;
  // Of a key what is held of a dataset, in the request's range.
  std::vector<TimedValue> HeldIn(const Entry& entry, DatasetNumber dataset,
                                 const GetRequest& request) const;
  Status PassOn(std::span<const HeldPut> puts, std::vector<Mark> marks, bool durable);
  void PrefetchHeld(std::span<Entry* const> entries) const;
  void Take(std::span<const HeldPut> puts, Epoch epoch, const Found* found);
  Entry* EntryToTake(std::string_view key, Entry* found, Epoch epoch);
  void TakeOne(Entry* entry, const HeldPut& put, Epoch epoch);
  void Trim(Entry* entry, DatasetNumber dataset) const;
  static void Halve(Entry* entry, DatasetNumber dataset);
  static void HalveEach(Entry* entry);
  void DropUnasked(Entry* entry) const;
  Status CommitHeld(bool paced);
  bool BeginCommit(std::vector<Mark>* marks, std::vector<std::string_view>* names);
  // Of the log that is being committed, which nobody changes: without the lock.
  Status Store(std::span<const std::string_view> names, std::span<const Mark> marks, bool paced);
  Status StoreInBackground(std::span<const std::string_view> names, std::span<const Mark> marks,
                           bool paced);
  Status EndCommit(const Status& stored);
  void CommitWhenMany(const std::stop_token& stop);
  bool IsStored(Epoch epoch) const { return epoch <= stored_; }
  size_t HeldBytes() const { return log_.memory() + committing_log_.memory(); }
  void MakeRoom();
  void Forget();

  KVStore* store_;  // What is behind, past the front of `fronted_`.
  KVStore* const fronted_;
  const size_t bytes_max_;
  const size_t values_max_;  // That are kept of one key and dataset.
  ForOthers for_others_{this};
  std::atomic<bool> holds_back_{false};
  std::atomic<uint64_t> holds_{0};          // Calls of Hold that are done.
  std::atomic<bool> has_much_{false};       // Held again, while a commit is under way.
  std::atomic<int> commits_in_a_hurry_{0};  // Under way or waiting for their turn.
  std::atomic<uint64_t> misses_{0};

  std::mutex commit_mutex_;              // Held for a whole commit; taken first.
  mutable std::shared_mutex mutex_;      // Guards all below.
  std::condition_variable_any changed_;  // Something was committed, or is to be.
  std::map<std::string, DatasetNumber, std::less<>> numbers_;  // Of datasets that are cached.
  std::deque<std::string> names_;                              // By number.
  // Datasets, a bit each by number, that had nothing behind when they were named: of a key that
  // has no entry, and never had one that was let go of, they hold nothing.
  uint64_t begun_empty_ = 0;
  uint64_t read_back_ = 0;  // Those of them of which new keys are kept.
  ForgottenKeys forgotten_;
  KeyTable<Entry> entries_;
  uint64_t removals_ = 0;  // From entries_.
  size_t bytes_ = 0;
  size_t swept_ = 0;           // The cell where the next sweep goes on.
  mutable AskedLately asked_;  // By the stream itself.
  Epoch epoch_ = 1;            // Of what is written now.
  Epoch stored_ = 0;           // Everything of it and before is in the store behind.
  uint64_t version_ = 0;       // Of the store behind, as far as it matters here.
  std::map<std::pair<std::string, std::string>, HeldMark> marks_;  // Dataset, name.
  HeldLog log_;                                                    // Of this epoch.
  uint64_t log_begin_ = 1;  // The number of its first record; no two logs have one in common.
  Epoch committing_ = 0;    // The epoch that is being committed, or failed to be; 0: none.
  HeldLog committing_log_;
  Status failure_;
  bool is_half_ = false;
  std::jthread committer_;
};

class CachedStore::Found {
 private:
  friend CachedStore;
  FoundTogether<Entry> entries_;
  uint64_t removals_ = 0;  // As of then.
};

}  // namespace catena::kv

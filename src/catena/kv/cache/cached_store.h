// SPDX-License-Identifier: Apache-2.0
// CachedStore: a store's own writer keeps in memory what it read and wrote last.
//
//     (dataset, key) -> every value from some time on, as the store behind has them
//
// A stream reads what it wrote a moment ago: tiles to add to, features to enrich with. A dataset is
// cached once something was written to it through this object, and must from then on be written
// through nothing else; all other datasets, marks and scans go to the store behind.
//
//   atomic   a write excludes all reads, so a MultiGet sees one state, from memory or not
//   memory   at most bytes_max; a key of more than a few hundred values is read from behind
//   errors   the store's; after one in Apply everything is read anew
//   threads  every call may run concurrently with every other

#pragma once

#include <atomic>
#include <map>
#include <shared_mutex>
#include <unordered_map>
#include <utility>

#include "catena/kv/kv_store.h"

namespace catena::kv {

class CachedStore : public KVStore {
 public:
  // `store` outlives this object.
  CachedStore(KVStore* store, size_t bytes_max) : store_(store), bytes_max_(bytes_max) {}

  std::vector<Result<std::vector<TimedValue>>> MultiGet(
      std::span<const GetRequest> requests) override;
  Status Apply(const WriteBatch& batch, bool durable) override;
  Status Resume() override;

  Result<std::optional<std::string>> GetMark(std::string_view dataset,
                                             std::string_view name) override {
    return store_->GetMark(dataset, name);
  }
  Result<std::vector<Mark>> ListMarks(std::string_view dataset, std::string_view prefix) override {
    return store_->ListMarks(dataset, prefix);
  }
  Status SetHorizon(std::string_view dataset, Timestamp horizon) override {
    return store_->SetHorizon(dataset, horizon);
  }
  Status Scan(std::string_view dataset,
              const std::function<bool(std::string_view, const TimedValue&)>& visit) override {
    return store_->Scan(dataset, visit);
  }
  Result<std::vector<std::string>> ListDatasets() override { return store_->ListDatasets(); }
  Result<uint64_t> ApproximateBytes(std::string_view dataset) override {
    return store_->ApproximateBytes(dataset);
  }
  Status Sync() override { return store_->Sync(); }

 private:
  using Place = std::pair<uint32_t, std::string>;  // Dataset, key.
  using PlaceView = std::pair<uint32_t, std::string_view>;
  struct PlaceHash {
    using is_transparent = void;
    size_t operator()(const PlaceView& place) const;
    size_t operator()(const Place& place) const { return (*this)(PlaceView(place)); }
  };
  struct PlaceEqual {
    using is_transparent = void;
    bool operator()(const PlaceView& a, const PlaceView& b) const { return a == b; }
  };
  struct Entry {
    Timestamp from;                  // Every value of the key at or after it is here.
    std::vector<TimedValue> values;  // By time and sequence.
    size_t bytes = 0;
    mutable std::atomic<bool> used{true};  // Since the sweep came by.

    Entry(Timestamp since, std::vector<TimedValue> all);
    void Put(const TimedValue& value);
    std::vector<TimedValue> Answer(const GetRequest& request) const;
  };
  using Entries = std::unordered_map<Place, Entry, PlaceHash, PlaceEqual>;

  std::optional<uint32_t> IdOf(std::string_view dataset) const;
  // Null where the entry does not cover the request, or there is none.
  const Entry* Find(const GetRequest& request) const;
  // All requests from memory; false when one is not there.
  bool AnswerAll(std::span<const GetRequest> requests,
                 std::vector<Result<std::vector<TimedValue>>>* answers) const;
  void Load(std::span<const GetRequest> requests);
  void Insert(uint32_t dataset, const GetRequest& loaded, std::vector<TimedValue> values);
  void Erase(Entries::iterator entry);
  void MakeRoom();
  void Forget();

  KVStore* store_;
  const size_t bytes_max_;
  std::shared_mutex mutex_;                           // Guards all below.
  std::map<std::string, uint32_t, std::less<>> ids_;  // Of datasets that are cached.
  Entries entries_;
  size_t bytes_ = 0;
  size_t bucket_ = 0;  // Where the next sweep goes on.
};

}  // namespace catena::kv

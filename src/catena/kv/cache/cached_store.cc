// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/cache/cached_store.h"

#include <algorithm>
#include <mutex>
#include <tuple>

#include "catena/base/hash.h"

namespace catena::kv {
namespace {

constexpr size_t kValuesMax = 512;  // Of one key.
constexpr size_t kEntryBytesMax = 64 << 10;
constexpr size_t kOverhead = 128;  // Of an entry, about.

size_t BytesOf(const TimedValue& value) { return sizeof(TimedValue) + value.value.size(); }

bool IsBefore(const TimedValue& value, Timestamp time) { return value.time < time; }

}  // namespace

size_t CachedStore::PlaceHash::operator()(const PlaceView& place) const {
  return HashBytes(place.second) ^ (place.first * 0x9e3779b97f4a7c15ULL);
}

CachedStore::Entry::Entry(Timestamp since, std::vector<TimedValue> all)
    : from(since), values(std::move(all)), bytes(kOverhead) {
  for (const TimedValue& value : values) bytes += BytesOf(value);
}

void CachedStore::Entry::Put(const TimedValue& value) {
  const auto at = std::lower_bound(
      values.begin(), values.end(), value, [](const TimedValue& a, const TimedValue& b) {
        return std::tie(a.time, a.sequence) < std::tie(b.time, b.sequence);
      });
  if (at != values.end() && at->time == value.time && at->sequence == value.sequence) {
    bytes += value.value.size() - at->value.size();
    at->value = value.value;
  } else {
    bytes += BytesOf(value);
    values.insert(at, value);
  }
}

std::vector<TimedValue> CachedStore::Entry::Answer(const GetRequest& request) const {
  auto begin = std::lower_bound(values.begin(), values.end(), request.after, IsBefore);
  const auto end = std::lower_bound(begin, values.end(), request.before, IsBefore);
  const auto limit = static_cast<ptrdiff_t>(request.limit);
  if (limit != 0 && end - begin > limit) begin = end - limit;
  return {begin, end};
}

std::optional<uint32_t> CachedStore::IdOf(std::string_view dataset) const {
  const auto at = ids_.find(dataset);
  return at == ids_.end() ? std::nullopt : std::optional<uint32_t>(at->second);
}

const CachedStore::Entry* CachedStore::Find(const GetRequest& request) const {
  const auto id = IdOf(request.dataset);
  if (!id) return nullptr;
  const auto at = entries_.find(PlaceView(*id, request.key));
  if (at == entries_.end() || at->second.from > request.after) return nullptr;
  at->second.used.store(true, std::memory_order_relaxed);
  return &at->second;
}

bool CachedStore::AnswerAll(std::span<const GetRequest> requests,
                            std::vector<Result<std::vector<TimedValue>>>* answers) const {
  answers->clear();
  answers->reserve(requests.size());
  for (const GetRequest& request : requests) {
    if (request.after >= request.before) {
      answers->emplace_back(std::vector<TimedValue>());
      continue;
    }
    const Entry* entry = Find(request);
    if (entry == nullptr) return false;
    answers->emplace_back(entry->Answer(request));
  }
  return true;
}

std::vector<Result<std::vector<TimedValue>>> CachedStore::MultiGet(
    std::span<const GetRequest> requests) {
  std::vector<Result<std::vector<TimedValue>>> answers;
  {
    const std::shared_lock lock(mutex_);
    if (AnswerAll(requests, &answers)) return answers;
  }
  const std::unique_lock lock(mutex_);
  Load(requests);
  // What does not fit, or is not cached, is asked for as it is.
  answers.assign(requests.size(), std::vector<TimedValue>());
  std::vector<GetRequest> left;
  std::vector<size_t> places;
  for (size_t i = 0; i < requests.size(); ++i) {
    if (requests[i].after >= requests[i].before) continue;
    if (const Entry* entry = Find(requests[i])) {
      answers[i] = entry->Answer(requests[i]);
    } else {
      left.push_back(requests[i]);
      places.push_back(i);
    }
  }
  if (left.empty()) return answers;
  auto rest = store_->MultiGet(left);
  for (size_t i = 0; i < rest.size(); ++i) answers[places[i]] = std::move(rest[i]);
  return answers;
}

// Everything of the absent keys from the earliest time that is asked for, to the end of time.
void CachedStore::Load(std::span<const GetRequest> requests) {
  std::map<PlaceView, GetRequest> wanted;
  for (const GetRequest& request : requests) {
    const auto id = IdOf(request.dataset);
    if (!id || request.after >= request.before || Find(request) != nullptr) continue;
    const GetRequest all{request.dataset, request.key, request.after, Timestamp::max(),
                         kValuesMax + 1};
    const auto [at, added] = wanted.try_emplace(PlaceView(*id, request.key), all);
    at->second.after = std::min(at->second.after, request.after);
  }
  if (wanted.empty()) return;
  std::vector<GetRequest> asked;
  for (const auto& [place, request] : wanted) asked.push_back(request);
  auto answers = store_->MultiGet(asked);
  auto answer = answers.begin();
  for (const auto& [place, request] : wanted) {
    if (answer->ok() && (*answer)->size() <= kValuesMax) {
      Insert(place.first, request, std::move(**answer));
    }
    ++answer;
  }
}

void CachedStore::Insert(uint32_t dataset, const GetRequest& loaded,
                         std::vector<TimedValue> values) {
  if (const auto at = entries_.find(PlaceView(dataset, loaded.key)); at != entries_.end())
    Erase(at);
  const auto at =
      entries_.try_emplace(Place(dataset, loaded.key), loaded.after, std::move(values)).first;
  bytes_ += at->second.bytes;
  if (at->second.bytes > kEntryBytesMax) Erase(at);
  MakeRoom();
}

void CachedStore::Erase(Entries::iterator entry) {
  bytes_ -= entry->second.bytes;
  entries_.erase(entry);
}

// Round and round: what was not used since the last visit goes.
void CachedStore::MakeRoom() {
  while (bytes_ > bytes_max_ && !entries_.empty()) {
    bucket_ = (bucket_ + 1) % entries_.bucket_count();
    std::vector<Place> unused;
    for (auto at = entries_.begin(bucket_); at != entries_.end(bucket_); ++at) {
      if (!at->second.used.exchange(false)) unused.push_back(at->first);
    }
    for (const Place& place : unused) Erase(entries_.find(place));
  }
}

void CachedStore::Forget() {
  entries_.clear();
  bytes_ = 0;
}

Status CachedStore::Apply(const WriteBatch& batch, bool durable) {
  const std::unique_lock lock(mutex_);
  if (const Status applied = store_->Apply(batch, durable); !applied.ok()) {
    Forget();  // It may have been done.
    return applied;
  }
  for (const Put& put : batch.puts) {
    const auto id = ids_.find(put.dataset);
    if (id == ids_.end()) {
      ids_.emplace(put.dataset, static_cast<uint32_t>(ids_.size()));
      continue;
    }
    const auto at = entries_.find(PlaceView(id->second, put.key));
    if (at == entries_.end() || put.value.time < at->second.from) continue;
    Entry& entry = at->second;
    bytes_ -= entry.bytes;
    entry.Put(put.value);
    bytes_ += entry.bytes;
    if (entry.values.size() > kValuesMax || entry.bytes > kEntryBytesMax) Erase(at);
  }
  MakeRoom();
  return Status();
}

Status CachedStore::Resume() {
  const std::unique_lock lock(mutex_);
  Forget();
  return store_->Resume();
}

}  // namespace catena::kv

// SPDX-License-Identifier: Apache-2.0
// The reads of a CachedStore: from memory, from behind, or both, as of one moment.

#include <algorithm>
#include <mutex>
#include <tuple>

#include "catena/kv/cache/cached_store.h"

namespace catena::kv {
namespace {

constexpr int kUnlockedReads = 3;

bool IsBefore(const TimedValue& value, Timestamp time) { return value.time < time; }

template <typename V>
std::pair<const V*, const V*> RangeOf(const std::vector<V>& values, const GetRequest& request) {
  const auto begin = std::lower_bound(values.begin(), values.end(), request.after, IsBefore);
  const auto end = std::lower_bound(begin, values.end(), request.before, IsBefore);
  return {values.data() + (begin - values.begin()), values.data() + (end - values.begin())};
}

void KeepNewest(size_t limit, std::vector<TimedValue>* values) {
  if (limit == 0 || values->size() <= limit) return;
  values->erase(values->begin(), values->end() - static_cast<ptrdiff_t>(limit));
}

}  // namespace

// One call of Read: requests that memory cannot answer are asked for behind, until one moment
// answers all.
struct CachedStore::Reading {
  std::span<const GetRequest> requests;
  bool keep = false;
  Answers answers;
  struct Missing {  // A request to be asked for.
    size_t request = 0;
    std::optional<DatasetNumber> dataset;
  };
  std::vector<Missing> missing;
  std::vector<std::optional<Result<std::vector<TimedValue>>>> behind;  // What was said, by request.
  std::vector<uint8_t> is_many;                             // By request: not to be kept.
  std::vector<std::pair<DatasetNumber, GetRequest>> loads;  // To be kept,
  Answers loaded;                                           // and what was said of them.
  uint64_t version = 0;
};

const CachedStore::Slot* CachedStore::FindSlot(const Entry& entry, DatasetNumber dataset) const {
  for (const Slot& slot : entry.slots) {
    if (slot.dataset == dataset) return &slot;
  }
  return nullptr;
}

// False when some requests are missing, from memory and from what was said behind.
bool CachedStore::Answer(Reading* reading) const {
  const size_t count = reading->requests.size();
  reading->missing.clear();
  reading->answers.clear();
  reading->answers.reserve(count);
  std::optional<std::string_view> dataset, key;  // Of the request before.
  std::optional<DatasetNumber> number;
  const Entry* entry = nullptr;
  for (size_t i = 0; i < count; ++i) {
    const GetRequest& request = reading->requests[i];
    auto& answer = reading->answers.emplace_back(std::vector<TimedValue>());
    if (request.after >= request.before) continue;
    if (request.dataset != dataset) {
      const auto at = numbers_.find(request.dataset);
      number = at == numbers_.end() ? std::nullopt : std::optional(at->second);
      dataset = request.dataset;
    }
    if (request.key != key) {
      const auto at = entries_.find(request.key);
      entry = at == entries_.end() ? nullptr : &at->second;
      key = request.key;
      if (entry != nullptr && !entry->used.load(std::memory_order_relaxed)) {
        entry->used.store(true, std::memory_order_relaxed);
      }
    }
    const Slot* slot = entry != nullptr && number ? FindSlot(*entry, *number) : nullptr;
    const bool is_covered = slot != nullptr && slot->from <= request.after;
    if (!is_covered && !reading->behind[i]) {
      reading->missing.push_back({i, number});
      continue;
    }
    if (!is_covered) answer = *reading->behind[i];
    if (slot == nullptr || !answer.ok()) continue;
    const auto [begin, end] = RangeOf(slot->values, request);
    if (is_covered || answer->empty()) {
      *answer = std::vector<TimedValue>(begin, end);
    } else if (begin != end) {
      std::vector<TimedValue> both(begin, end);  // Of one instant, the first: what is held.
      both.insert(both.end(), answer->begin(), answer->end());
      std::stable_sort(both.begin(), both.end(), IsEarlier);
      both.erase(std::unique(both.begin(), both.end(), IsSameInstant), both.end());
      *answer = std::move(both);
    }
    KeepNewest(request.limit, &*answer);
  }
  return reading->missing.empty();
}

// What is missing, as it is; of what is kept, everything from the earliest time that is asked for.
void CachedStore::AskBehind(Reading* reading) const {
  std::vector<GetRequest> asked;
  std::vector<size_t> asked_for;
  reading->loads.clear();
  for (const auto& [i, number] : reading->missing) {
    const GetRequest& request = reading->requests[i];
    if (reading->keep && !reading->is_many[i] && number) {
      reading->loads.emplace_back(*number, GetRequest{request.dataset, request.key, request.after,
                                                      Timestamp::max(), kValuesMax + 1});
    } else {
      asked.push_back(request);
      asked_for.push_back(i);
    }
  }
  std::sort(reading->loads.begin(), reading->loads.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first, a.second.key, a.second.after) <
           std::tie(b.first, b.second.key, b.second.after);
  });
  reading->loads.erase(std::unique(reading->loads.begin(), reading->loads.end(),
                                   [](const auto& a, const auto& b) {
                                     return a.first == b.first && a.second.key == b.second.key;
                                   }),
                       reading->loads.end());
  for (const auto& [number, request] : reading->loads) asked.push_back(request);
  Answers said = store_->MultiGet(asked);
  for (size_t i = 0; i < asked_for.size(); ++i) reading->behind[asked_for[i]] = std::move(said[i]);
  said.erase(said.begin(), said.begin() + static_cast<ptrdiff_t>(asked_for.size()));
  reading->loaded = std::move(said);
}

// Those of which there are too many, or none can be had, are asked for as they are.
void CachedStore::Keep(Reading* reading) {
  for (size_t i = 0; i < reading->loads.size(); ++i) {
    const auto& [number, request] = reading->loads[i];
    auto& loaded = reading->loaded[i];
    if (loaded.ok() && loaded->size() <= kValuesMax) {
      Insert(number, request, std::move(*loaded));
    }
  }
  for (const auto& missing : reading->missing) reading->is_many[missing.request] = 1;
}

CachedStore::Answers CachedStore::Read(std::span<const GetRequest> requests, bool keep) {
  Reading reading;
  reading.requests = requests;
  reading.keep = keep;
  reading.behind.resize(requests.size());
  reading.is_many.resize(requests.size());
  {
    const std::shared_lock lock(mutex_);
    if (Answer(&reading)) return std::move(reading.answers);
    reading.version = version_;
  }
  for (int reads = 0;; ++reads) {
    std::unique_lock lock(mutex_, std::defer_lock);
    // Where writes come all the time, one read is behind a closed door.
    if (reads >= kUnlockedReads || !holds_back_) {
      lock.lock();
      reading.version = version_;
      reading.behind.assign(requests.size(), std::nullopt);
      if (Answer(&reading)) return std::move(reading.answers);
    }
    AskBehind(&reading);
    if (!lock.owns_lock()) lock.lock();
    if (reading.version != version_) {
      // What was said may lack what was stored, and is no longer held, since.
      reading.version = version_;
      reading.behind.assign(requests.size(), std::nullopt);
    } else {
      Keep(&reading);
    }
    if (Answer(&reading)) {
      MakeRoom();
      return std::move(reading.answers);
    }
  }
}

Status CachedStore::ReadEach(std::span<const Place> places, const Visit& visit) {
  std::vector<size_t> absent;  // Places that memory does not know.
  {
    const std::shared_lock lock(mutex_);
    std::optional<std::string_view> key;
    const Entry* entry = nullptr;
    for (size_t i = 0; i < places.size(); ++i) {
      const Place& place = places[i];
      if (place.key != key) {
        key = place.key;
        const auto at = entries_.find(place.key);
        entry = at == entries_.end() ? nullptr : &at->second;
        if (entry != nullptr) entry->used.store(true, std::memory_order_relaxed);
      }
      const Slot* slot = entry != nullptr ? FindSlot(*entry, place.dataset) : nullptr;
      if (slot == nullptr || slot->from > place.time) {
        absent.push_back(i);
        continue;
      }
      // Mostly the newest.
      auto at = slot->values.end();
      while (at != slot->values.begin() && std::prev(at)->time >= place.time) --at;
      const bool is_there = at != slot->values.end() && at->time == place.time;
      const std::string_view bytes = is_there ? at->value : std::string_view();
      const bool is_newest = at == slot->values.end() || (is_there && at + 1 == slot->values.end());
      CATENA_RETURN_IF_ERROR(visit(i, is_there ? &bytes : nullptr, is_newest));
    }
  }
  if (absent.empty()) return Status();
  std::vector<GetRequest> requests;
  requests.reserve(absent.size());
  for (const size_t i : absent) {
    requests.push_back({NameOf(places[i].dataset), places[i].key, places[i].time});
  }
  const Answers answers = MultiGet(requests);
  for (size_t i = 0; i < absent.size(); ++i) {
    if (!answers[i].ok()) return answers[i].error();
    const std::vector<TimedValue>& values = *answers[i];
    const bool is_there = !values.empty() && values[0].time == places[absent[i]].time;
    const std::string_view bytes = is_there ? values[0].value : std::string_view();
    CATENA_RETURN_IF_ERROR(
        visit(absent[i], is_there ? &bytes : nullptr, values.size() == (is_there ? 1 : 0)));
  }
  return Status();
}

// Beside what is held of the key and not behind yet.
void CachedStore::Insert(DatasetNumber dataset, const GetRequest& loaded,
                         std::vector<TimedValue> values) {
  const auto [at, is_new] = entries_.try_emplace(std::string(loaded.key));
  Entry* entry = &at->second;
  if (is_new) Begin(&*at);
  Slot* slot = AddSlot(entry, dataset);
  size_t before = 0;
  for (const Value& value : slot->values) before += BytesOf(value);
  std::vector<Value> all;
  all.reserve(values.size());
  auto held = slot->values.begin();
  const auto take_held = [&](const TimedValue* until) {
    for (; held != slot->values.end() && (until == nullptr || !IsEarlier(*until, *held)); ++held) {
      if (!IsStored(held->epoch)) all.push_back(std::move(*held));
    }
  };
  for (TimedValue& value : values) {
    take_held(&value);
    if (!all.empty() && IsSameInstant(all.back(), value)) continue;
    all.push_back(Value{std::move(value), 0});
  }
  take_held(nullptr);
  size_t after = 0;
  for (const Value& value : all) after += BytesOf(value);
  Grow(entry, before, after);
  slot->values = std::move(all);
  slot->from = loaded.after;
}

}  // namespace catena::kv

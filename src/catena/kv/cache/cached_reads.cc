// SPDX-License-Identifier: Apache-2.0
// The reads of a CachedStore: from memory, from behind, or both, as of one moment.

#include <algorithm>
#include <mutex>
#include <tuple>

#include "catena/kv/cache/cached_store.h"

namespace catena::kv {
namespace {

constexpr int kUnlockedReads = 3;

// Of what is kept, what a request asks for.
std::span<const KeptValue> RangeIn(const KeptValues& kept, uint32_t dataset,
                                   const GetRequest& request) {
  const auto is_before = [](const KeptValue& value, Timestamp time) { return value.time < time; };
  const std::span<const KeptValue> all = kept.Of(dataset);
  const auto begin = std::lower_bound(all.begin(), all.end(), request.after, is_before);
  const auto end = std::lower_bound(begin, all.end(), request.before, is_before);
  return {begin, end};
}

std::vector<TimedValue> ValuesIn(const KeptValues& kept, uint32_t dataset,
                                 const GetRequest& request) {
  const std::span<const KeptValue> range = RangeIn(kept, dataset, request);
  std::vector<TimedValue> values;
  values.reserve(range.size());
  for (const KeptValue& value : range) {
    values.push_back({value.time, value.sequence, std::string(kept.BytesOf(value))});
  }
  return values;
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

const HeldLog* CachedStore::LogOf(Epoch epoch) const {
  if (epoch == epoch_) return &log_;
  return epoch != 0 && epoch == committing_ ? &committing_log_ : nullptr;
}

// Of one place what was written last.
std::vector<TimedValue> CachedStore::HeldIn(const Entry& entry, DatasetNumber dataset,
                                            const GetRequest& request) const {
  std::vector<TimedValue> values;
  for (const Held& held : {entry.newest, entry.before}) {
    const HeldLog* log = LogOf(held.epoch);
    if (log == nullptr) continue;
    for (uint32_t i = log->NewestOf(held.owner); i != HeldLog::kNone; i = (*log)[i].before) {
      const HeldLog::Record& record = (*log)[i];
      if (record.dataset != dataset || record.time < request.after ||
          record.time >= request.before) {
        continue;
      }
      values.push_back({record.time, record.sequence, std::string(log->BytesOf(record))});
    }
  }
  std::stable_sort(values.begin(), values.end(), IsEarlier);
  values.erase(std::unique(values.begin(), values.end(), IsSameInstant), values.end());
  return values;
}

// Where requests stand in memory: of neighbours the key and the dataset are looked up once.
class CachedStore::RequestFinder {
 public:
  // Of its own stream, or of others.
  RequestFinder(const CachedStore& store, std::span<const GetRequest> requests, bool is_own)
      : store_(store), is_own_(is_own), found_(store.entries_, requests) {}

  // Each of the requests, one after the other.
  void Find(const GetRequest& request) {
    if (request.dataset != dataset_) {
      const auto at = store_.numbers_.find(request.dataset);
      number = at == store_.numbers_.end() ? std::nullopt : std::optional(at->second);
      dataset_ = request.dataset;
    }
    entry = found_.Next(request.key);
    if (entry != nullptr) entry->Use();
    is_known = number && store_.Knows(entry, request.key, *number, request.after);
    if (is_own_ && number) store_.asked_.Note(*number, request.after);
  }

  // Of the last request.
  std::optional<DatasetNumber> number;
  const Entry* entry = nullptr;
  bool is_known = false;  // All that it asks for is there; without an entry: nothing is.

 private:
  const CachedStore& store_;
  const bool is_own_;
  FoundTogether<Entry> found_;
  std::optional<std::string_view> dataset_;  // Of the request before.
};

// False when some requests are missing, from memory and from what was said behind.
bool CachedStore::Answer(Reading* reading) const {
  const size_t count = reading->requests.size();
  reading->missing.clear();
  reading->answers.clear();
  reading->answers.reserve(count);
  RequestFinder found(*this, reading->requests, reading->keep);
  for (size_t i = 0; i < count; ++i) {
    const GetRequest& request = reading->requests[i];
    auto& answer = reading->answers.emplace_back(std::vector<TimedValue>());
    found.Find(request);
    if (request.after >= request.before) continue;
    if (!found.is_known && !reading->behind[i]) {
      reading->missing.push_back({i, found.number});
      continue;
    }
    if (!found.is_known) answer = *reading->behind[i];
    if (found.entry == nullptr || !found.number || !answer.ok()) continue;
    std::vector<TimedValue> both = found.is_known
                                       ? ValuesIn(found.entry->values, *found.number, request)
                                       : HeldIn(*found.entry, *found.number, request);
    if (found.is_known || answer->empty()) {
      *answer = std::move(both);
    } else if (!both.empty()) {
      // Of one instant, the first: what is held.
      both.insert(both.end(), answer->begin(), answer->end());
      std::stable_sort(both.begin(), both.end(), IsEarlier);
      both.erase(std::unique(both.begin(), both.end(), IsSameInstant), both.end());
      *answer = std::move(both);
    }
    KeepNewest(request.limit, &*answer);
  }
  return reading->missing.empty();
}

// What is missing, as it is; of what is kept, everything that is asked for of whatever key: who
// folds a key asks for its newest values, who looks it up for older ones.
void CachedStore::AskBehind(Reading* reading) const {
  std::vector<GetRequest> asked;
  std::vector<size_t> asked_for;
  reading->loads.clear();
  for (const auto& [i, number] : reading->missing) {
    const GetRequest& request = reading->requests[i];
    if (reading->keep && !reading->is_many[i] && number) {
      const Timestamp from = std::min(request.after, asked_.From(*number));
      reading->loads.emplace_back(
          *number, GetRequest{request.dataset, request.key, from, Timestamp::max(), values_max_});
    } else {
      asked.push_back(request);
      asked_for.push_back(i);
    }
  }
  std::sort(reading->loads.begin(), reading->loads.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first, a.second.key) < std::tie(b.first, b.second.key);
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
    const auto& loaded = reading->loaded[i];
    if (loaded.ok()) Insert(number, request.key, request.after, *loaded);
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
    if (is_half_) return Answers(requests.size(), IsHalf());
    if (Answer(&reading)) return std::move(reading.answers);
    reading.version = version_;
    if (keep) misses_ += reading.missing.size();
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
    if (is_half_) return Answers(requests.size(), IsHalf());
    const Change change(this);
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

bool CachedStore::AnswerFromMemory(std::span<const GetRequest> requests, FlatAnswers* answers,
                                   std::vector<GetRequest>* missing) const {
  answers->Clear();
  missing->clear();
  if (is_half_) return false;
  RequestFinder found(*this, requests, /*is_own=*/true);
  for (const GetRequest& request : requests) {
    found.Find(request);
    if (request.after < request.before) {
      if (!found.number) return false;
      if (!found.is_known) {
        missing->push_back(request);
      } else if (missing->empty() && found.entry != nullptr) {
        const KeptValues& kept = found.entry->values;
        for (const KeptValue& value : RangeIn(kept, *found.number, request)) {
          answers->Add(value.time, value.sequence, kept.BytesOf(value));
        }
      }
    }
    answers->Close(request.limit);
  }
  return true;
}

// What is missing is read so that it is kept, then all is answered of one moment.
void CachedStore::MultiGetFlat(std::span<const GetRequest> requests, FlatAnswers* answers) {
  std::vector<GetRequest> missing;
  for (int reads = 0; reads < 2; ++reads) {
    {
      const std::shared_lock lock(mutex_);
      if (!AnswerFromMemory(requests, answers, &missing)) break;
    }
    if (missing.empty()) return;
    static_cast<void>(Read(missing, /*keep=*/true));
  }
  KVStore::MultiGetFlat(requests, answers);
}

Status CachedStore::ReadEach(std::span<const Place> places, const Visit& visit, Found* told) {
  std::vector<size_t> unknown;  // Places that memory cannot answer.
  {
    const std::shared_lock lock(mutex_);
    if (is_half_) return IsHalf();
    FoundTogether<Entry> found(entries_, places);
    for (size_t i = 0; i < places.size(); ++i) {
      const Place& place = places[i];
      const Entry* entry = found.Next(place.key);
      asked_.Note(place.dataset, place.time);
      if (!Knows(entry, place.key, place.dataset, place.time)) {
        unknown.push_back(i);
        continue;
      }
      if (entry == nullptr) {
        CATENA_RETURN_IF_ERROR(visit(i, nullptr, /*is_newest=*/true));
        continue;
      }
      entry->Use();
      const KeptValue* const value = entry->values.FirstFrom(place.dataset, place.time);
      const bool is_there = value != nullptr && value->time == place.time;
      const std::string_view bytes = is_there ? entry->values.BytesOf(*value) : std::string_view();
      const bool is_newest = is_there ? entry->values.IsLast(*value) : value == nullptr;
      CATENA_RETURN_IF_ERROR(visit(i, is_there ? &bytes : nullptr, is_newest));
    }
    if (told != nullptr) {
      told->entries_ = std::move(found);
      told->removals_ = removals_;
    }
  }
  if (unknown.empty()) return Status();
  std::vector<GetRequest> requests;
  requests.reserve(unknown.size());
  for (const size_t i : unknown) {
    requests.push_back({NameOf(places[i].dataset), places[i].key, places[i].time});
  }
  const Answers answers = MultiGet(requests);
  for (size_t i = 0; i < unknown.size(); ++i) {
    if (!answers[i].ok()) return answers[i].error();
    const std::vector<TimedValue>& values = *answers[i];
    const bool is_there = !values.empty() && values[0].time == places[unknown[i]].time;
    const std::string_view bytes = is_there ? values[0].value : std::string_view();
    CATENA_RETURN_IF_ERROR(
        visit(unknown[i], is_there ? &bytes : nullptr, values.size() == (is_there ? 1 : 0)));
  }
  return Status();
}

// With what is held of the key and not behind yet. Where there may be older values than were
// loaded, there may be others of the same time as the oldest.
void CachedStore::Insert(DatasetNumber dataset, std::string_view key, Timestamp from,
                         std::span<const TimedValue> values) {
  Entry* entry = entries_.Find(key);
  if (entry == nullptr) entry = AddEntry(key);
  const size_t before = MemoryOf(*entry);
  if (values.size() == values_max_) from = values.front().time + Millis{1};
  entry->values.Erase(dataset, [](const KeptValue&) { return true; });
  entry->coverage.Set(dataset, from);
  const auto keep = [&](std::span<const TimedValue> some) {
    for (const TimedValue& value : some) {
      if (value.time >= from) entry->values.Put(dataset, value.time, value.sequence, value.value);
    }
  };
  keep(values);
  keep(HeldIn(*entry, dataset, GetRequest{{}, {}}));
  Trim(entry, dataset);
  bytes_ += MemoryOf(*entry) - before;
}

}  // namespace catena::kv

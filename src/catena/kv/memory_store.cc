// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/memory_store.h"

#include <algorithm>
#include <mutex>

namespace catena::kv {
namespace {

// A call to SetHorizon looks at this many keys, so that no call takes long.
constexpr int kKeysPerSweep = 1024;

}  // namespace

const MemoryKVStore::Dataset* MemoryKVStore::Find(std::string_view name) const {
  const auto found = datasets_.find(name);
  return found == datasets_.end() ? nullptr : &found->second;
}

MemoryKVStore::Dataset* MemoryKVStore::FindOrAdd(std::string_view name) {
  const auto found = datasets_.find(name);
  return found != datasets_.end() ? &found->second : &datasets_[std::string(name)];
}

std::vector<Result<std::vector<TimedValue>>> MemoryKVStore::MultiGet(
    std::span<const GetRequest> requests) {
  std::shared_lock lock(mutex_);
  std::vector<Result<std::vector<TimedValue>>> answers;
  answers.reserve(requests.size());
  for (const GetRequest& request : requests) {
    std::vector<TimedValue> values;
    const Dataset* dataset = Find(request.dataset);
    if (dataset != nullptr && request.after < request.before) {
      if (const auto found = dataset->keys.find(request.key); found != dataset->keys.end()) {
        auto first = found->second.lower_bound(Instant{request.after, 0});
        const auto end = found->second.lower_bound(Instant{request.before, 0});
        if (request.limit != 0) {
          auto newest = end;
          for (size_t i = 0; i < request.limit && newest != first; ++i) --newest;
          first = newest;
        }
        for (; first != end; ++first) {
          values.push_back({first->first.first, first->first.second, first->second});
        }
      }
    }
    answers.emplace_back(std::move(values));
  }
  return answers;
}

Result<std::optional<std::string>> MemoryKVStore::GetMark(std::string_view dataset,
                                                          std::string_view name) {
  std::shared_lock lock(mutex_);
  std::optional<std::string> value;
  if (const Dataset* found = Find(dataset); found != nullptr) {
    if (const auto mark = found->marks.find(name); mark != found->marks.end()) {
      value = mark->second;
    }
  }
  return value;
}

Result<std::vector<Mark>> MemoryKVStore::ListMarks(std::string_view dataset,
                                                   std::string_view prefix) {
  std::shared_lock lock(mutex_);
  std::vector<Mark> marks;
  if (const Dataset* found = Find(dataset); found != nullptr) {
    for (auto mark = found->marks.lower_bound(prefix);
         mark != found->marks.end() && mark->first.starts_with(prefix); ++mark) {
      marks.push_back({std::string(dataset), mark->first, mark->second});
    }
  }
  return marks;
}

Status MemoryKVStore::Apply(const WriteBatch& batch, bool) {
  std::unique_lock lock(mutex_);
  for (const Put& put : batch.puts) {
    FindOrAdd(put.dataset)
        ->keys[put.key]
        .insert_or_assign(Instant{put.value.time, put.value.sequence}, put.value.value);
  }
  for (const Mark& mark : batch.marks) {
    FindOrAdd(mark.dataset)->marks.insert_or_assign(mark.name, mark.value);
  }
  return Status();
}

Status MemoryKVStore::SetHorizon(std::string_view dataset, Timestamp horizon) {
  std::unique_lock lock(mutex_);
  Dataset* found = FindOrAdd(dataset);
  found->horizon = std::max(found->horizon, horizon);
  Sweep(found);
  return Status();
}

void MemoryKVStore::Sweep(Dataset* dataset) {
  auto at =
      dataset->swept_key ? dataset->keys.upper_bound(*dataset->swept_key) : dataset->keys.begin();
  for (int i = 0; i < kKeysPerSweep && at != dataset->keys.end(); ++i) {
    Values& values = at->second;
    values.erase(values.begin(), values.lower_bound(Instant{dataset->horizon, 0}));
    dataset->swept_key = at->first;
    at = values.empty() ? dataset->keys.erase(at) : std::next(at);
  }
  if (at == dataset->keys.end()) dataset->swept_key.reset();
}

Status MemoryKVStore::Scan(std::string_view dataset,
                           const std::function<bool(std::string_view, const TimedValue&)>& visit) {
  // One key at a time, visited without the lock: `visit` may call the store.
  std::optional<std::string> previous;
  while (true) {
    std::string key;
    Values values;
    {
      std::shared_lock lock(mutex_);
      const Dataset* found = Find(dataset);
      if (found == nullptr) return Status();
      const auto next = previous ? found->keys.upper_bound(*previous) : found->keys.begin();
      if (next == found->keys.end()) return Status();
      key = next->first;
      values = next->second;
    }
    for (const auto& [instant, bytes] : values) {
      if (!visit(key, TimedValue{instant.first, instant.second, bytes})) return Status();
    }
    previous = std::move(key);
  }
}

Result<std::vector<std::string>> MemoryKVStore::ListDatasets() {
  std::shared_lock lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, dataset] : datasets_) {
    if (!dataset.keys.empty() || !dataset.marks.empty()) names.push_back(name);
  }
  return names;
}

Status MemoryKVStore::DropDataset(std::string_view dataset) {
  std::unique_lock lock(mutex_);
  if (const auto found = datasets_.find(dataset); found != datasets_.end()) datasets_.erase(found);
  return Status();
}

Result<uint64_t> MemoryKVStore::ApproximateBytes(std::string_view dataset) {
  std::shared_lock lock(mutex_);
  uint64_t bytes = 0;
  if (const Dataset* found = Find(dataset); found != nullptr) {
    for (const auto& [key, values] : found->keys) {
      for (const auto& [instant, value] : values) bytes += key.size() + 16 + value.size();
    }
    for (const auto& [name, value] : found->marks) bytes += name.size() + value.size();
  }
  return bytes;
}

}  // namespace catena::kv

// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/cache/cached_store.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <mutex>
#include <numeric>
#include <tuple>
#include <utility>

#include "catena/base/parallel.h"
#include "catena/kv/cache/paced_puts.h"

namespace catena::kv {
namespace {

constexpr size_t kOverhead = 200;  // Of an entry, about.
// What is held is committed from this share of the memory on, and waited for from half of it on.
constexpr size_t kCommitShare = 4;
constexpr size_t kHoldShare = 2;
// A commit of what is less takes its time; from this share on of what came meanwhile it does not.
constexpr size_t kMuchShare = 2 * kCommitShare;
// Of one key and dataset; so many bytes of the memory to one value.
constexpr size_t kValuesMin = 512;
constexpr size_t kValuesMost = 16384;
constexpr size_t kBytesPerValue = 8192;
constexpr size_t kForgottenShare = 64;  // For the keys that were let go of.
constexpr size_t kSweptAtOnce = 4096;
constexpr size_t kUnaskedMin = 16;
constexpr size_t kPrefetchedMost = 128;
constexpr int kBackgroundNiceness = 10;

// Counts a commit that is not to wait for one that takes its time.
class Hurry {
 public:
  Hurry(std::atomic<int>* all, bool is_one) : all_(is_one ? all : nullptr) {
    if (all_ != nullptr) ++*all_;
  }
  ~Hurry() {
    if (all_ != nullptr) --*all_;
  }
  Hurry(const Hurry&) = delete;
  Hurry& operator=(const Hurry&) = delete;

 private:
  std::atomic<int>* all_;
};

}  // namespace

CachedStore::CachedStore(KVStore* store, size_t bytes_max)
    : store_(store),
      fronted_(store),
      bytes_max_(bytes_max),
      values_max_(std::clamp(bytes_max / kBytesPerValue, kValuesMin, kValuesMost)),
      forgotten_(bytes_max / kForgottenShare),
      log_(bytes_max / kCommitShare),
      committing_log_(bytes_max / kCommitShare) {
  KVStore* behind = bytes_max == 0 ? nullptr : store->AnswerThrough(&for_others_);
  if (behind == nullptr) return;
  store_ = behind;
  holds_back_ = true;
  committer_ = std::jthread([this](const std::stop_token& stop) { CommitWhenMany(stop); });
}

CachedStore::~CachedStore() { Close(); }

void CachedStore::Close() {
  fronted_->StopAnswering(&for_others_);
  if (committer_.joinable()) {
    committer_.request_stop();
    committer_.join();
  }
  const std::lock_guard committing(commit_mutex_);
  const std::unique_lock lock(mutex_);
  holds_back_ = false;
  Forget();
}

CachedStore::DatasetNumber CachedStore::NumberOf(std::string_view dataset, ReadBack read_back) {
  const std::unique_lock lock(mutex_);
  const auto at = numbers_.find(dataset);
  if (at != numbers_.end()) return at->second;
  const auto number = static_cast<DatasetNumber>(names_.size());
  CATENA_CHECK(number >> KeptValue::kDatasetBits == 0, "a million datasets in one process");
  names_.emplace_back(dataset);
  numbers_.emplace(dataset, number);
  if (holds_back_ && number < Coverage::kBits && IsEmptyBehind(dataset)) {
    begun_empty_ |= uint64_t{1} << number;
    if (read_back == ReadBack::kYes) read_back_ |= uint64_t{1} << number;
  }
  return number;
}

// Of its values; one that does not answer may hold some.
bool CachedStore::IsEmptyBehind(std::string_view dataset) const {
  bool is_empty = true;
  const Status scanned = store_->Scan(dataset, [&](std::string_view, const TimedValue&) {
    is_empty = false;
    return false;
  });
  return scanned.ok() && is_empty;
}

size_t CachedStore::MemoryOf(const Entry& entry) {
  return kOverhead + entry.key.size() + entry.values.memory() + entry.coverage.memory();
}

CachedStore::Entry* CachedStore::AddEntry(std::string_view key) {
  Entry* entry = entries_.Add(key);
  if (read_back_ != 0 && !forgotten_.MayHave(key)) entry->coverage.SetWhole(read_back_);
  bytes_ += MemoryOf(*entry);
  return entry;
}

// The newer half stays, of one value that one; where all are of one instant, none does.
void CachedStore::Halve(Entry* entry, DatasetNumber dataset) {
  const std::span<const KeptValue> values = entry->values.Of(dataset);
  if (values.size() < 2) return;
  Timestamp from = values[values.size() - values.size() / 2].time;
  if (from == values.front().time) from = values.back().time + Millis{1};
  entry->coverage.Set(dataset, from);
  entry->values.Erase(dataset, [from](const KeptValue& value) { return value.time < from; });
}

void CachedStore::HalveEach(Entry* entry) {
  for (const uint32_t dataset : entry->values.Datasets()) Halve(entry, dataset);
}

// When they are worth it: many, and not a few of many.
void CachedStore::DropUnasked(Entry* entry) const {
  if (entry->values.all().size() < kUnaskedMin) return;
  for (const uint32_t dataset : entry->values.Datasets()) {
    const Timestamp from = asked_.From(dataset);
    const auto is_old = [from](const KeptValue& value) { return value.time < from; };
    const std::span<const KeptValue> values = entry->values.Of(dataset);
    const auto old = static_cast<size_t>(
        std::partition_point(values.begin(), values.end(), is_old) - values.begin());
    if (old < kUnaskedMin || 2 * old < values.size()) continue;
    entry->coverage.Set(dataset, from);
    entry->values.Erase(dataset, is_old);
  }
}

void CachedStore::Trim(Entry* entry, DatasetNumber dataset) const {
  if (entry->values.all().size() <= values_max_) return;
  if (entry->values.Of(dataset).size() > values_max_) Halve(entry, dataset);
}

// Null when nothing is known of the key, and nothing is to be held.
CachedStore::Entry* CachedStore::EntryToTake(std::string_view key, Entry* found, Epoch epoch) {
  Entry* entry = found != nullptr ? found : entries_.Find(key);  // It may have come meanwhile.
  if (entry == nullptr) {
    if (epoch == 0) return nullptr;
    entry = AddEntry(key);
  }
  if (epoch != 0 && entry->newest.epoch != epoch) {
    entry->before = entry->newest;
    entry->newest = {epoch, log_.AddOwner(key)};
  }
  return entry;
}

// What is not known is held, and no more: who reads it asks behind as well.
void CachedStore::TakeOne(Entry* entry, const HeldPut& put, Epoch epoch) {
  const bool is_known = entry->coverage.From(put.dataset) <= put.time;
  KeptValue* kept =
      is_known ? &entry->values.Put(put.dataset, put.time, put.sequence, put.value) : nullptr;
  if (epoch != 0 && kept != nullptr && kept->held >= log_begin_) {
    log_.Replace(static_cast<uint32_t>(kept->held - log_begin_), put.value);
  } else if (epoch != 0) {
    const uint32_t record =
        log_.Append(entry->newest.owner, put.dataset, put.time, put.sequence, put.value);
    if (kept != nullptr) kept->held = log_begin_ + record;
  }
  if (is_known) Trim(entry, put.dataset);
}

// What is held of the entries, and will be replaced, comes into the cache for several at once. Of
// very many values of a key nearly all are rows, which nothing replaces.
void CachedStore::PrefetchHeld(std::span<Entry* const> entries) const {
  constexpr size_t kAhead = 8;
  const auto each_held = [&](size_t i, const auto& prefetch) {
    if (i >= entries.size() || entries[i] == nullptr) return;
    const std::span<const KeptValue> values = entries[i]->values.all();
    if (values.size() > kPrefetchedMost) return;
    for (const KeptValue& value : values) {
      if (value.held >= log_begin_) prefetch(static_cast<uint32_t>(value.held - log_begin_));
    }
  };
  for (size_t i = 0; i < entries.size() + kAhead; ++i) {
    each_held(i, [this](uint32_t record) { log_.PrefetchRecord(record); });
    if (i >= kAhead) {
      each_held(i - kAhead, [this](uint32_t record) { log_.PrefetchBytes(record); });
    }
  }
}

void CachedStore::Take(std::span<const HeldPut> puts, Epoch epoch, const Found* before) {
  const bool are_there = before != nullptr && before->removals_ == removals_;
  FoundTogether<Entry> found = are_there ? FoundTogether<Entry>(entries_, puts, before->entries_)
                                         : FoundTogether<Entry>(entries_, puts);
  PrefetchHeld(found.entries());
  for (size_t begin = 0, end = 0; begin < puts.size(); begin = end) {
    const std::string_view key = puts[begin].key;
    while (end < puts.size() && puts[end].key == key) ++end;
    Entry* entry = EntryToTake(key, found.Next(key), epoch);
    if (entry == nullptr) continue;
    const size_t before = MemoryOf(*entry);
    for (const HeldPut& put : puts.subspan(begin, end - begin)) TakeOne(entry, put, epoch);
    bytes_ += MemoryOf(*entry) - before;
  }
}

Status CachedStore::PassOn(std::span<const HeldPut> puts, std::vector<Mark> marks, bool durable) {
  if (is_half_) return IsHalf();
  const Change change(this);
  WriteBatch batch;
  batch.puts.reserve(puts.size());
  for (const HeldPut& put : puts) {
    batch.puts.push_back({names_[put.dataset],
                          std::string(put.key),
                          {put.time, put.sequence, std::string(put.value)}});
  }
  batch.marks = std::move(marks);
  if (const Status applied = store_->Apply(batch, durable); !applied.ok()) {
    Forget();  // It may have been done.
    return applied;
  }
  ++version_;
  Take(puts, 0, nullptr);
  MakeRoom();
  return Status();
}

Status CachedStore::Hold(std::span<const HeldPut> puts, std::vector<Mark> marks,
                         const Found* found) {
  std::unique_lock lock(mutex_);
  if (!holds_back_) return PassOn(puts, std::move(marks), /*durable=*/false);
  changed_.wait(lock, [this] { return !Failure().ok() || HeldBytes() < bytes_max_ / kHoldShare; });
  CATENA_RETURN_IF_ERROR(Failure());
  const Change change(this);
  for (Mark& mark : marks) {
    marks_[{std::move(mark.dataset), std::move(mark.name)}] = {std::move(mark.value), epoch_};
  }
  Take(puts, epoch_, found);
  MakeRoom();
  ++holds_;
  has_much_ = log_.memory() >= bytes_max_ / kMuchShare;
  if (log_.memory() >= bytes_max_ / kCommitShare) changed_.notify_all();
  return Status();
}

Status CachedStore::Apply(const WriteBatch& batch, bool durable) {
  std::vector<HeldPut> puts;
  puts.reserve(batch.puts.size());
  for (const Put& put : batch.puts) {
    puts.push_back(
        {NumberOf(put.dataset), put.key, put.value.time, put.value.sequence, put.value.value});
  }
  if (!holds_back_) {
    const std::unique_lock lock(mutex_);
    return PassOn(puts, batch.marks, durable);
  }
  CATENA_RETURN_IF_ERROR(Hold(puts, batch.marks));
  if (!durable) return Status();
  CATENA_RETURN_IF_ERROR(Commit());
  return store_->Sync();
}

bool CachedStore::BeginCommit(std::vector<Mark>* marks, std::vector<std::string_view>* names) {
  for (const auto& [place, mark] : marks_) {
    marks->push_back({place.first, place.second, mark.value});
  }
  if (log_.size() == 0 && marks->empty()) return false;
  names->assign(names_.begin(), names_.end());
  committing_ = epoch_++;
  log_begin_ += log_.size();
  std::swap(log_, committing_log_);
  has_much_ = false;
  return true;
}

Status CachedStore::Store(std::span<const std::string_view> names, std::span<const Mark> marks,
                          bool paced) {
  const HeldLog::Sorted puts(committing_log_, names);
  if (!paced) return store_->ApplySorted(puts, marks);
  const auto may_rest = [this, holds = holds_.load()]() mutable {
    const uint64_t before = std::exchange(holds, holds_.load());
    return holds != before && !has_much_ && commits_in_a_hurry_ == 0;
  };
  return store_->ApplySorted(PacedPuts(puts, may_rest), marks);
}

Status CachedStore::EndCommit(const Status& stored) {
  if (stored.ok()) {
    stored_ = committing_;
    ++version_;
    std::erase_if(marks_, [this](const auto& mark) { return IsStored(mark.second.epoch); });
    committing_ = 0;
    committing_log_.Clear();
  } else {
    failure_ = stored;  // It stays readable.
  }
  changed_.notify_all();
  return stored;
}

Status CachedStore::CommitHeld(bool paced) {
  const Hurry hurry(&commits_in_a_hurry_, !paced);
  const std::lock_guard committing(commit_mutex_);
  std::vector<Mark> marks;
  std::vector<std::string_view> names;
  {
    const std::unique_lock lock(mutex_);
    CATENA_RETURN_IF_ERROR(Failure());
    if (!holds_back_ || !BeginCommit(&marks, &names)) return Status();
  }
  const Status stored = StoreInBackground(names, marks, paced);
  const std::unique_lock lock(mutex_);
  return EndCommit(stored);
}

// By a thread that holds no lock and gives way: on busy cores a commit is not to be waited for.
Status CachedStore::StoreInBackground(std::span<const std::string_view> names,
                                      std::span<const Mark> marks, bool paced) {
  return Contained("a commit", [&] {
    const auto store = [&] {
      setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kBackgroundNiceness);
      return Store(names, marks, paced);
    };
    return std::async(std::launch::async, store).get();
  });
}

void CachedStore::CommitWhenMany(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] {
    return Failure().ok() && log_.memory() >= bytes_max_ / kCommitShare;
  })) {
    lock.unlock();
    // Who writes next is told.
    static_cast<void>(Contained("a commit", [this] { return Commit(); }));
    lock.lock();
  }
}

// Round and round: what was not used since the last visit goes; of what is still to be stored, half
// of what is kept beside it; of what was used, what was not asked for.
void CachedStore::MakeRoom() {
  for (size_t swept = 0; bytes_ + HeldBytes() > bytes_max_ && swept < kSweptAtOnce; ++swept) {
    swept_ = (swept_ + 1) & (entries_.cells() - 1);
    if (swept_ == 0) asked_.Turn();
    // What takes the place of what goes was not visited either.
    for (Entry* entry = entries_.At(swept_); entry != nullptr; entry = entries_.At(swept_)) {
      const bool was_used = entry->used.exchange(false);
      bytes_ -= MemoryOf(*entry);
      if (was_used || !IsStored(entry->newest.epoch)) {
        if (was_used) {
          DropUnasked(entry);
        } else {
          HalveEach(entry);
        }
        bytes_ += MemoryOf(*entry);
        break;
      }
      if (begun_empty_ != 0) forgotten_.Add(entry->key);
      entries_.Erase(swept_);
      ++removals_;
    }
  }
}

void CachedStore::Forget() {
  entries_.Clear();
  ++removals_;
  begun_empty_ = read_back_ = 0;
  forgotten_.Clear();
  marks_.clear();
  log_begin_ += log_.size();
  log_.Clear();
  committing_log_.Clear();
  committing_ = 0;
  bytes_ = 0;
  is_half_ = false;
  ++version_;
}

Result<std::optional<std::string>> CachedStore::GetMark(std::string_view dataset,
                                                        std::string_view name) {
  const std::shared_lock lock(mutex_);
  if (is_half_) return IsHalf();
  const auto at = marks_.find({std::string(dataset), std::string(name)});
  if (at != marks_.end()) return std::optional<std::string>(at->second.value);
  return store_->GetMark(dataset, name);
}

Result<std::vector<Mark>> CachedStore::ListMarks(std::string_view dataset,
                                                 std::string_view prefix) {
  const std::shared_lock lock(mutex_);
  if (is_half_) return IsHalf();
  CATENA_TRY(const std::vector<Mark> stored, store_->ListMarks(dataset, prefix));
  std::map<std::string, std::string> all;
  for (const Mark& mark : stored) all[mark.name] = mark.value;
  for (auto at = marks_.lower_bound({std::string(dataset), std::string(prefix)});
       at != marks_.end() && at->first.first == dataset && at->first.second.starts_with(prefix);
       ++at) {
    all[at->first.second] = at->second.value;
  }
  std::vector<Mark> marks;
  for (auto& [name, value] : all) marks.push_back({std::string(dataset), name, std::move(value)});
  return marks;
}

Status CachedStore::Scan(std::string_view dataset,
                         const std::function<bool(std::string_view, const TimedValue&)>& visit) {
  CATENA_RETURN_IF_ERROR(Commit());
  return store_->Scan(dataset, visit);
}

Result<std::vector<std::string>> CachedStore::ListDatasets() {
  CATENA_RETURN_IF_ERROR(Commit());
  return store_->ListDatasets();
}

Result<uint64_t> CachedStore::ApproximateBytes(std::string_view dataset) {
  CATENA_TRY(uint64_t bytes, store_->ApproximateBytes(dataset));
  const std::shared_lock lock(mutex_);
  const auto number = numbers_.find(dataset);
  if (number != numbers_.end()) {
    bytes += log_.MemoryOf(number->second) + committing_log_.MemoryOf(number->second);
  }
  return bytes;
}

Status CachedStore::Sync() {
  CATENA_RETURN_IF_ERROR(CommitHeld(/*paced=*/true));
  return store_->Sync();
}

Status CachedStore::Compact() {
  CATENA_RETURN_IF_ERROR(Commit());
  return store_->Compact();
}

// What is held of others stays; of this one, which nobody writes to meanwhile, nothing is.
Status CachedStore::DropDataset(std::string_view dataset) {
  CATENA_RETURN_IF_ERROR(Commit());
  const std::lock_guard committing(commit_mutex_);
  const std::unique_lock lock(mutex_);
  ++version_;
  std::erase_if(marks_, [&](const auto& mark) { return mark.first.first == dataset; });
  if (const auto number = numbers_.find(dataset); number != numbers_.end()) {
    for (size_t cell = 0; cell < entries_.cells(); ++cell) {
      if (entries_.At(cell) == nullptr) continue;
      Entry& entry = *entries_.At(cell);
      const size_t before = MemoryOf(entry);
      entry.values.Erase(number->second, [](const KeptValue&) { return true; });
      entry.coverage.Set(number->second, Timestamp::max());
      bytes_ += MemoryOf(entry) - before;
    }
  }
  return store_->DropDataset(dataset);
}

Status CachedStore::Resume() {
  const std::lock_guard committing(commit_mutex_);
  const std::unique_lock lock(mutex_);
  Forget();
  failure_ = Status();
  return store_->Resume();
}

}  // namespace catena::kv

// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/cache/cached_store.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <future>
#include <mutex>
#include <numeric>
#include <tuple>

namespace catena::kv {
namespace {

constexpr size_t kOverhead = 200;  // Of an entry, about.
constexpr size_t kUntrimmedMax = 16;
// What is held is committed from this share of the memory on, and waited for from half of it on.
constexpr size_t kCommitShare = 8;
constexpr size_t kHoldShare = 2;
constexpr size_t kEntriesCopiedAtOnce = 256;
constexpr size_t kSweptAtOnce = 4096;
constexpr int kBackgroundNiceness = 10;

uint64_t HeadOf(std::string_view key) {
  uint64_t head = 0;
  for (size_t i = 0; i < sizeof(head); ++i) {
    head = head << 8 | (i < key.size() ? static_cast<uint8_t>(key[i]) : 0);
  }
  return head;
}

}  // namespace

CachedStore::CachedStore(KVStore* store, size_t bytes_max)
    : store_(store), fronted_(store), bytes_max_(bytes_max) {
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

CachedStore::DatasetNumber CachedStore::NumberOf(std::string_view dataset) {
  const std::unique_lock lock(mutex_);
  const auto at = numbers_.find(dataset);
  if (at != numbers_.end()) return at->second;
  const auto number = static_cast<DatasetNumber>(names_.size());
  CATENA_CHECK(number >> KeptValue::kDatasetBits == 0, "a million datasets in one process");
  names_.emplace_back(dataset);
  copied_.emplace_back();
  numbers_.emplace(dataset, number);
  return number;
}

CachedStore::Slot* CachedStore::AddSlot(Entry* entry, DatasetNumber dataset) const {
  for (Slot& slot : entry->slots) {
    if (slot.dataset == dataset) return &slot;
  }
  entry->slots.reserve(entry->slots.size() + 1);  // They are few, and there are many entries.
  entry->slots.push_back(Slot{dataset});
  return &entry->slots.back();
}

size_t CachedStore::MemoryOf(const Entry& entry) {
  return kOverhead + entry.key.size() + entry.values.memory() + entry.slots.size() * sizeof(Slot);
}

CachedStore::Entry* CachedStore::AddEntry(std::string_view key) {
  Entry* entry = entries_.Add(key);
  bytes_ += MemoryOf(*entry);
  return entry;
}

// What is behind and no longer whole here, or too much, need not be here: of very many the newer
// half stays.
void CachedStore::Trim(Entry* entry, Slot* slot) const {
  if (holds_back_ && slot->trimmed == stored_) return;  // As it was left.
  const std::span<const KeptValue> values = entry->values.Of(slot->dataset);
  const bool is_whole = slot->from != Timestamp::max();
  if (values.size() <= (is_whole ? kValuesMax : kUntrimmedMax)) return;
  slot->trimmed = stored_;
  if (is_whole) slot->from = std::max(slot->from, values[values.size() - kValuesMax / 2].time);
  entry->values.Erase(slot->dataset, [&](const KeptValue& value) {
    return value.time < slot->from && IsStored(value.epoch);
  });
}

void CachedStore::Hold(DatasetNumber dataset, size_t bytes) {
  held_bytes_ += bytes;
  if (held_of_.size() <= dataset) held_of_.resize(dataset + 1);
  held_of_[dataset] += bytes;
}

// Null when nothing is known of the key, and nothing is to be held.
CachedStore::Entry* CachedStore::EntryToTake(std::string_view key, Epoch epoch) {
  Entry* entry = entries_.Find(key);
  if (entry == nullptr) {
    if (epoch == 0) return nullptr;
    entry = AddEntry(key);
  }
  if (epoch != 0 && entry->epoch != epoch) {
    if (committing_ != 0 && entry->epoch == committing_) CopyOut(entry);
    entry->epoch = epoch;
    written_.push_back(entry);
  }
  return entry;
}

void CachedStore::Take(std::span<const HeldPut> puts, Epoch epoch) {
  for (size_t begin = 0, end = 0; begin < puts.size(); begin = end) {
    const std::string_view key = puts[begin].key;
    while (end < puts.size() && puts[end].key == key) ++end;
    Entry* entry = EntryToTake(key, epoch);
    if (entry == nullptr) continue;
    const size_t before = MemoryOf(*entry);
    for (const HeldPut& put : puts.subspan(begin, end - begin)) {
      Slot* slot = AddSlot(entry, put.dataset);
      const bool is_known = slot->from <= put.time;
      if (epoch == 0 && !is_known) continue;
      const bool is_news = entry->values.Put(put.dataset, put.time, put.sequence, put.value, epoch);
      if (epoch != 0 && is_news) Hold(put.dataset, sizeof(KeptValue) + put.value.size());
      Trim(entry, slot);
    }
    bytes_ += MemoryOf(*entry) - before;
  }
}

Status CachedStore::PassOn(std::span<const HeldPut> puts, std::vector<Mark> marks, bool durable) {
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
  Take(puts, 0);
  MakeRoom();
  return Status();
}

Status CachedStore::Hold(std::span<const HeldPut> puts, std::vector<Mark> marks) {
  std::unique_lock lock(mutex_);
  if (!holds_back_) return PassOn(puts, std::move(marks), /*durable=*/false);
  changed_.wait(lock, [this] { return !failure_.ok() || HeldBytes() < bytes_max_ / kHoldShare; });
  if (!failure_.ok()) return failure_;
  for (Mark& mark : marks) {
    marks_[{std::move(mark.dataset), std::move(mark.name)}] = {std::move(mark.value), epoch_};
  }
  Take(puts, epoch_);
  MakeRoom();
  if (held_bytes_ >= bytes_max_ / kCommitShare) changed_.notify_all();
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
  return durable ? Sync() : Status();
}

void CachedStore::CopyOut(Entry* entry) {
  if (entry->copied == committing_) return;
  entry->copied = committing_;
  CopiedValues* copied = nullptr;  // Of the dataset of the value before.
  size_t key_at = 0;
  for (const KeptValue& value : entry->values.all()) {
    if (value.epoch != committing_) continue;
    if (copied != &copied_[value.dataset]) {
      copied = &copied_[value.dataset];
      key_at = copied->bytes.size();
      copied->bytes.append(entry->key);
    }
    copied->values.push_back({HeadOf(entry->key), key_at, static_cast<uint32_t>(entry->key.size()),
                              copied->bytes.size(), value.size, value.time, value.sequence});
    copied->bytes.append(entry->values.BytesOf(value));
  }
}

bool CachedStore::BeginCommit(std::vector<Mark>* marks) {
  for (const auto& [place, mark] : marks_) {
    marks->push_back({place.first, place.second, mark.value});
  }
  if (written_.empty() && marks->empty()) return false;
  committing_ = epoch_++;
  in_commit_ = std::exchange(written_, {});
  committing_bytes_ = std::exchange(held_bytes_, 0);
  committing_of_ = std::exchange(held_of_, {});
  return true;
}

CachedStore::Copied CachedStore::TakeCopied(std::vector<Mark> marks) {
  Copied copied{{names_.begin(), names_.end()}, std::move(copied_), std::move(marks)};
  copied_.clear();
  copied_.resize(names_.size());
  return copied;
}

// In the order in which a store keeps them: neighbours are cheaper to insert.
Status CachedStore::Store(Copied copied) const {
  std::vector<PutView> puts;
  for (size_t dataset = 0; dataset < copied.values.size(); ++dataset) {
    const std::string_view bytes = copied.values[dataset].bytes;
    std::vector<CopiedValues::Each>& values = copied.values[dataset].values;
    const auto key_of = [bytes](const CopiedValues::Each& each) {
      return bytes.substr(each.key_at, each.key_bytes);
    };
    std::sort(values.begin(), values.end(), [&](const auto& a, const auto& b) {
      if (a.key_head != b.key_head) return a.key_head < b.key_head;
      if (a.key_at != b.key_at) return key_of(a) < key_of(b);
      return std::tie(a.time, a.sequence) < std::tie(b.time, b.sequence);
    });
    for (const CopiedValues::Each& each : values) {
      puts.push_back({copied.datasets[dataset], key_of(each), each.time, each.sequence,
                      bytes.substr(each.value_at, each.value_bytes)});
    }
  }
  return store_->ApplyViews(puts, copied.marks);
}

Status CachedStore::EndCommit(const Status& stored) {
  if (stored.ok()) {
    stored_ = committing_;
    ++version_;
    std::erase_if(marks_, [this](const auto& mark) { return IsStored(mark.second.epoch); });
  } else {
    failure_ = stored;
  }
  committing_ = 0;
  committing_bytes_ = 0;
  committing_of_.clear();
  in_commit_.clear();
  changed_.notify_all();
  return stored;
}

Status CachedStore::Commit() {
  const std::lock_guard committing(commit_mutex_);
  std::vector<Mark> marks;
  size_t entries = 0;
  {
    const std::unique_lock lock(mutex_);
    if (!failure_.ok()) return failure_;
    if (!holds_back_ || !BeginCommit(&marks)) return Status();
    entries = in_commit_.size();
  }
  // A few at a time, so that nobody waits long; who writes one again copies it before.
  for (size_t begin = 0; begin < entries; begin += kEntriesCopiedAtOnce) {
    const std::unique_lock lock(mutex_);
    const size_t end = std::min(entries, begin + kEntriesCopiedAtOnce);
    for (size_t i = begin; i < end; ++i) CopyOut(in_commit_[i]);
  }
  Copied copied;
  {
    const std::unique_lock lock(mutex_);
    copied = TakeCopied(std::move(marks));
  }
  const Status stored = StoreInBackground(std::move(copied));
  const std::unique_lock lock(mutex_);
  return EndCommit(stored);
}

// By a thread that holds no lock and gives way: on busy cores a commit is not to be waited for.
Status CachedStore::StoreInBackground(Copied copied) const {
  return std::async(std::launch::async,
                    [&]() -> Status {
                      setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kBackgroundNiceness);
                      try {
                        return Store(std::move(copied));
                      } catch (const std::exception& error) {  // Memory ran out.
                        return Unavailable(std::string("cannot commit: ") + error.what());
                      }
                    })
      .get();
}

void CachedStore::CommitWhenMany(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(
      lock, stop, [this] { return failure_.ok() && held_bytes_ >= bytes_max_ / kCommitShare; })) {
    lock.unlock();
    static_cast<void>(Commit());  // Who writes next is told.
    lock.lock();
  }
}

// Round and round: what was not used since the last visit goes, unless it is still to be stored.
void CachedStore::MakeRoom() {
  for (size_t swept = 0; bytes_ > bytes_max_ && swept < kSweptAtOnce; ++swept) {
    swept_ = (swept_ + 1) & (entries_.cells() - 1);
    // What takes the place of what goes was not visited either.
    for (const Entry* entry = entries_.At(swept_);
         entry != nullptr && !entry->used.exchange(false) && IsStored(entry->epoch);
         entry = entries_.At(swept_)) {
      bytes_ -= MemoryOf(*entry);
      entries_.Erase(swept_);
    }
  }
}

void CachedStore::Forget() {
  entries_.Clear();
  marks_.clear();
  written_.clear();
  bytes_ = held_bytes_ = 0;
  held_of_.clear();
  ++version_;
}

Result<std::optional<std::string>> CachedStore::GetMark(std::string_view dataset,
                                                        std::string_view name) {
  const std::shared_lock lock(mutex_);
  const auto at = marks_.find({std::string(dataset), std::string(name)});
  if (at != marks_.end()) return std::optional<std::string>(at->second.value);
  return store_->GetMark(dataset, name);
}

Result<std::vector<Mark>> CachedStore::ListMarks(std::string_view dataset,
                                                 std::string_view prefix) {
  const std::shared_lock lock(mutex_);
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
  for (const std::vector<size_t>* held : {&held_of_, &committing_of_}) {
    if (number != numbers_.end() && number->second < held->size()) bytes += (*held)[number->second];
  }
  return bytes;
}

Status CachedStore::Sync() {
  CATENA_RETURN_IF_ERROR(Commit());
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
      std::erase_if(entry.slots, [&](const Slot& slot) { return slot.dataset == number->second; });
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

// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/cache/held_log.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace catena::kv {
namespace {

constexpr size_t kAhead = 12;  // Records that are asked for before they are looked at.

// The first bytes of a key from `at` on, as a number that sorts as they do.
uint64_t HeadOf(std::string_view key, size_t at) {
  key.remove_prefix(at);
  uint64_t head = 0;
  for (size_t i = 0; i < sizeof(head); ++i) {
    head = head << 8 | (i < key.size() ? static_cast<uint8_t>(key[i]) : 0);
  }
  return head;
}

// Of one key and dataset.
bool IsBefore(const HeldLog::Record& a, const HeldLog::Record& b) {
  return a.time != b.time ? a.time < b.time : a.sequence < b.sequence;
}

}  // namespace

HeldLog::Owner HeldLog::AddOwner(std::string_view key) {
  if (owners_.capacity() == 0) {  // Whatever the sizes of values are.
    owners_.reserve(memory_expected_ / (sizeof(OwnerPlace) + sizeof(Record)));
    records_.reserve(memory_expected_ / sizeof(Record));
    bytes_.reserve(memory_expected_);
  }
  owners_.push_back({bytes_.size(), static_cast<uint32_t>(key.size()), kNone});
  bytes_.append(key);
  return static_cast<Owner>(owners_.size() - 1);
}

uint32_t HeldLog::Append(Owner owner, uint32_t dataset, Timestamp time, uint64_t sequence,
                         std::string_view value) {
  const auto number = static_cast<uint32_t>(records_.size());
  records_.push_back({time, sequence, bytes_.size(), static_cast<uint32_t>(value.size()), dataset,
                      owners_[owner].newest, owner});
  owners_[owner].newest = number;
  bytes_.append(value);
  if (memory_of_.size() <= dataset) memory_of_.resize(dataset + 1);
  memory_of_[dataset] += sizeof(Record) + value.size();
  return number;
}

void HeldLog::Replace(uint32_t number, std::string_view value) {
  Record& record = records_[number];
  if (value.size() <= record.size) {
    std::memcpy(bytes_.data() + record.at, value.data(), value.size());
  } else {
    record.at = bytes_.size();
    bytes_.append(value);
    memory_of_[record.dataset] += value.size();
  }
  record.size = static_cast<uint32_t>(value.size());
}

void HeldLog::Clear() {
  owners_.clear();
  records_.clear();
  bytes_.clear();
  memory_of_.clear();
}

size_t HeldLog::MemoryOf(uint32_t dataset) const {
  return dataset < memory_of_.size() ? memory_of_[dataset] : 0;
}

size_t HeldLog::memory() const {
  return owners_.size() * sizeof(OwnerPlace) + records_.size() * sizeof(Record) + bytes_.size();
}

std::vector<HeldLog::Owner> HeldLog::OwnersByKey() const {
  struct Head {
    uint64_t head = 0;
    Owner owner = 0;
  };
  // Keys that are numbers begin alike, with zeros.
  const std::string_view first = owners_.empty() ? std::string_view() : KeyOf(0);
  size_t alike = first.size();
  for (Owner owner = 1; owner < owners_.size(); ++owner) {
    const std::string_view key = KeyOf(owner).substr(0, alike);
    alike = static_cast<size_t>(std::mismatch(key.begin(), key.end(), first.begin()).first -
                                key.begin());
  }
  std::vector<Head> heads(owners_.size());
  for (Owner owner = 0; owner < heads.size(); ++owner) {
    heads[owner] = {HeadOf(KeyOf(owner), alike), owner};
  }
  std::sort(heads.begin(), heads.end(), [this](const Head& a, const Head& b) {
    return a.head != b.head ? a.head < b.head : KeyOf(a.owner) < KeyOf(b.owner);
  });
  std::vector<Owner> owners(heads.size());
  for (size_t i = 0; i < heads.size(); ++i) owners[i] = heads[i].owner;
  return owners;
}

// First by owner, then, leaving each dataset's in that order, by dataset.
std::vector<uint32_t> HeldLog::RecordsInOrder(std::vector<size_t>* ends) const {
  const std::vector<Owner> owners = OwnersByKey();
  std::vector<uint32_t> rank_of(owners.size());
  for (size_t rank = 0; rank < owners.size(); ++rank) {
    rank_of[owners[rank]] = static_cast<uint32_t>(rank);
  }
  std::vector<uint32_t> next_of_rank(owners.size() + 1, 0);
  std::vector<size_t> next_of_dataset(memory_of_.size() + 1, 0);
  for (const Record& record : records_) {
    ++next_of_rank[rank_of[record.owner] + 1];
    ++next_of_dataset[record.dataset + 1];
  }
  std::partial_sum(next_of_rank.begin(), next_of_rank.end(), next_of_rank.begin());
  std::partial_sum(next_of_dataset.begin(), next_of_dataset.end(), next_of_dataset.begin());
  struct Numbered {
    uint32_t number = 0;
    uint32_t dataset = 0;
  };
  std::vector<Numbered> by_key(records_.size());
  for (uint32_t number = 0; number < records_.size(); ++number) {
    by_key[next_of_rank[rank_of[records_[number].owner]]++] = {number, records_[number].dataset};
  }
  std::vector<uint32_t> numbers(records_.size());
  for (const Numbered& each : by_key) numbers[next_of_dataset[each.dataset]++] = each.number;
  next_of_dataset.pop_back();
  *ends = std::move(next_of_dataset);
  return numbers;
}

HeldLog::Sorted::Sorted(const HeldLog& log, std::span<const std::string_view> names)
    : log_(log), names_(names) {
  std::vector<size_t> ends;
  numbers_ = log.RecordsInOrder(&ends);
  size_t begin = 0;
  for (size_t dataset = 0; dataset < ends.size(); ++dataset) {
    if (ends[dataset] != begin) runs_.push_back({dataset, begin, ends[dataset]});
    begin = ends[dataset];
  }
}

// By key they lie anywhere in memory: a record, the bytes of its value and what tells its key, the
// bytes of that, each asked for once the one before has come.
void HeldLog::Sorted::Prefetch(size_t at) const {
  const auto record = [&](size_t ahead) -> const Record* {
    return at + ahead < numbers_.size() ? &log_.records_[numbers_[at + ahead]] : nullptr;
  };
  if (const Record* far = record(3 * kAhead)) __builtin_prefetch(far);
  if (const Record* nearer = record(2 * kAhead)) {
    __builtin_prefetch(log_.bytes_.data() + nearer->at);
    __builtin_prefetch(&log_.owners_[nearer->owner]);
  }
  if (const Record* near = record(kAhead)) {
    __builtin_prefetch(log_.bytes_.data() + log_.owners_[near->owner].key_at);
  }
}

Status HeldLog::Sorted::VisitEach(size_t dataset, const Visit& visit) const {
  const Run& run = runs_[dataset];
  std::vector<uint32_t> of_key;  // Numbers, by time and sequence; of one place the newest first.
  PutView put;
  put.dataset = names_[run.dataset];
  for (size_t i = run.begin; i < run.end;) {
    const Owner owner = log_.records_[numbers_[i]].owner;
    of_key.clear();
    for (; i < run.end && log_.records_[numbers_[i]].owner == owner; ++i) {
      Prefetch(i);
      of_key.push_back(numbers_[i]);
    }
    std::sort(of_key.begin(), of_key.end(), [this](uint32_t a, uint32_t b) {
      const Record &first = log_.records_[a], &second = log_.records_[b];
      if (IsBefore(first, second)) return true;
      return !IsBefore(second, first) && a > b;
    });
    put.key = log_.KeyOf(owner);
    for (size_t r = 0; r < of_key.size(); ++r) {
      const Record& record = log_.records_[of_key[r]];
      if (r != 0 && !IsBefore(log_.records_[of_key[r - 1]], record)) continue;  // An older one.
      put.time = record.time;
      put.sequence = record.sequence;
      put.value = log_.BytesOf(record);
      CATENA_RETURN_IF_ERROR(visit(put));
    }
  }
  return Status();
}

}  // namespace catena::kv

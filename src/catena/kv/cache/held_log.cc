// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/cache/held_log.h"

#include <algorithm>
#include <cstring>

namespace catena::kv {
namespace {

constexpr size_t kAhead = 32;  // Records that are asked for before they are looked at.

// The first bytes of a key from `at` on, as a number that sorts as they do.
uint64_t HeadOf(std::string_view key, size_t at) {
  key.remove_prefix(at);
  uint64_t head = 0;
  for (size_t i = 0; i < sizeof(head); ++i) {
    head = head << 8 | (i < key.size() ? static_cast<uint8_t>(key[i]) : 0);
  }
  return head;
}

bool IsBefore(const HeldLog::Record& a, const HeldLog::Record& b) {
  if (a.dataset != b.dataset) return a.dataset < b.dataset;
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

std::vector<uint32_t> HeldLog::RecordsOf(std::span<const Owner> owners,
                                         std::vector<size_t>* ends) const {
  std::vector<uint32_t> rank_of(owners.size());
  for (size_t rank = 0; rank < owners.size(); ++rank) {
    rank_of[owners[rank]] = static_cast<uint32_t>(rank);
  }
  std::vector<size_t> counts(owners.size(), 0);
  for (const Record& record : records_) ++counts[rank_of[record.owner]];
  ends->assign(owners.size(), 0);
  size_t begin = 0;
  for (size_t rank = 0; rank < owners.size(); ++rank) {
    (*ends)[rank] = begin;  // Moves to the end below.
    begin += counts[rank];
  }
  std::vector<uint32_t> numbers(records_.size());
  for (uint32_t number = 0; number < numbers.size(); ++number) {
    numbers[(*ends)[rank_of[records_[number].owner]]++] = number;
  }
  return numbers;
}

void HeldLog::ListPuts(std::span<const std::string_view> names, std::vector<PutView>* puts) const {
  std::vector<size_t> begins(names.size() + 1, 0);
  for (const Record& record : records_) ++begins[record.dataset + 1];
  for (size_t dataset = 0; dataset < names.size(); ++dataset) {
    begins[dataset + 1] += begins[dataset];
  }
  std::vector<size_t> ends(begins.begin(), begins.end() - 1);
  puts->resize(records_.size());
  const std::vector<Owner> owners = OwnersByKey();
  std::vector<size_t> ends_of_owners;
  const std::vector<uint32_t> numbers = RecordsOf(owners, &ends_of_owners);
  struct Numbered {
    Record record;
    uint32_t number = 0;
  };
  std::vector<Numbered> records;  // Of one owner.
  size_t next = 0;
  for (size_t i = 0; i < owners.size(); ++i) {
    const std::string_view key = KeyOf(owners[i]);
    records.clear();
    for (; next < ends_of_owners[i]; ++next) {
      if (next + kAhead < numbers.size()) __builtin_prefetch(&records_[numbers[next + kAhead]]);
      records.push_back({records_[numbers[next]], numbers[next]});
    }
    std::sort(records.begin(), records.end(), [](const Numbered& a, const Numbered& b) {
      if (IsBefore(a.record, b.record)) return true;
      return !IsBefore(b.record, a.record) && a.number > b.number;
    });
    for (size_t r = 0; r < records.size(); ++r) {
      const Record& record = records[r].record;
      if (r != 0 && !IsBefore(records[r - 1].record, record)) continue;  // An older one.
      (*puts)[ends[record.dataset]++] = {names[record.dataset], key, record.time, record.sequence,
                                         BytesOf(record)};
    }
  }
  size_t end = 0;  // Closes the gaps of what was replaced.
  for (size_t dataset = 0; dataset < names.size(); ++dataset) {
    if (end != begins[dataset]) {
      std::copy(puts->begin() + static_cast<ptrdiff_t>(begins[dataset]),
                puts->begin() + static_cast<ptrdiff_t>(ends[dataset]),
                puts->begin() + static_cast<ptrdiff_t>(end));
    }
    end += ends[dataset] - begins[dataset];
  }
  puts->resize(end);
}

}  // namespace catena::kv

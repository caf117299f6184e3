// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/cache/held_log.h"

#include <algorithm>
#include <cstring>
#include <tuple>

namespace catena::kv {
namespace {

constexpr size_t kAhead = 16;  // Owners whose records are asked for before they are looked at.

// The first bytes of a key from `at` on, as a number that sorts as they do.
uint64_t HeadOf(std::string_view key, size_t at) {
  key.remove_prefix(at);
  uint64_t head = 0;
  for (size_t i = 0; i < sizeof(head); ++i) {
    head = head << 8 | (i < key.size() ? static_cast<uint8_t>(key[i]) : 0);
  }
  return head;
}

auto PlaceOf(const HeldLog::Record& record) {
  return std::tuple(record.dataset, record.time, record.sequence);
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
                      owners_[owner].newest});
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

void HeldLog::SortRecordsOf(Owner owner, std::vector<uint32_t>* records) const {
  records->clear();
  for (uint32_t record = owners_[owner].newest; record != kNone; record = records_[record].before) {
    records->push_back(record);
  }
  std::sort(records->begin(), records->end(), [this](uint32_t a, uint32_t b) {
    const auto place_of_a = PlaceOf(records_[a]), place_of_b = PlaceOf(records_[b]);
    return place_of_a != place_of_b ? place_of_a < place_of_b : a > b;
  });
  const auto is_same = [this](uint32_t a, uint32_t b) {
    return PlaceOf(records_[a]) == PlaceOf(records_[b]);
  };
  records->erase(std::unique(records->begin(), records->end(), is_same), records->end());
}

// Those of one owner lie apart, but for some that came together.
void HeldLog::PrefetchRecordsOf(Owner owner) const {
  const uint32_t newest = owners_[owner].newest;
  if (newest == kNone) return;
  __builtin_prefetch(&records_[newest]);
  __builtin_prefetch(&records_[newest - std::min<uint32_t>(newest, 2)]);
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
  std::vector<uint32_t> records;
  for (size_t i = 0; i < owners.size(); ++i) {
    if (i + kAhead < owners.size()) PrefetchRecordsOf(owners[i + kAhead]);
    SortRecordsOf(owners[i], &records);
    for (const uint32_t number : records) {
      const Record& record = records_[number];
      (*puts)[ends[record.dataset]++] = {names[record.dataset], KeyOf(owners[i]), record.time,
                                         record.sequence, BytesOf(record)};
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

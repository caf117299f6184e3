// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/key_index.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "catena/base/bytes.h"
#include "catena/base/check.h"
#include "catena/base/hash.h"
#include "catena/base/parallel.h"
#include "catena/types/row_codec.h"

namespace catena::batch {
namespace {

std::string BytesOf(IntegerKey key) {
  std::string bytes;
  const types::Value value(key.key);
  CATENA_CHECK(types::EncodeKey({&value, 1}, &bytes), "an integer is a key");
  if (key.day != IntegerKey::kNoDay) AppendDay(Date{key.day}, &bytes);
  return bytes;
}

// The integer that the bytes are of.
std::optional<IntegerKey> IntegerOf(std::string_view bytes) {
  static const size_t kWithoutDay = BytesOf(IntegerKey{0}).size();
  constexpr size_t kDay = sizeof(uint64_t);
  if (bytes.size() != kWithoutDay && bytes.size() != kWithoutDay + kDay) return std::nullopt;
  const types::DataType type(types::Kind::kLong);
  const auto values = types::DecodeKey(bytes.substr(0, kWithoutDay), {&type, 1});
  if (!values.ok()) return std::nullopt;
  IntegerKey key{std::get<int64_t>(values->front().data)};
  if (bytes.size() > kWithoutDay) key.day = DayOf(bytes).days;
  return BytesOf(key) == bytes ? std::optional(key) : std::nullopt;
}

// One range of groups, so that each thread writes places of its own.
class GroupRange {
 public:
  GroupRange(std::span<const uint32_t> group_of_row, uint32_t first, uint32_t last)
      : group_of_row_(group_of_row), first_(first), last_(last) {}

  // Into begin[group + 1].
  void Count(std::vector<uint32_t>* begin) const {
    for (const uint32_t group : group_of_row_) {
      if (Contains(group)) ++(*begin)[group + 1];
    }
  }
  void Place(Groups* grouped) const {
    std::vector<uint32_t> next(grouped->begin.begin() + first_, grouped->begin.begin() + last_);
    for (uint32_t row = 0; row < group_of_row_.size(); ++row) {
      const uint32_t group = group_of_row_[row];
      if (Contains(group)) grouped->rows[next[group - first_]++] = row;
    }
  }
  void Sort(std::span<const int64_t> times, std::span<const uint64_t> orders,
            Groups* grouped) const {
    std::vector<Timed> timed;
    for (uint32_t group = first_; group < last_; ++group) {
      const std::span<uint32_t> rows(grouped->rows.data() + grouped->begin[group],
                                     grouped->begin[group + 1] - grouped->begin[group]);
      timed.clear();
      bool sorted = true;
      for (const uint32_t row : rows) {
        timed.push_back({times[row], orders.empty() ? 0 : orders[row], row});
        sorted = sorted && (timed.size() < 2 || timed[timed.size() - 2] < timed.back());
      }
      if (sorted) continue;  // Tables are often in time order already.
      if (!MoveIntoOrder(timed)) std::sort(timed.begin(), timed.end());
      for (size_t i = 0; i < rows.size(); ++i) rows[i] = timed[i].row;
    }
  }

 private:
  struct Timed {
    int64_t time;
    uint64_t order;
    uint32_t row;
    auto operator<=>(const Timed&) const = default;
  };
  // For rows that are a few places off, as events are that arrive late. False: most are further,
  // and the rows stand in some order.
  static bool MoveIntoOrder(std::span<Timed> timed) {
    constexpr size_t kMovesPerRow = 16;
    size_t moves = kMovesPerRow * timed.size();
    for (size_t i = 1; i < timed.size(); ++i) {
      const Timed late = timed[i];
      size_t at = i;
      for (; at > 0 && late < timed[at - 1] && moves > 0; --at, --moves) timed[at] = timed[at - 1];
      timed[at] = late;
      if (moves == 0) return false;
    }
    return true;
  }
  bool Contains(uint32_t group) const { return group >= first_ && group < last_; }

  std::span<const uint32_t> group_of_row_;
  uint32_t first_;
  uint32_t last_;
};

}  // namespace

void AppendDay(Date day, std::string* key) { AppendOrderedInt64(key, day.days); }

Date DayOf(std::string_view key) {
  ByteReader reader(key.substr(key.size() - sizeof(uint64_t)));
  return Date{static_cast<int32_t>(reader.OrderedInt64())};
}

KeyIndex::KeyIndex() : ends_{0}, slots_(1024), integers_(1024) {}

// The slot of the key, or the empty one where it belongs.
size_t KeyIndex::Probe(std::string_view key, uint64_t hash) const {
  const size_t mask = slots_.size() - 1;
  const auto tag = static_cast<uint32_t>(hash >> 32);
  for (size_t at = hash & mask;; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.id == kNoGroup || (slot.tag == tag && Key(slot.id) == key)) return at;
  }
}

uint32_t KeyIndex::Append(std::string_view key) {
  const auto id = static_cast<uint32_t>(size());
  CATENA_CHECK(id + 1 < kNoGroup, "KeyIndex is full");
  arena_.insert(arena_.end(), key.begin(), key.end());
  ends_.push_back(arena_.size());
  return id;
}

uint32_t KeyIndex::Add(std::string_view key) {
  const uint32_t known = Find(key);
  if (known != kNoGroup) return known;
  const uint64_t hash = HashBytes(key);
  const uint32_t id = Append(key);
  slots_[Probe(key, hash)] = Slot{id, static_cast<uint32_t>(hash >> 32)};
  if (++slot_count_ * 4 > slots_.size() * 3) Grow();
  return id;
}

uint32_t KeyIndex::Find(std::string_view key) const {
  const uint32_t id = slots_[Probe(key, HashBytes(key))].id;
  if (id != kNoGroup || integer_count_ == 0) return id;
  const auto integer = IntegerOf(key);
  return integer ? integers_[Probe(*integer)].id : kNoGroup;
}

size_t KeyIndex::HomeOf(IntegerKey key) const {
  const auto day = static_cast<uint64_t>(static_cast<uint32_t>(key.day)) << 32;
  return MixHash(static_cast<uint64_t>(key.key) ^ day) & (integers_.size() - 1);
}

size_t KeyIndex::Probe(IntegerKey key) const {
  const size_t mask = integers_.size() - 1;
  for (size_t at = HomeOf(key);; at = (at + 1) & mask) {
    if (integers_[at].id == kNoGroup || integers_[at].Holds(key)) return at;
  }
}

uint32_t KeyIndex::Add(IntegerKey key) {
  IntegerSlot& slot = integers_[Probe(key)];
  if (slot.id != kNoGroup) return slot.id;
  const std::string bytes = BytesOf(key);
  uint32_t id = slot_count_ == 0 ? kNoGroup : slots_[Probe(bytes, HashBytes(bytes))].id;
  if (id == kNoGroup) id = Append(bytes);
  slot = {key.key, key.day, id};
  if (++integer_count_ * 2 > integers_.size()) GrowIntegers();
  return id;
}

uint32_t KeyIndex::Find(IntegerKey key) const {
  const uint32_t id = integers_[Probe(key)].id;
  if (id != kNoGroup || slot_count_ == 0) return id;
  const std::string bytes = BytesOf(key);
  return slots_[Probe(bytes, HashBytes(bytes))].id;
}

std::vector<uint32_t> KeyIndex::AddAll(KeyIndex other) {
  if (size() == 0) {
    *this = std::move(other);
    std::vector<uint32_t> same(size());
    std::iota(same.begin(), same.end(), 0);
    return same;
  }
  std::vector<const IntegerSlot*> integers(other.size(), nullptr);
  for (const IntegerSlot& slot : other.integers_) {
    if (slot.id != kNoGroup) integers[slot.id] = &slot;
  }
  std::vector<uint32_t> ids;
  ids.reserve(other.size());
  for (uint32_t id = 0; id < other.size(); ++id) {
    const IntegerSlot* integer = integers[id];
    ids.push_back(integer == nullptr ? Add(other.Key(id))
                                     : Add(IntegerKey{integer->key, integer->day}));
  }
  return ids;
}

std::vector<uint32_t> KeyIndex::SortedIds(int threads) const {
  // What all keys begin with tells nothing; the eight bytes behind it mostly all.
  const std::string_view first = size() == 0 ? std::string_view() : Key(0);
  size_t same = first.size();
  for (uint32_t id = 0; id < size(); ++id) {
    const std::string_view key = Key(id);
    const auto end = std::mismatch(key.begin(), key.end(), first.begin(),
                                   first.begin() + static_cast<ptrdiff_t>(same));
    same = static_cast<size_t>(end.second - first.begin());
  }
  struct Sorted {
    uint64_t prefix;
    uint32_t id;
  };
  std::vector<Sorted> sorted;
  sorted.reserve(size());
  for (uint32_t id = 0; id < size(); ++id) {
    std::string bytes(Key(id).substr(same, sizeof(uint64_t)));
    bytes.resize(sizeof(uint64_t));
    sorted.push_back({ByteReader(bytes).Ordered64(), id});
  }
  ParallelSort(&sorted, threads, [&](const Sorted& a, const Sorted& b) {
    return a.prefix != b.prefix ? a.prefix < b.prefix : Key(a.id) < Key(b.id);
  });
  std::vector<uint32_t> ids;
  ids.reserve(size());
  for (const Sorted& key : sorted) ids.push_back(key.id);
  return ids;
}

void KeyIndex::Grow() {
  std::vector<Slot> old(slots_.size() * 2);
  std::swap(old, slots_);
  for (const Slot& slot : old) {
    if (slot.id == kNoGroup) continue;
    const std::string_view key = Key(slot.id);
    slots_[Probe(key, HashBytes(key))] = slot;
  }
}

void KeyIndex::GrowIntegers() {
  std::vector<IntegerSlot> old(integers_.size() * 2);
  std::swap(old, integers_);
  for (const IntegerSlot& slot : old) {
    if (slot.id != kNoGroup) integers_[Probe({slot.key, slot.day})] = slot;
  }
}

Groups GroupRows(std::span<const uint32_t> group_of_row, size_t groups,
                 std::span<const int64_t> times, std::span<const uint64_t> orders, int threads) {
  Groups grouped;
  grouped.begin.assign(groups + 1, 0);
  // Every thread looks at all rows: that is cheaper than to tell them apart first.
  std::vector<GroupRange> ranges;
  const size_t parts = std::clamp<size_t>(threads, 1, groups / 1024 + 1);
  for (size_t part = 0; part < parts; ++part) {
    ranges.emplace_back(group_of_row, static_cast<uint32_t>(groups * part / parts),
                        static_cast<uint32_t>(groups * (part + 1) / parts));
  }
  const auto each = [&](const auto& work) {
    const Status done = ParallelFor(parts, threads, [&](size_t part) {
      work(ranges[part]);
      return Status();
    });
    CATENA_CHECK(done.ok(), "grouping cannot fail");
  };
  each([&](const GroupRange& range) { range.Count(&grouped.begin); });
  for (size_t g = 0; g < groups; ++g) grouped.begin[g + 1] += grouped.begin[g];
  grouped.rows.resize(grouped.begin[groups]);
  each([&](const GroupRange& range) { range.Place(&grouped); });
  each([&](const GroupRange& range) { range.Sort(times, orders, &grouped); });
  return grouped;
}

}  // namespace catena::batch

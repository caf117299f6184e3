// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/key_reader.h"

#include <algorithm>

#include "catena/base/hash.h"
#include "catena/base/parallel.h"
#include "catena/types/row_codec.h"

namespace catena::batch {
namespace {

using types::Column;
using types::Kind;

// What EncodeKey writes as an integer.
bool IsIntegerKey(const types::DataType& type) {
  return type.IsInteger() || type.kind == Kind::kDate || type.kind == Kind::kTimestamp;
}

uint32_t IdOf(KeyIndex* keys, IntegerKey key) { return keys->Add(key); }
uint32_t IdOf(KeyIndex* keys, std::string_view key) { return keys->Add(key); }
uint32_t IdOf(const KeyIndex* keys, IntegerKey key) { return keys->Find(key); }
uint32_t IdOf(const KeyIndex* keys, std::string_view key) { return keys->Find(key); }

template <typename T, typename Index>
void ReadIntegers(const Column& column, size_t first, std::span<const Date> days, KeyShare share,
                  Index* keys, std::span<uint32_t> ids) {
  constexpr size_t kAhead = 16;
  const auto values = column.Values<T>().subspan(first, ids.size());
  const auto key_of = [&](size_t row) {
    return IntegerKey{values[row], days.empty() ? IntegerKey::kNoDay : days[row].days};
  };
  for (size_t row = 0; row < ids.size(); ++row) {
    if (row + kAhead < ids.size()) keys->Prefetch(key_of(row + kAhead));
    if (ids[row] == kNoGroup) continue;
    const bool wanted =
        !column.IsNull(first + row) && share.Contains(MixHash(static_cast<uint64_t>(values[row])));
    ids[row] = wanted ? IdOf(keys, key_of(row)) : kNoGroup;
  }
}

}  // namespace

Status RequireEqualKeys(const types::DataType& left, const std::string& left_name,
                        const std::string& whose, const types::DataType& right,
                        const std::string& right_name) {
  if (left == right || (left.IsInteger() && right.IsInteger())) return Status();
  return InvalidConf("keys of these types are never equal; cast one of them in the selects: " +
                     left_name + " " + types::TypeName(left) + " of " + whose + " and " +
                     (right_name.empty() ? "" : right_name + " ") + types::TypeName(right));
}

KeyReader::KeyReader(const types::Schema& schema, const std::vector<std::string>& columns,
                     KeyShare share)
    : share_(share) {
  for (const std::string& name : columns) {
    const auto at = schema.Find(name);
    CATENA_CHECK(at.has_value(), "a key column is in the rows");
    columns_.push_back(*at);
  }
  integer_ = columns_.size() == 1 && IsIntegerKey(schema.fields[columns_[0]].type);
}

template <typename Index>
void KeyReader::Read(const types::Batch& rows, size_t first, std::span<const Date> days,
                     Index* keys, std::span<uint32_t> ids) const {
  CATENA_CHECK(first + ids.size() <= rows.rows(), "an id a row");
  if (integer_) {
    const Column& column = rows.column(columns_[0]);
    switch (column.type().kind) {
      case Kind::kByte:
        return ReadIntegers<int8_t>(column, first, days, share_, keys, ids);
      case Kind::kShort:
        return ReadIntegers<int16_t>(column, first, days, share_, keys, ids);
      case Kind::kInt:
      case Kind::kDate:
        return ReadIntegers<int32_t>(column, first, days, share_, keys, ids);
      default:
        return ReadIntegers<int64_t>(column, first, days, share_, keys, ids);
    }
  }
  std::string key;
  for (size_t row = 0; row < ids.size(); ++row) {
    if (ids[row] == kNoGroup) continue;
    key.clear();
    const bool wanted = types::EncodeKey(rows, columns_, first + row, &key) &&
                        (share_.count == 1 || share_.Contains(HashBytes(key)));
    if (wanted && !days.empty()) AppendDay(days[row], &key);
    ids[row] = wanted ? IdOf(keys, std::string_view(key)) : kNoGroup;
  }
}

void KeyReader::Add(const types::Batch& rows, std::span<const Date> days, KeyIndex* keys,
                    std::span<uint32_t> ids) const {
  CATENA_CHECK(ids.size() == rows.rows(), "an id a row");
  Read(rows, 0, days, keys, ids);
}

void KeyReader::AddAll(const types::Batch& rows, std::span<const Date> days, int threads,
                       KeyIndex* keys, std::span<uint32_t> ids) const {
  CATENA_CHECK(ids.size() == rows.rows(), "an id a row");
  constexpr size_t kWorthAThread = 16384;
  const size_t parts = std::clamp<size_t>(rows.rows() / kWorthAThread, 1, std::max(threads, 1));
  if (parts == 1) return Add(rows, days, keys, ids);
  std::vector<KeyIndex> own(parts);
  const auto begin = [&](size_t part) { return rows.rows() * part / parts; };
  const auto part_of = [&](auto values, size_t part) {
    return values.empty() ? values : values.subspan(begin(part), begin(part + 1) - begin(part));
  };
  const auto each = [&](const auto& work) {
    const Status done = ParallelFor(parts, threads, [&](size_t part) {
      work(part);
      return Status();
    });
    CATENA_CHECK(done.ok(), "reading keys cannot fail");
  };
  each([&](size_t part) {
    Read(rows, begin(part), part_of(days, part), &own[part], part_of(ids, part));
  });
  // Part after part, so that keys have the order that one thread would give them.
  std::vector<std::vector<uint32_t>> numbers;
  for (const KeyIndex& mine : own) numbers.push_back(keys->AddAll(mine));
  each([&](size_t part) {
    for (uint32_t& id : part_of(ids, part)) {
      if (id != kNoGroup) id = numbers[part][id];
    }
  });
}

void KeyReader::Find(const types::Batch& rows, std::span<const Date> days, const KeyIndex& keys,
                     std::span<uint32_t> ids) const {
  CATENA_CHECK(ids.size() == rows.rows(), "an id a row");
  Read(rows, 0, days, &keys, ids);
}

}  // namespace catena::batch

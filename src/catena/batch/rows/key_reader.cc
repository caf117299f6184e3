// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/key_reader.h"

#include <algorithm>
#include <utility>

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

// Takes any key for its first.
struct NoIndex {
  void Prefetch(IntegerKey) const {}
};

uint32_t IdOf(const NoIndex*, IntegerKey) { return 0; }
uint32_t IdOf(const NoIndex*, std::string_view) { return 0; }
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

void KeyReader::AddAll(std::span<const KeyedRows> pieces, int threads, KeyIndex* keys) const {
  constexpr size_t kWorthAThread = 16384;
  size_t rows = 0;
  for (const KeyedRows& piece : pieces) rows += piece.ids.size();
  const size_t parts = std::clamp<size_t>(rows / kWorthAThread, 1, std::max(threads, 1));
  // visit(piece, begin, ids) of what of each piece is in the part.
  const auto visit_part = [&](size_t part, const auto& visit) {
    size_t first = 0;  // Row of the piece's first.
    for (const KeyedRows& piece : pieces) {
      const size_t begin = std::max(rows * part / parts, first);
      const size_t end = std::min(rows * (part + 1) / parts, first + piece.ids.size());
      if (begin < end) visit(piece, begin - first, piece.ids.subspan(begin - first, end - begin));
      first += piece.ids.size();
    }
  };
  const auto read = [&](size_t part, KeyIndex* index) {
    visit_part(part, [&](const KeyedRows& piece, size_t begin, std::span<uint32_t> ids) {
      const auto days = piece.days.empty() ? piece.days : piece.days.subspan(begin, ids.size());
      Read(*piece.rows, begin, days, index, ids);
    });
  };
  if (parts == 1) return read(0, keys);
  std::vector<KeyIndex> own(parts);
  ParallelEach(parts, threads, [&](size_t part) { read(part, &own[part]); });
  // Part after part, so that keys have the order that one thread would give them.
  std::vector<std::vector<uint32_t>> numbers;
  for (KeyIndex& mine : own) numbers.push_back(keys->AddAll(std::move(mine)));
  ParallelEach(parts, threads, [&](size_t part) {
    visit_part(part, [&](const KeyedRows&, size_t, std::span<uint32_t> ids) {
      for (uint32_t& id : ids) {
        if (id != kNoGroup) id = numbers[part][id];
      }
    });
  });
}

void KeyReader::Find(const types::Batch& rows, std::span<const Date> days, const KeyIndex& keys,
                     std::span<uint32_t> ids) const {
  CATENA_CHECK(ids.size() == rows.rows(), "an id a row");
  Read(rows, 0, days, &keys, ids);
}

void KeyReader::PassOver(const types::Batch& rows, std::span<uint32_t> ids) const {
  CATENA_CHECK(ids.size() == rows.rows(), "an id a row");
  if (share_.count > 1) {
    const NoIndex keys;
    return Read(rows, 0, {}, &keys, ids);
  }
  for (uint32_t& id : ids) id = id == kNoGroup ? kNoGroup : 0;
  for (const size_t i : columns_) {
    const Column& column = rows.column(i);
    for (size_t row = 0; column.has_nulls() && row < ids.size(); ++row) {
      if (column.IsNull(row)) ids[row] = kNoGroup;
    }
  }
}

}  // namespace catena::batch

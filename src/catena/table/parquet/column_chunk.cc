// SPDX-License-Identifier: Apache-2.0
#include "catena/table/parquet/column_chunk.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "catena/base/hash.h"
#include "catena/table/parquet/thrift_writer.h"

namespace catena::table {
namespace {

using types::Column;
using types::Kind;

constexpr int32_t kPlain = 0;
constexpr int32_t kRle = 3;
constexpr int32_t kRleDictionary = 8;

void Append32(std::string* out, uint32_t value) {
  char bytes[sizeof(value)];
  std::memcpy(bytes, &value, sizeof(value));  // Parquet is little-endian, as the build is.
  out->append(bytes, sizeof(value));
}

size_t RowsOf(std::span<const ColumnPiece> pieces) {
  size_t rows = 0;
  for (const ColumnPiece& piece : pieces) rows += piece.end - piece.begin;
  return rows;
}

size_t NullsOf(std::span<const ColumnPiece> pieces) {
  size_t nulls = 0;
  for (const ColumnPiece& piece : pieces) {
    if (!piece.column->has_nulls()) continue;
    const uint8_t* valid = piece.column->validity();
    for (size_t row = piece.begin; row < piece.end; ++row) nulls += valid[row] == 0 ? 1 : 0;
  }
  return nulls;
}

// Values of `width` bits each, least significant first, as one bit-packed run.
class BitPacker {
 public:
  BitPacker(std::string* out, int width, size_t values) : out_(out), width_(width) {
    AppendVarint(out_, (values + 7) / 8 << 1 | 1);
    end_ = out_->size() + (values + 7) / 8 * static_cast<size_t>(width);
  }
  void Add(uint64_t value) {
    bits_ |= value << used_;
    used_ += width_;
    while (used_ >= 8) {
      out_->push_back(static_cast<char>(bits_));
      bits_ >>= 8;
      used_ -= 8;
    }
  }
  // The last group of eight is filled up with zeroes.
  void Finish() {
    if (used_ > 0) out_->push_back(static_cast<char>(bits_));
    out_->resize(end_, '\0');
  }

 private:
  std::string* out_;
  int width_;
  uint64_t bits_ = 0;
  int used_ = 0;
  size_t end_ = 0;
};

void AppendLevels(std::span<const ColumnPiece> pieces, size_t rows, size_t nulls,
                  std::string* out) {
  const size_t at = out->size();
  Append32(out, 0);
  if (nulls == 0) {
    AppendVarint(out, rows << 1);
    out->push_back(1);
  } else {
    BitPacker packer(out, 1, rows);
    for (const ColumnPiece& piece : pieces) {
      const uint8_t* valid = piece.column->validity();
      for (size_t row = piece.begin; row < piece.end; ++row) packer.Add(valid[row]);
    }
    packer.Finish();
  }
  const auto size = static_cast<uint32_t>(out->size() - at - sizeof(uint32_t));
  std::memcpy(out->data() + at, &size, sizeof(size));
}

// Calls visit(value) for each value that is there.
template <typename T, typename Visit>
void ForValues(std::span<const ColumnPiece> pieces, Visit visit) {
  for (const ColumnPiece& piece : pieces) {
    const auto values = piece.column->Values<T>();
    const uint8_t* valid = piece.column->has_nulls() ? piece.column->validity() : nullptr;
    for (size_t row = piece.begin; row < piece.end; ++row) {
      if (valid == nullptr || valid[row] != 0) visit(values[row]);
    }
  }
}

// Without a branch a value: where a null is, the next value is written over it.
template <typename T, typename Stored, typename Convert>
void AppendConverted(std::span<const ColumnPiece> pieces, size_t values, Convert convert,
                     std::string* out) {
  const size_t at = out->size();
  // Room for one more, because a null at the end is written, too.
  out->resize(at + (values + 1) * sizeof(Stored));
  char* next = out->data() + at;
  for (const ColumnPiece& piece : pieces) {
    const auto all = piece.column->Values<T>();
    const uint8_t* valid = piece.column->validity();
    for (size_t row = piece.begin; row < piece.end; ++row) {
      const Stored value = convert(all[row]);
      std::memcpy(next, &value, sizeof(value));
      next += valid[row] * sizeof(Stored);
    }
  }
  out->resize(at + values * sizeof(Stored));
}

template <typename T>
void AppendWidened(std::span<const ColumnPiece> pieces, size_t values, std::string* out) {
  AppendConverted<T, int32_t>(
      pieces, values, [](T value) { return int32_t{value}; }, out);
}

// Values that are stored as they are.
template <typename T>
void AppendSame(std::span<const ColumnPiece> pieces, size_t values, std::string* out) {
  if (NullsOf(pieces) > 0) {
    AppendConverted<T, T>(
        pieces, values, [](T value) { return value; }, out);
    return;
  }
  for (const ColumnPiece& piece : pieces) {
    const auto all = piece.column->Values<T>().subspan(piece.begin, piece.end - piece.begin);
    out->append(reinterpret_cast<const char*>(all.data()), all.size_bytes());
  }
}

void AppendBools(std::span<const ColumnPiece> pieces, size_t values, std::string* out) {
  const size_t at = out->size();
  out->resize(at + (values + 7) / 8, '\0');
  size_t i = 0;
  ForValues<int8_t>(pieces, [&](int8_t value) {
    if (value != 0) (*out)[at + i / 8] |= static_cast<char>(1 << i % 8);
    ++i;
  });
}

Status AppendInstants(std::span<const ColumnPiece> pieces, size_t values, std::string* out) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 1000 - 1;
  std::optional<int64_t> wrong;
  ForValues<int64_t>(pieces, [&](int64_t millis) {
    if (millis > kMost || millis < -kMost) wrong = millis;
  });
  if (wrong) return InvalidData("TIMESTAMP is out of range: " + std::to_string(*wrong));
  AppendConverted<int64_t, int64_t>(
      pieces, values, [](int64_t millis) { return millis * 1000; }, out);
  return Status();
}

void AppendText(std::string_view text, std::string* out) {
  Append32(out, static_cast<uint32_t>(text.size()));
  out->append(text);
}

template <typename Visit>
void ForTexts(std::span<const ColumnPiece> pieces, Visit visit) {
  for (const ColumnPiece& piece : pieces) {
    for (size_t row = piece.begin; row < piece.end; ++row) {
      if (!piece.column->IsNull(row) && !visit(piece.column->Text(row))) return;
    }
  }
}

// Distinct texts of a chunk, and which of them stands where.
class Dictionary {
 public:
  // False when too many differ.
  bool Build(std::span<const ColumnPiece> pieces, size_t values) {
    slots_.assign(std::bit_ceil(kMost * 2), kFree);
    places_.reserve(values);
    bool few = true;
    ForTexts(pieces, [&](std::string_view text) {
      places_.push_back(Place(text));
      few = texts_.size() < kMost &&
            (texts_.size() <= kAlways || texts_.size() * 4 <= places_.size());
      return few;
    });
    return few;
  }
  void AppendTexts(std::string* out) const {
    for (const std::string_view text : texts_) AppendText(text, out);
  }
  void AppendPlaces(std::string* out) const {
    const int width = std::max<int>(1, std::bit_width(texts_.empty() ? 0 : texts_.size() - 1));
    out->push_back(static_cast<char>(width));
    BitPacker packer(out, width, places_.size());
    for (const uint32_t place : places_) packer.Add(place);
    packer.Finish();
  }
  size_t size() const { return texts_.size(); }

 private:
  static constexpr size_t kMost = 1 << 14;
  static constexpr size_t kAlways = 1 << 8;
  static constexpr uint32_t kFree = std::numeric_limits<uint32_t>::max();

  uint32_t Place(std::string_view text) {
    for (size_t at = HashBytes(text);; ++at) {
      uint32_t& slot = slots_[at & (slots_.size() - 1)];
      if (slot == kFree) {
        slot = static_cast<uint32_t>(texts_.size());
        texts_.push_back(text);
        return slot;
      }
      if (texts_[slot] == text) return slot;
    }
  }

  std::vector<uint32_t> slots_;
  std::vector<std::string_view> texts_;
  std::vector<uint32_t> places_;
};

template <typename T>
void Range(std::span<const ColumnPiece> pieces, int64_t scale, bool wide, ChunkFacts* facts) {
  int64_t least = std::numeric_limits<int64_t>::max();
  int64_t greatest = std::numeric_limits<int64_t>::min();
  ForValues<T>(pieces, [&](T value) {
    least = std::min<int64_t>(least, value);
    greatest = std::max<int64_t>(greatest, value);
  });
  if (least > greatest) return;
  const auto bytes = [&](int64_t value) {
    value *= scale;
    return std::string(reinterpret_cast<const char*>(&value), wide ? 8 : 4);
  };
  facts->least = bytes(least);
  facts->greatest = bytes(greatest);
}

void AddRange(Kind kind, std::span<const ColumnPiece> pieces, ChunkFacts* facts) {
  switch (kind) {
    case Kind::kByte:
      return Range<int8_t>(pieces, 1, false, facts);
    case Kind::kShort:
      return Range<int16_t>(pieces, 1, false, facts);
    case Kind::kInt:
    case Kind::kDate:
      return Range<int32_t>(pieces, 1, false, facts);
    case Kind::kLong:
      return Range<int64_t>(pieces, 1, true, facts);
    case Kind::kTimestamp:
      return Range<int64_t>(pieces, 1000, true, facts);
    default:
      return;  // NaN and the order of texts make bounds of the others a matter of taste.
  }
}

Status AppendPlain(Kind kind, std::span<const ColumnPiece> pieces, size_t values,
                   std::string* out) {
  switch (kind) {
    case Kind::kBool:
      AppendBools(pieces, values, out);
      return Status();
    case Kind::kByte:
      AppendWidened<int8_t>(pieces, values, out);
      return Status();
    case Kind::kShort:
      AppendWidened<int16_t>(pieces, values, out);
      return Status();
    case Kind::kInt:
    case Kind::kDate:
      AppendSame<int32_t>(pieces, values, out);
      return Status();
    case Kind::kLong:
      AppendSame<int64_t>(pieces, values, out);
      return Status();
    case Kind::kTimestamp:
      return AppendInstants(pieces, values, out);
    case Kind::kFloat:
      AppendSame<float>(pieces, values, out);
      return Status();
    case Kind::kDouble:
      AppendSame<double>(pieces, values, out);
      return Status();
    default:
      ForTexts(pieces, [&](std::string_view text) {
        AppendText(text, out);
        return true;
      });
      return Status();
  }
}

enum class Page : int32_t { kData = 0, kDictionary = 2 };

// Header and compressed bytes; `values` counts nulls of a data page, too.
void AppendPage(Page page, size_t values, int32_t encoding, std::string_view bytes,
                Compressor* compressor, ChunkFacts* facts, std::string* out) {
  std::string compressed;
  compressor->Append(bytes, &compressed);
  const size_t before = out->size();
  ThriftWriter header(out);
  header.I32(1, static_cast<int32_t>(page));
  header.I32(2, static_cast<int32_t>(bytes.size()));
  header.I32(3, static_cast<int32_t>(compressed.size()));
  header.BeginStruct(page == Page::kData ? 5 : 7);
  header.I32(1, static_cast<int32_t>(values));
  header.I32(2, encoding);
  if (page == Page::kData) {
    header.I32(3, kRle);
    header.I32(4, kRle);
  }
  header.End();
  header.End();
  facts->uncompressed_bytes += out->size() - before + bytes.size();
  out->append(compressed);
  facts->compressed_bytes += out->size() - before;
}

}  // namespace

std::optional<ParquetType> ParquetTypeOf(const types::DataType& type) {
  constexpr int32_t kBoolean = 0, kInt32 = 1, kInt64 = 2, kFloat = 4, kDouble = 5, kByteArray = 6;
  constexpr int32_t kUtf8 = 0, kDate = 6, kTimestampMicros = 10, kInt8 = 15, kInt16 = 16,
                    kSigned32 = 17, kSigned64 = 18;
  switch (type.kind) {
    case Kind::kBool:
      return ParquetType{kBoolean, {}};
    case Kind::kByte:
      return ParquetType{kInt32, kInt8};
    case Kind::kShort:
      return ParquetType{kInt32, kInt16};
    case Kind::kInt:
      return ParquetType{kInt32, kSigned32};
    case Kind::kDate:
      return ParquetType{kInt32, kDate};
    case Kind::kLong:
      return ParquetType{kInt64, kSigned64};
    case Kind::kTimestamp:
      return ParquetType{kInt64, kTimestampMicros};
    case Kind::kFloat:
      return ParquetType{kFloat, {}};
    case Kind::kDouble:
      return ParquetType{kDouble, {}};
    case Kind::kString:
      return ParquetType{kByteArray, kUtf8};
    case Kind::kBinary:
      return ParquetType{kByteArray, {}};
    default:
      return std::nullopt;
  }
}

Result<ChunkFacts> AppendChunk(std::span<const ColumnPiece> pieces, Compressor* compressor,
                               std::string* out) {
  CATENA_CHECK(!pieces.empty(), "a chunk has rows");
  const types::DataType& type = pieces.front().column->type();
  ChunkFacts facts;
  facts.rows = RowsOf(pieces);
  facts.nulls = NullsOf(pieces);
  const size_t values = facts.rows - facts.nulls;
  std::string page;
  AppendLevels(pieces, facts.rows, facts.nulls, &page);
  if (Dictionary dictionary; type.IsText() && dictionary.Build(pieces, values)) {
    facts.dictionary = true;
    std::string texts;
    dictionary.AppendTexts(&texts);
    AppendPage(Page::kDictionary, dictionary.size(), kPlain, texts, compressor, &facts, out);
    facts.dictionary_bytes = facts.compressed_bytes;
    dictionary.AppendPlaces(&page);
    AppendPage(Page::kData, facts.rows, kRleDictionary, page, compressor, &facts, out);
    return facts;
  }
  AddRange(type.kind, pieces, &facts);
  CATENA_RETURN_IF_ERROR(AppendPlain(type.kind, pieces, values, &page));
  AppendPage(Page::kData, facts.rows, kPlain, page, compressor, &facts, out);
  return facts;
}

}  // namespace catena::table

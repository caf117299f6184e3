// SPDX-License-Identifier: Apache-2.0
#include "catena/table/parquet/column_chunk.h"

#include <zstd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "catena/base/check.h"
#include "catena/table/parquet/thrift_writer.h"

namespace catena::table {
namespace {

using types::Column;
using types::Kind;

enum Physical { kBoolean = 0, kInt32 = 1, kInt64 = 2, kFloat = 4, kDouble = 5, kByteArray = 6 };
enum Encoding { kPlain = 0, kRle = 3, kRleDictionary = 8 };
enum PageType { kDataPage = 0, kDictionaryPage = 2 };

// A dictionary is worth it where values repeat this often, and small enough to be numbered fast.
constexpr size_t kRowsPerDictionaryValue = 5;
constexpr size_t kDictionaryMost = 2000;
constexpr size_t kNarrowRange = 4096;
// Of texts: a page is begun anew when it has so many.
constexpr size_t kPageBytes = size_t{1} << 20;
constexpr size_t kTextMost = size_t{1} << 30;
// Longer ones are not worth their place in a file's footer.
constexpr size_t kBoundMost = 64;

template <typename T>
std::string BytesOf(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

template <typename T>
void AppendRaw(std::string* out, std::span<const T> values) {
  out->append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

int BitsFor(size_t values) { return std::max(1, static_cast<int>(std::bit_width(values - 1))); }

// A run of bit-packed groups of eight, least significant bit first.
template <typename T>
void AppendBitPacked(std::span<const T> values, int bits, std::string* out) {
  const size_t groups = (values.size() + 7) / 8;
  AppendVarint(out, groups << 1 | 1);
  const size_t end = out->size() + groups * static_cast<size_t>(bits);
  uint64_t word = 0;
  int filled = 0;
  for (const T value : values) {
    word |= uint64_t{value} << filled;
    filled += bits;
    while (filled >= 8) {
      out->push_back(static_cast<char>(word));
      word >>= 8;
      filled -= 8;
    }
  }
  if (filled > 0) out->push_back(static_cast<char>(word));
  out->resize(end, '\0');
}

uint64_t HashText(std::string_view text) {
  constexpr uint64_t kMultiplier = 0x9e3779b97f4a7c15;
  uint64_t hash = text.size();
  while (!text.empty()) {
    uint64_t word = 0;
    const size_t count = std::min(text.size(), sizeof(word));
    std::memcpy(&word, text.data(), count);
    hash = (hash ^ word) * kMultiplier;
    hash ^= hash >> 32;
    text.remove_prefix(count);
  }
  return hash;
}

template <typename Stored>
std::optional<std::pair<std::string, std::string>> LeastGreatest(
    const std::vector<Stored>& values) {
  if (values.empty()) return std::nullopt;
  Stored least = values[0];
  Stored greatest = values[0];
  bool numbers = true;
  for (const Stored value : values) {
    least = std::min(least, value);
    greatest = std::max(greatest, value);
    if constexpr (std::is_floating_point_v<Stored>) numbers &= value == value;
  }
  if (!numbers) return std::nullopt;  // Nothing is less or greater than a NaN.
  if constexpr (std::is_floating_point_v<Stored>) {
    if (least == 0) least = Stored{-0.0};
    if (greatest == 0) greatest = Stored{0.0};
  }
  return std::pair(BytesOf(least), BytesOf(greatest));
}

// Those that are there; `convert` makes what is stored of a value.
template <typename T, typename Stored, typename Convert>
std::vector<Stored> ValuesOf(std::span<const ColumnSlice> slices, size_t count,
                             const Convert& convert) {
  std::vector<Stored> values;
  values.reserve(count);
  for (const ColumnSlice& slice : slices) {
    const auto from = slice.column->Values<T>().subspan(slice.begin, slice.end - slice.begin);
    const uint8_t* valid = slice.column->validity() + slice.begin;
    if (!slice.column->has_nulls()) {
      for (const T value : from) values.push_back(convert(value));
      continue;
    }
    const size_t begin = values.size();
    values.resize(begin + from.size());
    size_t next = begin;
    for (size_t i = 0; i < from.size(); ++i) {
      values[next] = convert(from[i]);
      next += valid[i] != 0 ? 1 : 0;
    }
    values.resize(next);
  }
  return values;
}

// DuckDB, and so everyone here, counts microseconds.
Status CheckInstants(std::span<const ColumnSlice> slices) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 1000 - 1;
  for (const ColumnSlice& slice : slices) {
    const auto values = slice.column->Values<int64_t>();
    for (size_t row = slice.begin; row < slice.end; ++row) {
      if (values[row] <= kMost && values[row] >= -kMost) continue;
      return InvalidData("TIMESTAMP is out of range: " + std::to_string(values[row]));
    }
  }
  return Status();
}

}  // namespace

StoredType StoredTypeOf(Kind kind) {
  switch (kind) {
    case Kind::kBool:
      return {kBoolean, {}};
    case Kind::kByte:
      return {kInt32, 15};
    case Kind::kShort:
      return {kInt32, 16};
    case Kind::kInt:
      return {kInt32, 17};
    case Kind::kLong:
      return {kInt64, 18};
    case Kind::kFloat:
      return {kFloat, {}};
    case Kind::kDouble:
      return {kDouble, {}};
    case Kind::kString:
      return {kByteArray, 0};
    case Kind::kBinary:
      return {kByteArray, {}};
    case Kind::kDate:
      return {kInt32, 6};
    case Kind::kTimestamp:
      return {kInt64, 10};
    default:
      CATENA_CHECK(false, "a column without elements");
  }
}

struct ChunkEncoder::Compressor {
  int level;
  ZSTD_CCtx* context = ZSTD_createCCtx();
  std::vector<char> bytes;

  explicit Compressor(int zstd_level) : level(zstd_level) {}
  ~Compressor() { ZSTD_freeCCtx(context); }
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  std::string_view Compress(std::string_view raw) {
    bytes.resize(std::max(bytes.size(), ZSTD_compressBound(raw.size())));
    const size_t size =
        ZSTD_compressCCtx(context, bytes.data(), bytes.size(), raw.data(), raw.size(), level);
    CATENA_CHECK(ZSTD_isError(size) == 0, "zstd compresses into its own bound");
    return {bytes.data(), size};
  }
};

ChunkEncoder::ChunkEncoder(std::optional<int> zstd_level)
    : compressor_(zstd_level ? std::make_unique<Compressor>(*zstd_level) : nullptr) {}
ChunkEncoder::~ChunkEncoder() = default;

template <typename Describe>
void ChunkEncoder::PutPage(int32_t type, int16_t field, const Describe& describe,
                           std::string* out) {
  CATENA_CHECK(raw_.size() <= std::numeric_limits<int32_t>::max(), "a page is below 2 GiB");
  const std::string_view stored = compressor_ ? compressor_->Compress(raw_) : raw_;
  std::string header;
  ThriftWriter thrift(&header);
  thrift.Int32(1, type);
  thrift.Int32(2, static_cast<int32_t>(raw_.size()));
  thrift.Int32(3, static_cast<int32_t>(stored.size()));
  thrift.BeginStruct(field);
  describe(&thrift);
  thrift.End();
  thrift.End();
  facts_.raw_bytes += header.size() + raw_.size();
  facts_.stored_bytes += header.size() + stored.size();
  out->append(header).append(stored);
}

void ChunkEncoder::GatherValidity(std::span<const ColumnSlice> slices) {
  validity_.clear();
  for (const ColumnSlice& slice : slices) {
    const uint8_t* valid = slice.column->validity();
    validity_.insert(validity_.end(), valid + slice.begin, valid + slice.end);
  }
  facts_.rows = validity_.size();
  facts_.nulls = static_cast<uint64_t>(std::ranges::count(validity_, 0));
  if (facts_.nulls == 0) validity_.clear();
}

void ChunkEncoder::BeginPage(size_t first_row, size_t end_row) {
  std::string levels;
  if (validity_.empty()) {
    AppendVarint(&levels, (end_row - first_row) << 1);  // A run of ones.
    levels.push_back(1);
  } else {
    AppendBitPacked(std::span<const uint8_t>(validity_).subspan(first_row, end_row - first_row), 1,
                    &levels);
  }
  raw_ = BytesOf(static_cast<uint32_t>(levels.size()));
  raw_ += levels;
}

void ChunkEncoder::EndPage(size_t rows, int32_t encoding, std::string* out) {
  const auto describe = [&](ThriftWriter* thrift) {
    thrift->Int32(1, static_cast<int32_t>(rows));
    thrift->Int32(2, encoding);
    thrift->Int32(3, kRle);
    thrift->Int32(4, kRle);
  };
  PutPage(kDataPage, 5, describe, out);
}

void ChunkEncoder::EndDictionary(size_t values, std::string* out) {
  const auto describe = [&](ThriftWriter* thrift) {
    thrift->Int32(1, static_cast<int32_t>(values));
    thrift->Int32(2, kPlain);
  };
  PutPage(kDictionaryPage, 7, describe, out);
  facts_.dictionary_bytes = facts_.stored_bytes;
  BeginPage(0, facts_.rows);
  const int bits = BitsFor(values);
  raw_.push_back(static_cast<char>(bits));
  AppendBitPacked(std::span<const uint16_t>(codes_), bits, &raw_);
  EndPage(facts_.rows, kRleDictionary, out);
}

// Integers between two that are near each other are numbered without hashing.
template <typename Stored>
bool ChunkEncoder::EncodeNarrow(std::span<const Stored> values, std::string* out) {
  if (values.empty()) return false;
  const auto [least, greatest] = std::ranges::minmax(values);
  const auto range = static_cast<uint64_t>(greatest) - static_cast<uint64_t>(least);
  if (range >= kNarrowRange) return false;
  std::vector<uint16_t> code_of(range + 1, 0);
  for (const Stored value : values) code_of[static_cast<size_t>(value - least)] = 1;
  std::vector<Stored> distinct;
  for (size_t i = 0; i < code_of.size(); ++i) {
    if (code_of[i] == 0) continue;
    code_of[i] = static_cast<uint16_t>(distinct.size());
    distinct.push_back(static_cast<Stored>(least + static_cast<Stored>(i)));
  }
  if (distinct.size() * kRowsPerDictionaryValue > values.size()) return false;
  codes_.resize(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    codes_[i] = code_of[static_cast<size_t>(values[i] - least)];
  }
  raw_.clear();
  AppendRaw(&raw_, std::span<const Stored>(distinct));
  EndDictionary(distinct.size(), out);
  return true;
}

template <typename T, typename Stored>
Status ChunkEncoder::EncodeNumbers(std::span<const ColumnSlice> slices, std::string* out) {
  std::vector<Stored> values;
  const size_t count = facts_.rows - facts_.nulls;
  if (slices.front().column->type().kind == Kind::kTimestamp) {
    CATENA_RETURN_IF_ERROR(CheckInstants(slices));
    values = ValuesOf<T, Stored>(slices, count, [](T value) { return Stored(value * 1000); });
  } else {
    values = ValuesOf<T, Stored>(slices, count, [](T value) { return Stored(value); });
  }
  facts_.least_greatest = LeastGreatest(values);
  if constexpr (std::is_integral_v<Stored>) {
    if (EncodeNarrow(std::span<const Stored>(values), out)) return Status();
  }
  BeginPage(0, facts_.rows);
  AppendRaw(&raw_, std::span<const Stored>(values));
  EndPage(facts_.rows, kPlain, out);
  return Status();
}

void ChunkEncoder::EncodeBools(std::span<const ColumnSlice> slices, std::string* out) {
  const auto values = ValuesOf<int8_t, uint8_t>(slices, facts_.rows - facts_.nulls,
                                                [](int8_t value) { return uint8_t{value != 0}; });
  if (!values.empty()) {
    const auto [least, greatest] = std::ranges::minmax(values);
    facts_.least_greatest = std::pair(BytesOf(least), BytesOf(greatest));
  }
  BeginPage(0, facts_.rows);
  std::string run;
  AppendBitPacked(std::span<const uint8_t>(values), 1, &run);
  // PLAIN bits are those of a run, without its head and its filling up.
  const size_t bytes = (values.size() + 7) / 8;
  raw_.append(run, run.size() - bytes);
  EndPage(facts_.rows, kPlain, out);
}

bool ChunkEncoder::EncodeRepeated(std::span<const std::string_view> texts, std::string* out) {
  constexpr uint16_t kFree = UINT16_MAX;
  const size_t most = std::min(kDictionaryMost, texts.size() / kRowsPerDictionaryValue);
  std::vector<uint16_t> slots(std::bit_ceil(2 * most + 2), kFree);
  std::vector<std::string_view> distinct;
  codes_.clear();
  codes_.reserve(texts.size());
  for (const std::string_view text : texts) {
    size_t at = HashText(text) & (slots.size() - 1);
    while (slots[at] != kFree && distinct[slots[at]] != text) at = (at + 1) & (slots.size() - 1);
    if (slots[at] == kFree) {
      if (distinct.size() == most) return false;
      slots[at] = static_cast<uint16_t>(distinct.size());
      distinct.push_back(text);
    }
    codes_.push_back(slots[at]);
  }
  if (distinct.empty()) return false;
  raw_.clear();
  for (const std::string_view text : distinct) {
    raw_.append(BytesOf(static_cast<uint32_t>(text.size()))).append(text);
  }
  if (raw_.size() > kPageBytes) return false;
  EndDictionary(distinct.size(), out);
  return true;
}

Status ChunkEncoder::EncodeTexts(std::span<const ColumnSlice> slices, std::string* out) {
  std::vector<std::string_view> texts;
  texts.reserve(facts_.rows - facts_.nulls);
  for (const ColumnSlice& slice : slices) {
    for (size_t row = slice.begin; row < slice.end; ++row) {
      if (slice.column->IsNull(row)) continue;
      texts.push_back(slice.column->Text(row));
      if (texts.back().size() > kTextMost) {
        return InvalidData("a text is above 1 GiB: " + std::to_string(texts.back().size()));
      }
    }
  }
  if (!texts.empty()) {
    const auto [least, greatest] = std::ranges::minmax(texts);
    if (std::max(least.size(), greatest.size()) <= kBoundMost) {
      facts_.least_greatest = std::pair(std::string(least), std::string(greatest));
    }
  }
  if (EncodeRepeated(texts, out)) return Status();
  size_t next = 0;  // Text.
  for (size_t row = 0, end = 0; row < facts_.rows; row = end) {
    const size_t first = next;
    for (size_t bytes = 0; end < facts_.rows && bytes < kPageBytes; ++end) {
      if (validity_.empty() || validity_[end] != 0)
        bytes += sizeof(uint32_t) + texts[next++].size();
    }
    BeginPage(row, end);
    for (size_t i = first; i < next; ++i) {
      raw_.append(BytesOf(static_cast<uint32_t>(texts[i].size()))).append(texts[i]);
    }
    EndPage(end - row, kPlain, out);
  }
  return Status();
}

Result<ChunkFacts> ChunkEncoder::Append(std::span<const ColumnSlice> slices, std::string* out) {
  facts_ = {};
  GatherValidity(slices);
  Status status;
  switch (slices.front().column->type().kind) {
    case Kind::kBool:
      EncodeBools(slices, out);
      break;
    case Kind::kByte:
      status = EncodeNumbers<int8_t, int32_t>(slices, out);
      break;
    case Kind::kShort:
      status = EncodeNumbers<int16_t, int32_t>(slices, out);
      break;
    case Kind::kInt:
    case Kind::kDate:
      status = EncodeNumbers<int32_t, int32_t>(slices, out);
      break;
    case Kind::kLong:
    case Kind::kTimestamp:
      status = EncodeNumbers<int64_t, int64_t>(slices, out);
      break;
    case Kind::kFloat:
      status = EncodeNumbers<float, float>(slices, out);
      break;
    case Kind::kDouble:
      status = EncodeNumbers<double, double>(slices, out);
      break;
    default:
      status = EncodeTexts(slices, out);
  }
  if (!status.ok()) return status.error();
  return facts_;
}

}  // namespace catena::table

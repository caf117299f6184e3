// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/sketch/cpc_format.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cpc_sketch.hpp>
#include <cstring>

namespace catena::aggregate {
namespace {

enum Flag : uint8_t { kCompressed = 2, kHip = 4, kTable = 8, kWindow = 16 };
constexpr uint8_t kSerialVersion = 1;
constexpr uint8_t kFamily = 16;
constexpr size_t kWord = sizeof(uint32_t);
constexpr size_t kCodeBits = 12;  // The longest code; a reader may look so far ahead.

// Which columns are the window of a dense sketch, and which codes compress it.
struct Shape {
  Shape(uint8_t lg_k, uint64_t taken) {
    const uint64_t k = uint64_t{1} << lg_k;
    if (8 * taken >= 19 * k) begin = (8 * taken - 19 * k) >> (lg_k + 3);
    sliding = 8 * taken >= 27 * k;
    early = begin < 64 ? (uint64_t{1} << begin) - 1 : ~uint64_t{0};
    // The first of these with c * taken < k * K; else the phase of the steady state.
    constexpr struct {
      uint64_t c, k;
      int table;
    } kEarly[] = {{4, 3, 16},       {10, 11, 17},     {100, 132, 18}, {3, 5, 19},
                  {1000, 1965, 20}, {1000, 2275, 21}, {1000, 2375, 6}};
    const auto early_table =
        std::find_if(std::begin(kEarly), std::end(kEarly),
                     [&](const auto& one) { return one.c * taken < one.k * k; });
    phase = early_table != std::end(kEarly) ? early_table->table
                                            : static_cast<int>(taken >> (lg_k - 4) & 15);
  }
  // Of a column outside of the window.
  uint32_t Encoded(uint32_t column) const {
    const auto turned = static_cast<uint32_t>((column + 56 - begin) & 63);
    return sliding ? datasketches::column_permutations_for_encoding[phase][turned] : turned;
  }
  uint32_t Decoded(uint32_t encoded) const {
    uint32_t turned = encoded;
    if (sliding) {
      const auto& permutation = datasketches::column_permutations_for_encoding[phase];
      turned =
          static_cast<uint32_t>(std::find(std::begin(permutation), std::end(permutation), encoded) -
                                std::begin(permutation));
    }
    return static_cast<uint32_t>((turned + begin + 8) & 63);
  }

  uint64_t begin = 0;  // The window is columns begin to begin + 7.
  uint64_t early = 0;  // The columns before it.
  int phase = 0;
  bool sliding = false;
};

// Bits, the lowest first, in words.
class BitWriter {
 public:
  void Put(uint64_t value, size_t bits) {
    buffer_ |= value << filled_;
    filled_ += bits;
    for (; filled_ >= 32; filled_ -= 32) {
      AppendWord();
      buffer_ >>= 32;
    }
  }
  void PutCode(uint16_t code) { Put(code & 0xfff, code >> kCodeBits); }
  void PutUnary(uint64_t value) {
    for (; value >= 16; value -= 16) Put(0, 16);
    Put(uint64_t{1} << value, value + 1);
  }
  // The words so far, with so many bits of padding.
  std::string Finish(size_t padding) {
    Put(0, padding);
    if (filled_ > 0) AppendWord();
    return std::move(words_);
  }

 private:
  void AppendWord() {
    char word[kWord];
    std::memcpy(word, &buffer_, kWord);
    words_.append(word, kWord);
  }

  std::string words_;
  uint64_t buffer_ = 0;
  size_t filled_ = 0;
};

// Past the end are zeros; AtEnd tells whether anything was read there.
class BitReader {
 public:
  explicit BitReader(std::string_view words) : bytes_(words) {}

  // At most 56.
  uint64_t Peek(size_t bits) const {
    const size_t byte = std::min(position_ / 8, bytes_.size());
    uint64_t buffer = 0;
    std::memcpy(&buffer, bytes_.data() + byte, std::min<size_t>(8, bytes_.size() - byte));
    return buffer >> position_ % 8 & ((uint64_t{1} << bits) - 1);
  }
  uint64_t Take(size_t bits) {
    const uint64_t value = Peek(bits);
    position_ += bits;
    return value;
  }
  uint64_t TakeUnary() {
    uint64_t zeros = 0;
    while (Peek(1) == 0 && position_ < bytes_.size() * 8) {
      const size_t some = std::min(std::countr_zero(Peek(32) | uint64_t{1} << 32), 32);
      zeros += some;
      position_ += some;
    }
    ++position_;
    return zeros;
  }
  // Nothing is left but padding, all zeros.
  bool AtEnd(size_t padding) const {
    const size_t words = (position_ + padding + 31) / 32;
    return bytes_.size() == words * kWord &&
           Peek(std::min<size_t>(56, words * 32 - position_)) == 0;
  }

 private:
  std::string_view bytes_;
  size_t position_ = 0;
};

// Value and length of the code that a reader's next 12 bits begin with.
struct Decoded {
  uint8_t value = 0;
  uint8_t bits = 0;
};
using DecodingTable = std::array<Decoded, 1 << kCodeBits>;

DecodingTable MakeDecodingTable(std::span<const uint16_t> codes) {
  DecodingTable table;
  for (size_t value = 0; value < codes.size(); ++value) {
    const uint8_t bits = codes[value] >> kCodeBits;
    for (size_t i = codes[value] & 0xfff; i < table.size(); i += size_t{1} << bits) {
      table[i] = {static_cast<uint8_t>(value), bits};
    }
  }
  return table;
}

const DecodingTable& ColumnTable() {
  static const DecodingTable table =
      MakeDecodingTable(datasketches::length_limited_unary_encoding_table65);
  return table;
}

const DecodingTable& WindowTable(int phase) {
  static const std::vector<DecodingTable> tables = [] {
    std::vector<DecodingTable> made;
    for (const auto& codes : datasketches::encoding_tables_for_high_entropy_byte) {
      made.push_back(MakeDecodingTable(codes));
    }
    return made;
  }();
  return tables[static_cast<size_t>(phase)];
}

// How many low bits of a row's difference are written as they are.
size_t GolombBits(uint8_t lg_k, uint64_t entries) {
  const uint64_t rows_an_entry = (uint64_t{1} << lg_k) / entries;
  return rows_an_entry == 0 ? 0 : static_cast<size_t>(std::bit_width(rows_an_entry) - 1);
}

constexpr size_t TablePadding(size_t golomb) { return golomb > 10 ? 0 : 10 - golomb; }
constexpr size_t kWindowPadding = kCodeBits - 1;

std::string EncodeTable(uint8_t lg_k, std::span<const uint32_t> cells) {
  if (cells.empty()) return {};
  const size_t golomb = GolombBits(lg_k, cells.size());
  BitWriter writer;
  uint32_t row = 0;
  uint32_t column = 0;  // The least that the next cell can have.
  for (const uint32_t cell : cells) {
    const uint32_t rows = (cell >> 6) - row;
    if (rows > 0) column = 0;
    writer.PutCode(datasketches::length_limited_unary_encoding_table65[(cell & 63) - column]);
    writer.PutUnary(rows >> golomb);
    writer.Put(rows & ((uint32_t{1} << golomb) - 1), golomb);
    row = cell >> 6;
    column = (cell & 63) + 1;
  }
  return writer.Finish(TablePadding(golomb));
}

bool DecodeTable(std::string_view words, uint8_t lg_k, uint64_t entries,
                 std::vector<uint32_t>* cells) {
  // Every cell takes two bits at least.
  if (entries > words.size() * 4) return false;
  if (entries == 0) return words.empty();
  const size_t golomb = GolombBits(lg_k, entries);
  BitReader reader(words);
  uint64_t row = 0;
  uint64_t column = 0;
  cells->reserve(entries);
  for (uint64_t i = 0; i < entries; ++i) {
    const Decoded code = ColumnTable()[reader.Peek(kCodeBits)];
    reader.Take(code.bits);
    const uint64_t high = reader.TakeUnary();
    const uint64_t rows = high << golomb | reader.Take(golomb);
    if (rows > 0) column = 0;
    row += rows;
    column += code.value;
    if (row >= uint64_t{1} << lg_k || column > 63) return false;
    cells->push_back(static_cast<uint32_t>(row << 6 | column));
    ++column;
  }
  return reader.AtEnd(TablePadding(golomb));
}

void AppendInt(uint64_t value, std::string* out) {
  const auto narrow = static_cast<uint32_t>(value);
  char word[kWord];
  std::memcpy(word, &narrow, kWord);
  out->append(word, kWord);
}

std::string Preamble(uint8_t lg_k, size_t ints, uint64_t first_column, uint8_t flags) {
  const uint16_t seed = compute_seed_hash(datasketches::DEFAULT_SEED);
  std::string out;
  for (const uint64_t byte :
       {uint64_t{ints}, uint64_t{kSerialVersion}, uint64_t{kFamily}, uint64_t{lg_k}, first_column,
        uint64_t{flags}, uint64_t{seed} & 0xff, uint64_t{seed} >> 8}) {
    out.push_back(static_cast<char>(byte));
  }
  return out;
}

// The first column with a surprise, if it is before the window; else the window.
uint64_t FirstColumn(const Shape& shape, uint64_t surprises) {
  return std::min<uint64_t>(static_cast<uint64_t>(std::countr_zero(surprises)), shape.begin);
}

// The ints of the preamble, read in order.
class IntReader {
 public:
  explicit IntReader(std::string_view bytes) : bytes_(bytes) {}
  uint64_t Next() {
    uint32_t value = 0;
    const std::string_view word = Take(kWord);
    if (word.size() == kWord) std::memcpy(&value, word.data(), kWord);
    return value;
  }
  std::string_view TakeWords(uint64_t words) { return Take(words * kWord); }
  bool AtEnd() const { return ok_ && at_ == bytes_.size(); }

 private:
  std::string_view Take(size_t count) {
    ok_ = ok_ && count <= bytes_.size() - at_;
    if (!ok_) return {};
    at_ += count;
    return bytes_.substr(at_ - count, count);
  }

  std::string_view bytes_;
  size_t at_ = 0;
  bool ok_ = true;
};

bool DecodeDense(std::string_view window, std::string_view table, uint8_t lg_k, uint64_t taken,
                 uint64_t entries, std::vector<uint64_t>* matrix, uint64_t* first_column) {
  const Shape shape(lg_k, taken);
  if (shape.begin > 56) return false;
  // Every byte takes a bit at least.
  const size_t k = size_t{1} << lg_k;
  if (window.size() * 8 < k) return false;
  matrix->assign(k, shape.early);
  const DecodingTable& codes = WindowTable(shape.phase);
  BitReader reader(window);
  for (uint64_t& row : *matrix) {
    const Decoded code = codes[reader.Peek(kCodeBits)];
    reader.Take(code.bits);
    row |= uint64_t{code.value} << shape.begin;
  }
  if (!reader.AtEnd(kWindowPadding)) return false;
  std::vector<uint32_t> cells;
  if (!DecodeTable(table, lg_k, entries, &cells)) return false;
  uint64_t surprises = 0;
  for (const uint32_t cell : cells) {
    if ((cell & 63) >= 56) return false;
    const uint64_t bit = uint64_t{1} << shape.Decoded(cell & 63);
    (*matrix)[cell >> 6] ^= bit;
    surprises |= bit;
  }
  *first_column = FirstColumn(shape, surprises);
  uint64_t count = 0;
  for (const uint64_t row : *matrix) count += static_cast<uint64_t>(std::popcount(row));
  return count == taken;
}

}  // namespace

void EncodeSparseCpc(uint8_t lg_k, std::span<const uint32_t> cells, std::string* out) {
  if (cells.empty()) {
    // The library's empty sketch has registers of no size.
    *out += Preamble(lg_k, 2, 0, kCompressed | kHip);
    return;
  }
  const std::string table = EncodeTable(lg_k, cells);
  *out += Preamble(lg_k, 4, 0, kCompressed | kTable);
  AppendInt(cells.size(), out);
  AppendInt(table.size() / kWord, out);
  *out += table;
}

void EncodeDenseCpc(uint8_t lg_k, std::span<const uint64_t> matrix, std::string* out) {
  uint64_t taken = 0;
  for (const uint64_t row : matrix) taken += static_cast<uint64_t>(std::popcount(row));
  const Shape shape(lg_k, taken);
  BitWriter writer;
  std::vector<uint32_t> cells;
  uint64_t surprises = 0;
  for (size_t row = 0; row < matrix.size(); ++row) {
    const auto& codes = datasketches::encoding_tables_for_high_entropy_byte[shape.phase];
    writer.PutCode(codes[matrix[row] >> shape.begin & 0xff]);
    uint64_t surprising = (matrix[row] & ~(uint64_t{0xff} << shape.begin)) ^ shape.early;
    surprises |= surprising;
    for (; surprising != 0; surprising &= surprising - 1) {
      const auto column = static_cast<uint32_t>(std::countr_zero(surprising));
      cells.push_back(static_cast<uint32_t>(row << 6) | shape.Encoded(column));
    }
  }
  std::sort(cells.begin(), cells.end());
  const std::string window = writer.Finish(kWindowPadding);
  const std::string table = EncodeTable(lg_k, cells);
  *out += Preamble(lg_k, table.empty() ? 4 : 6, FirstColumn(shape, surprises),
                   kCompressed | kWindow | (table.empty() ? 0 : kTable));
  AppendInt(taken, out);
  if (!table.empty()) {
    AppendInt(cells.size(), out);
    AppendInt(table.size() / kWord, out);
  }
  AppendInt(window.size() / kWord, out);
  *out += window;
  *out += table;
}

bool DecodeCpc(std::string_view bytes, uint8_t lg_k, std::vector<uint32_t>* cells,
               std::vector<uint64_t>* matrix) {
  constexpr size_t kPreambleBytes = 8;
  if (bytes == Preamble(lg_k, 2, 0, kCompressed | kHip)) return true;
  if (bytes.size() < kPreambleBytes) return false;
  IntReader reader(bytes.substr(kPreambleBytes));
  const uint64_t taken = reader.Next();
  const bool sparse = IsSparseCpc(lg_k, taken);
  const bool has_table = static_cast<uint8_t>(bytes[5]) & kTable;
  const uint64_t entries = sparse ? taken : has_table ? reader.Next() : 0;
  const uint64_t table_words = has_table ? reader.Next() : 0;
  const uint64_t window_words = sparse ? 0 : reader.Next();
  const std::string_view window = reader.TakeWords(window_words);
  const std::string_view table = reader.TakeWords(table_words);
  if (taken == 0 || !reader.AtEnd() || has_table != (entries > 0)) return false;
  uint64_t first_column = 0;
  const bool decoded =
      sparse ? DecodeTable(table, lg_k, entries, cells)
             : DecodeDense(window, table, lg_k, taken, entries, matrix, &first_column);
  const size_t ints = sparse || !has_table ? 4 : 6;
  const uint8_t flags =
      static_cast<uint8_t>(kCompressed | (sparse ? 0 : kWindow) | (has_table ? kTable : 0));
  return decoded && bytes.starts_with(Preamble(lg_k, ints, first_column, flags));
}

}  // namespace catena::aggregate

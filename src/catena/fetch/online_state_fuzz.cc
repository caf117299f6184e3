// SPDX-License-Identifier: Apache-2.0
// Any stored value of a tile, a raw or late row, or of entities decodes to what encodes to it
// again, or is kCorruption; so do the row inside and the key beside it.

#include <cstdint>
#include <numeric>
#include <string>

#include "catena/fetch/online_state.h"
#include "catena/testing/generator.h"
#include "catena/types/row_codec.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t size_max);

namespace catena::fetch {
namespace {

types::Schema Columns() {
  using types::DataType;
  using types::Kind;
  return types::Schema{{{"truth", Kind::kBool},
                        {"small", Kind::kShort},
                        {"date", Kind::kDate},
                        {"long", Kind::kLong},
                        {"float", Kind::kFloat},
                        {"text", Kind::kString},
                        {"list", DataType::List(DataType::List(Kind::kByte))},
                        {"map", DataType::Map(Kind::kString, Kind::kDouble)}}};
}

void CheckCorruption(const Error& error) {
  CATENA_CHECK(error.code == ErrorCode::kCorruption, "what does not decode is corruption");
}

std::string Encoded(const types::RowCodec& codec, const types::Batch& batch) {
  std::vector<size_t> columns(codec.schema().size());
  std::iota(columns.begin(), columns.end(), size_t{0});
  std::string bytes;
  codec.Encode(batch, columns, 0, &bytes);
  return bytes;
}

const types::RowCodec& Codec() {
  static const types::RowCodec codec(Columns());
  return codec;
}

void CheckRow(std::string_view bytes) {
  const types::RowCodec& codec = Codec();
  types::BatchBuilder builder(codec.schema());
  const Status decoded = codec.DecodeInto(bytes, &builder);
  if (!decoded.ok()) return CheckCorruption(decoded.error());
  const types::Batch batch = builder.Build();
  CATENA_CHECK(batch.rows() == 1, "a row is one row");
  const std::string canonical = Encoded(codec, batch);
  types::BatchBuilder again(codec.schema());
  CATENA_CHECK(codec.DecodeInto(canonical, &again).ok(), "an encoded row decodes");
  const types::Batch twin = again.Build();
  // A map that does not stand by its keys is read, and written by them.
  CATENA_CHECK(canonical != bytes || twin.Row(0) == batch.Row(0), "a row comes back as it was");
  CATENA_CHECK(Encoded(codec, twin) == canonical, "a row has one encoding");
}

void CheckKey(std::string_view bytes) {
  static const std::vector<types::DataType> parts{types::Kind::kString, types::Kind::kLong};
  const auto key = types::DecodeKey(bytes, parts);
  if (!key.ok()) return CheckCorruption(key.error());
  std::string encoded;
  CATENA_CHECK(types::EncodeKey(*key, &encoded) && encoded == bytes, "a key has one encoding");
}

void CheckTile(std::string_view bytes) {
  uint64_t incomplete = 0;
  std::string_view ir;
  const Status decoded = DecodeTile(bytes, &incomplete, &ir);
  if (!decoded.ok()) return CheckCorruption(decoded.error());
  std::string encoded;
  EncodeTile(incomplete, ir, &encoded);
  uint64_t incomplete_again = 0;
  std::string_view ir_again;
  CATENA_CHECK(DecodeTile(encoded, &incomplete_again, &ir_again).ok() &&
                   incomplete_again == incomplete && ir_again == ir,
               "a tile comes back as it was");
}

void CheckRawRow(std::string_view bytes) {
  bool incomplete = false;
  std::string_view row;
  const Status decoded = DecodeRawRow(bytes, &incomplete, &row);
  if (!decoded.ok()) return CheckCorruption(decoded.error());
  std::string encoded;
  EncodeRawRow(incomplete, row, &encoded);
  CATENA_CHECK(encoded == bytes, "a raw row has one encoding");
  CheckRow(row);
}

void CheckLateRow(std::string_view bytes) {
  const Result<LateRow> late = DecodeLateRow(bytes);
  if (!late.ok()) return CheckCorruption(late.error());
  std::string encoded;
  EncodeLateRow(*late, &encoded);
  const Result<LateRow> again = DecodeLateRow(encoded);
  CATENA_CHECK(again.ok() && again->event_time == late->event_time &&
                   again->incomplete == late->incomplete && again->row == late->row,
               "a late row comes back as it was");
}

void CheckEntityRows(std::string_view bytes) {
  const auto rows = DecodeEntityRows(bytes);
  if (!rows.ok()) return CheckCorruption(rows.error());
  std::string encoded;
  EncodeEntityRows(*rows, &encoded);
  const auto again = DecodeEntityRows(encoded);
  CATENA_CHECK(again.ok() && again->size() == rows->size(), "rows come back as they were");
  for (size_t i = 0; i < rows->size(); ++i) {
    CATENA_CHECK(
        (*again)[i].event_time == (*rows)[i].event_time && (*again)[i].row == (*rows)[i].row,
        "each row comes back as it was");
    CheckRow((*rows)[i].row);
  }
}

std::string RandomRawRow(Random& random) {
  testing::GeneratorOptions options;
  options.columns = Columns();
  options.rows = 1;
  options.values = testing::RandomKindOfValues(random);
  std::string bytes;
  EncodeRawRow(random.OneIn(2), Encoded(Codec(), testing::RandomEvents(random, options).batch),
               &bytes);
  return bytes;
}

}  // namespace
}  // namespace catena::fetch

// Every other input begins as a raw row.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t size_max,
                                          unsigned seed) {
  catena::Random random(seed);
  if (size == 0 || random.OneIn(2)) {
    size = catena::fetch::RandomRawRow(random).copy(reinterpret_cast<char*>(data), size_max);
  }
  for (uint64_t n = random.Below(4); n > 0; --n) size = LLVMFuzzerMutate(data, size, size_max);
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  catena::fetch::CheckTile(bytes);
  catena::fetch::CheckRawRow(bytes);
  catena::fetch::CheckLateRow(bytes);
  catena::fetch::CheckEntityRows(bytes);
  catena::fetch::CheckKey(bytes);
  return 0;
}

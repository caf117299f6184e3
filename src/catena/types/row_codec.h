// SPDX-License-Identifier: Apache-2.0
// Rows and keys of a Batch as bytes, and back.
//
// RowCodec writes each field as an Avro ["null", T] union of Avro binary (long zigzag, double
// little-endian, text sized), in schema order, and a map by its keys, so that equal maps are equal
// bytes. KeyCodec writes key columns so that equal keys are equal bytes whatever integer width they
// came in, and no key is a prefix of another.
// STORED FORMAT: golden bytes in row_codec_test.cc.
//
//   input / output  scalars, lists, maps and structs of them; a map with STRING keys in the order
//                   of their bytes, of equal keys the last; other maps as they stand
//   null            RowCodec keeps it; KeyCodec refuses it: a key with a null part matches nothing
//   errors          Decode of bytes that are not a row is kCorruption
//   source          Avro 1.11 binary encoding, as Chronon stores streamed rows

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catena/base/bytes.h"
#include "catena/types/batch.h"

namespace catena::types {

class RowCodec {
 public:
  explicit RowCodec(Schema schema) : schema_(std::move(schema)) {}
  const Schema& schema() const { return schema_; }
  // `columns[i]` is the position in `batch` of field i.
  void Encode(const Batch& batch, std::span<const size_t> columns, size_t row,
              std::string* out) const;
  // Appends one row to a builder of the same schema.
  Status DecodeInto(std::string_view bytes, BatchBuilder* into) const;

 private:
  Schema schema_;
};

// One cell as a field of a row.
void EncodeCell(const Column& column, size_t row, std::string* out);
// Appends a cell; false when the bytes are none of the column's type, which then holds garbage.
bool DecodeCell(ByteReader* in, Column* into);

// Appends the key of `row`; false, and nothing appended, when any part is null.
bool EncodeKey(const Batch& batch, std::span<const size_t> columns, size_t row, std::string* out);
// The same of boxed values.
bool EncodeKey(std::span<const Value> values, std::string* out);
// kCorruption when the bytes are not a key of `types`.
Result<std::vector<Value>> DecodeKey(std::string_view bytes, std::span<const DataType> types);

}  // namespace catena::types

// SPDX-License-Identifier: Apache-2.0
// StoredValue: how an IR owns and encodes one input value.
//
// Integers are zigzag varints, floats their bits, text is sized; lists, maps and structs are sized
// types::EncodeCell, in which equal maps are equal bytes. A double is a Decimal (decimal.h) where
// it is one, else kBitsFollow and its bits. An event position is a byte,
//
//     bits 0-2 bytes of the time, 7: 8   3-5 bytes of the offset   6-7 partition, 3: it follows
//
// then such a partition, a varint, the time as its distance, two's complement, and the offset,
// least bytes first.
//
// STORED FORMAT: part of the IR bytes; golden bytes in ir_codec_test.cc.
//
//   errors  DecodeValue answers false when the bytes do not fit the type

#pragma once

#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>

#include "catena/aggregate/row_fold.h"
#include "catena/aggregate/stored/ir_reader.h"
#include "catena/base/bytes.h"
#include "catena/types/row_codec.h"

namespace catena::aggregate {

// How many inputs an IR may claim: sums of counts then never overflow.
inline constexpr int64_t kInputsMax = int64_t{1} << 53;

inline bool DecodeCount(ByteReader* reader, int64_t& count) {
  count = static_cast<int64_t>(reader->Varint());
  return count > 0 && count <= kInputsMax;
}

// Event time and source order. The order is (partition << 48 | offset) where it comes from a topic:
// two small numbers.
inline constexpr uint64_t kLowOrder = (uint64_t{1} << 48) - 1;

void EncodePosition(int64_t time, uint64_t order, Timestamp since, std::string* out);
bool DecodePosition(IrReader* reader, int64_t& time, uint64_t& order);

// What an IR keeps of an input of type T.
template <typename T>
using StoredValue = std::conditional_t<std::is_arithmetic_v<T>, T, std::string>;

// Maps, at any depth, have STRING keys.
bool IsStorable(const types::DataType& type);
// Whether the bytes are what Store makes of one value of `type`, a list, a map or a struct.
bool IsStored(const std::string& bytes, const types::DataType& type);

template <typename T>
void Store(const T& input, StoredValue<T>* into) {
  if constexpr (std::is_same_v<T, Cell>) {
    into->clear();
    types::EncodeCell(*input.column, input.row, into);
  } else {
    *into = input;
  }
}

template <typename T>
void AppendStored(const StoredValue<T>& value, types::Column* into) {
  if constexpr (std::is_same_v<T, std::string_view>) {
    into->AppendText(value);
  } else if constexpr (std::is_same_v<T, Cell>) {
    ByteReader reader(value);
    CATENA_CHECK(types::DecodeCell(&reader, into), "an IR keeps what Store made");
  } else {
    into->Append<T>(value);
  }
}

inline constexpr uint8_t kBitsFollow = 0xff;
void EncodeDouble(double value, std::string* out);
bool DecodeDouble(IrReader* reader, double& value);

template <typename T>
void EncodeValue(const T& value, std::string* out) {
  if constexpr (std::is_integral_v<T>) {
    AppendZigzag(out, value);
  } else if constexpr (std::is_same_v<T, double>) {
    EncodeDouble(value, out);
  } else if constexpr (std::is_floating_point_v<T>) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    out->append(bytes, sizeof(T));
  } else {
    AppendSized(out, value);
  }
}

template <typename T>
bool DecodeValue(IrReader* reader, T& value) {
  if constexpr (std::is_same_v<T, double>) {
    if (reader->version() >= 2) return DecodeDouble(reader, value);
  }
  if constexpr (std::is_integral_v<T>) {
    const int64_t wide = reader->Zigzag();
    value = static_cast<T>(wide);
    return wide >= std::numeric_limits<T>::min() && wide <= std::numeric_limits<T>::max();
  } else if constexpr (std::is_floating_point_v<T>) {
    const std::string_view bytes = reader->Take(sizeof(T));
    if (bytes.size() != sizeof(T)) return false;
    std::memcpy(&value, bytes.data(), sizeof(T));
    return true;
  } else {
    value = reader->Sized();
    return reader->ok();
  }
}

// `type` is that of the input.
template <typename T>
bool DecodeStored(IrReader* reader, const types::DataType& type, StoredValue<T>* value) {
  if (!DecodeValue(reader, *value)) return false;
  if constexpr (std::is_same_v<T, Cell>) return IsStored(*value, type);
  return true;
}

}  // namespace catena::aggregate

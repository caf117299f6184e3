// SPDX-License-Identifier: Apache-2.0
// DataType: Chronon's types: scalars, list, map, struct.
//
// Spelled BOOLEAN BYTE SHORT INT LONG FLOAT DOUBLE STRING BINARY DATE TIMESTAMP, LIST<T>, MAP<K,V>,
// STRUCT<name:T,...>, as the `catena.schemas` of a conf and `catena table describe` spell them.
//
//   source  Chronon api.thrift DataKind; DATE is days, TIMESTAMP milliseconds since 1970 UTC

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "catena/base/result.h"

namespace catena::types {

enum class Kind : uint8_t {
  kBool,
  kByte,
  kShort,
  kInt,
  kLong,
  kFloat,
  kDouble,
  kString,
  kBinary,
  kDate,
  kTimestamp,
  kList,
  kMap,
  kStruct,
};

struct DataType {
  Kind kind = Kind::kLong;
  std::vector<DataType> children;        // List: element. Map: key, value. Struct: the fields.
  std::vector<std::string> field_names;  // Struct only, one per child.

  DataType() = default;
  DataType(Kind scalar) : kind(scalar) {}  // NOLINT: a Kind is the scalar type of that kind
  static DataType List(DataType element);
  static DataType Map(DataType key, DataType value);

  bool operator==(const DataType&) const = default;

  bool IsInteger() const {
    return kind == Kind::kByte || kind == Kind::kShort || kind == Kind::kInt || kind == Kind::kLong;
  }
  bool IsFloating() const { return kind == Kind::kFloat || kind == Kind::kDouble; }
  bool IsNumeric() const { return IsInteger() || IsFloating(); }
  bool IsText() const { return kind == Kind::kString || kind == Kind::kBinary; }
};

std::string TypeName(const DataType& type);
// kInvalidConf names the text and lists the spellings.
Result<DataType> ParseType(std::string_view text);

}  // namespace catena::types

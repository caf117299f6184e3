// SPDX-License-Identifier: Apache-2.0
// Value: one boxed value, for confs, keys, tests and edges; never in an inner loop.
//
//   input / output  null, bool, int64_t (BYTE, SHORT, INT, LONG, DATE, TIMESTAMP), double (FLOAT,
//                   DOUBLE), string (STRING, BINARY), list, map (pairs in stored order)
//   order           Compare: null < bool < number < text < list < map; NaN equals NaN and is the
//                   largest number; -0.0 < 0.0

#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "catena/base/json.h"
#include "catena/base/result.h"
#include "catena/types/data_type.h"

namespace catena::types {

struct Value;
using ValueList = std::vector<Value>;
using ValueMap = std::vector<std::pair<Value, Value>>;

struct Value {
  std::variant<std::monostate, bool, int64_t, double, std::string, ValueList, ValueMap> data;

  Value() = default;
  Value(bool value) : data(value) {}                      // NOLINT: a boxed value is a value
  Value(int64_t value) : data(value) {}                   // NOLINT
  Value(int value) : data(int64_t{value}) {}              // NOLINT
  Value(double value) : data(value) {}                    // NOLINT
  Value(std::string value) : data(std::move(value)) {}    // NOLINT
  Value(const char* value) : data(std::string(value)) {}  // NOLINT
  Value(ValueList value) : data(std::move(value)) {}      // NOLINT
  Value(ValueMap value) : data(std::move(value)) {}       // NOLINT

  bool is_null() const { return data.index() == 0; }
};

// -1, 0 or 1 by the order above.
int Compare(const Value& a, const Value& b);
inline bool operator==(const Value& a, const Value& b) { return Compare(a, b) == 0; }

// null, true, 5, 0.1, "text", [..], {"k": v}; a double that JSON cannot hold (NaN, inf) is null,
// bytes that are not UTF-8 are replaced by the printer.
Json ToJson(const Value& value);

// A JSON value as a Value of `type`: numbers of integral value fit integer types, decimal strings
// fit numbers (as key maps of HTTP requests are written); anything else is kInvalidData.
Result<Value> FromJson(const Json& json, const DataType& type);

}  // namespace catena::types

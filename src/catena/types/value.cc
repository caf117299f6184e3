// SPDX-License-Identifier: Apache-2.0
#include "catena/types/value.h"

#include <charconv>
#include <cmath>
#include <compare>
#include <limits>

namespace catena::types {
namespace {

int Sign(std::strong_ordering order) { return order < 0 ? -1 : order > 0 ? 1 : 0; }

int CompareNumbers(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return int{std::isnan(a)} - int{std::isnan(b)};
  if (a == b && a == 0.0) return int{std::signbit(b)} - int{std::signbit(a)};
  return a < b ? -1 : a > b ? 1 : 0;
}

// Places the alternatives in the documented order: integers and doubles are both numbers.
int RankOf(const Value& value) {
  const size_t index = value.data.index();
  return static_cast<int>(index <= 2 ? index : index - 1);
}

int CompareSame(const Value& a, const Value& b) {
  if (const auto* x = std::get_if<int64_t>(&a.data)) {
    if (const auto* y = std::get_if<int64_t>(&b.data)) return Sign(*x <=> *y);
    return CompareNumbers(static_cast<double>(*x), std::get<double>(b.data));
  }
  if (const auto* x = std::get_if<double>(&a.data)) {
    const auto* y = std::get_if<int64_t>(&b.data);
    return CompareNumbers(*x, y ? static_cast<double>(*y) : std::get<double>(b.data));
  }
  if (const auto* x = std::get_if<bool>(&a.data)) return Sign(*x <=> std::get<bool>(b.data));
  if (const auto* x = std::get_if<std::string>(&a.data)) {
    const int order = x->compare(std::get<std::string>(b.data));
    return order < 0 ? -1 : order > 0 ? 1 : 0;
  }
  if (const auto* x = std::get_if<ValueList>(&a.data)) {
    const auto& y = std::get<ValueList>(b.data);
    for (size_t i = 0; i < x->size() && i < y.size(); ++i) {
      if (const int order = Compare((*x)[i], y[i])) return order;
    }
    return Sign(x->size() <=> y.size());
  }
  if (const auto* x = std::get_if<ValueMap>(&a.data)) {
    const auto& y = std::get<ValueMap>(b.data);
    for (size_t i = 0; i < x->size() && i < y.size(); ++i) {
      if (const int order = Compare((*x)[i].first, y[i].first)) return order;
      if (const int order = Compare((*x)[i].second, y[i].second)) return order;
    }
    return Sign(x->size() <=> y.size());
  }
  return 0;
}

Error Misfit(const Json& json, const DataType& type) {
  std::string shown = PrintJson(json);
  if (shown.size() > 80) shown = shown.substr(0, 77) + "...";
  return InvalidData("JSON value is not a " + TypeName(type) + ": " + shown);
}

int64_t LargestOf(Kind kind) {
  switch (kind) {
    case Kind::kByte:
      return std::numeric_limits<int8_t>::max();
    case Kind::kShort:
      return std::numeric_limits<int16_t>::max();
    case Kind::kInt:
    case Kind::kDate:
      return std::numeric_limits<int32_t>::max();
    default:
      return std::numeric_limits<int64_t>::max();
  }
}

Result<Value> IntegerFromJson(const Json& json, const DataType& type) {
  int64_t value = 0;
  if (json.is_number_unsigned()) {
    const auto wide = json.get<uint64_t>();
    if (wide > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return Misfit(json, type);
    }
    value = static_cast<int64_t>(wide);
  } else if (json.is_number_integer()) {
    value = json.get<int64_t>();
  } else if (json.is_number_float()) {
    const double number = json.get<double>();
    if (number != std::floor(number) || std::abs(number) > 9007199254740992.0) {
      return Misfit(json, type);
    }
    value = static_cast<int64_t>(number);
  } else if (json.is_string()) {
    const auto& text = json.get_ref<const std::string&>();
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end != text.data() + text.size()) return Misfit(json, type);
  } else {
    return Misfit(json, type);
  }
  const int64_t largest = LargestOf(type.kind);
  if (value > largest || value < -largest - 1) return Misfit(json, type);
  return Value(value);
}

Result<Value> DoubleFromJson(const Json& json, const DataType& type) {
  if (json.is_number()) return Value(json.get<double>());
  if (!json.is_string()) return Misfit(json, type);
  const auto& text = json.get_ref<const std::string&>();
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) return Misfit(json, type);
  return Value(value);
}

}  // namespace

int Compare(const Value& a, const Value& b) {
  if (const int order = RankOf(a) - RankOf(b)) return order < 0 ? -1 : 1;
  return CompareSame(a, b);
}

Json ToJson(const Value& value) {
  if (const auto* truth = std::get_if<bool>(&value.data)) return Json(*truth);
  if (const auto* integer = std::get_if<int64_t>(&value.data)) return Json(*integer);
  if (const auto* number = std::get_if<double>(&value.data)) {
    return std::isfinite(*number) ? Json(*number) : Json();
  }
  if (const auto* text = std::get_if<std::string>(&value.data)) return Json(*text);
  if (const auto* list = std::get_if<ValueList>(&value.data)) {
    Json array = Json::array();
    for (const Value& element : *list) array.push_back(ToJson(element));
    return array;
  }
  if (const auto* map = std::get_if<ValueMap>(&value.data)) {
    Json object = Json::object();
    for (const auto& [key, mapped] : *map) {
      const Json name = ToJson(key);
      object[name.is_string() ? name.get<std::string>() : PrintJson(name)] = ToJson(mapped);
    }
    return object;
  }
  return Json();
}

Result<Value> FromJson(const Json& json, const DataType& type) {
  if (json.is_null()) return Value();
  switch (type.kind) {
    case Kind::kBool:
      if (json.is_boolean()) return Value(json.get<bool>());
      if (json == Json("true")) return Value(true);
      if (json == Json("false")) return Value(false);
      return Misfit(json, type);
    case Kind::kByte:
    case Kind::kShort:
    case Kind::kInt:
    case Kind::kLong:
    case Kind::kDate:
    case Kind::kTimestamp:
      return IntegerFromJson(json, type);
    case Kind::kFloat:
    case Kind::kDouble:
      return DoubleFromJson(json, type);
    case Kind::kString:
    case Kind::kBinary:
      if (json.is_string()) return Value(json.get<std::string>());
      if (json.is_number() || json.is_boolean()) return Value(PrintJson(json));
      return Misfit(json, type);
    case Kind::kList: {
      if (!json.is_array()) return Misfit(json, type);
      ValueList list;
      for (const Json& element : json) {
        CATENA_TRY(Value value, FromJson(element, type.children[0]));
        list.push_back(std::move(value));
      }
      return Value(std::move(list));
    }
    case Kind::kMap: {
      if (!json.is_object()) return Misfit(json, type);
      ValueMap map;
      for (const auto& [name, element] : json.items()) {
        CATENA_TRY(Value key, FromJson(Json(name), type.children[0]));
        CATENA_TRY(Value value, FromJson(element, type.children[1]));
        map.emplace_back(std::move(key), std::move(value));
      }
      return Value(std::move(map));
    }
    case Kind::kStruct:
      return Misfit(json, type);
  }
  return Misfit(json, type);
}

}  // namespace catena::types

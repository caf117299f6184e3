// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/protobuf/protobuf_columns.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <simdjson.h>

#include <cmath>
#include <limits>
#include <map>
#include <utility>

namespace catena::topic {
namespace {

namespace pb = google::protobuf;
using Field = pb::FieldDescriptor;
using Fill = ProtobufColumns::Fill;
using types::Column;
using types::Kind;

constexpr int64_t kMillisPerSecond = 1000;
constexpr int64_t kNanosPerMilli = 1'000'000;

std::string TypeOf(const Field& field) {
  const std::string name = field.message_type() != nullptr ? field.message_type()->full_name()
                           : field.enum_type() != nullptr  ? field.enum_type()->full_name()
                                                           : field.type_name();
  return field.is_map() ? "map" : field.is_repeated() ? "repeated " + name : name;
}

bool IsTimestamp(const Field& field) {
  return field.cpp_type() == Field::CPPTYPE_MESSAGE &&
         field.message_type()->well_known_type() == pb::Descriptor::WELLKNOWNTYPE_TIMESTAMP;
}

bool IsWrapper(const Field& field) {
  if (field.cpp_type() != Field::CPPTYPE_MESSAGE) return false;
  const auto known = field.message_type()->well_known_type();
  return known >= pb::Descriptor::WELLKNOWNTYPE_DOUBLEVALUE &&
         known <= pb::Descriptor::WELLKNOWNTYPE_BOOLVALUE;
}

bool IsInteger(const Field& field) {
  switch (field.cpp_type()) {
    case Field::CPPTYPE_INT32:
    case Field::CPPTYPE_INT64:
    case Field::CPPTYPE_UINT32:
    case Field::CPPTYPE_UINT64:
      return true;
    default:
      return false;
  }
}

// Whether one value of the field fills the type.
bool Fits(const Field& field, Kind to) {
  const bool is_enum = field.cpp_type() == Field::CPPTYPE_ENUM;
  switch (to) {
    case Kind::kBool:
      return field.cpp_type() == Field::CPPTYPE_BOOL;
    case Kind::kByte:
    case Kind::kShort:
    case Kind::kInt:
      return IsInteger(field) || is_enum;
    case Kind::kLong:
      return IsInteger(field) || is_enum || IsTimestamp(field);
    case Kind::kDate:
      return IsInteger(field);
    case Kind::kTimestamp:
      return IsInteger(field) || IsTimestamp(field);
    case Kind::kFloat:
    case Kind::kDouble:
      return IsInteger(field) || field.cpp_type() == Field::CPPTYPE_FLOAT ||
             field.cpp_type() == Field::CPPTYPE_DOUBLE;
    case Kind::kString:
      return field.cpp_type() == Field::CPPTYPE_STRING || is_enum;
    case Kind::kBinary:
      return field.cpp_type() == Field::CPPTYPE_STRING;
    default:
      return false;
  }
}

class Binder {
 public:
  explicit Binder(std::string column) : column_(std::move(column)) {}

  Result<Fill> Bind(const Field& field, const types::DataType& type) {
    if (!field.is_repeated()) return BindOne(field, type);
    Fill fill{.field = &field, .to = type.kind};
    if (field.is_map() ? type.kind != Kind::kMap : type.kind != Kind::kList) {
      return Misfit(field, type);
    }
    if (field.is_map()) {
      const Field& key = *field.message_type()->map_key();
      if (key.cpp_type() != Field::CPPTYPE_STRING) return Misfit(field, type);
      CATENA_TRY(Fill value, BindOne(*field.message_type()->map_value(), type.children[1]));
      fill.within = {Fill{.field = &key, .to = Kind::kString}, std::move(value)};
      return fill;
    }
    CATENA_TRY(Fill element, BindOne(field, type.children[0]));
    fill.within = {std::move(element)};
    return fill;
  }

 private:
  Error Misfit(const Field& field, const types::DataType& type) const {
    return InvalidConf("column \"" + column_ + "\" wants " + types::TypeName(type) +
                       ", which the Protobuf field " + field.full_name() + " of type " +
                       TypeOf(field) + " cannot fill");
  }

  Result<Fill> BindOne(const Field& field, const types::DataType& type) {
    Fill fill{.field = &field, .to = type.kind};
    if (IsWrapper(field)) {
      fill.is_wrapped = true;
      CATENA_TRY(Fill within, BindOne(*field.message_type()->field(0), type));
      fill.within = {std::move(within)};
      return fill;
    }
    if (type.kind != Kind::kStruct) {
      return Fits(field, type.kind) ? Result<Fill>(fill) : Misfit(field, type);
    }
    if (field.cpp_type() != Field::CPPTYPE_MESSAGE) return Misfit(field, type);
    for (size_t i = 0; i < type.children.size(); ++i) {
      const Field* inner = field.message_type()->FindFieldByName(type.field_names[i]);
      if (inner == nullptr) {
        fill.within.emplace_back();
        continue;
      }
      CATENA_TRY(Fill within, Bind(*inner, type.children[i]));
      fill.within.push_back(std::move(within));
    }
    return fill;
  }

  std::string column_;
};

// A value of a field of a message: the only one, or one of a repeated field.
struct Place {
  const pb::Message* message = nullptr;
  int index = -1;
};

class Reader {
 public:
  // A whole field: null, one value or all of them.
  bool Read(const Fill& fill, const pb::Message& message, Column* column) {
    if (fill.field == nullptr) {
      column->AppendNull();
      return true;
    }
    if (fill.field->is_repeated()) return ReadElements(fill, message, column);
    if (fill.field->has_presence() && !message.GetReflection()->HasField(message, fill.field)) {
      column->AppendNull();
      return true;
    }
    return ReadOne(fill, {&message}, column);
  }
  std::string reason;

 private:
  bool Fail(std::string what) {
    reason = std::move(what);
    return false;
  }

  bool ReadElements(const Fill& fill, const pb::Message& message, Column* column) {
    const pb::Reflection& reflection = *message.GetReflection();
    const int count = reflection.FieldSize(message, fill.field);
    if (fill.field->is_map()) return ReadEntries(fill, message, count, column);
    for (int i = 0; i < count; ++i) {
      if (!ReadOne(fill.within[0], {&message, i}, column->mutable_child(0))) return false;
    }
    column->CloseRow();
    return true;
  }

  // By key, since they come in any order; of a key that is there twice the last counts.
  bool ReadEntries(const Fill& fill, const pb::Message& message, int count, Column* column) {
    std::map<std::string, const pb::Message*> entries;
    for (int i = 0; i < count; ++i) {
      const pb::Message& entry =
          message.GetReflection()->GetRepeatedMessage(message, fill.field, i);
      entries[entry.GetReflection()->GetString(entry, fill.within[0].field)] = &entry;
    }
    for (const auto& [key, entry] : entries) {
      if (!ReadOne(fill.within[0], {entry}, column->mutable_child(0)) ||
          !ReadOne(fill.within[1], {entry}, column->mutable_child(1))) {
        return false;
      }
    }
    column->CloseRow();
    return true;
  }

  bool ReadOne(const Fill& fill, Place at, Column* column) {
    const Field& field = *fill.field;
    if (field.cpp_type() != Field::CPPTYPE_MESSAGE) return ReadScalar(fill, at, column);
    const pb::Reflection& reflection = *at.message->GetReflection();
    const pb::Message& inner = at.index < 0
                                   ? reflection.GetMessage(*at.message, &field)
                                   : reflection.GetRepeatedMessage(*at.message, &field, at.index);
    if (fill.is_wrapped) return ReadOne(fill.within[0], {&inner}, column);
    if (fill.to != Kind::kStruct) return ReadTimestamp(inner, fill.to, column);
    for (size_t i = 0; i < fill.within.size(); ++i) {
      if (!Read(fill.within[i], inner, column->mutable_child(i))) return false;
    }
    column->CloseRow();
    return true;
  }

  bool ReadTimestamp(const pb::Message& timestamp, Kind to, Column* column) {
    const pb::Descriptor& type = *timestamp.GetDescriptor();
    const pb::Reflection& reflection = *timestamp.GetReflection();
    const int64_t seconds = reflection.GetInt64(timestamp, type.FindFieldByNumber(1));
    const int64_t nanos = reflection.GetInt32(timestamp, type.FindFieldByNumber(2));
    if (std::abs(seconds) > std::numeric_limits<int64_t>::max() / kMillisPerSecond - 1 ||
        nanos < 0 || nanos >= kMillisPerSecond * kNanosPerMilli) {
      return Fail("is no time");
    }
    return AppendInteger(seconds * kMillisPerSecond + nanos / kNanosPerMilli, to, column);
  }

  bool ReadScalar(const Fill& fill, Place at, Column* column) {
    const Field& field = *fill.field;
    const pb::Reflection& reflection = *at.message->GetReflection();
    const auto get = [&](auto one, auto repeated) {
      return at.index < 0 ? (reflection.*one)(*at.message, &field)
                          : (reflection.*repeated)(*at.message, &field, at.index);
    };
    using R = pb::Reflection;
    switch (field.cpp_type()) {
      case Field::CPPTYPE_INT32:
        return AppendInteger(get(&R::GetInt32, &R::GetRepeatedInt32), fill.to, column);
      case Field::CPPTYPE_INT64:
        return AppendInteger(get(&R::GetInt64, &R::GetRepeatedInt64), fill.to, column);
      case Field::CPPTYPE_UINT32:
        return AppendInteger(get(&R::GetUInt32, &R::GetRepeatedUInt32), fill.to, column);
      case Field::CPPTYPE_UINT64:
        return AppendUnsigned(get(&R::GetUInt64, &R::GetRepeatedUInt64), fill.to, column);
      case Field::CPPTYPE_FLOAT:
        return AppendReal(get(&R::GetFloat, &R::GetRepeatedFloat), fill.to, column);
      case Field::CPPTYPE_DOUBLE:
        return AppendReal(get(&R::GetDouble, &R::GetRepeatedDouble), fill.to, column);
      case Field::CPPTYPE_BOOL:
        column->Append<int8_t>(get(&R::GetBool, &R::GetRepeatedBool) ? 1 : 0);
        return true;
      case Field::CPPTYPE_ENUM:
        return AppendEnum(field, get(&R::GetEnumValue, &R::GetRepeatedEnumValue), fill.to, column);
      default:
        return AppendText(get(&R::GetString, &R::GetRepeatedString), fill.to, column);
    }
  }

  bool AppendUnsigned(uint64_t value, Kind to, Column* column) {
    if (value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return AppendInteger(static_cast<int64_t>(value), to, column);
    }
    if (to == Kind::kDouble) {
      column->Append<double>(static_cast<double>(value));
      return true;
    }
    if (to == Kind::kFloat) {
      column->Append<float>(static_cast<float>(value));
      return true;
    }
    return Fail(DoesNotFit(to, fmt::format("{}", value)));
  }

  static std::string DoesNotFit(Kind to, const std::string& number) {
    return fmt::format("wants {}, found the number {}, which does not fit", types::TypeName(to),
                       number);
  }

  template <typename T>
  bool AppendWithin(int64_t value, Kind to, Column* column) {
    if (value < std::numeric_limits<T>::min() || value > std::numeric_limits<T>::max()) {
      return Fail(DoesNotFit(to, fmt::format("{}", value)));
    }
    column->Append<T>(static_cast<T>(value));
    return true;
  }

  bool AppendInteger(int64_t value, Kind to, Column* column) {
    switch (to) {
      case Kind::kByte:
        return AppendWithin<int8_t>(value, to, column);
      case Kind::kShort:
        return AppendWithin<int16_t>(value, to, column);
      case Kind::kInt:
      case Kind::kDate:
        return AppendWithin<int32_t>(value, to, column);
      case Kind::kFloat:
        column->Append<float>(static_cast<float>(value));
        return true;
      case Kind::kDouble:
        column->Append<double>(static_cast<double>(value));
        return true;
      default:
        column->Append<int64_t>(value);
        return true;
    }
  }

  bool AppendReal(double value, Kind to, Column* column) {
    if (to == Kind::kDouble) {
      column->Append<double>(value);
      return true;
    }
    if (std::isfinite(value) && std::abs(value) > std::numeric_limits<float>::max()) {
      return Fail(DoesNotFit(to, fmt::format("{}", value)));
    }
    column->Append<float>(static_cast<float>(value));
    return true;
  }

  bool AppendEnum(const Field& field, int number, Kind to, Column* column) {
    if (to != Kind::kString) return AppendInteger(number, to, column);
    const pb::EnumValueDescriptor* value = field.enum_type()->FindValueByNumber(number);
    if (value == nullptr) return Fail(fmt::format("the enum has no value number {}", number));
    column->AppendText(value->name());
    return true;
  }

  bool AppendText(const std::string& text, Kind to, Column* column) {
    if (to == Kind::kString && !simdjson::validate_utf8(text.data(), text.size())) {
      return Fail("wants STRING, found bytes that are not UTF-8");
    }
    column->AppendText(text);
    return true;
  }
};

}  // namespace

Result<ProtobufColumns> ProtobufColumns::Bind(const pb::Descriptor& message,
                                              const types::Schema& columns) {
  ProtobufColumns bound;
  for (const types::Field& column : columns.fields) {
    const Field* field = message.FindFieldByName(column.name);
    if (field == nullptr) {
      bound.fills_.emplace_back();
      continue;
    }
    CATENA_TRY(Fill fill, Binder(column.name).Bind(*field, column.type));
    bound.fills_.push_back(std::move(fill));
  }
  return bound;
}

bool ProtobufColumns::Append(const pb::Message& message, types::BatchBuilder* builder,
                             std::string* reason) const {
  Reader reader;
  for (size_t i = 0; i < fills_.size(); ++i) {
    if (reader.Read(fills_[i], message, builder->column(i))) continue;
    *reason = "field \"" + builder->schema().fields[i].name + "\" " + reader.reason;
    return false;
  }
  return true;
}

}  // namespace catena::topic

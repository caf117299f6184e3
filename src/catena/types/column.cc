// SPDX-License-Identifier: Apache-2.0
#include "catena/types/column.h"

#include <algorithm>
#include <limits>

namespace catena::types {

Column::Column(DataType type, size_t rows_expected) : type_(std::move(type)) {
  const auto typed = [&]<typename T>(std::vector<T> values) {
    values.reserve(rows_expected);
    data_ = std::move(values);
  };
  switch (type_.kind) {
    case Kind::kBool:
    case Kind::kByte:
      typed(std::vector<int8_t>());
      break;
    case Kind::kShort:
      typed(std::vector<int16_t>());
      break;
    case Kind::kInt:
    case Kind::kDate:
      typed(std::vector<int32_t>());
      break;
    case Kind::kLong:
    case Kind::kTimestamp:
      typed(std::vector<int64_t>());
      break;
    case Kind::kFloat:
      typed(std::vector<float>());
      break;
    case Kind::kDouble:
      typed(std::vector<double>());
      break;
    case Kind::kString:
    case Kind::kBinary:
    case Kind::kList:
    case Kind::kMap:
    case Kind::kStruct:
      offsets_.reserve(rows_expected + 1);
      offsets_.push_back(0);
      for (const DataType& child : type_.children) {
        children_.push_back(std::make_shared<Column>(child, rows_expected));
      }
      break;
  }
  validity_.reserve(rows_expected);
}

void Column::AppendNull() {
  std::visit(
      [](auto& values) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(values)>, std::monostate>) {
          values.push_back({});
        }
      },
      data_);
  if (!offsets_.empty()) {
    if (type_.kind == Kind::kStruct) {
      for (auto& child : children_) child->AppendNull();
    }
    offsets_.push_back(offsets_.back());
  }
  validity_.push_back(0);
  ++null_count_;
}

void Column::CloseRow() {
  offsets_.push_back(children_[0]->size());
  validity_.push_back(1);
}

void Column::AppendFrom(const Column& from, size_t row) {
  if (from.IsNull(row)) return AppendNull();
  switch (type_.kind) {
    case Kind::kString:
    case Kind::kBinary:
      return AppendText(from.Text(row));
    case Kind::kList:
    case Kind::kMap:
      for (uint64_t i = from.offset(row); i < from.offset(row + 1); ++i) {
        for (size_t c = 0; c < children_.size(); ++c) children_[c]->AppendFrom(from.child(c), i);
      }
      return CloseRow();
    case Kind::kStruct:
      for (size_t c = 0; c < children_.size(); ++c) children_[c]->AppendFrom(from.child(c), row);
      return CloseRow();
    default:
      std::visit(
          [&](const auto& values) {
            using Vector = std::decay_t<decltype(values)>;
            if constexpr (!std::is_same_v<Vector, std::monostate>) {
              std::get<Vector>(data_).push_back(values[row]);
              validity_.push_back(1);
            }
          },
          from.data_);
  }
}

void Column::AppendAll(const Column& from) {
  CATENA_CHECK(type_ == from.type_, "AppendAll of another type");
  if (type_.kind == Kind::kStruct) {
    for (size_t c = 0; c < children_.size(); ++c) children_[c]->AppendAll(from.child(c));
    offsets_.resize(offsets_.size() + from.size(), children_[0]->size());
  } else if (!offsets_.empty()) {
    const uint64_t before = offsets_.back();
    for (size_t row = 0; row < from.size(); ++row) {
      offsets_.push_back(before + from.offsets_[row + 1]);
    }
    text_.insert(text_.end(), from.text_.begin(), from.text_.end());
    for (size_t c = 0; c < children_.size(); ++c) children_[c]->AppendAll(from.child(c));
  }
  std::visit(
      [&](const auto& values) {
        using Vector = std::decay_t<decltype(values)>;
        if constexpr (!std::is_same_v<Vector, std::monostate>) {
          auto& mine = std::get<Vector>(data_);
          mine.insert(mine.end(), values.begin(), values.end());
        }
      },
      from.data_);
  validity_.insert(validity_.end(), from.validity_.begin(), from.validity_.end());
  null_count_ += from.null_count_;
}

namespace {

template <typename T>
bool FitsInteger(int64_t value) {
  return value >= std::numeric_limits<T>::min() && value <= std::numeric_limits<T>::max();
}

Error Misfit(const Value& value, const DataType& type) {
  return InvalidData("value does not fit type " + TypeName(type) + ": " + PrintJson(ToJson(value)));
}

template <typename T>
bool AppendFitting(int64_t value, Column* into) {
  if (!FitsInteger<T>(value)) return false;
  into->Append<T>(static_cast<T>(value));
  return true;
}

// False when the column cannot hold the number.
bool AppendInteger(int64_t value, Column* into) {
  switch (into->type().kind) {
    case Kind::kByte:
      return AppendFitting<int8_t>(value, into);
    case Kind::kShort:
      return AppendFitting<int16_t>(value, into);
    case Kind::kInt:
    case Kind::kDate:
      return AppendFitting<int32_t>(value, into);
    case Kind::kLong:
    case Kind::kTimestamp:
      into->Append<int64_t>(value);
      return true;
    case Kind::kFloat:
      into->Append<float>(static_cast<float>(value));
      return true;
    case Kind::kDouble:
      into->Append<double>(static_cast<double>(value));
      return true;
    default:
      return false;
  }
}

}  // namespace

Status Column::AppendValue(const Value& value) {
  if (value.is_null()) {
    AppendNull();
    return Status();
  }
  if (const auto* truth = std::get_if<bool>(&value.data); truth && type_.kind == Kind::kBool) {
    Append<int8_t>(*truth ? 1 : 0);
    return Status();
  }
  if (const auto* integer = std::get_if<int64_t>(&value.data)) {
    return AppendInteger(*integer, this) ? Status() : Misfit(value, type_);
  }
  if (const auto* number = std::get_if<double>(&value.data); number && type_.IsFloating()) {
    if (type_.kind == Kind::kFloat) {
      Append<float>(static_cast<float>(*number));
    } else {
      Append<double>(*number);
    }
    return Status();
  }
  if (const auto* text = std::get_if<std::string>(&value.data); text && type_.IsText()) {
    AppendText(*text);
    return Status();
  }
  if (const auto* list = std::get_if<ValueList>(&value.data); list && type_.kind == Kind::kList) {
    for (const Value& element : *list) CATENA_RETURN_IF_ERROR(children_[0]->AppendValue(element));
    CloseRow();
    return Status();
  }
  if (const auto* map = std::get_if<ValueMap>(&value.data); map && type_.kind == Kind::kMap) {
    for (const auto& [key, mapped] : *map) {
      CATENA_RETURN_IF_ERROR(children_[0]->AppendValue(key));
      CATENA_RETURN_IF_ERROR(children_[1]->AppendValue(mapped));
    }
    CloseRow();
    return Status();
  }
  const auto* fields = std::get_if<ValueMap>(&value.data);
  if (fields && type_.kind == Kind::kStruct && fields->size() == children_.size()) {
    for (size_t c = 0; c < children_.size(); ++c) {
      const auto& [name, field] = (*fields)[c];
      if (name != Value(type_.field_names[c])) return Misfit(value, type_);
      CATENA_RETURN_IF_ERROR(children_[c]->AppendValue(field));
    }
    CloseRow();
    return Status();
  }
  return Misfit(value, type_);
}

void Column::ResizeNulls(size_t count) {
  CATENA_CHECK(size() == 0 && offsets_.empty(), "ResizeNulls wants an empty fixed-width column");
  std::visit(
      [&](auto& values) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(values)>, std::monostate>) {
          values.resize(count);
        }
      },
      data_);
  validity_.assign(count, 0);
  null_count_ = count;
}

void Column::CountNulls() {
  null_count_ = static_cast<size_t>(std::ranges::count(validity_, uint8_t{0}));
}

Value Column::ValueAt(size_t row) const {
  if (IsNull(row)) return Value();
  switch (type_.kind) {
    case Kind::kBool:
      return Value(Values<int8_t>()[row] != 0);
    case Kind::kByte:
      return Value(int64_t{Values<int8_t>()[row]});
    case Kind::kShort:
      return Value(int64_t{Values<int16_t>()[row]});
    case Kind::kInt:
    case Kind::kDate:
      return Value(int64_t{Values<int32_t>()[row]});
    case Kind::kLong:
    case Kind::kTimestamp:
      return Value(Values<int64_t>()[row]);
    case Kind::kFloat:
      return Value(static_cast<double>(Values<float>()[row]));
    case Kind::kDouble:
      return Value(Values<double>()[row]);
    case Kind::kString:
    case Kind::kBinary:
      return Value(std::string(Text(row)));
    case Kind::kList: {
      ValueList list;
      for (uint64_t i = offset(row); i < offset(row + 1); ++i) {
        list.push_back(child(0).ValueAt(i));
      }
      return Value(std::move(list));
    }
    case Kind::kMap: {
      ValueMap map;
      for (uint64_t i = offset(row); i < offset(row + 1); ++i) {
        map.emplace_back(child(0).ValueAt(i), child(1).ValueAt(i));
      }
      return Value(std::move(map));
    }
    case Kind::kStruct: {
      ValueMap fields;
      for (size_t c = 0; c < children_.size(); ++c) {
        fields.emplace_back(Value(type_.field_names[c]), child(c).ValueAt(row));
      }
      return Value(std::move(fields));
    }
  }
  return Value();
}

namespace {

// One row after the other, as when a day is cut out of many.
bool IsRun(std::span<const uint32_t> rows) {
  if (rows.empty()) return false;
  for (size_t i = 1; i < rows.size(); ++i) {
    if (rows[i] != rows[0] + i) return false;
  }
  return true;
}

}  // namespace

Column Column::Take(std::span<const uint32_t> rows) const {
  Column taken(type_, rows.size());
  if (!type_.children.empty()) {
    for (const uint32_t row : rows) taken.AppendFrom(*this, row);
    return taken;
  }
  if (IsRun(rows)) {
    const auto first = static_cast<int64_t>(rows.front());
    const auto last = first + static_cast<int64_t>(rows.size());
    taken.validity_.assign(validity_.begin() + first, validity_.begin() + last);
    if (has_nulls()) {
      taken.null_count_ = static_cast<size_t>(std::ranges::count(taken.validity_, 0));
    }
    if (type_.IsText()) {
      for (int64_t row = first; row < last; ++row) {
        taken.offsets_.push_back(offsets_[row + 1] - offsets_[first]);
      }
      taken.text_.assign(text_.begin() + static_cast<int64_t>(offsets_[first]),
                         text_.begin() + static_cast<int64_t>(offsets_[last]));
      return taken;
    }
    std::visit(
        [&](const auto& values) {
          using Vector = std::decay_t<decltype(values)>;
          if constexpr (!std::is_same_v<Vector, std::monostate>) {
            std::get<Vector>(taken.data_).assign(values.begin() + first, values.begin() + last);
          }
        },
        data_);
    return taken;
  }
  taken.validity_.assign(rows.size(), 1);
  if (has_nulls()) {
    for (size_t i = 0; i < rows.size(); ++i) taken.validity_[i] = validity_[rows[i]];
    for (const uint8_t valid : taken.validity_) taken.null_count_ += valid == 0 ? 1 : 0;
  }
  if (type_.IsText()) {
    for (const uint32_t row : rows) {
      taken.offsets_.push_back(taken.offsets_.back() + offsets_[row + 1] - offsets_[row]);
    }
    taken.text_.resize(taken.offsets_.back());
    for (size_t i = 0; i < rows.size(); ++i) {
      const std::string_view text = Text(rows[i]);
      std::copy(text.begin(), text.end(), taken.text_.data() + taken.offsets_[i]);
    }
    return taken;
  }
  std::visit(
      [&](const auto& values) {
        using Vector = std::decay_t<decltype(values)>;
        if constexpr (!std::is_same_v<Vector, std::monostate>) {
          auto& mine = std::get<Vector>(taken.data_);
          mine.resize(rows.size());
          for (size_t i = 0; i < rows.size(); ++i) mine[i] = values[rows[i]];
        }
      },
      data_);
  return taken;
}

}  // namespace catena::types

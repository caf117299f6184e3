// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/slot.h"

#include <limits>

namespace catena::topic {
namespace {

using types::Column;
using types::Kind;

template <typename T>
constexpr IntegerRange LimitsOf() {
  return {std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};
}

void AppendScalar(const Slot& slot, Column* column) {
  switch (column->type().kind) {
    case Kind::kBool:
    case Kind::kByte:
      return column->Append<int8_t>(static_cast<int8_t>(slot.integer));
    case Kind::kShort:
      return column->Append<int16_t>(static_cast<int16_t>(slot.integer));
    case Kind::kInt:
    case Kind::kDate:
      return column->Append<int32_t>(static_cast<int32_t>(slot.integer));
    case Kind::kLong:
    case Kind::kTimestamp:
      return column->Append<int64_t>(slot.integer);
    case Kind::kFloat:
      return column->Append<float>(static_cast<float>(slot.real));
    case Kind::kDouble:
      return column->Append<double>(slot.real);
    default:
      return column->AppendText(slot.text);
  }
}

}  // namespace

IntegerRange RangeOf(Kind kind) {
  switch (kind) {
    case Kind::kByte:
      return LimitsOf<int8_t>();
    case Kind::kShort:
      return LimitsOf<int16_t>();
    case Kind::kInt:
    case Kind::kDate:
      return LimitsOf<int32_t>();
    default:
      return LimitsOf<int64_t>();
  }
}

void AppendSlot(const Slot& slot, const Slot** next, Column* column) {
  if (slot.state == Slot::State::kNull) return column->AppendNull();
  if (slot.state == Slot::State::kScalar) return AppendScalar(slot, column);
  for (int64_t i = 0; i < slot.integer; ++i) {
    for (size_t c = 0; c < column->child_count(); ++c) {
      const Slot& element = *(*next)++;
      AppendSlot(element, next, column->mutable_child(c));
    }
  }
  column->CloseRow();
}

}  // namespace catena::topic

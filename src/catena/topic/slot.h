// SPDX-License-Identifier: Apache-2.0
// Slot: one decoded value of a record, kept aside until the whole record has proven good.
//
//   layout   a scalar stands in its slot. The elements of a list or map follow in a vector of
//            slots, in the order in which they are appended (key, value, key, value), each with its
//            own elements behind it; a decoder clears that vector for every record
//   null     kNull, the state of a new slot
//   threads  a value

#pragma once

#include <cstdint>
#include <string_view>

#include "catena/types/column.h"
#include "catena/types/data_type.h"

namespace catena::topic {

struct Slot {
  enum class State : uint8_t { kNull, kScalar, kElements };
  State state = State::kNull;
  bool seen = false;    // The record held the field.
  int64_t integer = 0;  // Also booleans, and the number of elements.
  double real = 0;
  std::string_view text;  // Lives until the next record is parsed.
  size_t first = 0;       // Of the elements, in the decoder's vector.
};

struct IntegerRange {
  int64_t low;
  int64_t high;
};

// Of BYTE to LONG, DATE and TIMESTAMP.
IntegerRange RangeOf(types::Kind kind);

// Appends the value to a column of its type; `next` walks the elements behind the slot.
void AppendSlot(const Slot& slot, const Slot** next, types::Column* column);

}  // namespace catena::topic

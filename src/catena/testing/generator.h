// SPDX-License-Identifier: Apache-2.0
// Random events for property tests: every type, nulls, ties, disorder, extremes, before 1970.
//
//   input   a seeded Random: the same seed makes the same events
//   output  one Batch, by default with a column per scalar type, named as the type in lower case
//           ("double"), lists and maps ("list_long", "map_double") and what is made of them; by
//           row an event time (milliseconds), a source order (unique, not in order of time) and a
//           key (0, 1, ...)
//   null    about one value in six, or none; a column may be all null

#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "catena/base/random.h"
#include "catena/base/time.h"
#include "catena/types/batch.h"

namespace catena::testing {

inline types::Schema EveryScalar() {
  using types::Kind;
  return types::Schema{{{"boolean", Kind::kBool},
                        {"byte", Kind::kByte},
                        {"short", Kind::kShort},
                        {"int", Kind::kInt},
                        {"long", Kind::kLong},
                        {"float", Kind::kFloat},
                        {"double", Kind::kDouble},
                        {"string", Kind::kString},
                        {"binary", Kind::kBinary},
                        {"date", Kind::kDate},
                        {"timestamp", Kind::kTimestamp}}};
}

// And lists and maps of some; all lists of a "vector" are of one length.
inline types::Schema EveryType() {
  using types::DataType;
  using types::Kind;
  types::Schema schema = EveryScalar();
  schema.fields.push_back({"list_long", DataType::List(Kind::kLong)});
  schema.fields.push_back({"list_double", DataType::List(Kind::kDouble)});
  schema.fields.push_back({"list_string", DataType::List(Kind::kString)});
  schema.fields.push_back({"map_double", DataType::Map(Kind::kString, Kind::kDouble)});
  schema.fields.push_back({"map_string", DataType::Map(Kind::kString, Kind::kString)});
  schema.fields.push_back({"vector_double", DataType::List(Kind::kDouble)});
  schema.fields.push_back({"vector_long", DataType::List(Kind::kLong)});
  schema.fields.push_back({"list_map", *types::ParseType("LIST<MAP<STRING,DOUBLE>>")});
  schema.fields.push_back({"map_list", *types::ParseType("MAP<STRING,LIST<BINARY>>")});
  schema.fields.push_back({"struct", *types::ParseType("STRUCT<z:INT,a:LIST<FLOAT>>")});
  return schema;
}

// What the values are like; the values of a type that has none of a kind are ordinary.
enum class Values : uint8_t {
  kAny,       // Ordinary, here and there an extreme, NaN or infinity.
  kOrdinary,  // Numbers of everyday size, short texts.
  kNull,      // Nothing else.
  kNan,
  kInfinite,  // Of both signs.
  kZero,      // 0.0 and -0.0, the integer 0, the empty text.
  kExtreme,   // The largest, the smallest and the nearest to zero; long texts.
};
inline constexpr Values kEveryValues[] = {Values::kAny,    Values::kOrdinary, Values::kNull,
                                          Values::kNan,    Values::kInfinite, Values::kZero,
                                          Values::kExtreme};

inline Values RandomKindOfValues(Random& random) {
  return kEveryValues[random.Below(std::size(kEveryValues))];
}

struct GeneratorOptions {
  size_t rows = 60;
  uint32_t keys = 3;
  int64_t begin = 0;  // Event times lie in [begin, begin + span).
  int64_t span = 40 * 86'400'000LL;
  Values values = Values::kAny;
  types::Schema columns = EveryType();
};

struct GeneratedEvents {
  types::Batch batch;
  std::vector<int64_t> times;
  std::vector<uint64_t> orders;
  std::vector<uint32_t> keys;

  // Rows of a key, as they came.
  std::vector<uint32_t> RowsOf(uint32_t key) const {
    std::vector<uint32_t> rows;
    for (uint32_t row = 0; row < keys.size(); ++row) {
      if (keys[row] == key) rows.push_back(row);
    }
    return rows;
  }
  // Rows of a key by (time, source order).
  std::vector<uint32_t> SortedRowsOf(uint32_t key) const {
    std::vector<uint32_t> rows = RowsOf(key);
    std::sort(rows.begin(), rows.end(), [this](uint32_t a, uint32_t b) {
      return std::pair(times[a], orders[a]) < std::pair(times[b], orders[b]);
    });
    return rows;
  }
};

inline double OrdinaryDouble(Random& random) {
  switch (random.Below(6)) {
    case 0:
      return random.OneIn(2) ? 0.0 : -0.0;
    case 1:
      return std::ldexp(random.Unit() - 0.5, static_cast<int>(random.Between(-90, 90)));
    case 2:
      return static_cast<double>(random.Between(-3, 3));
    default:
      return static_cast<double>(random.Between(-100'000, 100'000)) / 100.0;
  }
}

template <typename T>
T RandomFloating(Random& random, Values values) {
  using Limits = std::numeric_limits<T>;
  constexpr Values kSpecial[] = {Values::kNan, Values::kInfinite, Values::kExtreme};
  if (values == Values::kAny && random.OneIn(40)) values = kSpecial[random.Below(3)];
  const T sign = random.OneIn(2) ? T{1} : T{-1};
  // Mixed with others: what is special shows beside what is not.
  if (values != Values::kZero && random.OneIn(3)) values = Values::kOrdinary;
  switch (values) {
    case Values::kNan:
      return std::copysign(Limits::quiet_NaN(), sign);
    case Values::kInfinite:
      return sign * Limits::infinity();
    case Values::kZero:
      return sign * T{0};
    case Values::kExtreme: {
      constexpr T kExtremes[] = {Limits::max(), Limits::max() / 2, Limits::denorm_min(),
                                 Limits::min(), Limits::epsilon(), T{1}};
      return sign * kExtremes[random.Below(std::size(kExtremes))];
    }
    default:
      return static_cast<T>(OrdinaryDouble(random));
  }
}

template <typename T>
types::Value RandomInteger(Random& random, Values values) {
  using Limits = std::numeric_limits<T>;
  if (values == Values::kAny && random.OneIn(12)) values = Values::kExtreme;
  if (values == Values::kZero) return types::Value(int64_t{0});
  if (values == Values::kExtreme) {
    constexpr T kExtremes[] = {Limits::min(), Limits::max(), Limits::min() + 1, 0, -1};
    return types::Value(int64_t{kExtremes[random.Below(std::size(kExtremes))]});
  }
  if (values == Values::kAny && random.OneIn(8)) {
    return types::Value(int64_t{static_cast<T>(random.Next())});
  }
  return types::Value(random.Between(-20, 20));
}

inline types::Value RandomText(Random& random, Values values) {
  uint64_t length = values == Values::kExtreme ? random.Below(200) : random.Below(4);
  if (values == Values::kAny && random.OneIn(10)) length = random.Below(60);
  if (values == Values::kZero) length = 0;
  std::string text;
  for (uint64_t i = 0; i < length; ++i) text += "ab\0\x7f\x80\xff z"[random.Below(8)];
  return types::Value(std::move(text));
}

inline types::Value RandomValue(Random& random, const types::DataType& type, Values values);

inline types::Value RandomList(Random& random, const types::DataType& element, uint64_t length,
                               Values values) {
  types::ValueList list;
  for (; length > 0; --length) {
    list.push_back(random.OneIn(5) ? types::Value() : RandomValue(random, element, values));
  }
  return types::Value(std::move(list));
}

inline types::Value RandomValue(Random& random, const types::DataType& type, Values values) {
  using types::Kind;
  if (values == Values::kNull) return types::Value();
  const auto inner = [&](const types::DataType& of) {
    return random.OneIn(5) ? types::Value() : RandomValue(random, of, values);
  };
  switch (type.kind) {
    case Kind::kBool:
      return types::Value(values != Values::kZero && random.OneIn(2));
    case Kind::kByte:
      return RandomInteger<int8_t>(random, values);
    case Kind::kShort:
      return RandomInteger<int16_t>(random, values);
    case Kind::kInt:
    case Kind::kDate:
      return RandomInteger<int32_t>(random, values);
    case Kind::kLong:
    case Kind::kTimestamp:
      return RandomInteger<int64_t>(random, values);
    case Kind::kFloat:
      return types::Value(static_cast<double>(RandomFloating<float>(random, values)));
    case Kind::kDouble:
      return types::Value(RandomFloating<double>(random, values));
    case Kind::kList:
      return RandomList(random, type.children[0], random.Below(4), values);
    case Kind::kStruct: {
      types::ValueMap fields;
      for (size_t i = 0; i < type.children.size(); ++i) {
        fields.emplace_back(type.field_names[i], inner(type.children[i]));
      }
      return types::Value(std::move(fields));
    }
    case Kind::kMap: {
      types::ValueMap map;
      for (const char* key : {"b", "", "a"}) {
        if (!random.OneIn(3)) map.emplace_back(key, inner(type.children[1]));
      }
      return types::Value(std::move(map));
    }
    default:
      return RandomText(random, values);
  }
}

inline types::Value RandomCell(Random& random, const types::Field& field, Values values) {
  if (!field.name.starts_with("vector") || values == Values::kNull) {
    return RandomValue(random, field.type, values);
  }
  constexpr uint64_t kLength = 3;
  return RandomList(random, field.type.children[0], kLength, values);
}

// Uniform, or at a boundary of five minutes, an hour or a day, or a millisecond beside one.
inline int64_t RandomTime(Random& random, int64_t begin, int64_t span) {
  const int64_t time = begin + random.Between(0, span - 1);
  if (random.OneIn(3)) return time;
  constexpr int64_t kSteps[] = {300'000, 3'600'000, 86'400'000};
  const int64_t boundary = FloorMillis(time, kSteps[random.Below(3)]);
  return std::clamp(boundary + random.Between(-1, 1), begin, begin + span - 1);
}

inline GeneratedEvents RandomEvents(Random& random, const GeneratorOptions& options) {
  GeneratedEvents events;
  types::BatchBuilder builder(options.columns, options.rows);
  const size_t columns = options.columns.size();
  const size_t all_null = random.OneIn(4) ? random.Below(columns) : columns;
  const bool no_nulls = random.OneIn(3);
  for (size_t row = 0; row < options.rows; ++row) {
    const bool tied = !events.times.empty() && random.OneIn(5);
    events.times.push_back(tied ? events.times[random.Below(events.times.size())]
                                : RandomTime(random, options.begin, options.span));
    // Partition and offset; unique, because the offset is.
    events.orders.push_back(random.Below(3) << 48 | (row * 7919 % options.rows + row * 100'000));
    events.keys.push_back(static_cast<uint32_t>(random.Below(options.keys)));
    for (size_t i = 0; i < columns; ++i) {
      const bool null = i == all_null || (!no_nulls && random.OneIn(6));
      const Status appended = builder.column(i)->AppendValue(
          null ? types::Value() : RandomCell(random, options.columns.fields[i], options.values));
      CATENA_CHECK(appended.ok(), "the generator made a value that its column refuses");
    }
  }
  events.batch = builder.Build();
  return events;
}

}  // namespace catena::testing

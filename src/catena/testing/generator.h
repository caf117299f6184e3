// SPDX-License-Identifier: Apache-2.0
// Random events for property tests: every type, nulls, ties, disorder, extremes, before 1970.
//
//   input   a seeded Random: the same seed makes the same events
//   output  one Batch with a column per scalar type, named as the type in lower case ("double"),
//           and lists and maps ("list_long", "map_double"); by row an event
//           time (milliseconds), a source order (unique, not in order of time)
//           and a key (0, 1, ...)
//   null    about one value in six; a column may be all null

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

struct GeneratorOptions {
  size_t rows = 60;
  uint32_t keys = 3;
  int64_t begin = 0;  // Event times lie in [begin, begin + span).
  int64_t span = 40 * 86'400'000LL;
  bool extremes = true;  // NaN, infinities, the largest and the smallest numbers.
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

// And lists and maps of some.
inline types::Schema EveryType() {
  using types::DataType;
  using types::Kind;
  types::Schema schema = EveryScalar();
  schema.fields.push_back({"list_long", DataType::List(Kind::kLong)});
  schema.fields.push_back({"list_double", DataType::List(Kind::kDouble)});
  schema.fields.push_back({"list_string", DataType::List(Kind::kString)});
  schema.fields.push_back({"map_double", DataType::Map(Kind::kString, Kind::kDouble)});
  schema.fields.push_back({"map_string", DataType::Map(Kind::kString, Kind::kString)});
  return schema;
}

inline double RandomDouble(Random& random, bool extremes) {
  if (extremes && random.OneIn(40)) {
    using Limits = std::numeric_limits<double>;
    constexpr double kExtremes[] = {Limits::infinity(),
                                    -Limits::infinity(),
                                    Limits::quiet_NaN(),
                                    1e300,
                                    -1e300,
                                    Limits::denorm_min(),
                                    Limits::min(),
                                    1e-300};
    return kExtremes[random.Below(std::size(kExtremes))];
  }
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

inline int64_t RandomInteger(Random& random, int64_t low, int64_t high, bool extremes) {
  if (extremes && random.OneIn(12)) return random.OneIn(2) ? low : high;
  if (random.OneIn(8)) {
    const auto width = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
    return static_cast<int64_t>(static_cast<uint64_t>(low) +
                                (width == ~uint64_t{0} ? random.Next() : random.Below(width + 1)));
  }
  return random.Between(-20, 20);
}

template <typename T>
types::Value RandomIntegerOf(Random& random, bool extremes) {
  return types::Value(RandomInteger(random, std::numeric_limits<T>::min(),
                                    std::numeric_limits<T>::max(), extremes));
}

inline types::Value RandomValue(Random& random, const types::DataType& type, bool extremes) {
  using types::Kind;
  switch (type.kind) {
    case Kind::kBool:
      return types::Value(random.OneIn(2));
    case Kind::kByte:
      return RandomIntegerOf<int8_t>(random, extremes);
    case Kind::kShort:
      return RandomIntegerOf<int16_t>(random, extremes);
    case Kind::kInt:
    case Kind::kDate:
      return RandomIntegerOf<int32_t>(random, extremes);
    case Kind::kLong:
    case Kind::kTimestamp:
      return RandomIntegerOf<int64_t>(random, extremes);
    case Kind::kFloat:
      return types::Value(static_cast<double>(static_cast<float>(RandomDouble(random, extremes))));
    case Kind::kDouble:
      return types::Value(RandomDouble(random, extremes));
    case Kind::kList: {
      types::ValueList list;
      for (uint64_t n = random.Below(4); n > 0; --n) {
        list.push_back(random.OneIn(5) ? types::Value()
                                       : RandomValue(random, type.children[0], extremes));
      }
      return types::Value(std::move(list));
    }
    case Kind::kMap: {
      types::ValueMap map;
      for (const char* key : {"b", "", "a"}) {
        if (random.OneIn(3)) continue;
        map.emplace_back(key, random.OneIn(5) ? types::Value()
                                              : RandomValue(random, type.children[1], extremes));
      }
      return types::Value(std::move(map));
    }
    default: {
      std::string text;
      const uint64_t length = random.OneIn(10) ? random.Below(60) : random.Below(4);
      for (uint64_t i = 0; i < length; ++i) text += "ab\0\x7f\x80\xff z"[random.Below(8)];
      return types::Value(std::move(text));
    }
  }
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
  types::BatchBuilder builder(EveryType(), options.rows);
  const uint64_t all_null = random.OneIn(4) ? random.Below(11) : 11;
  for (size_t row = 0; row < options.rows; ++row) {
    const bool tied = !events.times.empty() && random.OneIn(5);
    events.times.push_back(tied ? events.times[random.Below(events.times.size())]
                                : RandomTime(random, options.begin, options.span));
    // Partition and offset; unique, because the offset is.
    events.orders.push_back(random.Below(3) << 48 | (row * 7919 % options.rows + row * 100'000));
    events.keys.push_back(static_cast<uint32_t>(random.Below(options.keys)));
    for (size_t i = 0; i < builder.schema().size(); ++i) {
      const bool null = i == all_null || random.OneIn(6);
      const Status appended = builder.column(i)->AppendValue(
          null ? types::Value()
               : RandomValue(random, builder.schema().fields[i].type, options.extremes));
      CATENA_CHECK(appended.ok(), "the generator made a value that its column refuses");
    }
  }
  events.batch = builder.Build();
  return events;
}

}  // namespace catena::testing

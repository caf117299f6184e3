// SPDX-License-Identifier: Apache-2.0
// The twin puts each value at its place, one by one.
#include "catena/batch/rows/scattered_columns.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "catena/base/random.h"
#include "catena/testing/property.h"
#include "catena/types/value.h"

namespace catena::batch {
namespace {

using types::Column;
using types::Value;

Value RandomValue(Random& random, const types::DataType& type) {
  if (random.OneIn(4)) return Value();
  if (type.kind == types::Kind::kBool) return Value(random.OneIn(2));
  if (type.IsFloating()) return Value(static_cast<double>(random.Between(-50, 50)) / 4);
  if (type.IsText()) return Value(std::string(random.Below(20), 'x'));
  if (type.kind == types::Kind::kList) return Value(types::ValueList{random.Between(0, 9)});
  return Value(random.Between(-100, 100));
}

TEST(ScatteredColumnsTest, PutEveryRowInItsPlace) {
  types::Schema schema;
  for (const char* type : {"BOOLEAN", "SHORT", "INT", "LONG", "FLOAT", "DOUBLE", "STRING",
                           "TIMESTAMP", "LIST<LONG>"}) {
    schema.fields.push_back({type, types::ParseType(type).value()});
  }
  testing::ForSeeds(20, [&](Random& random) {
    const size_t rows = random.Below(60);
    ScatteredColumns scattered(schema, rows);
    std::vector<std::vector<Value>> expected(schema.size(), std::vector<Value>(rows));
    std::vector<uint32_t> places(rows);
    std::iota(places.begin(), places.end(), 0);
    for (size_t i = rows; i > 1; --i) std::swap(places[i - 1], places[random.Below(i)]);
    while (!places.empty() && !random.OneIn(6)) {  // Some rows are in no piece.
      const auto cut = places.end() - static_cast<int64_t>(random.Below(places.size() + 1));
      const std::vector<uint32_t> mine(cut, places.end());
      places.erase(cut, places.end());
      std::vector<types::ColumnPtr> piece;
      for (size_t i = 0; i < schema.size(); ++i) {
        auto column = std::make_shared<Column>(schema.fields[i].type);
        for (const uint32_t row : mine) {
          expected[i][row] = RandomValue(random, column->type());
          ASSERT_TRUE(column->AppendValue(expected[i][row]).ok());
        }
        piece.push_back(std::move(column));
      }
      scattered.Add(piece, mine);
    }
    const types::Batch taken = scattered.Take(1 + static_cast<int>(random.Below(3)));
    ASSERT_EQ(taken.rows(), rows);
    for (size_t i = 0; i < schema.size(); ++i) {
      for (size_t row = 0; row < rows; ++row) {
        ASSERT_EQ(taken.column(i).ValueAt(row), expected[i][row])
            << schema.fields[i].name << " of row " << row;
      }
    }
  });
}

}  // namespace
}  // namespace catena::batch

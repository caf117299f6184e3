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

// `expected` is by field and row.
void ExpectRows(const types::Batch& taken, size_t first, size_t last,
                const std::vector<std::vector<Value>>& expected) {
  ASSERT_EQ(taken.rows(), last - first);
  ASSERT_EQ(taken.width(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    for (size_t row = first; row < last; ++row) {
      ASSERT_EQ(taken.column(i).ValueAt(row - first), expected[i][row])
          << taken.schema().fields[i].name << " of row " << row;
    }
  }
}

TEST(ScatteredColumnsTest, PutEveryRowInItsPlace) {
  types::Schema schema;
  for (const char* type : {"BOOLEAN", "SHORT", "INT", "LONG", "FLOAT", "DOUBLE", "STRING",
                           "TIMESTAMP", "LIST<LONG>"}) {
    schema.fields.push_back({type, types::ParseType(type).value()});
  }
  testing::ForSeeds(20, [&](Random& random) {
    // Some are several blocks.
    const size_t rows = random.OneIn(5) ? 8000 + random.Below(20'000) : random.Below(60);
    ScatteredColumns scattered(schema, rows);
    std::vector<std::vector<Value>> expected(schema.size(), std::vector<Value>(rows));
    std::vector<uint32_t> left(rows);  // Rows that no go has had.
    std::iota(left.begin(), left.end(), 0);
    const auto column_of = [&](size_t field, const std::vector<uint32_t>& places) {
      auto column = std::make_shared<Column>(schema.fields[field].type);
      for (const uint32_t row : places) {
        expected[field][row] = RandomValue(random, column->type());
        EXPECT_TRUE(column->AppendValue(expected[field][row]).ok());
      }
      return column;
    };
    const bool sources = random.OneIn(2);
    while (!left.empty() && !random.OneIn(6)) {  // Some rows are in no go.
      std::vector<uint32_t> mine;
      std::erase_if(left, [&](uint32_t row) {
        if (random.OneIn(2)) mine.push_back(row);
        return !mine.empty() && mine.back() == row;
      });
      if (sources && random.OneIn(2)) {
        // Some rows of the source are asked for twice.
        std::vector<uint32_t> from(rows, ScatteredColumns::kNowhere);
        for (size_t i = 0; i < mine.size(); ++i) from[mine[i]] = static_cast<uint32_t>(i);
        std::vector<types::ColumnPtr> source;
        for (size_t i = 0; i < schema.size(); ++i) source.push_back(column_of(i, mine));
        if (mine.size() > 1) {
          from[mine[0]] = from[mine[1]];
          for (auto& column : expected) column[mine[0]] = column[mine[1]];
        }
        scattered.Add(std::move(source), std::move(from));
        continue;
      }
      const size_t parts = 1 + random.Below(4);
      std::vector<uint16_t> part_of_row(rows, RowParts::kNone);
      std::vector<std::vector<uint32_t>> places(parts);
      for (const uint32_t row : mine) {
        part_of_row[row] = static_cast<uint16_t>(random.Below(parts));
        places[part_of_row[row]].push_back(row);
      }
      std::vector<std::vector<types::ColumnPtr>> pieces(parts);
      for (size_t part = 0; part < parts; ++part) {
        for (size_t i = 0; i < schema.size(); ++i) {
          pieces[part].push_back(column_of(i, places[part]));
        }
      }
      scattered.Add(RowParts(std::move(part_of_row), parts), std::move(pieces));
    }
    scattered.Close(1 + static_cast<int>(random.Below(3)));
    const size_t first = random.OneIn(2) ? 0 : random.Below(rows + 1);
    const size_t last = first + random.Below(rows - first + 1);
    ExpectRows(scattered.Take(first, last), first, last, expected);
  });
}

}  // namespace
}  // namespace catena::batch

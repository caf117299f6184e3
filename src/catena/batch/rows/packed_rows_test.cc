// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/packed_rows.h"

#include <gtest/gtest.h>

#include "catena/testing/property.h"

namespace catena::batch {
namespace {

using types::Column;
using types::ColumnPtr;

types::Value RandomValue(Random& random, const types::DataType& type) {
  if (random.OneIn(4)) return types::Value();
  if (type.kind == types::Kind::kBool) return types::Value(random.OneIn(2));
  if (type.IsText()) return types::Value(std::string(random.Below(20), 'x'));
  if (type.IsFloating()) return types::Value(static_cast<double>(random.Between(-50, 50)) / 4);
  return types::Value(random.Between(-100, 100));
}

TEST(PackedRowsTest, RowsComeBackInWhicheverOrderTheyAreAskedFor) {
  const std::vector<std::string> known = {"BOOLEAN", "BYTE",   "SHORT",     "INT",   "LONG",
                                          "FLOAT",   "DOUBLE", "TIMESTAMP", "STRING"};
  testing::ForSeeds(30, [&](Random& random) {
    const size_t rows = random.Below(50);
    types::Schema schema;
    std::vector<ColumnPtr> columns;
    const size_t width = random.Below(12);
    for (size_t i = 0; i < width; ++i) {
      const std::string name = known[random.Below(known.size())];
      schema.fields.push_back({name + std::to_string(i), types::ParseType(name).value()});
      auto column = std::make_shared<Column>(schema.fields.back().type);
      for (size_t row = 0; row < rows; ++row) {
        ASSERT_TRUE(column->AppendValue(RandomValue(random, column->type())).ok());
      }
      columns.push_back(column);
    }
    const PackedRows packed(schema);
    EXPECT_EQ(packed.width() % 8, 0u);
    const size_t stride = packed.width() + 8 * random.Below(3);
    const auto there = PackedRows::Room(rows * stride);
    const size_t middle = random.Below(rows + 1);
    packed.Pack(columns, 0, middle, stride, there.get());
    packed.Pack(columns, middle, rows - middle, stride, there.get() + middle * stride);

    std::vector<uint32_t> order(rows == 0 ? 0 : random.Below(400));
    for (uint32_t& row : order) row = static_cast<uint32_t>(random.Below(rows));
    const auto back = PackedRows::Room(order.size() * packed.width());
    for (size_t i = 0; i < order.size(); ++i) {
      PackedRows::Copy(there.get() + order[i] * stride, packed.width(),
                       back.get() + i * packed.width());
    }
    const PackedRows::Columns unpacked = packed.MakeColumns(order.size());
    for (size_t begin = 0; begin < order.size();) {
      const size_t count =
          std::min<size_t>(order.size() - begin, 1 + random.Below(PackedRows::kBlock));
      packed.Unpack(back.get() + begin * packed.width(), count, packed.width(), unpacked);
      begin += count;
    }
    std::vector<ColumnPtr> others;
    for (const size_t i : packed.others()) {
      others.push_back(std::make_shared<Column>(columns[i]->Take(order)));
    }
    const types::Batch batch = packed.Batch(unpacked, others);
    ASSERT_EQ(batch.schema(), schema);
    for (size_t i = 0; i < schema.size(); ++i) {
      const Column& column = batch.column(i);
      const Column expected = columns[i]->Take(order);
      ASSERT_EQ(column.size(), order.size());
      ASSERT_EQ(column.null_count(), expected.null_count());
      for (size_t row = 0; row < order.size(); ++row) {
        ASSERT_EQ(column.ValueAt(row), expected.ValueAt(row)) << schema.fields[i].name;
      }
    }
  });
}

}  // namespace
}  // namespace catena::batch

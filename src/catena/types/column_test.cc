// SPDX-License-Identifier: Apache-2.0
// What moves many rows at once does what AppendFrom does row by row.
#include "catena/types/column.h"

#include <gtest/gtest.h>

#include "catena/base/random.h"

namespace catena::types {
namespace {

constexpr uint64_t kSeed = 20'000'000;

Value RandomValue(Random& random, const DataType& type) {
  if (random.OneIn(5)) return Value();
  switch (type.kind) {
    case Kind::kBool:
      return Value(random.OneIn(2));
    case Kind::kFloat:
    case Kind::kDouble:
      return Value(static_cast<double>(random.Between(-50, 50)) / 4);
    case Kind::kString:
    case Kind::kBinary:
      return Value(std::string(random.Below(20), 'a' + static_cast<char>(random.Below(26))));
    case Kind::kList: {
      ValueList list;
      for (uint64_t i = random.Below(4); i-- > 0;) {
        list.push_back(RandomValue(random, type.children[0]));
      }
      return Value(std::move(list));
    }
    case Kind::kMap: {
      ValueMap map;
      for (uint64_t i = random.Below(3); i-- > 0;) {
        map.emplace_back(Value("k" + std::to_string(i)), RandomValue(random, type.children[1]));
      }
      return Value(std::move(map));
    }
    default:
      return Value(random.Between(-100, 100));
  }
}

Column RandomColumn(Random& random, const DataType& type, uint64_t rows) {
  Column column(type);
  for (uint64_t i = 0; i < rows; ++i) {
    EXPECT_TRUE(column.AppendValue(RandomValue(random, type)).ok());
  }
  return column;
}

void ExpectEqual(const Column& a, const Column& b) {
  ASSERT_EQ(a.type(), b.type());
  ASSERT_EQ(a.size(), b.size());
  EXPECT_EQ(a.null_count(), b.null_count());
  for (size_t row = 0; row < a.size(); ++row) {
    ASSERT_EQ(a.IsNull(row), b.IsNull(row)) << row;
    ASSERT_EQ(PrintJson(ToJson(a.ValueAt(row))), PrintJson(ToJson(b.ValueAt(row)))) << row;
  }
}

std::vector<DataType> Types() {
  std::vector<DataType> types;
  for (const char* name :
       {"BOOLEAN", "BYTE", "SHORT", "INT", "LONG", "FLOAT", "DOUBLE", "STRING", "BINARY", "DATE",
        "TIMESTAMP", "LIST<STRING>", "LIST<LIST<INT>>", "MAP<STRING,LIST<DOUBLE>>"}) {
    types.push_back(ParseType(name).value());
  }
  return types;
}

TEST(Column, MovesManyRowsAsOneByOne) {
  for (const DataType& type : Types()) {
    for (uint64_t seed = kSeed; seed < kSeed + 20; ++seed) {
      SCOPED_TRACE(TypeName(type) + ", seed " + std::to_string(seed));
      Random random(seed);
      const Column from = RandomColumn(random, type, 1 + random.Below(60));
      std::vector<uint32_t> rows;
      if (random.OneIn(3)) {  // One after the other.
        for (uint64_t row = random.Below(from.size()); row < from.size(); ++row) {
          rows.push_back(static_cast<uint32_t>(row));
        }
      }
      for (uint64_t i = rows.empty() ? random.Below(90) : random.Below(2); i-- > 0;) {
        rows.push_back(static_cast<uint32_t>(random.Below(from.size())));
      }
      Column taken(type);
      for (const uint32_t row : rows) taken.AppendFrom(from, row);
      ExpectEqual(from.Take(rows), taken);

      // A copy of a column would share its children.
      Column appended(type);
      for (const uint32_t row : rows) appended.AppendFrom(from, row);
      for (size_t row = 0; row < from.size(); ++row) appended.AppendFrom(from, row);
      taken.AppendAll(from);
      ExpectEqual(taken, appended);
    }
  }
}

}  // namespace
}  // namespace catena::types

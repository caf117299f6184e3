// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "catena/base/random.h"
#include "catena/batch/rows/key_reader.h"
#include "catena/types/row_codec.h"

namespace catena::batch {
namespace {

TEST(KeyIndexTest, GivesDenseIdsThroughGrowth) {
  KeyIndex keys;
  for (uint32_t i = 0; i < 5000; ++i) EXPECT_EQ(keys.Add("key " + std::to_string(i)), i);
  for (uint32_t i = 0; i < 5000; ++i) EXPECT_EQ(keys.Add("key " + std::to_string(i)), i);
  EXPECT_EQ(keys.size(), 5000u);
  EXPECT_EQ(keys.Find("key 4999"), 4999u);
  EXPECT_EQ(keys.Find("key 5000"), kNoGroup);
  EXPECT_EQ(keys.Key(17), "key 17");
  EXPECT_EQ(keys.Find(""), kNoGroup);
  EXPECT_EQ(keys.Add(""), 5000u);
}

TEST(KeyIndexTest, AnIntegerIsItsBytes) {
  KeyIndex keys;
  EXPECT_EQ(keys.Add(IntegerKey{7}), 0u);
  EXPECT_EQ(keys.Add(IntegerKey{7, 20000}), 1u);
  EXPECT_EQ(keys.Add(IntegerKey{-7}), 2u);
  std::string bytes;
  const types::Value seven(int64_t{7});
  ASSERT_TRUE(types::EncodeKey({&seven, 1}, &bytes));
  EXPECT_EQ(keys.Key(0), bytes);
  EXPECT_EQ(keys.Find(bytes), 0u);
  AppendDay(Date{20000}, &bytes);
  EXPECT_EQ(keys.Find(bytes), 1u);
  EXPECT_EQ(DayOf(keys.Key(1)), Date{20000});
  EXPECT_EQ(keys.Find(IntegerKey{8}), kNoGroup);
  const types::Value eight(int64_t{8});
  std::string added;
  ASSERT_TRUE(types::EncodeKey({&eight, 1}, &added));
  EXPECT_EQ(keys.Add(added), 3u);
  EXPECT_EQ(keys.Find(IntegerKey{8}), 3u);
  for (int64_t key = 0; key < 5000; ++key) keys.Add(IntegerKey{key * 3});
  for (int64_t key = 0; key < 15000; ++key) {
    EXPECT_EQ(keys.Find(IntegerKey{key}) != kNoGroup, key % 3 == 0 || key == 7 || key == 8) << key;
  }
}

// The twin compares whole keys: those that are prefixes of others, that differ late, or not at all
// but in a zero at the end.
TEST(KeyIndexTest, SortsByBytes) {
  constexpr uint64_t kSeed = 20'000'000;
  for (uint64_t seed = kSeed; seed < kSeed + 40; ++seed) {
    Random random(seed);
    KeyIndex keys;
    const std::string same(random.Below(12), 'p');
    for (uint64_t i = random.Below(seed % 8 == 0 ? 40000 : 300); i > 0; --i) {
      if (random.OneIn(3)) {
        keys.Add(IntegerKey{random.Between(-100000, 100000)});
        continue;
      }
      std::string key = same;
      for (uint64_t n = random.Below(12); n > 0; --n) {
        key += static_cast<char>(random.OneIn(3) ? 0 : random.Below(256));
      }
      keys.Add(key);
    }
    std::vector<uint32_t> ids(keys.size());
    std::iota(ids.begin(), ids.end(), 0);
    std::sort(ids.begin(), ids.end(),
              [&](uint32_t a, uint32_t b) { return keys.Key(a) < keys.Key(b); });
    EXPECT_EQ(keys.SortedIds(1 + static_cast<int>(seed % 3)), ids) << "seed " << seed;
  }
}

// The twin goes by the bytes of each row, one by one.
TEST(KeyReaderTest, ReadsKeysAsTheirBytes) {
  constexpr uint64_t kSeed = 20'000'000;
  const types::Kind kinds[] = {types::Kind::kByte,   types::Kind::kShort, types::Kind::kInt,
                               types::Kind::kLong,   types::Kind::kDate,  types::Kind::kTimestamp,
                               types::Kind::kString, types::Kind::kBool};
  for (uint64_t seed = kSeed; seed < kSeed + 80; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    types::Schema schema{{{"a", kinds[random.Below(8)]}, {"b", kinds[random.Below(8)]}}};
    const std::vector<std::string> columns =
        random.OneIn(2) ? std::vector<std::string>{"a"} : std::vector<std::string>{"a", "b"};
    types::BatchBuilder builder(schema);
    std::vector<Date> days;
    std::vector<uint32_t> ids;
    for (int row = 0; row < 200; ++row) {
      for (size_t i = 0; i < 2; ++i) {
        types::Value value(random.Between(-9, 9));
        if (schema.fields[i].type.kind == types::Kind::kString)
          value = types::Value("t" + std::to_string(random.Below(9)));
        if (schema.fields[i].type.kind == types::Kind::kBool) value = types::Value(random.OneIn(2));
        ASSERT_TRUE(builder.column(i)->AppendValue(random.OneIn(9) ? types::Value() : value).ok());
      }
      days.push_back(Date{static_cast<int32_t>(random.Below(3))});
      ids.push_back(random.OneIn(10) ? kNoGroup : 0);
    }
    const types::Batch rows = builder.Build();
    if (random.OneIn(2)) days.clear();
    KeyShare share;
    if (random.OneIn(2)) share = {static_cast<uint32_t>(random.Below(3)), 3};
    KeyIndex keys;
    std::vector<uint32_t> added = ids;
    KeyReader(schema, columns, share).Add(rows, days, &keys, added);
    std::vector<uint32_t> found = ids;
    KeyReader(schema, columns).Find(rows, days, keys, found);
    std::vector<uint32_t> passed = ids;
    KeyReader(schema, columns, share).PassOver(rows, passed);
    for (size_t row = 0; row < ids.size(); ++row) {
      EXPECT_EQ(passed[row], added[row] == kNoGroup ? kNoGroup : 0) << row;
    }
    const std::vector<size_t> places =
        columns.size() == 1 ? std::vector<size_t>{0} : std::vector<size_t>{0, 1};
    for (uint32_t row = 0; row < rows.rows(); ++row) {
      std::string key;
      const bool whole = types::EncodeKey(rows, places, row, &key);
      if (whole && !days.empty()) AppendDay(days[row], &key);
      const uint32_t expected = ids[row] == kNoGroup || !whole ? kNoGroup : keys.Find(key);
      EXPECT_EQ(found[row], expected) << row;
      if (share.count == 1 || added[row] != kNoGroup) {
        EXPECT_EQ(added[row], expected) << row;
      }
    }
  }
}

TEST(KeyReaderTest, ThreadsNumberKeysAlike) {
  constexpr uint64_t kSeed = 20'000'000;
  for (uint64_t seed = kSeed; seed < kSeed + 6; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    types::BatchBuilder builder({{{"a", types::Kind::kLong}, {"b", types::Kind::kString}}});
    std::vector<Date> days;
    std::vector<uint32_t> ids;
    for (int row = 0; row < 60000; ++row) {
      if (random.OneIn(50)) {
        builder.column(0)->AppendNull();
      } else {
        builder.column(0)->Append<int64_t>(random.Between(-2000, 2000));
      }
      builder.column(1)->AppendText(random.OneIn(2) ? "x" : "y");
      days.push_back(Date{static_cast<int32_t>(random.Below(3))});
      ids.push_back(random.OneIn(10) ? kNoGroup : 0);
    }
    const types::Batch rows = builder.Build();
    if (random.OneIn(2)) days.clear();
    const KeyReader reader(rows.schema(), random.OneIn(3) ? std::vector<std::string>{"a", "b"}
                                                          : std::vector<std::string>{"a"});
    KeyIndex one;
    one.Add(IntegerKey{7});
    KeyIndex many = one;
    std::vector<uint32_t> of_one = ids;
    std::vector<uint32_t> of_many = ids;
    reader.Add(rows, days, &one, of_one);
    std::vector<KeyedRows> pieces;
    std::vector<types::Batch> batches;
    batches.reserve(9);
    for (size_t begin = 0, end = 0; begin < rows.rows(); begin = end) {
      end = batches.size() == 8 ? rows.rows() : begin + random.Below(rows.rows() - begin + 1);
      std::vector<uint32_t> own(end - begin);
      std::iota(own.begin(), own.end(), static_cast<uint32_t>(begin));
      batches.push_back(rows.Take(own));
      pieces.push_back({&batches.back(),
                        days.empty() ? std::span<const Date>()
                                     : std::span<const Date>(days).subspan(begin, end - begin),
                        std::span(of_many).subspan(begin, end - begin)});
    }
    reader.AddAll(pieces, 3, &many);
    EXPECT_EQ(of_many, of_one);
    ASSERT_EQ(many.size(), one.size());
    for (uint32_t id = 0; id < one.size(); ++id) EXPECT_EQ(many.Key(id), one.Key(id));
    std::vector<uint32_t> found = ids;
    reader.Find(rows, days, many, found);
    EXPECT_EQ(found, of_one);
  }
}

TEST(KeyReaderTest, SharesPartTheKeys) {
  types::BatchBuilder builder({{{"a", types::Kind::kLong}}});
  for (int64_t key = 0; key < 1000; ++key) builder.column(0)->Append<int64_t>(key);
  const types::Batch rows = builder.Build();
  std::vector<int> times(1000);
  for (uint32_t index = 0; index < 4; ++index) {
    KeyIndex keys;
    std::vector<uint32_t> ids(1000, 0);
    KeyReader(rows.schema(), {"a"}, {index, 4}).Add(rows, {}, &keys, ids);
    for (size_t row = 0; row < 1000; ++row) times[row] += ids[row] == kNoGroup ? 0 : 1;
    EXPECT_GT(keys.size(), 150u);
  }
  EXPECT_EQ(times, std::vector<int>(1000, 1));
}

TEST(GroupRowsTest, SortsWithinGroupsByTimeThenOrder) {
  const std::vector<uint32_t> groups{1, 0, 1, kNoGroup, 1, 1};
  const std::vector<int64_t> times{5, 9, 3, 0, 3, -1};
  const std::vector<uint64_t> orders{0, 0, 8, 0, 7, 0};
  const Groups grouped = GroupRows(groups, 3, times, orders);
  EXPECT_EQ(grouped.begin, (std::vector<uint32_t>{0, 1, 5, 5}));
  EXPECT_EQ(grouped.rows, (std::vector<uint32_t>{1, 5, 4, 2, 0}));
  EXPECT_EQ(GroupRows(groups, 3, times, {}).rows, (std::vector<uint32_t>{1, 5, 2, 4, 0}));
}

// Few groups of many rows, a little or far out of order.
TEST(GroupRowsTest, LateRowsSortAsTheNaiveTwin) {
  constexpr uint64_t kSeed = 21'000'000;
  for (uint64_t seed = kSeed; seed < kSeed + 50; ++seed) {
    Random random(seed);
    const int64_t late = random.OneIn(2) ? 60 : 2000;
    std::vector<uint32_t> groups;
    std::vector<int64_t> times;
    std::vector<uint64_t> orders;
    std::vector<std::vector<uint32_t>> naive(3);
    for (uint32_t row = 0; row < 1000; ++row) {
      groups.push_back(static_cast<uint32_t>(random.Below(3)));
      times.push_back(int64_t{row} - random.Between(0, late));
      orders.push_back(random.Below(3));
      naive[groups.back()].push_back(row);
    }
    std::vector<uint32_t> expected;
    for (std::vector<uint32_t>& rows : naive) {
      std::ranges::stable_sort(rows, [&](uint32_t a, uint32_t b) {
        return std::pair(times[a], orders[a]) < std::pair(times[b], orders[b]);
      });
      expected.insert(expected.end(), rows.begin(), rows.end());
    }
    EXPECT_EQ(GroupRows(groups, 3, times, orders).rows, expected) << "seed " << seed;
  }
}

TEST(GroupRowsTest, ThreadsGroupAlike) {
  constexpr uint64_t kSeed = 20'000'000;
  for (uint64_t seed = kSeed; seed < kSeed + 5; ++seed) {
    Random random(seed);
    std::vector<uint32_t> groups;
    std::vector<int64_t> times;
    std::vector<uint64_t> orders;
    for (int row = 0; row < 20000; ++row) {
      groups.push_back(random.OneIn(20) ? kNoGroup : static_cast<uint32_t>(random.Below(5000)));
      times.push_back(random.Between(0, 3));
      orders.push_back(random.Below(2));
    }
    const Groups one = GroupRows(groups, 5000, times, orders, 1);
    const Groups four = GroupRows(groups, 5000, times, orders, 4);
    EXPECT_EQ(one.begin, four.begin) << "seed " << seed;
    EXPECT_EQ(one.rows, four.rows) << "seed " << seed;
  }
}

}  // namespace
}  // namespace catena::batch

// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/row_aggregator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "catena/aggregate/ir.h"
#include "catena/aggregate/ir_codec.h"
#include "catena/testing/naive_aggregator.h"
#include "catena/testing/property.h"
#include "catena/testing/random_group_by.h"

namespace catena::aggregate {
namespace {

using conf::Operation;
using testing::AggregationOf;
using ::testing::HasSubstr;

types::Value Answer(const RowAggregator& rows, size_t base, const IR& ir) {
  types::Column column(rows.aggregations()[base].kernel->output_type());
  const std::byte* irs[] = {ir.data()};
  rows.Finalize(base, irs, &column);
  return column.ValueAt(0);
}

TEST(RowAggregator, FoldsEachBaseAggregationOnce) {
  conf::GroupBy group_by;
  group_by.aggregations = {
      AggregationOf("double", Operation::kSum, {{1, conf::TimeUnit::kDays}}),
      AggregationOf("double", Operation::kSum, {}),
      AggregationOf("long", Operation::kLast, {}),
  };
  const auto rows = RowAggregator::Bind(group_by, testing::EveryType());
  ASSERT_TRUE(rows.ok()) << rows.error().message;
  ASSERT_EQ(rows->aggregations().size(), 2u);
  EXPECT_EQ(rows->BaseOf(group_by.aggregations[1], ""), 0u);
  EXPECT_EQ(rows->BaseOf(group_by.aggregations[2], ""), 1u);
  EXPECT_EQ(rows->input_schema().ToString(), "double DOUBLE, long LONG");
  EXPECT_FALSE(rows->removable());
  EXPECT_EQ(rows->ir_bytes() % kIrAlignment, 0u);
}

TEST(RowAggregator, TellsAllViolationsAtOnce) {
  conf::GroupBy group_by;
  group_by.metadata.name = "risk/merchants.v1";
  group_by.aggregations = {
      AggregationOf("amuont", Operation::kSum, {}),
      AggregationOf("string", Operation::kSum, {}),
      AggregationOf("long", Operation::kApproxPercentile, {}),
      AggregationOf("long", Operation::kSum, {}),
  };
  group_by.aggregations[2].arguments["percentiles"] = "[0.5, 1.5]";
  const auto rows = RowAggregator::Bind(group_by, testing::EveryType());
  ASSERT_FALSE(rows.ok());
  EXPECT_EQ(rows.error().code, ErrorCode::kInvalidConf);
  EXPECT_THAT(rows.error().message, HasSubstr("risk/merchants.v1: aggregations[0]: unknown input"));
  EXPECT_THAT(rows.error().message, HasSubstr("amuont"));
  EXPECT_THAT(rows.error().message, HasSubstr("aggregations[1]: input type does not suit"));
  EXPECT_THAT(rows.error().message, HasSubstr("aggregations[2]: argument percentiles"));
  EXPECT_THAT(rows.error().message, HasSubstr("[0.5, 1.5]"));

  group_by.aggregations = {AggregationOf("list_string", Operation::kSum, {})};
  EXPECT_EQ(RowAggregator::Bind(group_by, testing::EveryType()).error().code,
            ErrorCode::kInvalidConf);
  group_by.aggregations = {AggregationOf("map_double", Operation::kSum, {}),
                           AggregationOf("long", Operation::kSum, {})};
  group_by.aggregations[0].buckets = {"string"};
  group_by.aggregations[1].buckets = {"long", "strnig"};
  const std::string message = RowAggregator::Bind(group_by, testing::EveryType()).error().message;
  EXPECT_THAT(message, HasSubstr("a map cannot be aggregated by bucket"));
  EXPECT_THAT(message, HasSubstr("bucket column is not STRING"));
  EXPECT_THAT(message, HasSubstr("unknown bucket column"));
  group_by.aggregations = {AggregationOf("long", Operation::kLastK, {})};
  group_by.aggregations[0].arguments["k"] = "many";
  EXPECT_THAT(RowAggregator::Bind(group_by, testing::EveryType()).error().message,
              HasSubstr("from 1 to 10000: many"));
  group_by.aggregations.clear();
  EXPECT_EQ(RowAggregator::Bind(group_by, testing::EveryType()).error().code,
            ErrorCode::kInvalidConf);
}

TEST(RowAggregator, TiesKeepTheFirstEncountered) {
  conf::GroupBy group_by;
  group_by.aggregations = {AggregationOf("v", Operation::kFirst, {}),
                           AggregationOf("v", Operation::kLast, {})};
  const types::Schema schema{{{"v", types::Kind::kString}}};
  types::BatchBuilder builder(schema);
  for (const char* text : {"late", "b", "a", "c"}) {
    ASSERT_TRUE(builder.AppendRow(std::vector<types::Value>{types::Value(text)}).ok());
  }
  const types::Batch batch = builder.Build();
  const std::vector<int64_t> times{7, 7, 7, 7};
  const std::vector<uint64_t> orders{9, 5, 3, 8};
  const std::vector<uint32_t> all{0, 1, 2, 3};
  const RowAggregator rows = RowAggregator::Bind(group_by, schema).value();
  IR ir(rows);
  rows.UpdateOne(batch, times, orders, all, ir.data());
  EXPECT_EQ(Answer(rows, 0, ir), types::Value("a"));
  EXPECT_EQ(Answer(rows, 1, ir), types::Value("a"));
}

TEST(RowAggregator, ListsAndMapsAreOneValueToTimedOperations) {
  const types::Schema schema{{{"list", *types::ParseType("LIST<DOUBLE>")},
                              {"map", *types::ParseType("MAP<STRING,LIST<LONG>>")}}};
  conf::GroupBy group_by;
  for (const types::Field& field : schema.fields) {
    for (const Operation operation : {Operation::kFirst, Operation::kLast, Operation::kLastK}) {
      group_by.aggregations.push_back(AggregationOf(field.name, operation, {}));
    }
  }
  const RowAggregator rows = RowAggregator::Bind(group_by, schema).value();
  using types::Value;
  using types::ValueList;
  using types::ValueMap;
  const Value lists[] = {ValueList{1.5, std::nan("")}, Value(), ValueList{}};
  const Value maps[] = {ValueMap{{"b", ValueList{1}}, {"a", Value()}}, ValueMap{}, Value()};
  const Value by_key = ValueMap{{"a", Value()}, {"b", ValueList{1}}};
  types::BatchBuilder builder(schema);
  for (size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(builder.AppendRow(std::vector<Value>{lists[i], maps[i]}).ok());
  }
  const std::vector<int64_t> times{1, 2, 3};
  const std::vector<uint64_t> orders{1, 2, 3};
  const std::vector<uint32_t> all{0, 1, 2};
  IR ir(rows);
  rows.UpdateOne(builder.Build(), times, orders, all, ir.data());
  EXPECT_EQ(Answer(rows, 0, ir), lists[0]);  // NaN stays within a list.
  EXPECT_EQ(Answer(rows, 1, ir), lists[2]);  // An empty list is a value, null is none.
  EXPECT_EQ(Answer(rows, 2, ir), Value(ValueList{lists[2], lists[0]}));
  EXPECT_EQ(Answer(rows, 3, ir), by_key);
  EXPECT_EQ(Answer(rows, 4, ir), maps[1]);
  EXPECT_EQ(Answer(rows, 5, ir), Value(ValueList{maps[1], by_key}));
  const types::DataType type = rows.aggregations()[5].kernel->output_type();
  EXPECT_EQ(TypeName(type), "LIST<MAP<STRING,LIST<LONG>>>");
}

TEST(RowAggregator, ElementWiseFoldsEachPosition) {
  const types::Schema schema{{{"v", *types::ParseType("LIST<INT>")}}};
  conf::GroupBy group_by;
  for (const Operation operation : {Operation::kSum, Operation::kLast, Operation::kCount}) {
    group_by.aggregations.push_back(AggregationOf("v", operation, {}));
    group_by.aggregations.back().element_wise = true;
  }
  group_by.aggregations.push_back(AggregationOf("v", Operation::kSum, {}));
  const RowAggregator rows = RowAggregator::Bind(group_by, schema).value();
  ASSERT_EQ(rows.aggregations().size(), 4u);
  using types::Value;
  using types::ValueList;
  const Value null;
  types::BatchBuilder builder(schema);
  for (const Value& list : {Value(ValueList{1, null, null}), null, Value(ValueList()),
                            Value(ValueList{10, 20, null}), Value(ValueList{7})}) {
    ASSERT_TRUE(builder.column(0)->AppendValue(list).ok());
  }
  const testing::GeneratedEvents events{builder.Build(), {1, 2, 3, 4, 5}, {1, 2, 3, 4, 5}, {}};
  const std::vector<uint32_t> of_three{0, 1, 2, 3}, other{4};
  const auto update = [&](IR* ir, std::span<const uint32_t> chosen) {
    rows.UpdateOne(events.batch, events.times, events.orders, chosen, ir->data());
  };
  IR ir(rows), odd(rows);
  update(&ir, of_three);
  EXPECT_EQ(Answer(rows, 0, ir), Value(ValueList{11, 20, null}));
  EXPECT_EQ(Answer(rows, 1, ir), Value(ValueList{10, 20, null}));
  EXPECT_EQ(Answer(rows, 2, ir), Value(ValueList{2, 1, null}));
  EXPECT_EQ(Answer(rows, 3, ir), Value(31));
  const types::DataType type = rows.aggregations()[0].kernel->output_type();
  EXPECT_EQ(TypeName(type), "LIST<LONG>");
  // A list of another length: null, whichever came first, for good; the plain sum goes on.
  update(&odd, other);
  rows.Merge(odd.data(), ir.data());
  update(&ir, other);
  for (IR* mixed : {&ir, &odd}) {
    update(mixed, of_three);
    EXPECT_TRUE(Answer(rows, 0, *mixed).is_null());
    EXPECT_EQ(Answer(rows, 3, *mixed), Value(69));
  }
}

TEST(RowAggregator, NamesTheInputTypesThatDoNotSuit) {
  const auto refusal = [](const char* type, Operation operation, bool element_wise) {
    conf::GroupBy group_by;
    group_by.aggregations = {AggregationOf("v", operation, {})};
    group_by.aggregations[0].element_wise = element_wise;
    const types::Schema schema{{{"v", *types::ParseType(type)}}};
    const auto rows = RowAggregator::Bind(group_by, schema);
    return rows.ok() ? "" : rows.error().message;
  };
  EXPECT_THAT(
      refusal("LIST<LIST<LONG>>", Operation::kMin, false),
      HasSubstr("MIN takes one, or a list or a map by STRING of any scalar, not LIST<LIST"));
  EXPECT_THAT(refusal("MAP<INT,LONG>", Operation::kLast, false),
              HasSubstr("LAST takes any value (maps with STRING keys), not MAP<INT,LONG>"));
  EXPECT_THAT(refusal("LONG", Operation::kMin, true),
              HasSubstr("MIN, element-wise, takes lists of any scalar, not LONG"));
  EXPECT_EQ(refusal("LIST<STRUCT<a:MAP<STRING,DATE>>>", Operation::kLastK, false), "");
  EXPECT_EQ(refusal("LIST<LIST<LONG>>", Operation::kLast, true), "");
}

std::string BytesOf(const RowAggregator& rows, const std::byte* ir) {
  std::string bytes;
  EncodeIr(rows, ir, Timestamp(), &bytes);
  return bytes;
}

std::string BytesOf(const IR& ir) { return BytesOf(ir.rows(), ir.data()); }

// With nulls and, for the paths that skip looking for them, without.
TEST(RowAggregator, ARangeAndChosenRowsAndOneRowAtATimeFoldAlike) {
  testing::ForSeeds(400, [&](Random& random) {
    conf::GroupBy group_by = testing::RandomGroupBy(random, 3);
    std::erase_if(group_by.aggregations, [](const conf::Aggregation& aggregation) {
      return !testing::IsCanonical(aggregation.operation);
    });
    if (group_by.aggregations.empty()) return;
    testing::GeneratorOptions options;
    options.columns = testing::ColumnsOf(group_by);
    options.rows = random.OneIn(3) ? 1400 : 70;
    options.values = testing::RandomKindOfValues(random);
    auto events = testing::RandomEvents(random, options);
    std::vector<uint32_t> chosen;
    for (uint32_t row = 0; row < options.rows; ++row) {
      bool complete = true;
      for (size_t i = 0; i < events.batch.width(); ++i) {
        complete = complete && !events.batch.column(i).IsNull(row);
      }
      if (complete) chosen.push_back(row);
    }
    if (random.OneIn(2)) events.batch = events.batch.Take(chosen);
    const auto size = static_cast<uint32_t>(events.batch.rows());
    const auto begin = static_cast<uint32_t>(random.Below(size + 1));
    const auto end = begin + static_cast<uint32_t>(random.Below(size - begin + 1));
    chosen.clear();
    for (uint32_t row = begin; row < end; ++row) chosen.push_back(row);

    const RowAggregator rows = RowAggregator::Bind(group_by, options.columns).value();
    IR range(rows);
    rows.UpdateRange(events.batch, events.times, events.orders, begin, end, range.data());
    IR together(rows);
    rows.UpdateOne(events.batch, events.times, events.orders, chosen, together.data());
    IR one_by_one(rows);
    const std::vector<std::byte*> irs(chosen.size(), one_by_one.data());
    rows.Update(events.batch, events.times, events.orders, chosen, irs);
    EXPECT_EQ(BytesOf(range), BytesOf(one_by_one));
    EXPECT_EQ(BytesOf(together), BytesOf(one_by_one));

    // Rows of several keys at once, and every row in a call of its own.
    IrPool at_once(rows);
    IrPool alone(rows);
    constexpr size_t kKeys = 5;
    for (size_t key = 0; key < kKeys; ++key) at_once.New(), alone.New();
    std::vector<std::byte*> targets;
    for (const uint32_t row : chosen) {
      const size_t key = random.Below(kKeys);
      targets.push_back(at_once.at(key));
      std::byte* const one[] = {alone.at(key)};
      rows.Update(events.batch, events.times, events.orders, std::span(&row, 1), one);
    }
    rows.Update(events.batch, events.times, events.orders, chosen, targets);
    for (size_t key = 0; key < kKeys; ++key) {
      EXPECT_EQ(BytesOf(rows, at_once.at(key)), BytesOf(rows, alone.at(key)));
    }
  });
}

TEST(RowAggregator, NumbersAreChronons) {
  conf::GroupBy group_by;
  group_by.aggregations = {
      AggregationOf("l", Operation::kSum, {}), AggregationOf("l", Operation::kAverage, {}),
      AggregationOf("d", Operation::kMax, {}), AggregationOf("d", Operation::kCount, {}),
      AggregationOf("d", Operation::kMin, {})};
  const types::Schema schema{{{"l", types::Kind::kLong}, {"d", types::Kind::kDouble}}};
  const RowAggregator rows = RowAggregator::Bind(group_by, schema).value();
  types::BatchBuilder builder(schema);
  const int64_t most = std::numeric_limits<int64_t>::max();
  using types::Value;
  ASSERT_TRUE(builder.AppendRow(std::vector<Value>{most, 0.0}).ok());
  ASSERT_TRUE(builder.AppendRow(std::vector<Value>{most, -0.0}).ok());
  ASSERT_TRUE(builder.AppendRow(std::vector<Value>{Value(), std::nan("")}).ok());
  const types::Batch batch = builder.Build();
  const std::vector<int64_t> times{1, 2, 3};
  const std::vector<uint64_t> orders{1, 2, 3};
  IR ir(rows);
  const std::vector<uint32_t> finite{0, 1};
  rows.UpdateOne(batch, times, orders, finite, ir.data());
  EXPECT_EQ(Answer(rows, 0, ir), Value(int64_t{-2}));  // Wraps.
  EXPECT_EQ(Answer(rows, 1, ir), Value(9223372036854775807.0));
  EXPECT_FALSE(std::signbit(std::get<double>(Answer(rows, 2, ir).data)));
  EXPECT_TRUE(std::signbit(std::get<double>(Answer(rows, 4, ir).data)));
  const std::vector<uint32_t> nan{2};
  rows.UpdateOne(batch, times, orders, nan, ir.data());
  EXPECT_TRUE(Answer(rows, 2, ir).is_null());
  EXPECT_TRUE(Answer(rows, 4, ir).is_null());
  EXPECT_EQ(Answer(rows, 3, ir), Value(int64_t{3}));
}

// What each operation owes alone is in operation_laws_test.cc.
TEST(RowAggregator, SlotsOfOneRowDoNotTouch) {
  testing::ForSeeds(300, [](Random& random) {
    conf::GroupBy group_by = testing::RandomGroupBy(random, 12);
    for (conf::Aggregation& aggregation : group_by.aggregations) aggregation.windows.clear();
    const RowAggregator rows = RowAggregator::Bind(group_by, testing::EveryType()).value();
    testing::GeneratorOptions options;
    options.columns = rows.input_schema();
    options.rows = random.Below(30);
    const auto events = testing::RandomEvents(random, options);
    IrPool irs(rows, 2);
    for (uint32_t key = 0; key < options.keys; ++key) irs.New();
    std::vector<std::byte*> targets;
    std::vector<uint32_t> all;
    for (const uint32_t key : events.keys) {
      targets.push_back(irs.at(key));
      all.push_back(static_cast<uint32_t>(all.size()));
    }
    rows.Update(events.batch, events.times, events.orders, all, targets);
    rows.Merge(irs.at(0), irs.at(1));
    rows.Reset(irs.at(1));
    EXPECT_TRUE(rows.IsEmpty(irs.at(1)));
    std::vector<uint32_t> merged = events.RowsOf(0);
    for (const uint32_t row : events.RowsOf(1)) merged.push_back(row);
    const std::vector<uint32_t> folded[] = {merged, {}, events.RowsOf(2)};
    for (uint32_t key = 0; key < options.keys; ++key) {
      const auto naive = testing::NaiveOutputs(group_by, events.batch, events.times, events.orders,
                                               folded[key], int64_t{1} << 60);
      const auto outputs = conf::OutputsOf(group_by);
      for (size_t i = 0; i < outputs.size(); ++i) {
        const conf::Aggregation& aggregation = group_by.aggregations[outputs[i].aggregation];
        types::Column column(
            rows.aggregations()[rows.BaseOf(aggregation, outputs[i].bucket)].kernel->output_type());
        const std::byte* ir[] = {irs.at(key)};
        rows.Finalize(rows.BaseOf(aggregation, outputs[i].bucket), ir, &column);
        EXPECT_TRUE(testing::AgreesWithNaive(aggregation, column.ValueAt(0), naive[i]))
            << outputs[i].name << ": " << PrintJson(ToJson(column.ValueAt(0))) << " and not "
            << PrintJson(ToJson(naive[i]));
      }
    }
  });
}

// Over all sizes of piece that a growing pool takes.
TEST(IrPool, AddressesNeverMoveAndNeverMeet) {
  conf::GroupBy group_by;
  group_by.aggregations = {AggregationOf("long", Operation::kLastK, {})};
  group_by.aggregations[0].arguments["k"] = "3";
  const auto rows = RowAggregator::Bind(group_by, testing::EveryType());
  ASSERT_TRUE(rows.ok()) << rows.error().message;
  IrPool pool(*rows, 3);
  for (int round = 0; round < 2; ++round) {
    std::vector<std::byte*> irs;
    for (size_t i = 0; i < 300'000; ++i) irs.push_back(pool.New());
    for (size_t i = 0; i < irs.size(); ++i) {
      ASSERT_EQ(irs[i], pool.at(i));
      ASSERT_EQ(reinterpret_cast<uintptr_t>(irs[i]) % kIrAlignment, 0u);
    }
    std::sort(irs.begin(), irs.end());
    for (size_t i = 1; i < irs.size(); ++i) {
      ASSERT_GE(static_cast<size_t>(irs[i] - irs[i - 1]), rows->ir_bytes());
    }
    IrPool moved = std::move(pool);
    EXPECT_EQ(moved.size(), irs.size());
    EXPECT_EQ(pool.size(), 0u);
    moved.Clear();
    pool = std::move(moved);
  }
}

}  // namespace
}  // namespace catena::aggregate

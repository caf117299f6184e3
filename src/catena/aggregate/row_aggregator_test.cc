// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/row_aggregator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

std::string BytesOf(const IR& ir) {
  std::string bytes;
  EncodeIr(ir.rows(), ir.data(), &bytes);
  return bytes;
}

IR Fold(const RowAggregator& rows, const testing::GeneratedEvents& events,
        std::span<const uint32_t> chosen) {
  IR ir(rows);
  rows.UpdateOne(events.batch, events.times, events.orders, chosen, ir.data());
  return ir;
}

types::Value Answer(const RowAggregator& rows, size_t base, const IR& ir) {
  types::Column column(rows.aggregations()[base].kernel->output_type());
  const std::byte* irs[] = {ir.data()};
  rows.Finalize(base, irs, &column);
  return column.ValueAt(0);
}

// Every operation on every input type that it takes, once and once by bucket.
conf::GroupBy Everything() {
  conf::GroupBy group_by;
  for (const auto& [operation, column] : testing::EveryOperationOnColumn()) {
    group_by.aggregations.push_back(AggregationOf(column, operation, {}));
    if (column.starts_with("map")) continue;
    group_by.aggregations.push_back(AggregationOf(column, operation, {}));
    group_by.aggregations.back().buckets = {"string"};
  }
  return group_by;
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
  const auto rows = RowAggregator::Bind(group_by, testing::EveryType());
  ASSERT_FALSE(rows.ok());
  EXPECT_EQ(rows.error().code, ErrorCode::kInvalidConf);
  EXPECT_THAT(rows.error().message, HasSubstr("risk/merchants.v1: aggregations[0]: unknown input"));
  EXPECT_THAT(rows.error().message, HasSubstr("amuont"));
  EXPECT_THAT(rows.error().message, HasSubstr("aggregations[1]: input type does not suit"));
  EXPECT_THAT(rows.error().message, HasSubstr("aggregations[2]: operation is not in this build"));
  EXPECT_THAT(rows.error().message, HasSubstr("APPROX_PERCENTILE"));

  group_by.aggregations = {AggregationOf("long", Operation::kApproxPercentile, {})};
  EXPECT_EQ(RowAggregator::Bind(group_by, testing::EveryType()).error().code,
            ErrorCode::kUnsupported);
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

TEST(RowAggregator, AnEmptyFoldIsNull) {
  const RowAggregator rows = RowAggregator::Bind(Everything(), testing::EveryType()).value();
  const IR empty(rows);
  EXPECT_TRUE(rows.IsEmpty(empty.data()));
  for (size_t i = 0; i < rows.aggregations().size(); ++i) {
    EXPECT_TRUE(Answer(rows, i, empty).is_null());
  }
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

TEST(RowAggregator, AnyFoldOfAnySplitIsTheSameState) {
  const RowAggregator rows = RowAggregator::Bind(Everything(), testing::EveryType()).value();
  testing::ForSeeds(400, [&](Random& random) {
    testing::GeneratorOptions options;
    options.rows = random.Below(40);
    options.begin = random.OneIn(2) ? -options.span / 2 : 1'760'000'000'000;
    const auto events = testing::RandomEvents(random, options);
    std::vector<uint32_t> all(options.rows);
    for (uint32_t row = 0; row < options.rows; ++row) all[row] = row;
    const std::string whole = BytesOf(Fold(rows, events, all));

    // Rows scattered over parts in one Update, parts merged in random pairs.
    IrPool pool(rows, 4);
    std::vector<std::byte*> parts;
    for (uint64_t n = 1 + random.Below(6); n > 0; --n) parts.push_back(pool.New());
    std::vector<std::byte*> targets;
    for (size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[random.Below(i)]);
    for (size_t i = 0; i < all.size(); ++i) targets.push_back(parts[random.Below(parts.size())]);
    rows.Update(events.batch, events.times, events.orders, all, targets);
    while (parts.size() > 1) {
      std::swap(parts[random.Below(parts.size())], parts.back());
      std::byte* from = parts.back();
      parts.pop_back();
      std::byte* into = parts[random.Below(parts.size())];
      IR copy(rows);
      rows.Copy(copy.data(), into);
      rows.Merge(copy.data(), from);
      rows.Merge(from, into);
      std::string one, other;
      EncodeIr(rows, copy.data(), &one);
      EncodeIr(rows, from, &other);
      EXPECT_EQ(one, other) << "Merge does not commute";
      rows.Copy(into, from);
      rows.Reset(from);
      EXPECT_TRUE(rows.IsEmpty(from));
      EXPECT_EQ(BytesOf(copy), one);
    }
    std::string merged;
    EncodeIr(rows, parts[0], &merged);
    EXPECT_EQ(merged, whole);
  });
}

TEST(RowAggregator, RemoveIsTheInverse) {
  conf::GroupBy group_by;
  for (const conf::Aggregation& aggregation : Everything().aggregations) {
    conf::GroupBy alone;
    alone.aggregations = {aggregation};
    if (RowAggregator::Bind(alone, testing::EveryType())->removable()) {
      group_by.aggregations.push_back(aggregation);
    }
  }
  ASSERT_GT(group_by.aggregations.size(), 20u);
  const RowAggregator rows = RowAggregator::Bind(group_by, testing::EveryType()).value();
  ASSERT_TRUE(rows.removable());
  testing::ForSeeds(300, [&](Random& random) {
    testing::GeneratorOptions options;
    options.rows = random.Below(30);
    const auto events = testing::RandomEvents(random, options);
    std::vector<uint32_t> kept, removed, all;
    for (uint32_t row = 0; row < options.rows; ++row) {
      (random.OneIn(2) ? kept : removed).push_back(row);
      all.push_back(row);
    }
    IR ir = Fold(rows, events, all);
    rows.RemoveOne(events.batch, events.times, events.orders, removed, ir.data());
    EXPECT_EQ(BytesOf(ir), BytesOf(Fold(rows, events, kept)));
  });
}

TEST(RowAggregator, EveryOperationOnEveryTypeIsItsDefinition) {
  const conf::GroupBy group_by = Everything();
  const RowAggregator rows = RowAggregator::Bind(group_by, testing::EveryType()).value();
  testing::ForSeeds(300, [&](Random& random) {
    testing::GeneratorOptions options;
    options.rows = random.Below(12);
    options.extremes = random.OneIn(2);
    const auto events = testing::RandomEvents(random, options);
    std::vector<uint32_t> all;
    for (uint32_t row = 0; row < options.rows; ++row) all.push_back(row);
    const IR ir = Fold(rows, events, all);
    const auto naive = testing::NaiveOutputs(group_by, events.batch, events.times, events.orders,
                                             all, int64_t{1} << 60);
    for (size_t i = 0; i < naive.size(); ++i) {
      const types::Value answer = Answer(rows, i, ir);
      EXPECT_TRUE(testing::AgreesWithNaive(group_by.aggregations[i], answer, naive[i]))
          << conf::OutputsOf(group_by)[i].name << ": " << PrintJson(ToJson(answer)) << " and not "
          << PrintJson(ToJson(naive[i]));
    }
  });
}

}  // namespace
}  // namespace catena::aggregate

// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/operations/plain_sum_fold.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "catena/aggregate/ir.h"
#include "catena/testing/generator.h"
#include "catena/testing/property.h"
#include "catena/testing/random_group_by.h"

namespace catena::aggregate {
namespace {

conf::GroupBy SumAnd(const std::string& how) {
  conf::GroupBy group_by;
  for (const auto operation : {conf::Operation::kSum, conf::Operation::kAverage}) {
    group_by.aggregations.push_back(testing::AggregationOf("double", operation, {}));
    group_by.aggregations.back().arguments = {{"sum", how}};
  }
  return group_by;
}

types::Value Answer(const RowAggregator& rows, size_t base, const IR& ir) {
  types::Column column(types::Kind::kDouble);
  const std::byte* irs[] = {ir.data()};
  rows.Finalize(base, irs, &column);
  return column.ValueAt(0);
}

TEST(PlainSumFold, KeepsItsBound) {
  const RowAggregator plain = RowAggregator::Bind(SumAnd("plain"), testing::EveryType()).value();
  const RowAggregator exact = RowAggregator::Bind(SumAnd("exact"), testing::EveryType()).value();
  EXPECT_FALSE(plain.removable());
  EXPECT_FALSE(plain.exact());
  EXPECT_TRUE(exact.removable());
  testing::ForSeeds(300, [&](Random& random) {
    testing::GeneratorOptions options;
    options.rows = random.OneIn(4) ? 1200 : 60;
    options.values = testing::Values::kOrdinary;
    options.columns = plain.input_schema();
    const auto events = testing::RandomEvents(random, options);
    const auto end = static_cast<uint32_t>(options.rows);
    IR exactly(exact);
    exact.UpdateRange(events.batch, events.times, events.orders, 0, end, exactly.data());
    // In pieces that are merged in any order.
    std::vector<IR> pieces;
    for (uint32_t begin = 0; begin < end;) {
      const auto next = begin + 1 + static_cast<uint32_t>(random.Below(end - begin));
      pieces.emplace_back(plain);
      plain.UpdateRange(events.batch, events.times, events.orders, begin, next,
                        pieces.back().data());
      begin = next;
    }
    IR plainly(plain);
    for (size_t i = pieces.size(); i > 0; --i) {
      std::swap(pieces[i - 1], pieces[random.Below(i)]);
      plain.Merge(plainly.data(), pieces[i - 1].data());
    }
    const types::Column& column = *events.batch.Find("double");
    double magnitudes = 0;
    double n = 0;
    for (uint32_t row = 0; row < end; ++row) {
      if (column.IsNull(row)) continue;
      magnitudes += std::fabs(column.Values<double>()[row]);
      ++n;
    }
    if (n == 0) {
      EXPECT_TRUE(Answer(plain, 0, plainly).is_null());
      return;
    }
    // The exact sum and the magnitudes here are rounded themselves.
    const double bound = (n + 1) * 0x1p-53 / (1 - 2 * n * 0x1p-53) * magnitudes;
    const auto distance = [&](size_t base) {
      return std::fabs(std::get<double>(Answer(plain, base, plainly).data) -
                       std::get<double>(Answer(exact, base, exactly).data));
    };
    EXPECT_LE(distance(0), bound);
    EXPECT_LE(distance(1), bound / n + 0x1p-52 * magnitudes / n);
  });
}

TEST(PlainSumFold, IsAskedForByName) {
  EXPECT_THAT(RowAggregator::Bind(SumAnd("fast"), testing::EveryType()).error().message,
              ::testing::HasSubstr("must be exact or plain: fast"));
}

}  // namespace
}  // namespace catena::aggregate

// SPDX-License-Identifier: Apache-2.0
// The twin is one sweep over everything, of rows as they lie.
#include "catena/batch/rows/answers.h"

#include <gtest/gtest.h>

#include "catena/aggregate/window/sawtooth.h"
#include "catena/testing/property.h"
#include "catena/testing/random_group_by.h"

namespace catena::batch {
namespace {

TEST(AnswersTest, ChunksOnAnyThreadsAnswerAsOneSweep) {
  testing::ForSeeds(8, [&](Random& random) {
    testing::GeneratorOptions options;
    // Of a hot key that counts every value answers are long: fewer queries.
    const bool hot = random.OneIn(2);
    options.rows = hot ? 17000 : 20000;
    options.keys = hot ? 3 : 20 + static_cast<uint32_t>(random.Below(400));
    options.span = 5 * kDay.count();
    auto events = testing::RandomEvents(random, options);
    const uint64_t others = hot ? 1 + random.Below(3) : 1;
    for (uint32_t& key : events.keys) key = random.Below(others) == 0 ? key : 0;
    conf::GroupBy group_by = testing::RandomGroupBy(random, 3);
    group_by.exact_windows = random.OneIn(3);
    const auto windowed =
        aggregate::WindowedAggregator::Bind(group_by, events.batch.schema()).value();
    std::vector<uint32_t> query_keys;
    std::vector<int64_t> query_times;
    for (int i = 0; i < (hot ? 600 : 12000); ++i) {
      query_keys.push_back(random.OneIn(10) ? kNoGroup
                                            : static_cast<uint32_t>(random.Below(options.keys)));
      if (random.Below(others) != 0) query_keys.back() = 0;
      query_times.push_back(testing::RandomTime(random, options.begin, options.span));
    }
    const Groups event_groups = GroupRows(events.keys, options.keys, events.times, events.orders);
    const Groups query_groups = GroupRows(query_keys, options.keys, query_times, {});

    aggregate::SawtoothInput input;
    input.events = &events.batch;
    input.event_times = events.times;
    input.event_orders = events.orders;
    input.event_rows = event_groups.rows;
    input.event_begin = event_groups.begin;
    input.query_times = query_times;
    input.query_rows = query_groups.rows;
    input.query_begin = query_groups.begin;
    input.output_rows = query_keys.size();
    const auto expected = aggregate::AnswerQueries(windowed, input);

    Asking asking;
    asking.groups = options.keys;
    asking.events = events.batch;
    asking.event_times = events.times;
    if (random.OneIn(3)) {
      asking.grouped_events = &event_groups;
    } else {
      asking.event_orders = events.orders;
      asking.event_groups = events.keys;
    }
    asking.query_times = query_times;
    asking.query_groups = query_keys;
    ScatteredColumns answers(windowed.output_schema(), query_keys.size());
    Answer(windowed, std::move(asking), 1 + static_cast<int>(random.Below(4)), &answers);
    answers.Close(2);
    const types::Batch batch = answers.Take(0, query_keys.size());
    for (size_t i = 0; i < batch.width(); ++i) {
      ASSERT_EQ(batch.column(i).null_count(), expected[i]->null_count());
      for (size_t row = 0; row < batch.rows(); ++row) {
        ASSERT_EQ(batch.column(i).ValueAt(row), expected[i]->ValueAt(row))
            << batch.schema().fields[i].name << " of row " << row;
      }
    }
  });
}

}  // namespace
}  // namespace catena::batch

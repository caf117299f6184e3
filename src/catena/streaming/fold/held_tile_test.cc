// SPDX-License-Identifier: Apache-2.0
// Tiles of every operation, held and stored, against the encoder that does not wait.

#include "catena/streaming/fold/held_tile.h"

#include <gtest/gtest.h>

#include "catena/aggregate/ir.h"
#include "catena/aggregate/ir_codec.h"
#include "catena/fetch/online_state.h"
#include "catena/testing/naive_aggregator.h"
#include "catena/testing/property.h"
#include "catena/testing/random_group_by.h"

namespace catena::streaming {
namespace {

constexpr Timestamp kStart = FromMillis(3'600'000);

std::string StoredOf(const aggregate::RowAggregator& rows, const std::byte* ir,
                     uint64_t incomplete) {
  std::string encoded, stored;
  aggregate::EncodeIr(rows, ir, kStart, &encoded);
  fetch::EncodeTile(incomplete, encoded, &stored);
  return stored;
}

// Folded again and again through what is held, some of it read back from what is stored.
TEST(HeldTileTest, IsStoredAsIfItHadNotWaited) {
  testing::ForSeeds(400, [&](Random& random) {
    conf::GroupBy group_by = testing::RandomGroupBy(random, 1 + random.Below(3));
    std::erase_if(group_by.aggregations, [](const conf::Aggregation& aggregation) {
      return !testing::IsCanonical(aggregation.operation);
    });
    if (group_by.aggregations.empty()) return;
    testing::GeneratorOptions options;
    options.columns = testing::ColumnsOf(group_by);
    options.rows = 30;
    options.values = testing::RandomKindOfValues(random);
    const auto events = testing::RandomEvents(random, options);
    const auto rows = aggregate::RowAggregator::Bind(group_by, options.columns).value();
    const HeldTile form(rows, random.OneIn(4) ? HeldTile::Keep::kStored : HeldTile::Keep::kFlat);
    aggregate::IR twin(rows);
    std::string held;
    form.ToHeld(StoredOf(rows, twin.data(), 0), &held);
    for (uint32_t row = 0; row < options.rows; ++row) {
      aggregate::IR ir(rows);
      uint64_t incomplete = 0;
      ASSERT_TRUE(form.Decode(held, kStart, ir.data(), &incomplete).ok());
      ASSERT_EQ(incomplete, row);
      for (std::byte* into : {ir.data(), twin.data()}) {
        rows.UpdateOne(events.batch, events.times, events.orders, {&row, 1}, into);
      }
      if (random.OneIn(4)) {  // What is stored is what is read.
        std::string again;
        form.ToStored(held, kStart, &again);
        held.clear();
        form.ToHeld(again, &held);
        ASSERT_TRUE(form.Decode(held, kStart, twin.data(), &incomplete).ok());
        rows.UpdateOne(events.batch, events.times, events.orders, {&row, 1}, twin.data());
      }
      held.clear();
      form.Encode(ir.data(), row + 1, kStart, &held);
      std::string stored;
      form.ToStored(held, kStart, &stored);
      ASSERT_EQ(stored, StoredOf(rows, twin.data(), row + 1));
    }
  });
}

}  // namespace
}  // namespace catena::streaming

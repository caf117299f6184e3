// SPDX-License-Identifier: Apache-2.0
#include "catena/base/time.h"

#include <gtest/gtest.h>

namespace catena {
namespace {

TEST(TimeTest, DatesBeforeTheEpochRoundDown) {
  EXPECT_EQ(FormatDate(Date::Of(FromMillis(-1))), "1969-12-31");
  EXPECT_EQ(FloorMillis(-1, 300000), -300000);
  EXPECT_EQ(FormatTimestamp(FromMillis(-1)), "1969-12-31T23:59:59.999Z");
}

TEST(TimeTest, DatesRoundTripAndBadOnesAreRefused) {
  EXPECT_EQ(FormatDate(*ParseDate("2024-02-29")), "2024-02-29");
  for (const char* text : {"2023-02-29", "2023-2-9", "20230209", "", "2023-02-0x"}) {
    EXPECT_FALSE(ParseDate(text).ok()) << text;
  }
}

}  // namespace
}  // namespace catena

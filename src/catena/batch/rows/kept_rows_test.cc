// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/kept_rows.h"

#include <gtest/gtest.h>

#include "catena/batch/rows/batch_pieces.h"

namespace catena::batch {
namespace {

constexpr size_t kRows = 10;
constexpr uint64_t kColumnBytes = kRows * 9;

types::Batch Rows(const std::vector<std::string>& names) {
  types::Batch rows;
  for (const std::string& name : names) {
    auto column = std::make_shared<types::Column>(types::DataType(types::Kind::kLong));
    for (size_t row = 0; row < kRows; ++row) column->Append<int64_t>(static_cast<int64_t>(row));
    rows.AddColumn(name, column);
  }
  return rows;
}

TEST(KeptRowsTest, KeepWhatLaterStepsRead) {
  KeptRows kept(1000 * kColumnBytes);
  kept.BeginStep({{"t", {"a", "b"}}}, {});
  kept.Keep("t", Date{1}, Rows({"a", "b", "c"}));
  kept.Keep("t", Date{2}, Rows({"a", "c"}));
  kept.Keep("u", Date{1}, Rows({"a", "b"}));
  ASSERT_TRUE(kept.Find("t", Date{1}).has_value());
  EXPECT_EQ(kept.Find("t", Date{1})->schema(), Rows({"a", "b"}).schema());
  EXPECT_FALSE(kept.Find("t", Date{2}).has_value());
  EXPECT_FALSE(kept.Find("u", Date{1}).has_value());
  kept.BeginStep({}, {"t"});
  EXPECT_TRUE(kept.Find("t", Date{1}).has_value());
  kept.BeginStep({}, {"u"});
  EXPECT_FALSE(kept.Find("t", Date{1}).has_value());
  EXPECT_FALSE(kept.Has("t"));
}

TEST(KeptRowsTest, AreFoundByThePrintOfTheirFiles) {
  KeptRows kept(1000 * kColumnBytes);
  kept.BeginStep({{"t", {"a"}}}, {});
  kept.Keep("t", Date{1}, Rows({"a"}), "before");
  EXPECT_TRUE(kept.Find("t", Date{1}, "before").has_value());
  EXPECT_FALSE(kept.Find("t", Date{1}, "after").has_value());
  EXPECT_FALSE(kept.Find("t", Date{1}).has_value());
  kept.Keep("t", Date{1}, Rows({"a"}), "after");
  EXPECT_FALSE(kept.Find("t", Date{1}, "before").has_value());
  EXPECT_TRUE(kept.Find("t", Date{1}, "after").has_value());
}

TEST(KeptRowsTest, AColumnThatDaysShareTakesItsRoomOnce) {
  KeptRows kept(3 * kColumnBytes);
  kept.BeginStep({{"read", {"a"}}, {"written", {"a", "b"}}, {"other", {"a"}}}, {});
  const types::Batch rows = Rows({"a", "b"});
  ASSERT_EQ(BytesOf(rows.column(0)), kColumnBytes);
  kept.Keep("read", Date{1}, rows);
  kept.Keep("written", Date{1}, rows);
  kept.Keep("other", Date{1}, Rows({"a"}));
  kept.Keep("other", Date{2}, Rows({"a"}));
  EXPECT_TRUE(kept.Find("written", Date{1}).has_value());
  EXPECT_TRUE(kept.Find("other", Date{1}).has_value());
  EXPECT_FALSE(kept.Find("other", Date{2}).has_value()) << "there is no room";
  // The shared column stays as long as one of them does.
  kept.BeginStep({{"other", {"a"}}}, {"read"});
  kept.Keep("other", Date{2}, Rows({"a"}));
  kept.Keep("other", Date{3}, Rows({"a"}));
  EXPECT_TRUE(kept.Find("read", Date{1}).has_value());
  EXPECT_TRUE(kept.Find("other", Date{2}).has_value());
  EXPECT_FALSE(kept.Find("other", Date{3}).has_value());
  kept.BeginStep({{"other", {"a"}}}, {});
  kept.Keep("other", Date{3}, Rows({"a"}));
  EXPECT_TRUE(kept.Find("other", Date{3}).has_value());
}

}  // namespace
}  // namespace catena::batch

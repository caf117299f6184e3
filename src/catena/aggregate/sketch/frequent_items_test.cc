// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/sketch/frequent_items.h"

#include <gtest/gtest.h>

#include "catena/testing/property.h"

namespace catena::aggregate {
namespace {

using Texts = FrequentItems<std::string_view>;

std::string BytesOf(const Texts& items) {
  std::string bytes;
  items.Encode(&bytes);
  return bytes;
}

// Small numbers often, so that some texts are frequent.
std::string RandomText(Random& random, uint64_t different) {
  return "text" + std::to_string(random.Below(1 + random.Below(different)));
}

TEST(FrequentItems, CountsExactlyWhileTheyFit) {
  testing::ForSeeds(200, [](Random& random) {
    const int lg_size = static_cast<int>(random.Between(3, 6));
    Texts whole(lg_size);
    std::vector<Texts> parts(1 + random.Below(5), Texts(lg_size));
    std::map<std::string, int64_t, std::less<>> exact;
    for (uint64_t i = random.Below(200); i > 0; --i) {
      const std::string text = RandomText(random, Texts::Capacity(lg_size));
      ++exact[text];
      whole.Add(text);
      parts[random.Below(parts.size())].Add(text);
    }
    while (parts.size() > 1) {
      const Texts from = parts.back();
      parts.pop_back();
      parts[random.Below(parts.size())].Merge(from);
    }
    EXPECT_EQ(BytesOf(parts[0]), BytesOf(whole));
    EXPECT_EQ(whole.offset(), 0);
    EXPECT_TRUE(
        std::equal(exact.begin(), exact.end(), whole.counts().begin(), whole.counts().end()));
  });
}

TEST(FrequentItems, StaysWithinItsErrorHoweverItIsMerged) {
  testing::ForSeeds(300, [](Random& random) {
    const int lg_size = static_cast<int>(random.Between(3, 5));
    std::vector<Texts> parts(1 + random.Below(10), Texts(lg_size));
    std::map<std::string, int64_t, std::less<>> exact;
    int64_t inputs = 0;
    for (uint64_t i = random.Below(3'000); i > 0; --i, ++inputs) {
      const std::string text = RandomText(random, 100);
      ++exact[text];
      parts[random.Below(parts.size())].Add(text);
    }
    while (parts.size() > 1) {
      const Texts from = parts.back();
      parts.pop_back();
      Texts& into = parts[random.Below(parts.size())];
      Texts other = from;
      other.Merge(into);
      into.Merge(from);
      EXPECT_EQ(BytesOf(other), BytesOf(into)) << "Merge does not commute";
    }
    const Texts& merged = parts[0];
    const auto half = static_cast<int64_t>(Texts::Capacity(lg_size) / 2 + 1);
    EXPECT_EQ(merged.weight(), inputs);
    EXPECT_LE(merged.offset(), inputs / half);
    for (const auto& [text, count] : exact) {
      const auto at = merged.counts().find(text);
      const int64_t counted = at == merged.counts().end() ? 0 : at->second;
      EXPECT_LE(counted, count);
      EXPECT_GE(counted + merged.offset(), count);
    }
  });
}

TEST(FrequentItems, GoesOnAfterDecodingAsIfNothingHappened) {
  testing::ForSeeds(300, [](Random& random) {
    Texts running(3);
    Texts restored(3);
    for (uint64_t i = random.Below(500); i > 0; --i) {
      const std::string text = RandomText(random, 30);
      running.Add(text);
      restored.Add(text);
      if (!random.OneIn(20)) continue;
      const std::string bytes = BytesOf(restored);
      ASSERT_TRUE(restored.Decode(bytes));
    }
    EXPECT_EQ(BytesOf(restored), BytesOf(running));
  });
}

// Whatever the bytes: refused, or a state that is written as it was read and goes on.
TEST(FrequentItems, SurvivesHostileBytes) {
  uint64_t refused = 0;
  testing::ForSeeds(4000, [&](Random& random) {
    Texts items(3);
    for (uint64_t i = 1 + random.Below(60); i > 0; --i) items.Add(RandomText(random, 12));
    std::string bytes = BytesOf(items);
    for (uint64_t n = 1 + random.Below(3); n > 0 && !bytes.empty(); --n) {
      const size_t at = random.Below(bytes.size());
      switch (random.Below(4)) {
        case 0:
          bytes.resize(at);
          break;
        case 1:
          bytes.insert(at, 8, static_cast<char>(random.OneIn(2) ? 0xff : 0));
          break;
        default:
          bytes[at] = static_cast<char>(random.OneIn(2) ? random.Next() : bytes[at] ^ 1);
      }
    }
    Texts read(3);
    if (!read.Decode(bytes)) {
      EXPECT_EQ(read.weight(), 0);
      ++refused;
      return;
    }
    EXPECT_EQ(BytesOf(read), bytes);
    read.Merge(items);
    items.Merge(read);
    read.Add("one more");
    EXPECT_LE(read.counts().size(), Texts::Capacity(3));
  });
  if (std::getenv("CATENA_SEED") == nullptr) {
    EXPECT_GT(refused, 2000u);
  }
}

}  // namespace
}  // namespace catena::aggregate

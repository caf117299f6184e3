// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/sketch/kll_floats.h"

#include <gtest/gtest.h>

#include "catena/testing/property.h"

namespace catena::aggregate {
namespace {

std::string BytesOf(const KllFloats& sketch) {
  std::string bytes;
  sketch.Encode(&bytes);
  return bytes;
}

float RandomFloat(Random& random) {
  return static_cast<float>(random.Between(-500, 500)) / (random.OneIn(2) ? 1.0F : 8.0F);
}

// How far the place of `value` among the sorted inputs is from `share`, as a share.
double RankError(const std::vector<float>& sorted, float value, double share) {
  const auto n = static_cast<double>(sorted.size());
  const auto [begin, end] = std::equal_range(sorted.begin(), sorted.end(), value);
  const double low = static_cast<double>(begin - sorted.begin()) / n;
  const double high = static_cast<double>(end - sorted.begin()) / n;
  return std::max({0.0, low - share, share - high});
}

TEST(KllFloats, IsExactUpToK) {
  testing::ForSeeds(300, [](Random& random) {
    const auto k = static_cast<uint16_t>(random.Between(8, 200));
    KllFloats whole(k);
    std::vector<KllFloats> parts(1 + random.Below(5), KllFloats(k));
    std::vector<float> values(1 + random.Below(k));
    for (float& value : values) {
      value = RandomFloat(random);
      whole.Add(value);
      parts[random.Below(parts.size())].Add(value);
    }
    while (parts.size() > 1) {
      const KllFloats from = parts.back();
      parts.pop_back();
      parts[random.Below(parts.size())].Merge(from);
    }
    EXPECT_EQ(BytesOf(parts[0]), BytesOf(whole));
    std::sort(values.begin(), values.end());
    const auto n = static_cast<double>(values.size());
    for (int i = 0; i <= 20; ++i) {
      const double share = i / 20.0;
      const auto place = std::min(values.size() - 1, static_cast<size_t>(std::floor(share * n)));
      EXPECT_EQ(whole.Quantiles(std::span(&share, 1))[0], values[place]) << share;
    }
  });
}

TEST(KllFloats, StaysWithinItsErrorHoweverItIsMerged) {
  constexpr uint16_t kK = 128;
  const double bound = 2.296 / std::pow(kK, 0.9723);
  uint64_t outside = 0, asked = 0;
  testing::ForSeeds(100, [&](Random& random) {
    std::vector<KllFloats> parts(1 + random.Below(30), KllFloats(kK));
    std::vector<float> values(1 + random.Below(20'000));
    for (float& value : values) {
      value = random.OneIn(3) ? RandomFloat(random) : static_cast<float>(random.Below(1'000'000));
      parts[random.Below(parts.size())].Add(value);
    }
    while (parts.size() > 1) {
      const KllFloats from = parts.back();
      parts.pop_back();
      KllFloats& into = parts[random.Below(parts.size())];
      KllFloats copy = into;
      into.Merge(from);
      copy.Merge(from);
      EXPECT_EQ(BytesOf(copy), BytesOf(into)) << "one merge, two answers";
    }
    EXPECT_EQ(parts[0].inputs(), values.size());
    std::sort(values.begin(), values.end());
    std::vector<double> shares{0.0, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0};
    const std::vector<float> answers = parts[0].Quantiles(shares);
    EXPECT_EQ(answers.front(), values.front());
    EXPECT_EQ(answers.back(), values.back());
    for (size_t i = 0; i < shares.size(); ++i) {
      const double error = RankError(values, answers[i], shares[i]);
      outside += error > bound ? 1 : 0;
      ++asked;
      EXPECT_LT(error, 2 * bound);
    }
  });
  // The published error is that of 99 in 100 sketches.
  EXPECT_LE(outside, asked / 50 + 1);
}

// Bytes of a running sketch and of one that was stored in between are the same ever after.
TEST(KllFloats, GoesOnAfterDecodingAsIfNothingHappened) {
  testing::ForSeeds(300, [](Random& random) {
    const auto k = static_cast<uint16_t>(2 * random.Between(4, 40));
    KllFloats running(k);
    KllFloats restored(k);
    for (uint64_t i = random.Below(2'000); i > 0; --i) {
      const float value = RandomFloat(random);
      running.Add(value);
      restored.Add(value);
      if (!random.OneIn(50)) continue;
      const std::string bytes = BytesOf(restored);
      ASSERT_TRUE(restored.Decode(bytes));
    }
    EXPECT_EQ(BytesOf(restored), BytesOf(running));
  });
}

// Whatever the bytes: refused, or a state that is written as it was read and goes on.
TEST(KllFloats, RefusesNaNInPlaceOfItsOnlyInput) {
  KllFloats sketch(8);
  sketch.Add(1.5F);
  std::string bytes = BytesOf(sketch);
  bytes.replace(bytes.size() - 4, 4, std::string("\x00\xfe\xff\xff", 4));
  EXPECT_FALSE(KllFloats(8).Decode(bytes));
}

TEST(KllFloats, SurvivesHostileBytes) {
  uint64_t refused = 0;
  testing::ForSeeds(6000, [&](Random& random) {
    KllFloats sketch(8);
    for (uint64_t i = 1 + random.Below(60); i > 0; --i) sketch.Add(RandomFloat(random));
    const std::string sound = BytesOf(sketch);
    std::string bytes = sound;
    for (uint64_t n = 1 + random.Below(3); n > 0 && !bytes.empty(); --n) {
      const size_t at = random.OneIn(2) ? random.Below(bytes.size())
                                        : random.Below(std::min<size_t>(40, bytes.size()));
      switch (random.Below(4)) {
        case 0:
          bytes.resize(at);
          break;
        case 1:
          bytes.insert(at, 4, static_cast<char>(random.OneIn(2) ? 0xff : 0));
          break;
        default:
          bytes[at] = static_cast<char>(random.OneIn(2) ? random.Next() : bytes[at] ^ 1);
      }
    }
    KllFloats read(8);
    if (!read.Decode(bytes)) {
      EXPECT_EQ(read.inputs(), 0u);
      ++refused;
      return;
    }
    EXPECT_EQ(BytesOf(read), bytes);
    for (int i = 0; i < 20; ++i) {
      read.Merge(sketch);
      sketch.Merge(read);
      read.Add(RandomFloat(random));
    }
    const double share = 0.3;
    EXPECT_EQ(read.Quantiles(std::span(&share, 1)).size(), 1u);
  });
  if (std::getenv("CATENA_SEED") == nullptr) {
    EXPECT_GT(refused, 3000u);
  }
}

}  // namespace
}  // namespace catena::aggregate

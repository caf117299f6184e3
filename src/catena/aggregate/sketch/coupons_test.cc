// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/sketch/coupons.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cpc_union.hpp>
#include <cstring>

#include "catena/testing/property.h"

namespace catena::aggregate {
namespace {

std::string BytesOf(const Coupons& coupons) {
  std::string bytes;
  coupons.Encode(&bytes);
  return bytes;
}

std::string_view View(const uint64_t& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

// From none to far past the last flavor; small ones often.
uint64_t RandomCount(Random& random, uint8_t lg_k) {
  const uint64_t k = uint64_t{1} << lg_k;
  return random.OneIn(2) ? random.Below(k) : random.OneIn(2) ? random.Below(8 * k) : 100 * k;
}

// The library is the oracle: its bytes, its estimate, its own reading of ours.
TEST(Coupons, AreTheLibrarysSketch) {
  testing::ForSeeds(120, [](Random& random) {
    const auto lg_k = static_cast<uint8_t>(random.Between(4, 12));
    datasketches::cpc_sketch sketch(lg_k);
    Coupons coupons(lg_k);
    const uint64_t first = random.Next();
    for (uint64_t i = RandomCount(random, lg_k); i > 0; --i) {
      const uint64_t value = first + i;
      sketch.update(value);
      coupons.Add(View(value));
    }
    datasketches::cpc_union all(lg_k);
    all.update(sketch);
    const auto merged = all.get_result();
    EXPECT_EQ(coupons.Estimate(), merged.get_estimate());
    const auto theirs = merged.serialize();
    const std::string ours = BytesOf(coupons);
    EXPECT_EQ(ours, std::string(theirs.begin(), theirs.end())) << "lg_k " << int{lg_k};
    const auto read = datasketches::cpc_sketch::deserialize(ours.data(), ours.size());
    EXPECT_TRUE(read.validate());
    Coupons again(lg_k);
    ASSERT_TRUE(again.Decode(ours));
    EXPECT_EQ(BytesOf(again), ours);
  });
}

TEST(Coupons, AnySplitAndOrderIsTheSameState) {
  testing::ForSeeds(200, [](Random& random) {
    const auto lg_k = static_cast<uint8_t>(random.Between(4, 9));
    Coupons whole(lg_k);
    std::vector<Coupons> parts(1 + random.Below(6), Coupons(lg_k));
    const uint64_t values = RandomCount(random, lg_k);
    for (uint64_t i = 0; i < values; ++i) {
      const uint64_t value = random.Below(values);
      whole.Add(View(value));
      parts[random.Below(parts.size())].Add(View(value));
    }
    while (parts.size() > 1) {
      std::swap(parts[random.Below(parts.size())], parts.back());
      const Coupons from = parts.back();
      parts.pop_back();
      parts[random.Below(parts.size())].Merge(from);
    }
    EXPECT_EQ(BytesOf(parts[0]), BytesOf(whole));
  });
}

TEST(Coupons, EstimateWithinItsError) {
  double squares = 0.0;
  int cases = 0;
  testing::ForSeeds(200, [&](Random& random) {
    Coupons coupons(8);
    const uint64_t values = 1 + random.Below(20'000);
    for (uint64_t i = 0; i < values; ++i) {
      const uint64_t value = random.Next();
      coupons.Add(View(value));
    }
    const double error = coupons.Estimate() / static_cast<double>(values) - 1.0;
    EXPECT_LT(std::fabs(error), 5 * 0.6931 / 16);
    squares += error * error;
    ++cases;
  });
  if (cases >= 200) {
    EXPECT_NEAR(std::sqrt(squares / cases), 0.6931 / 16, 0.01);
  }
}

// Whatever the bytes: refused, or what is written for the state that they gave.
TEST(Coupons, SurviveHostileBytes) {
  uint64_t refused = 0;
  testing::ForSeeds(4000, [&](Random& random) {
    const auto lg_k = static_cast<uint8_t>(random.Between(4, 8));
    Coupons coupons(lg_k);
    for (uint64_t i = RandomCount(random, lg_k) / 4; i > 0; --i) {
      const uint64_t value = random.Next();
      coupons.Add(View(value));
    }
    std::string bytes = BytesOf(coupons);
    for (uint64_t n = 1 + random.Below(3); n > 0 && !bytes.empty(); --n) {
      const size_t at = random.OneIn(2) ? random.Below(bytes.size())
                                        : random.Below(std::min<size_t>(24, bytes.size()));
      switch (random.Below(4)) {
        case 0:
          bytes.resize(at);
          break;
        case 1:
          bytes.insert(at, 4, static_cast<char>(random.OneIn(2) ? 0xff : 0));
          break;
        default:
          bytes[at] = static_cast<char>(random.Next());
      }
    }
    Coupons read(lg_k);
    if (read.Decode(bytes)) {
      EXPECT_EQ(BytesOf(read), bytes);
    } else {
      EXPECT_EQ(read.Estimate(), 0.0);
      ++refused;
    }
  });
  if (std::getenv("CATENA_SEED") == nullptr) {
    EXPECT_GT(refused, 3000u);
  }
}

}  // namespace
}  // namespace catena::aggregate

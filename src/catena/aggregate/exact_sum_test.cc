// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/exact_sum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "catena/testing/generator.h"
#include "catena/testing/naive_aggregator.h"
#include "catena/testing/property.h"

namespace catena::aggregate {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

ExactSum SumOf(const std::vector<double>& values) {
  ExactSum sum;
  for (const double value : values) sum.Add(value);
  return sum;
}

std::string BytesOf(const ExactSum& sum) {
  std::string bytes;
  sum.Encode(&bytes);
  return bytes;
}

TEST(ExactSum, RoundsOnce) {
  EXPECT_EQ(SumOf({}).Round(), 0.0);
  EXPECT_EQ(SumOf({0.1, 0.2, 0.3, -0.6}).Round(), 2.7755575615628914e-17);
  EXPECT_EQ(SumOf({1e300, 1.0, -1e300}).Round(), 1.0);
  EXPECT_EQ(SumOf({1e16, 1.0, 1.0}).Round(), 1e16 + 2.0);
  // Half an ulp, to even; and a little more than half.
  EXPECT_EQ(SumOf({9007199254740992.0, 1.0}).Round(), 9007199254740992.0);
  EXPECT_EQ(SumOf({9007199254740992.0, 1.0, 1e-300}).Round(), 9007199254740994.0);
  EXPECT_EQ(SumOf({-9007199254740992.0, -1.0, -1e-20}).Round(), -9007199254740994.0);
}

// The twin rounds all limbs there are.
TEST(ExactSum, InlineAndWideRoundAlike) {
  testing::ForSeeds(3000, [](Random& random) {
    ExactSum sum;
    const int64_t spread = random.Between(0, 120);
    for (int64_t i = random.Between(0, 6); i > 0; --i) {
      const double mantissa = random.OneIn(3) ? 1.0 : 1.0 + random.Unit();
      const double value = std::ldexp(mantissa, static_cast<int>(random.Between(0, spread)) - 50);
      sum.Add(random.OneIn(2) ? value : -value);
    }
    ASSERT_TRUE(sum.is_inline());
    ExactSum wide = sum;
    wide.Add(1e300);
    wide.Remove(1e300);
    ASSERT_FALSE(wide.is_inline());
    ASSERT_EQ(sum.Round(), wide.Round());
    ASSERT_EQ(std::signbit(sum.Round()), std::signbit(wide.Round()));
  });
}

TEST(ExactSum, HoldsTheWholeRange) {
  const double least = std::numeric_limits<double>::denorm_min();
  const double most = std::numeric_limits<double>::max();
  EXPECT_EQ(SumOf({least, least}).Round(), 2 * least);
  EXPECT_EQ(SumOf({most, most, -most}).Round(), most);
  EXPECT_EQ(SumOf({most, most}).Round(), kInfinity);
  EXPECT_EQ(SumOf({-most, -most}).Round(), -kInfinity);
  EXPECT_EQ(SumOf({most, least, -most}).Round(), least);
  ExactSum many;
  for (int i = 0; i < 100'000; ++i) many.Add(0x1p75 * 1.5);  // Leaves the inline range.
  EXPECT_EQ(many.Round(), 0x1p75 * 150'000.0);
}

TEST(ExactSum, CountsWhatIsNotFinite) {
  EXPECT_EQ(SumOf({kInfinity, 1.0}).Round(), kInfinity);
  EXPECT_EQ(SumOf({-kInfinity, 1.0}).Round(), -kInfinity);
  EXPECT_TRUE(std::isnan(SumOf({-kInfinity, kInfinity}).Round()));
  ExactSum sum = SumOf({std::nan(""), 2.5, kInfinity});
  EXPECT_TRUE(std::isnan(sum.Round()));
  sum.Remove(std::nan(""));
  EXPECT_EQ(sum.Round(), kInfinity);
  sum.Remove(kInfinity);
  EXPECT_EQ(sum.Round(), 2.5);
  EXPECT_EQ(BytesOf(sum), BytesOf(SumOf({2.5})));
}

TEST(ExactSum, GoldenBytes) {
  EXPECT_EQ(BytesOf(SumOf({})), "\x07");
  EXPECT_EQ(BytesOf(SumOf({1.0})), "\x01\x01");
  EXPECT_EQ(BytesOf(SumOf({-12.34})), "\x52\xd2\x04");
  // 0.3, and 2^-55 more; the last place of 0.3 is 2^-54.
  EXPECT_EQ(BytesOf(SumOf({0.1, 0.2})), "\x89\x03\x40");
  EXPECT_EQ(BytesOf(SumOf({-0.1, -0.2})), "\xc9\x03\xc0");
  // 2^-54 and a 2^-70, the unit of the inline range being 2^-104: an odd number at place 34.
  EXPECT_EQ(BytesOf(SumOf({0.3, 0x1p-54, 0x1p-70})), "\x89\x03\x80\x22\x82\x80\x08");
  EXPECT_EQ(BytesOf(SumOf({0x1p60})), "\x17\x28\x01\x10");
  EXPECT_EQ(BytesOf(SumOf({kInfinity, -0.5})), std::string("\x3f\x18\x01\x80\x00\x02\x00", 7));
}

TEST(ExactSum, ReadsWhatEarlierVersionsOfTheIrWrote) {
  const auto read = [](uint8_t version, std::string_view bytes) {
    IrReader reader(bytes);
    ExactSum sum;
    EXPECT_TRUE(reader.SetVersion(version) && sum.Decode(&reader) && reader.AtEnd());
    return BytesOf(sum);
  };
  EXPECT_EQ(read(1, {"\x02\x1a\x01\x01", 4}), BytesOf(SumOf({1.0})));
  EXPECT_EQ(read(1, "\x03\x0e\x07\xd7\xa3\x70\x3d\x0a\x57\x0c"), BytesOf(SumOf({-12.34})));
  EXPECT_EQ(read(2, {"\x00", 1}), BytesOf(SumOf({})));
  EXPECT_EQ(read(2, "\x08\x01"), BytesOf(SumOf({1.0})));
  EXPECT_EQ(read(2, "\x29\xd2\x09"), BytesOf(SumOf({-12.34})));
  EXPECT_EQ(read(2, "\x1a\x03\x31\x02"), BytesOf(SumOf({0.1, 0.2})));
  EXPECT_EQ(read(2, {"\x02\x28\x01\x10", 4}), BytesOf(SumOf({0x1p60})));
  EXPECT_EQ(read(2, {"\x07\x18\x01\x80\x00\x02\x00", 7}), BytesOf(SumOf({kInfinity, -0.5})));
}

TEST(ExactSum, RefusesDecimalsThatItDoesNotWrite) {
  const auto refuses = [](std::string_view bytes, uint8_t version = kIrVersion) {
    IrReader reader(bytes);
    ExactSum sum;
    return !(reader.SetVersion(version) && sum.Decode(&reader));
  };
  EXPECT_FALSE(refuses("\x89\x03\x40"));
  EXPECT_TRUE(refuses({"\x00", 1})) << "zero";
  EXPECT_TRUE(refuses({"\x02\x05\x00", 3})) << "a byte too many";
  EXPECT_TRUE(refuses("\x09\x0a")) << "a place too many";
  EXPECT_TRUE(refuses("\x39\x01")) << "seven places";
  EXPECT_TRUE(refuses("\x06\x01\x01\x01\x01\x01\x01")) << "six bytes";
  EXPECT_TRUE(refuses("\x05\x01\x01\x01\x01\x10")) << "digits of 2^36";
  EXPECT_TRUE(refuses({"\x89\x03\x00", 3})) << "a rest of nothing";
  EXPECT_TRUE(refuses("\x89\x03\x80\x31\x02")) << "a rest that fits one byte";
  EXPECT_TRUE(refuses("\x89\x03\x80\x22\x84\x80\x08")) << "a rest that is even";
  EXPECT_TRUE(refuses("\x89\x03\x80\x61\x02")) << "a rest shifted too far";
  EXPECT_TRUE(refuses("\x89\x03\x80\x50\x02")) << "a rest that is not small";
  EXPECT_TRUE(refuses("\x89\x03\x80\x22\x81\x80\x80\x80\x40")) << "a rest of more than 32 bits";
  EXPECT_TRUE(refuses("\x89\x03")) << "cut short";
  EXPECT_TRUE(refuses("\x47")) << "flags that there are not";

  EXPECT_FALSE(refuses("\x1a\x03\x31\x02", 2));
  EXPECT_TRUE(refuses({"\x08\x00", 2}, 2)) << "zero";
  EXPECT_TRUE(refuses("\x18\x0a", 2)) << "a place too many";
  EXPECT_TRUE(refuses("\x78\x01", 2)) << "seven places";
  EXPECT_TRUE(refuses("\x0c\x01", 2)) << "not finite";
  EXPECT_TRUE(refuses("\x08\x80\x80\x80\x80\x80\x02", 2)) << "digits above 2^36";
  EXPECT_TRUE(refuses("\x1a\x03\x31\x04", 2)) << "a rest that is even";
  EXPECT_TRUE(refuses({"\x1a\x03\x31\x00", 4}, 2)) << "a rest of nothing";
  EXPECT_TRUE(refuses("\x1a\x03\x61\x02", 2)) << "a rest shifted too far";
  EXPECT_TRUE(refuses("\x1a\x03\x50\x02", 2)) << "a rest that is not small";
  EXPECT_TRUE(refuses("\x1a\x03\x31\x81\x80\x80\x80\x40", 2)) << "a rest of more than 32 bits";
  EXPECT_TRUE(refuses("\x1a\x03\x31", 2)) << "cut short";
}

// Amounts as they are: the sums of a tile, of a prefix, of what an upload holds.
TEST(ExactSum, SumsOfDecimalsComeBackExactly) {
  testing::ForSeeds(3000, [](Random& random) {
    constexpr double kPowers[] = {1, 10, 100, 1000, 1e4, 1e5, 1e6, 1e7};
    const double power = kPowers[random.Below(8)];
    const auto most = int64_t{1} << random.Between(1, 40);
    ExactSum sum;
    for (uint64_t n = random.OneIn(10) ? random.Below(3000) : random.Below(4); n > 0; --n) {
      const double value = static_cast<double>(random.Between(-most / 8, most)) / power;
      random.OneIn(8) ? sum.Remove(value) : sum.Add(value);
    }
    if (random.OneIn(4)) {  // The same sum, on the heap.
      sum.Add(1e300);
      sum.Remove(1e300);
    }
    const std::string bytes = BytesOf(sum);
    IrReader reader(bytes);
    ExactSum decoded;
    ASSERT_TRUE(decoded.Decode(&reader) && reader.AtEnd());
    EXPECT_EQ(BytesOf(decoded), bytes);
    decoded.Subtract(sum);
    EXPECT_EQ(BytesOf(decoded), "\x07");
  });
}

TEST(ExactSum, EqualsTheNaiveSumInAnyOrderOfAddsRemovesAndMerges) {
  testing::ForSeeds(3000, [](Random& random) {
    std::vector<double> values;
    std::vector<ExactSum> parts(1 + random.Below(5));
    for (uint64_t n = random.Below(40); n > 0; --n) {
      const double value = testing::RandomFloating<double>(
          random, random.OneIn(2) ? testing::Values::kAny : testing::Values::kOrdinary);
      ExactSum& part = parts[random.Below(parts.size())];
      part.Add(value);
      if (random.OneIn(4)) {
        part.Remove(value);
      } else if (random.OneIn(4)) {
        ExactSum other = SumOf({value, 3.75, -1e200});
        part.Merge(other);
        other.Remove(value);
        part.Subtract(other);
        values.insert(values.end(), {value, value});
      } else {
        values.push_back(value);
      }
    }
    ExactSum merged;
    for (const ExactSum& part : parts) merged.Merge(part);
    std::vector<testing::NaiveEvent> events;
    for (const double value : values) events.push_back({0, 0, types::Value(value)});
    const double naive = testing::NaiveFloatingSum(events);
    if (std::isnan(naive)) {
      EXPECT_TRUE(std::isnan(merged.Round()));
    } else {
      EXPECT_EQ(merged.Round(), naive);
    }
    for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random.Below(i)]);
    EXPECT_EQ(BytesOf(merged), BytesOf(SumOf(values)));
    const std::string bytes = BytesOf(merged);
    IrReader reader(bytes);
    ExactSum decoded;
    ASSERT_TRUE(decoded.Decode(&reader));
    EXPECT_TRUE(reader.AtEnd());
    EXPECT_EQ(BytesOf(decoded), bytes);
  });
}

}  // namespace
}  // namespace catena::aggregate

// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/sketch/kll_floats.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>

#include "catena/aggregate/stored/stored_value.h"

namespace catena::aggregate {
namespace {

using datasketches::kll_helper;

// Of a sketch of more than one input; memory order, little-endian.
struct Preamble {
  uint8_t ints;
  uint8_t serial_version;
  uint8_t family;
  uint8_t flags;
  uint16_t k;
  uint8_t m;
  uint8_t unused;
  uint64_t n;
  uint16_t min_k;
  uint8_t levels;
  uint8_t unused_too;
};
constexpr size_t kPreambleBytes = 20;
constexpr size_t kNoInputBytes = 8;
constexpr size_t kOneInputBytes = 12;
constexpr uint8_t kLevelZeroSorted = 2;
constexpr uint8_t kM = 8;
// Merges of a thousand such sketches have a level to spare.
constexpr int kMostLevels = 50;

bool Ascends(std::span<const float> samples) {
  return std::is_sorted(samples.begin(), samples.end());
}

// What the library would believe without looking: sizes, order and weights of the levels.
bool IsSound(std::string_view bytes, uint16_t k) {
  Preamble preamble{};
  if (bytes.size() == kOneInputBytes) {
    float sample = 0;
    std::memcpy(&sample, bytes.data() + kNoInputBytes, sizeof(sample));
    return !std::isnan(sample);
  }
  if (bytes.size() < kPreambleBytes) return bytes.size() == kNoInputBytes;
  std::memcpy(&preamble, bytes.data(), kPreambleBytes);
  const size_t levels = preamble.levels;
  if (preamble.k != k || preamble.m != kM || levels < 1 || levels > kMostLevels) return false;
  const uint32_t capacity = kll_helper::compute_total_capacity(k, kM, preamble.levels);
  const size_t words = (bytes.size() - kPreambleBytes) / sizeof(uint32_t);
  if (bytes.size() % sizeof(uint32_t) != 0 || words < levels + 2) return false;
  std::vector<uint32_t> begins(levels + 1, capacity);
  std::memcpy(begins.data(), bytes.data() + kPreambleBytes, levels * sizeof(uint32_t));
  if (!std::is_sorted(begins.begin(), begins.end()) || begins.back() != capacity) return false;
  if (begins[levels - 1] == capacity || words != levels + 2 + capacity - begins[0]) return false;

  std::vector<float> samples(words - levels);  // The least and the largest first.
  std::memcpy(samples.data(), bytes.data() + kPreambleBytes + levels * sizeof(uint32_t),
              samples.size() * sizeof(float));
  const auto in_range = [&](float sample) { return sample >= samples[0] && sample <= samples[1]; };
  if (!std::all_of(samples.begin(), samples.end(), in_range)) return false;  // No NaN, either.
  uint64_t weight = 0;
  for (size_t level = 0; level < levels; ++level) {
    const uint32_t count = begins[level + 1] - begins[level];
    const std::span<const float> of_level(samples.data() + 2 + begins[level] - begins[0], count);
    const bool sorted = level > 0 || (preamble.flags & kLevelZeroSorted) != 0;
    if (sorted && !Ascends(of_level)) return false;
    weight += uint64_t{count} << level;
  }
  return weight == preamble.n;
}

}  // namespace

std::vector<float> KllFloats::Quantiles(std::span<const double> shares) const {
  Sketch sorting = sketch_;  // Asking sorts the lowest level, and others may be reading this one.
  const auto quantiles = sorting.get_quantiles(shares.data(), static_cast<uint32_t>(shares.size()));
  return {quantiles.begin(), quantiles.end()};
}

void KllFloats::Encode(std::string* out) const {
  Sketch canonical = sketch_;
  // Thinned ones go on from the order that they have.
  if (!canonical.is_estimation_mode()) canonical.get_quantile(0.5);
  const auto bytes = canonical.serialize();
  out->append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

bool KllFloats::Decode(std::string_view bytes) {
  const uint16_t k = sketch_.get_k();
  sketch_ = Sketch(k);
  if (!IsSound(bytes, k)) return false;
  try {
    KllFloats read(k);
    read.sketch_ = Sketch::deserialize(bytes.data(), bytes.size());
    std::string written;
    if (read.sketch_.get_k() == k) read.Encode(&written);
    if (written != bytes) return false;
    sketch_ = std::move(read.sketch_);
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace catena::aggregate

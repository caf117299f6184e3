// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/dyadic.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace catena::aggregate {
namespace {

constexpr int64_t kLimbBits = 64;
constexpr int64_t kByteBits = 8;

int64_t FloorDivide(int64_t a, int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

}  // namespace

double ScaledDouble::Value() const {
  constexpr int64_t kBeyond = 5000;
  return std::ldexp(mantissa, static_cast<int>(std::clamp(exponent, -kBeyond, kBeyond)));
}

Dyadic::Dyadic(int64_t value) {
  if (value != 0) limbs_.push_back(static_cast<uint64_t>(value));
  FitTop();
}

void Dyadic::Cover(int64_t begin, int64_t end) {
  if (limbs_.empty()) base_ = static_cast<int32_t>(begin);
  if (begin < base_) {
    limbs_.insert(limbs_.begin(), static_cast<size_t>(base_ - begin), 0);
    base_ = static_cast<int32_t>(begin);
  }
  const auto needed = static_cast<size_t>(std::max<int64_t>(0, end - base_));
  if (needed > limbs_.size()) limbs_.resize(needed, SignLimb());
}

void Dyadic::FitTop() {
  const auto roomy = [](uint64_t limb) {
    constexpr int64_t kHalf = int64_t{1} << 61;
    const auto top = static_cast<int64_t>(limb);
    return top < kHalf && top >= -kHalf;
  };
  if (!limbs_.empty() && !roomy(limbs_.back())) limbs_.push_back(SignLimb());
  while (limbs_.size() > 1) {
    const uint64_t next = limbs_[limbs_.size() - 2];
    if (!roomy(next) || limbs_.back() != uint64_t{0} - (next >> 63)) break;
    limbs_.pop_back();
  }
  if (limbs_.size() == 1 && limbs_[0] == 0) limbs_.clear();
}

void Dyadic::Add(std::span<const uint64_t> magnitude, int64_t exponent, bool negative) {
  const int64_t place = FloorDivide(exponent, kLimbBits);
  const auto shift = static_cast<int>(exponent - place * kLimbBits);
  // The term takes one limb more when it is shifted, and the sum one above both.
  const auto term = static_cast<int64_t>(magnitude.size()) + 1;
  Cover(place, place + term + 1);
  const auto first = static_cast<size_t>(place - base_);
  const uint64_t sign = negative ? ~uint64_t{0} : 0;
  uint64_t carry = sign & 1;
  for (size_t i = first; i < limbs_.size(); ++i) {
    const size_t m = i - first;
    uint64_t part = m < magnitude.size() ? magnitude[m] << shift : 0;
    if (shift > 0 && m > 0 && m <= magnitude.size()) part |= magnitude[m - 1] >> (64 - shift);
    const unsigned __int128 sum = static_cast<unsigned __int128>(limbs_[i]) + (part ^ sign) + carry;
    limbs_[i] = static_cast<uint64_t>(sum);
    carry = static_cast<uint64_t>(sum >> 64);
    // Above the term nothing changes any more unless a carry or a borrow runs on.
    if (static_cast<int64_t>(m) >= term && carry == (sign & 1)) break;
  }
  FitTop();
}

void Dyadic::AddLimbs(const Dyadic& other, bool subtract) {
  if (other.limbs_.empty()) return;
  const auto size = static_cast<int64_t>(other.limbs_.size());
  Cover(other.base_, other.base_ + size + 1);
  const auto first = static_cast<size_t>(other.base_ - base_);
  const uint64_t flip = subtract ? ~uint64_t{0} : 0;
  uint64_t carry = flip & 1;
  for (size_t i = first; i < limbs_.size(); ++i) {
    const size_t m = i - first;
    const uint64_t part = m < other.limbs_.size() ? other.limbs_[m] : other.SignLimb();
    const unsigned __int128 sum = static_cast<unsigned __int128>(limbs_[i]) + (part ^ flip) + carry;
    limbs_[i] = static_cast<uint64_t>(sum);
    carry = static_cast<uint64_t>(sum >> 64);
  }
  const auto filled =
      std::find_if(limbs_.begin(), limbs_.end(), [](uint64_t limb) { return limb != 0; });
  base_ += static_cast<int32_t>(filled - limbs_.begin());
  limbs_.erase(limbs_.begin(), filled);
  FitTop();
}

Dyadic operator*(const Dyadic& a, const Dyadic& b) {
  const Dyadic::Magnitude x = a.ToMagnitude();
  const Dyadic::Magnitude y = b.ToMagnitude();
  Dyadic product;
  if (x.limbs.empty() || y.limbs.empty()) return product;
  Dyadic::Limbs limbs(x.limbs.size() + y.limbs.size(), 0);
  for (size_t i = 0; i < x.limbs.size(); ++i) {
    uint64_t carry = 0;
    for (size_t j = 0; j < y.limbs.size(); ++j) {
      const unsigned __int128 sum =
          static_cast<unsigned __int128>(x.limbs[i]) * y.limbs[j] + limbs[i + j] + carry;
      limbs[i + j] = static_cast<uint64_t>(sum);
      carry = static_cast<uint64_t>(sum >> 64);
    }
    limbs[i + y.limbs.size()] = carry;
  }
  product.Add({limbs.data(), limbs.size()}, kLimbBits * (int64_t{a.base_} + b.base_),
              x.negative != y.negative);
  return product;
}

int Dyadic::Sign() const {
  if (SignLimb() != 0) return -1;
  return std::any_of(limbs_.begin(), limbs_.end(), [](uint64_t limb) { return limb != 0; });
}

Dyadic::Magnitude Dyadic::ToMagnitude() const {
  Magnitude magnitude{limbs_, SignLimb() != 0};
  if (magnitude.negative) {
    uint64_t carry = 1;
    for (uint64_t& limb : magnitude.limbs) {
      limb = ~limb + carry;
      carry &= limb == 0 ? 1 : 0;
    }
  }
  while (!magnitude.limbs.empty() && magnitude.limbs.back() == 0) magnitude.limbs.pop_back();
  return magnitude;
}

ScaledDouble Dyadic::Round() const {
  const Magnitude magnitude = ToMagnitude();
  const auto& limbs = magnitude.limbs;
  if (limbs.empty()) return {};
  // The 64 leading bits; whatever lies below them only matters as "not zero".
  const int zeros = std::countl_zero(limbs.back());
  const uint64_t below = limbs.size() > 1 ? limbs[limbs.size() - 2] : 0;
  uint64_t lead = limbs.back() << zeros;
  if (zeros > 0) lead |= below >> (64 - zeros);
  bool rest = (zeros > 0 ? below << zeros : below) != 0;
  for (size_t i = 0; i + 2 < limbs.size(); ++i) rest = rest || limbs[i] != 0;
  constexpr int kDropped = 11;
  constexpr uint64_t kHalf = uint64_t{1} << (kDropped - 1);
  const uint64_t dropped = lead & (2 * kHalf - 1);
  uint64_t mantissa = lead >> kDropped;
  if (dropped > kHalf || (dropped == kHalf && (rest || (mantissa & 1) != 0))) ++mantissa;
  const double rounded = std::ldexp(static_cast<double>(mantissa), -52);  // In [1, 2].
  const int64_t exponent = kLimbBits * (base_ + static_cast<int64_t>(limbs.size())) - 1 - zeros;
  const bool up = rounded >= 2.0;
  const double kept = up ? rounded / 2.0 : rounded;
  return {magnitude.negative ? -kept : kept, exponent + (up ? 1 : 0)};
}

void Dyadic::Encode(std::string* out) const {
  const Magnitude magnitude = ToMagnitude();
  std::string bytes;
  for (const uint64_t limb : magnitude.limbs) AppendFixed64(&bytes, limb);
  const size_t begin = bytes.find_first_not_of('\0');
  if (begin == std::string::npos) {
    AppendSized(out, {});
    return;
  }
  const size_t end = bytes.find_last_not_of('\0') + 1;
  AppendSized(out, std::string_view(bytes).substr(begin, end - begin));
  const int64_t place = int64_t{base_} * 8 + static_cast<int64_t>(begin);
  AppendZigzag(out, place * 2 + (magnitude.negative ? 1 : 0));
}

bool Dyadic::Decode(ByteReader* reader, int64_t least, int64_t most) {
  *this = Dyadic();
  const std::string_view bytes = reader->Sized();
  if (!reader->ok()) return false;
  if (bytes.empty()) return true;
  const int64_t signed_place = reader->Zigzag();
  const int64_t place = FloorDivide(signed_place, 2);
  const bool negative = signed_place - place * 2 != 0;
  const auto size = static_cast<int64_t>(bytes.size());
  if (!reader->ok() || bytes.front() == '\0' || bytes.back() == '\0' ||
      place < FloorDivide(least, kByteBits) || place > FloorDivide(most, kByteBits) ||
      place + size > FloorDivide(most, kByteBits) + 1) {
    return false;
  }
  Limbs magnitude((bytes.size() + 7) / 8, 0);
  for (size_t i = 0; i < bytes.size(); ++i) {
    magnitude[i / 8] |= uint64_t{static_cast<uint8_t>(bytes[i])} << (i % 8 * 8);
  }
  Add({magnitude.data(), magnitude.size()}, place * kByteBits, negative);
  return true;
}

}  // namespace catena::aggregate

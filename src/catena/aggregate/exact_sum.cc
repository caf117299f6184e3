// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/exact_sum.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <span>

namespace catena::aggregate {
namespace {

constexpr uint8_t kNegative = 1;
constexpr uint8_t kHasMagnitude = 2;
constexpr uint8_t kHasNonFinite = 4;
// Where no decimal is they stand above its mark.
constexpr uint8_t kNoDecimal = Decimal::kDigitBytesMask;
constexpr int kFlagsShift = 3;
// Of the decimals of version 2: negative, has a rest, decimal, and the places above.
constexpr uint8_t kHasRest = 2;
constexpr uint8_t kDecimal = 8;
constexpr int kPlacesShift = 4;
// Of decimals.
constexpr uint8_t kHasRestBehind = 1 << 7;
constexpr uint8_t kOddRest = 0x80;
constexpr unsigned kRestUnitsMax = 127;
// Of the rest, an odd number shifted: what doubles of two digits leave when they are added.
constexpr int kRestBits = 32;
constexpr int kRestShiftMax = 96;

uint64_t MagnitudeOf(int64_t value) {
  const auto bits = static_cast<uint64_t>(value);
  return value < 0 ? 0 - bits : bits;
}

struct OddRest {
  int64_t odd;
  int shift;
};

// Nothing where no sum has such a rest.
std::optional<OddRest> ReadOddRest(ByteReader* reader) {
  const int shift = reader->Byte();
  const int64_t odd = reader->Zigzag();
  if (!reader->ok() || shift > kRestShiftMax || odd % 2 == 0 ||
      MagnitudeOf(odd) >> kRestBits != 0) {
    return std::nullopt;
  }
  return OddRest{odd, shift};
}

// The place of the unit of short rests of a positive decimal's double.
int RestUnit(double nearest) {
  const auto exponent = static_cast<int>(std::bit_cast<uint64_t>(nearest) >> 52) - 1023;
  return exponent - 52 + 104 - 7;
}

// limbs[from..] += value, where `value` is continued upward by copies of `extension`.
void AddAt(std::span<uint64_t> limbs, size_t from, std::span<const uint64_t> value,
           uint64_t extension) {
  uint64_t carry = 0;
  for (size_t i = from; i < limbs.size(); ++i) {
    const uint64_t add = i - from < value.size() ? value[i - from] : extension;
    const unsigned __int128 sum = static_cast<unsigned __int128>(limbs[i]) + add + carry;
    limbs[i] = static_cast<uint64_t>(sum);
    carry = static_cast<uint64_t>(sum >> 64);
  }
}

void Negate(std::span<uint64_t> limbs) {
  uint64_t carry = 1;
  for (uint64_t& limb : limbs) {
    limb = ~limb + carry;
    carry = carry != 0 && limb == 0 ? 1 : 0;
  }
}

// Makes two's complement a magnitude; true when it was negative.
bool ToMagnitude(std::span<uint64_t> limbs) {
  const bool negative = (limbs.back() >> 63) != 0;
  if (negative) Negate(limbs);
  return negative;
}

bool BitAt(std::span<const uint64_t> limbs, int bit) {
  return (limbs[static_cast<size_t>(bit / 64)] >> (bit % 64) & 1) != 0;
}

bool AnyBitBelow(std::span<const uint64_t> limbs, int bit) {
  for (int i = 0; i < bit / 64; ++i) {
    if (limbs[static_cast<size_t>(i)] != 0) return true;
  }
  const uint64_t mask = (uint64_t{1} << (bit % 64)) - 1;
  return bit % 64 != 0 && (limbs[static_cast<size_t>(bit / 64)] & mask) != 0;
}

// magnitude * 2^exponent, rounded to nearest, ties to even.
double RoundMagnitude(std::span<const uint64_t> magnitude, int exponent) {
  int top = -1;
  for (size_t i = magnitude.size(); i-- > 0;) {
    if (magnitude[i] == 0) continue;
    top = static_cast<int>(i) * 64 + 63 - std::countl_zero(magnitude[i]);
    break;
  }
  if (top < 0) return 0.0;
  // The least bit that a double of this size keeps.
  const int least = std::max({top - 52, -1074 - exponent, 0});
  // Bits [least, top], at most 53 of them.
  const auto limb = static_cast<size_t>(least / 64);
  const int offset = least % 64;
  uint64_t mantissa = magnitude[limb] >> offset;
  if (offset != 0 && limb + 1 < magnitude.size()) {
    mantissa |= magnitude[limb + 1] << (64 - offset);
  }
  if (least > 0 && BitAt(magnitude, least - 1) &&
      ((mantissa & 1) != 0 || AnyBitBelow(magnitude, least - 1))) {
    ++mantissa;
  }
  return std::ldexp(static_cast<double>(mantissa), least + exponent);
}

}  // namespace

ExactSum::Wide& ExactSum::Widened() {
  if (is_inline()) {
    auto* const wide = new Wide;
    wide->count = count();
    tail_ = Tagged(wide);
  }
  return *wide();
}

void ExactSum::Spill() noexcept {
  const uint64_t limbs[] = {low_, middle_, static_cast<uint64_t>(high_)};
  AddAt(Widened().limbs, kInlineLimb, limbs, high_ < 0 ? ~uint64_t{0} : 0);
  low_ = 0;
  middle_ = 0;
  high_ = 0;
}

void ExactSum::AddRare(double value, int count) noexcept {
  if (value == 0.0) return;
  const auto bits = std::bit_cast<uint64_t>(value);
  const auto biased = static_cast<int>((bits >> 52) & 0x7ff);
  const int below = static_cast<int>(kInlineExponent) - biased;
  if (below > 0 && below <= 52 && (bits & kMantissa & ((uint64_t{1} << below) - 1)) == 0) {
    // Small, but with no bit below the inline range: what is left when larger values cancel.
    const uint64_t sign = uint64_t{0} - (bits >> 63);
    AddLimbs(((bits & kMantissa) | kHidden) >> below ^ sign, sign, sign, sign & 1);
    return;
  }
  Wide& wide = Widened();
  if (std::isnan(value)) {
    wide.nans += count;
    return;
  }
  if (std::isinf(value)) {
    (value > 0 ? wide.positive_infinities : wide.negative_infinities) += count;
    return;
  }
  const uint64_t mantissa = (bits & kMantissa) | (biased == 0 ? 0 : kHidden);
  const int shift = (biased == 0 ? 1 : biased) - 1075 - kLeastExponent;
  const unsigned __int128 shifted = static_cast<unsigned __int128>(mantissa) << (shift % 64);
  uint64_t limbs[] = {static_cast<uint64_t>(shifted), static_cast<uint64_t>(shifted >> 64), 0};
  const bool negative = ((bits >> 63) != 0) != (count < 0);
  if (negative) Negate(limbs);
  AddAt(wide.limbs, static_cast<size_t>(shift / 64), limbs, negative ? ~uint64_t{0} : 0);
}

void ExactSum::Merge(const ExactSum& other) noexcept {
  AddLimbs(other.low_, other.middle_, static_cast<uint64_t>(other.high_), 0);
  Count(other.count());
  if (other.is_inline()) return;
  Wide& wide = Widened();
  const Wide& from = *other.wide();
  AddAt(wide.limbs, 0, from.limbs, 0);
  wide.nans += from.nans;
  wide.positive_infinities += from.positive_infinities;
  wide.negative_infinities += from.negative_infinities;
}

void ExactSum::SubtractRare(const ExactSum& other) noexcept {
  // -x is ~x + 1.
  AddLimbs(~other.low_, ~other.middle_, ~static_cast<uint64_t>(other.high_), 1);
  Count(-other.count());
  if (other.is_inline()) return;
  Wide& wide = Widened();
  const Wide& part = *other.wide();
  Limbs negated = part.limbs;
  Negate(negated);
  AddAt(wide.limbs, 0, negated, 0);
  wide.nans -= part.nans;
  wide.positive_infinities -= part.positive_infinities;
  wide.negative_infinities -= part.negative_infinities;
}

ExactSum::Limbs ExactSum::Total() const noexcept {
  Limbs total = is_inline() ? Limbs{} : wide()->limbs;
  const uint64_t limbs[] = {low_, middle_, static_cast<uint64_t>(high_)};
  AddAt(total, kInlineLimb, limbs, high_ < 0 ? ~uint64_t{0} : 0);
  return total;
}

double ExactSum::RoundWide() const noexcept {
  const bool positive = wide()->positive_infinities != 0;
  const bool negative = wide()->negative_infinities != 0;
  if (wide()->nans != 0 || (positive && negative)) return std::numeric_limits<double>::quiet_NaN();
  if (positive) return std::numeric_limits<double>::infinity();
  if (negative) return -std::numeric_limits<double>::infinity();
  Limbs total = Total();
  const bool below_zero = ToMagnitude(total);
  const double rounded = RoundMagnitude(total, kLeastExponent);
  return below_zero ? -rounded : rounded;
}

bool ExactSum::Narrow(ExactSum* into) const {
  if (wide()->nans != 0 || wide()->positive_infinities != 0 || wide()->negative_infinities != 0) {
    return false;
  }
  const Limbs total = Total();
  into->low_ = total[kInlineLimb];
  into->middle_ = total[kInlineLimb + 1];
  into->high_ = static_cast<int64_t>(total[kInlineLimb + 2]);
  return into->Total() == total;
}

// The nearest decimal, and what of the sum is beside its double: nothing of a single input, of
// several the little by which their doubles miss their decimals.
bool ExactSum::EncodeDecimal(std::string* out) const {
  const double value = RoundInline();
  const auto decimal = value == 0.0 ? std::nullopt : NearestDecimal(std::fabs(value));
  if (!decimal || decimal->digits == 0) return false;
  const bool negative = value < 0;
  ExactSum rest;
  rest.low_ = low_;
  rest.middle_ = middle_;
  rest.high_ = high_;
  const double nearest = decimal->ToDouble();
  rest.Add(negative ? nearest : -nearest);
  uint64_t limbs[] = {rest.low_, rest.middle_, static_cast<uint64_t>(rest.high_)};
  const bool below = ToMagnitude(limbs);
  const unsigned __int128 magnitude = static_cast<unsigned __int128>(limbs[1]) << 64 | limbs[0];
  const int shift = limbs[0] != 0 ? std::countr_zero(limbs[0]) : 64 + std::countr_zero(limbs[1]);
  const bool has_rest = magnitude != 0;
  if (limbs[2] != 0 ||
      (has_rest && (shift > kRestShiftMax || magnitude >> shift >> kRestBits != 0))) {
    return false;
  }
  char bytes[Decimal::kWritten + 2 + kVarintBytesMax];
  char* end = decimal->Write(negative, bytes);
  if (has_rest) {
    bytes[0] = static_cast<char>(bytes[0] | kHasRestBehind);
    const int unit = RestUnit(nearest);
    const unsigned __int128 units = magnitude >> unit;
    if (shift >= unit && units <= kRestUnitsMax) {
      const auto amount = static_cast<int>(units);
      *end++ = static_cast<char>(below ? -amount : amount);
    } else {
      *end++ = static_cast<char>(kOddRest);
      *end++ = static_cast<char>(shift);
      const auto odd = static_cast<int64_t>(magnitude >> shift);
      end = WriteZigzag(end, below ? -odd : odd);
    }
  }
  out->append(bytes, static_cast<size_t>(end - bytes));
  return true;
}

bool ExactSum::SetDecimal(const Decimal& decimal, bool negative, int64_t amount, int shift) {
  Add(negative ? -decimal.ToDouble() : decimal.ToDouble());
  const uint64_t magnitude = MagnitudeOf(amount);
  if (magnitude == 0) return true;
  const unsigned __int128 shifted = static_cast<unsigned __int128>(magnitude) << shift;
  const uint64_t sign = amount < 0 ? ~uint64_t{0} : 0;
  AddLimbs(static_cast<uint64_t>(shifted) ^ sign, static_cast<uint64_t>(shifted >> 64) ^ sign, sign,
           sign & 1);
  const double value = RoundInline();
  return (value < 0) == negative && decimal.IsNear(std::fabs(value));
}

bool ExactSum::DecodeDecimal(uint8_t first, IrReader* reader) {
  const auto decimal = Decimal::Read(first, reader);
  if (!decimal || decimal->digits == 0) return false;
  const bool negative = (first & Decimal::kNegative) != 0;
  if ((first & kHasRestBehind) == 0) return SetDecimal(*decimal, negative, 0, 0);
  const int unit = RestUnit(decimal->ToDouble());
  const uint8_t rest = reader->Byte();
  if (rest != kOddRest) {
    const auto units = static_cast<int8_t>(rest);
    return reader->ok() && units != 0 && SetDecimal(*decimal, negative, units, unit);
  }
  const auto long_rest = ReadOddRest(reader);
  if (!long_rest) return false;
  const auto [odd, shift] = *long_rest;
  const bool is_short =
      shift >= unit && shift < unit + 7 && MagnitudeOf(odd) << (shift - unit) < 128;
  return !is_short && SetDecimal(*decimal, negative, odd, shift);
}

bool ExactSum::DecodeVarintDecimal(uint8_t flags, ByteReader* reader) {
  const Decimal decimal{reader->Varint(), flags >> kPlacesShift};
  if ((flags & kHasNonFinite) != 0 || decimal.digits == 0 || !decimal.IsCanonical()) return false;
  const bool negative = (flags & kNegative) != 0;
  if ((flags & kHasRest) == 0) return reader->ok() && SetDecimal(decimal, negative, 0, 0);
  const auto rest = ReadOddRest(reader);
  return rest && SetDecimal(decimal, negative, rest->odd, rest->shift);
}

void ExactSum::Encode(std::string* out) const {
  ExactSum narrow;
  if (is_inline() ? EncodeDecimal(out) : Narrow(&narrow) && narrow.EncodeDecimal(out)) return;
  Limbs limbs{};
  std::span<uint64_t> sum = limbs;
  int first_byte = -kInlineLimb * 8;
  if (is_inline()) {
    limbs = {low_, middle_, static_cast<uint64_t>(high_)};
    sum = sum.first(3);
    first_byte = 0;
  } else {
    limbs = Total();
  }
  const bool negative = ToMagnitude(sum);
  const std::string_view bytes(reinterpret_cast<const char*>(sum.data()), sum.size() * 8);
  const size_t first = bytes.find_first_not_of('\0');
  const bool any = first != std::string_view::npos;
  const bool non_finite = !is_inline() && (wide()->nans != 0 || wide()->positive_infinities != 0 ||
                                           wide()->negative_infinities != 0);
  const int flags =
      (negative ? kNegative : 0) | (any ? kHasMagnitude : 0) | (non_finite ? kHasNonFinite : 0);
  out->push_back(static_cast<char>(kNoDecimal | flags << kFlagsShift));
  if (any) {
    AppendZigzag(out, static_cast<int64_t>(first) + first_byte);
    AppendSized(out, bytes.substr(first, bytes.find_last_not_of('\0') + 1 - first));
  }
  if (non_finite) {
    AppendZigzag(out, wide()->nans);
    AppendZigzag(out, wide()->positive_infinities);
    AppendZigzag(out, wide()->negative_infinities);
  }
}

bool ExactSum::Decode(IrReader* reader) {
  *this = ExactSum();
  uint8_t flags = reader->Byte();
  if (reader->version() >= 3) {
    if ((flags & kNoDecimal) != kNoDecimal) return DecodeDecimal(flags, reader);
    flags >>= kFlagsShift;
  } else if ((flags & kDecimal) != 0) {
    return DecodeVarintDecimal(flags, reader);
  }
  if (flags > (kNegative | kHasMagnitude | kHasNonFinite)) return false;
  const bool negative = (flags & kNegative) != 0;
  if ((flags & kHasMagnitude) != 0) {
    const int64_t place = reader->Zigzag();
    const std::string_view bytes = reader->Sized();
    if (!reader->ok() || bytes.empty() || bytes.front() == 0 || bytes.back() == 0) return false;
    const int64_t end = static_cast<int64_t>(sizeof(Limbs));
    if (place < -kInlineLimb * 8 || place > end) return false;
    const int64_t from = place + kInlineLimb * 8;
    if (from + static_cast<int64_t>(bytes.size()) > end) return false;
    Limbs limbs{};
    std::memcpy(reinterpret_cast<char*>(limbs.data()) + from, bytes.data(), bytes.size());
    if ((limbs.back() >> 63) != 0) return false;
    const bool fits = place >= 0 && place + static_cast<int64_t>(bytes.size()) < 24;
    if (negative) Negate(limbs);
    if (fits) {
      low_ = limbs[kInlineLimb];
      middle_ = limbs[kInlineLimb + 1];
      high_ = static_cast<int64_t>(limbs[kInlineLimb + 2]);
    } else {
      Widened().limbs = limbs;
    }
  } else if (negative) {
    return false;
  }
  if ((flags & kHasNonFinite) != 0) {
    Wide& wide = Widened();
    wide.nans = reader->Zigzag();
    wide.positive_infinities = reader->Zigzag();
    wide.negative_infinities = reader->Zigzag();
    constexpr int64_t kMost = int64_t{1} << 53;
    for (const int64_t count : {wide.nans, wide.positive_infinities, wide.negative_infinities}) {
      if (count < 0 || count > kMost) return false;
    }
    if (wide.nans + wide.positive_infinities == 0 && wide.negative_infinities == 0) return false;
  }
  return reader->ok();
}

}  // namespace catena::aggregate

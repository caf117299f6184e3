// SPDX-License-Identifier: Apache-2.0
// ExactSum: a sum of doubles that does not depend on the order in which they came.
//
// The sum is kept exactly, as a fixed-point integer, and rounded once, when asked. 192 bits inline
// (least bit 2^-104) hold every sum of values between 2^-52 and 2^75 in magnitude; the first value
// outside of that range allocates an accumulator for all doubles there are, and counters for
// infinities and NaN.
//
// It also carries a count for its owner: the two take 32 bytes together, half a cache line, and to
// update one key of many costs no more than its one miss.
//
//   input    any double; Remove only what was added before
//   output   Round(): the exact sum correctly rounded (ties to even); 0.0 for an empty sum and for
//            any zero; NaN when NaN or both infinities are inside, else the infinity inside, else
//            the infinity that an overflow of the range rounds to
//            count(): what Count() was told, of this sum and of all that were merged, less those
//            that were subtracted; Add and Remove leave it alone, Encode leaves it out
//   algebra  Merge and Subtract are exact, so Add/Remove in any order give the same sum
//   errors   Decode answers false on bytes that Encode would not write
//   source   long accumulators: Kulisch, "Computer Arithmetic and Validity" (2008)

#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <utility>

#include "catena/aggregate/stored/decimal.h"
#include "catena/aggregate/stored/ir_reader.h"
#include "catena/base/bytes.h"

namespace catena::aggregate {

// Values as ExactSum adds them, in two's complement, a limb a column; dense_fold.h makes them.
inline constexpr size_t kAddends = 256;
struct Addends {
  alignas(32) std::array<uint64_t, kAddends> low;
  alignas(32) std::array<uint64_t, kAddends> middle;
  alignas(32) std::array<int64_t, kAddends> high;
};

class ExactSum {
 public:
  ExactSum() = default;
  ExactSum(const ExactSum& other)
      : low_(other.low_), middle_(other.middle_), high_(other.high_), tail_(other.CopyOfTail()) {}
  ExactSum& operator=(const ExactSum& other) {
    if (this != &other) *this = ExactSum(other);
    return *this;
  }
  ExactSum(ExactSum&& other) noexcept { Swap(other); }
  ExactSum& operator=(ExactSum&& other) noexcept {
    Swap(other);
    return *this;
  }
  ~ExactSum() {
    if (!is_inline()) [[unlikely]]
      delete wide();
  }

  void Add(double value) noexcept {
    const auto bits = std::bit_cast<uint64_t>(value);
    const auto shift = static_cast<uint32_t>((bits >> 52) & 0x7ff) - kInlineExponent;
    if (shift > kInlineShiftMax) [[unlikely]] {
      AddRare(value, 1);
      return;
    }
    const unsigned __int128 shifted = static_cast<unsigned __int128>((bits & kMantissa) | kHidden)
                                      << (shift & 63);
    const auto first = static_cast<uint64_t>(shifted);
    const auto second = static_cast<uint64_t>(shifted >> 64);
    // By mask and not by branch: magnitudes differ from row to row, so a branch would be guessed
    // wrong about every other time.
    const uint64_t upper = uint64_t{0} - uint64_t{shift >> 6};
    const uint64_t sign = uint64_t{0} - (bits >> 63);
    AddLimbs((first & ~upper) ^ sign, ((first & upper) | (second & ~upper)) ^ sign,
             (second & upper) ^ sign, sign & 1);
  }
  // Adds the value that became addends[i].
  void Add(const Addends& addends, size_t i) noexcept {
    // Carries by arithmetic: whether a limb overflows no branch could guess.
    const uint64_t low = low_ + addends.low[i];
    const uint64_t from_low = low < low_ ? 1 : 0;
    const uint64_t sum = middle_ + addends.middle[i];
    const uint64_t middle = sum + from_low;
    const uint64_t from_middle = (sum < middle_ ? 1 : 0) | (middle < sum ? 1 : 0);
    int64_t high = 0;
    if (__builtin_add_overflow(high_, addends.high[i] + static_cast<int64_t>(from_middle), &high))
        [[unlikely]] {
      AddLimbs(addends.low[i], addends.middle[i], static_cast<uint64_t>(addends.high[i]), 0);
      return;
    }
    low_ = low;
    middle_ = middle;
    high_ = high;
  }
  void Remove(double value) noexcept {
    const auto bits = std::bit_cast<uint64_t>(value);
    if ((bits & kExponent) == kExponent) [[unlikely]] {
      AddRare(value, -1);
    } else {
      Add(-value);
    }
  }
  void Merge(const ExactSum& other) noexcept;
  void Subtract(const ExactSum& other) noexcept {
    const uint64_t low = low_ - other.low_;
    const uint64_t from_low = low_ < other.low_ ? 1 : 0;
    const uint64_t difference = middle_ - other.middle_;
    const uint64_t middle = difference - from_low;
    const uint64_t from_middle =
        (middle_ < other.middle_ ? 1 : 0) | (difference < from_low ? 1 : 0);
    int64_t high = 0;
    const bool overflows = __builtin_sub_overflow(high_, other.high_, &high) ||
                           __builtin_sub_overflow(high, static_cast<int64_t>(from_middle), &high);
    if (((tail_ | other.tail_) & 1) != 0 || overflows) [[unlikely]] {
      SubtractRare(other);
      return;
    }
    low_ = low;
    middle_ = middle;
    high_ = high;
    tail_ -= other.tail_;
  }

  double Round() const noexcept { return is_inline() ? RoundInline() : RoundWide(); }

  void Count(int64_t more) noexcept {
    if (is_inline()) [[likely]] {
      tail_ += 2 * static_cast<uint64_t>(more);
    } else {
      wide()->count += more;
    }
  }
  int64_t count() const noexcept {
    return is_inline() ? static_cast<int64_t>(tail_) / 2 : wide()->count;
  }

  static constexpr uint64_t kHidden = uint64_t{1} << 52;
  static constexpr uint64_t kMantissa = kHidden - 1;
  // Biased exponent of 2^-52, whose least mantissa bit is 2^-104.
  static constexpr uint32_t kInlineExponent = 971;
  static constexpr uint32_t kInlineShiftMax = 126;

  // Without an accumulator on the heap.
  bool is_inline() const noexcept { return (tail_ & 1) == 0; }

  // Canonical: equal sums are equal bytes. Of a sum that is near a decimal that (stored/decimal.h)
  // and, if bit 7 of its first byte is set, the rest: a byte of 2^-7 of the last place of the
  // decimal's double, -127 to 127, or where that does not fit 80, the odd part's place and itself.
  // Of others 7 and flags, the magnitude without zero bytes at either end and where it begins, and
  // the counts of what is not finite. Decode also takes what earlier versions of the IR wrote.
  void Encode(std::string* out) const;
  bool Decode(IrReader* reader);

 private:
  // Two's complement; limb 0 begins at 2^-1128, the inline limbs are 16, 17 and 18.
  static constexpr int kWideLimbs = 35;
  static constexpr int kInlineLimb = 16;
  static constexpr int kLeastExponent = -1128;
  using Limbs = std::array<uint64_t, kWideLimbs>;
  struct Wide {
    Limbs limbs{};
    int64_t count = 0;
    int64_t nans = 0;
    int64_t positive_infinities = 0;
    int64_t negative_infinities = 0;
  };

  static constexpr uint64_t kExponent = uint64_t{0x7ff} << 52;

  void AddLimbs(uint64_t low, uint64_t middle, uint64_t high, uint64_t carry) noexcept {
    const unsigned __int128 a = static_cast<unsigned __int128>(low_) + low + carry;
    const unsigned __int128 b =
        static_cast<unsigned __int128>(middle_) + middle + static_cast<uint64_t>(a >> 64);
    const __int128 c =
        static_cast<__int128>(high_) + static_cast<int64_t>(high) + static_cast<int64_t>(b >> 64);
    if (c != static_cast<int64_t>(c)) [[unlikely]] {
      Spill();
      AddLimbs(low, middle, high, carry);
      return;
    }
    low_ = static_cast<uint64_t>(a);
    middle_ = static_cast<uint64_t>(b);
    high_ = static_cast<int64_t>(c);
  }
  bool EncodeDecimal(std::string* out) const;
  bool DecodeDecimal(uint8_t first, IrReader* reader);
  bool DecodeVarintDecimal(uint8_t flags, ByteReader* reader);
  // The decimal's double and the rest, which is `amount` at place `shift`; false when the decimal
  // is not the nearest of the sum that they make.
  bool SetDecimal(const Decimal& decimal, bool negative, int64_t amount, int shift);
  // The same sum inline, where it fits.
  bool Narrow(ExactSum* into) const;
  // Where one of both is wide, or the difference is.
  void SubtractRare(const ExactSum& other) noexcept;
  // Zero, the very small, the very large and what is not finite; `count` is 1 or -1.
  void AddRare(double value, int count) noexcept;
  double RoundWide() const noexcept;
  double RoundInline() const noexcept {
    // Limbs that only repeat the sign go; of sums of one column it is always the same ones.
    int64_t top = high_;
    uint64_t next = middle_;
    uint64_t rest = low_;
    int exponent = kLeastExponent + 64 * kInlineLimb + 128;
    for (int limb = 0; limb < 2 && top == static_cast<int64_t>(next) >> 63; ++limb) {
      top = static_cast<int64_t>(next);
      next = rest;
      rest = 0;
      exponent -= 64;
    }
    // The 63 leading bits and the sign, odd when any bit behind is set: that rounds as all would.
    const int spare = __builtin_clrsbl(top);
    const uint64_t leading = static_cast<uint64_t>(top) << spare | next >> 1 >> (63 - spare);
    const uint64_t behind = next << spare | rest;
    const auto odd = static_cast<int64_t>(leading | (behind != 0 ? 1 : 0));
    const double scale =
        std::bit_cast<double>(static_cast<uint64_t>(exponent - spare + 1023) << 52);
    return static_cast<double>(odd) * scale;
  }
  // Moves the inline limbs into the wide accumulator.
  void Spill() noexcept;
  Wide& Widened();
  Wide* wide() const noexcept { return reinterpret_cast<Wide*>(tail_ & ~uintptr_t{1}); }
  uint64_t CopyOfTail() const { return is_inline() ? tail_ : Tagged(new Wide(*wide())); }
  static uint64_t Tagged(Wide* wide) noexcept { return reinterpret_cast<uintptr_t>(wide) | 1; }
  void Swap(ExactSum& other) noexcept {
    std::swap(low_, other.low_);
    std::swap(middle_, other.middle_);
    std::swap(high_, other.high_);
    std::swap(tail_, other.tail_);
  }
  // The whole sum, two's complement.
  Limbs Total() const noexcept;

  uint64_t low_ = 0;
  uint64_t middle_ = 0;
  int64_t high_ = 0;
  // Twice the count; or the address of the Wide, plus one, and the count is there.
  uint64_t tail_ = 0;
};
static_assert(sizeof(ExactSum) == 32 && sizeof(uintptr_t) == sizeof(uint64_t));

}  // namespace catena::aggregate

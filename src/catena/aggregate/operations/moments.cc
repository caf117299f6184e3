// SPDX-License-Identifier: Apache-2.0
// VARIANCE, SKEW, KURTOSIS: how far the inputs spread, how lopsided and how heavy-tailed they are.
//
//   input   BYTE, SHORT, INT, LONG, FLOAT, DOUBLE; taken as doubles, as Chronon does, which rounds
//           a LONG beyond 2^53
//   IR      {count, count of what is not finite, exact sums of the powers 1 to 2, 3 or 4}
//   output  DOUBLE. VARIANCE of the population, in the squared unit of the input. SKEW and KURTOSIS
//           (the excess over the normal distribution's 3) have no unit; they are NaN below 3 and 4
//           inputs and when all are equal. An input that is not finite makes NaN. NaN is null,
//           except inside of a map
//   order   the sums are exact, so neither the order of the inputs nor of the merges shows, not
//           even in the last bit, and rows can be removed again. Moments about a running mean
//           (Chan, Pebay) are cheaper and drift: a variance of numbers far from zero, or a skew
//           near zero, would differ between batch and tiles by more than we promise
//   source  Chronon Variance, Skew, Kurtosis (SimpleAggregators.scala), which adds doubles

#include "catena/aggregate/dyadic.h"
#include "catena/aggregate/operation_kernel.h"
#include "catena/aggregate/stored/stored_value.h"

namespace catena::aggregate {
namespace {

// A finite input: mantissa * 2^exponent, the mantissa odd or zero.
struct Term {
  uint64_t mantissa = 0;
  int exponent = 0;
  bool negative = false;
};

Term ToTerm(double value) {
  const auto bits = std::bit_cast<uint64_t>(value);
  const auto biased = static_cast<int>(bits >> 52 & 0x7ff);
  uint64_t mantissa = bits & ((uint64_t{1} << 52) - 1);
  if (biased != 0) mantissa |= uint64_t{1} << 52;
  if (mantissa == 0) return {};
  const int zeros = std::countr_zero(mantissa);
  return {mantissa >> zeros, std::max(biased, 1) - 1075 + zeros, (bits >> 63) != 0};
}

// Sums of the powers of normal numbers, before they go into the Dyadics: a number is an integer
// below 2^53 times a power of two, so numbers of one sign and one power of two add up as integers
// do.
template <int kPowers>
class PowerSums {
 public:
  // So many numbers below 2^53 add up to less than 2^64.
  static constexpr size_t kMost = 2047;

  // `near` is a number like most of those that follow.
  explicit PowerSums(double near) : least_(BiasedExponent(near) - kExponents / 2) {}

  // False when the number is not one of these.
  bool Add(double value) {
    const auto bits = std::bit_cast<uint64_t>(value);
    const int64_t biased = BiasedExponent(value);
    const int64_t place = biased - least_;
    if (place < 0 || place >= kExponents || biased == 0 || biased == 0x7ff) return false;
    const uint64_t mantissa = (bits & ((uint64_t{1} << 52) - 1)) | uint64_t{1} << 52;
    uint64_t* sum = sums_[static_cast<size_t>(place * 2) + (bits >> 63)].data();
    std::array<uint64_t, kPowers> power{mantissa};
    for (size_t limbs = 1; limbs <= kPowers; ++limbs) {
      unsigned __int128 carry = 0;
      for (size_t i = 0; i < limbs; ++i) {
        carry += static_cast<unsigned __int128>(sum[i]) + power[i];
        sum[i] = static_cast<uint64_t>(carry);
        carry >>= 64;
      }
      sum += limbs;
      if (limbs == kPowers) break;
      unsigned __int128 product = 0;
      for (size_t i = 0; i <= limbs; ++i) {
        product += static_cast<unsigned __int128>(power[i]) * mantissa;
        power[i] = static_cast<uint64_t>(product);
        product >>= 64;
      }
    }
    return true;
  }

  void MoveTo(std::array<Dyadic, kPowers>* into) {
    for (size_t i = 0; i < sums_.size(); ++i) {
      // A first power is never zero.
      if (sums_[i][0] == 0) continue;
      const int64_t exponent = least_ + static_cast<int64_t>(i / 2) - 1075;
      size_t first = 0;
      for (size_t p = 1; p <= kPowers; ++p) {
        (*into)[p - 1].Add(std::span(sums_[i]).subspan(first, p),
                           exponent * static_cast<int64_t>(p), i % 2 == 1 && p % 2 == 1);
        first += p;
      }
      sums_[i] = {};
    }
  }

 private:
  static constexpr int64_t kExponents = 64;
  static int64_t BiasedExponent(double value) {
    return static_cast<int64_t>(std::bit_cast<uint64_t>(value) >> 52 & 0x7ff);
  }

  int64_t least_;
  // By power of two and sign; the p limbs of power p behind those of the powers before it.
  std::array<std::array<uint64_t, kPowers*(kPowers + 1) / 2>, 2 * kExponents> sums_{};
};

template <int kPowers>
struct Moments {
  using Input = double;
  using Output = double;
  struct IR {
    int64_t count = 0;
    int64_t not_finite = 0;
    std::array<Dyadic, kPowers> sums;  // sums[p - 1]: of the powers p of the finite inputs.
  };

  void Update(IR& ir, Input input) const { Count(ir, input, 1); }
  template <typename T>
  void UpdateMany(IR& ir, std::span<const T> inputs) const {
    PowerSums<kPowers> sums(static_cast<double>(inputs[inputs.size() / 2]));
    while (!inputs.empty()) {
      const auto some = inputs.first(std::min(inputs.size(), PowerSums<kPowers>::kMost));
      for (const T input : some) {
        if (sums.Add(static_cast<double>(input))) {
          ++ir.count;
        } else {
          Count(ir, static_cast<double>(input), 1);
        }
      }
      sums.MoveTo(&ir.sums);
      inputs = inputs.subspan(some.size());
    }
  }
  void Remove(IR& ir, Input input) const { Count(ir, input, -1); }
  void Merge(IR& into, const IR& from) const {
    into.count += from.count;
    into.not_finite += from.not_finite;
    for (int p = 0; p < kPowers; ++p) into.sums[p].Add(from.sums[p]);
  }
  void Remove(IR& from, const IR& part) const {
    from.count -= part.count;
    from.not_finite -= part.not_finite;
    for (int p = 0; p < kPowers; ++p) from.sums[p].Subtract(part.sums[p]);
  }
  bool IsEmpty(const IR& ir) const noexcept { return ir.count == 0; }

  std::optional<Output> Finalize(const IR& ir) const {
    if (ir.count == 0) return std::nullopt;
    constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
    if (ir.not_finite > 0) return kNan;
    const Dyadic n(ir.count);
    const Dyadic& s1 = ir.sums[0];
    const Dyadic& s2 = ir.sums[1];
    const Dyadic s1s1 = s1 * s1;
    Dyadic spread = n * s2;  // count^2 times the variance.
    spread.Subtract(s1s1);
    const ScaledDouble second = spread.Round();
    if constexpr (kPowers == 2) {
      const auto count = static_cast<double>(ir.count);
      return ScaledDouble{second.mantissa / count / count, second.exponent}.Value();
    } else {
      if (ir.count < kPowers || second.mantissa <= 0.0) return kNan;
      if constexpr (kPowers == 3) {
        return Skew(ThirdMoment(n, s1, s2, ir.sums[2], s1s1).Round(), second);
      } else {
        return Kurtosis(FourthExcess(n, s1, s2, ir.sums[2], ir.sums[3], s1s1, spread).Round(),
                        second);
      }
    }
  }

  void Encode(const IR& ir, std::string* out) const {
    AppendVarint(out, static_cast<uint64_t>(ir.count));
    AppendVarint(out, static_cast<uint64_t>(ir.not_finite));
    for (const Dyadic& sum : ir.sums) sum.Encode(out);
  }
  bool Decode(IrReader* reader, IR& ir) const {
    if (!DecodeCount(reader, ir.count)) return false;
    const uint64_t not_finite = reader->Varint();
    if (not_finite > static_cast<uint64_t>(ir.count)) return false;
    ir.not_finite = static_cast<int64_t>(not_finite);
    // The powers of the least and the largest double, and room for 2^53 of them.
    for (int p = 1; p <= kPowers; ++p) {
      if (!ir.sums[p - 1].Decode(reader, -1074 * p, 1024 * p + 53)) return false;
    }
    return true;
  }

 private:
  void Count(IR& ir, Input input, int count) const {
    ir.count += count;
    if (!std::isfinite(input)) {
      ir.not_finite += count;
      return;
    }
    const Term term = ToTerm(input);
    if (term.mantissa == 0) return;
    std::array<uint64_t, kPowers> power{term.mantissa};
    size_t limbs = 1;
    for (int p = 1; p <= kPowers; ++p) {
      const bool negative = (term.negative && p % 2 == 1) != (count < 0);
      ir.sums[p - 1].Add({power.data(), limbs}, int64_t{term.exponent} * p, negative);
      if (p == kPowers) break;
      uint64_t carry = 0;
      for (size_t i = 0; i < limbs; ++i) {
        const unsigned __int128 product =
            static_cast<unsigned __int128>(power[i]) * term.mantissa + carry;
        power[i] = static_cast<uint64_t>(product);
        carry = static_cast<uint64_t>(product >> 64);
      }
      if (carry != 0) power[limbs++] = carry;
    }
  }

  // count^3 times the third moment: n^2 s3 - 3 n s1 s2 + 2 s1^3.
  static Dyadic ThirdMoment(const Dyadic& n, const Dyadic& s1, const Dyadic& s2, const Dyadic& s3,
                            const Dyadic& s1s1) {
    Dyadic third = n * n * s3;
    third.Subtract(Dyadic(3) * n * s1 * s2);
    third.Add(Dyadic(2) * s1s1 * s1);
    return third;
  }
  // count^4 times (the fourth moment - 3 variance^2): n^3 s4 - 4 n^2 s1 s3 + 6 n s1^2 s2 - 3 s1^4
  // - 3 spread^2.
  static Dyadic FourthExcess(const Dyadic& n, const Dyadic& s1, const Dyadic& s2, const Dyadic& s3,
                             const Dyadic& s4, const Dyadic& s1s1, const Dyadic& spread) {
    const Dyadic nn = n * n;
    Dyadic fourth = nn * n * s4;
    fourth.Subtract(Dyadic(4) * nn * s1 * s3);
    fourth.Add(Dyadic(6) * n * s1s1 * s2);
    fourth.Subtract(Dyadic(3) * s1s1 * s1s1);
    fourth.Subtract(Dyadic(3) * spread * spread);
    return fourth;
  }
  // third / spread^1.5
  static double Skew(const ScaledDouble& third, const ScaledDouble& spread) {
    const bool odd = spread.exponent % 2 != 0;
    const double mantissa = odd ? spread.mantissa * 2.0 : spread.mantissa;
    const int64_t half = (spread.exponent - (odd ? 1 : 0)) / 2;
    return ScaledDouble{third.mantissa / (mantissa * std::sqrt(mantissa)),
                        third.exponent - 3 * half}
        .Value();
  }
  static double Kurtosis(const ScaledDouble& excess, const ScaledDouble& spread) {
    return ScaledDouble{excess.mantissa / (spread.mantissa * spread.mantissa),
                        excess.exponent - 2 * spread.exponent}
        .Value();
  }
};

template <int kPowers>
Result<KernelPtr> BindMoments(const BindRequest& request) {
  return ForNumber(request.input, []<typename P>() -> KernelPtr {
    return MakeKernel<P>(Moments<kPowers>{}, types::Kind::kDouble);
  });
}

}  // namespace

extern const OperationEntry kVariance;
extern const OperationEntry kSkew;
extern const OperationEntry kKurtosis;
const OperationEntry kVariance{"VARIANCE", "Population variance of the inputs.", "numbers",
                               BindMoments<2>};
const OperationEntry kSkew{"SKEW", "Skewness of the inputs.", "numbers", BindMoments<3>};
const OperationEntry kKurtosis{"KURTOSIS", "Excess kurtosis of the inputs.", "numbers",
                               BindMoments<4>};

}  // namespace catena::aggregate

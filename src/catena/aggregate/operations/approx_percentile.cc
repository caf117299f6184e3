// SPDX-License-Identifier: Apache-2.0
// APPROX_PERCENTILE: values below which given shares of the inputs lie.
//
//   input      any number, as float; NaN is passed over
//   arguments  k, from 8 to 65,535, default 128: how many floats are kept before they are thinned;
//              percentiles, a JSON list of shares from 0 to 1, default [0.5]
//   IR         a KLL sketch of floats (kll_floats.h)
//   output     LIST<FLOAT> in the order of the shares; 0 is the least input, 1 the largest. Exact
//              for up to k inputs: the input at place floor(share * inputs), from 0, of the sorted
//              ones, or the last. Above, its place is within 2.296 / k^0.9723 of the share, as a
//              share (2.1 % for k = 128), in 99 of 100 cases. Null when the window holds no
//              input but NaN
//   source     Chronon ApproxPercentiles (SimpleAggregators.scala), which fails without arguments

#include "catena/aggregate/operation_arguments.h"
#include "catena/aggregate/operation_kernel.h"
#include "catena/aggregate/sketch/boxed.h"
#include "catena/aggregate/sketch/kll_floats.h"
#include "catena/base/json.h"

namespace catena::aggregate {
namespace {

struct ApproxPercentile {
  using Input = float;
  using Output = void;
  static constexpr bool kOrderShows = true;
  struct IR {
    Boxed<KllFloats> sketch;
  };

  uint16_t k = 0;
  std::vector<double> shares;

  void Update(IR& ir, Input input) const {
    KllFloats& sketch = ir.sketch.Make(k);
    if (!std::isnan(input)) sketch.Add(input);
  }
  void Merge(IR& into, const IR& from) const {
    if (!from.sketch) return;
    if (into.sketch) {
      into.sketch->Merge(*from.sketch);
    } else {
      into = from;
    }
  }
  bool IsEmpty(const IR& ir) const noexcept { return !ir.sketch; }
  void AppendTo(const IR& ir, types::Column* into) const {
    const std::vector<float> values = ir.sketch->Quantiles(shares);
    if (values.empty()) return into->AppendNull();
    for (const float value : values) into->mutable_child(0)->Append<float>(value);
    into->CloseRow();
  }
  void Encode(const IR& ir, std::string* out) const {
    std::string sketch;
    ir.sketch->Encode(&sketch);
    AppendSized(out, sketch);
  }
  bool Decode(IrReader* reader, IR& ir) const { return ir.sketch.Make(k).Decode(reader->Sized()); }
};

Result<std::vector<double>> Shares(const BindRequest& request) {
  const auto argument = request.arguments->find("percentiles");
  if (argument == request.arguments->end()) return std::vector<double>{0.5};
  const auto json = ParseJson(argument->second, "percentiles");
  std::vector<double> shares;
  if (json.ok() && json->is_array()) {
    for (const Json& one : *json) {
      if (one.is_number()) shares.push_back(one.get<double>());
    }
  }
  const bool valid = !shares.empty() && shares.size() <= kMostElements &&
                     shares.size() == json->size() &&
                     std::all_of(shares.begin(), shares.end(),
                                 [](double share) { return share >= 0.0 && share <= 1.0; });
  if (!valid) {
    return InvalidConf(
        "argument percentiles of APPROX_PERCENTILE must be a list of numbers from 0 "
        "to 1, such as [0.5, 0.99]: " +
        argument->second);
  }
  return shares;
}

Result<KernelPtr> BindApproxPercentile(const BindRequest& request) {
  constexpr size_t kDefaultK = 128;
  CATENA_TRY(const size_t k, ArgumentK(request, "APPROX_PERCENTILE", KllFloats::kLeastK, kDefaultK,
                                       KllFloats::kMostK));
  CATENA_TRY(const std::vector<double> shares, Shares(request));
  return ForNumber(request.input, [&]<typename P>() -> KernelPtr {
    return MakeKernel<P>(ApproxPercentile{static_cast<uint16_t>(k), shares},
                         types::DataType::List(types::Kind::kFloat));
  });
}

}  // namespace

extern const OperationEntry kApproxPercentile;
const OperationEntry kApproxPercentile{
    "APPROX_PERCENTILE",
    "Values below which given shares of the inputs lie, about.",
    "numbers",
    BindApproxPercentile,
    false,
    "percentiles, a list from 0 to 1, else [0.5]; k, from 8 to 65,535, else 128"};

}  // namespace catena::aggregate

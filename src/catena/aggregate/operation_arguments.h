// SPDX-License-Identifier: Apache-2.0
// The argument k of an operation: how many elements, values or keys it keeps.
//
//   input   the decimal text of an Aggregation's argument "k"
//   errors  kInvalidConf names the operation, the range and what was given

#pragma once

#include <charconv>
#include <optional>
#include <string>

#include "catena/aggregate/operation.h"

namespace catena::aggregate {

inline constexpr int kMostElements = 10'000;
inline constexpr std::string_view kArgumentK = "k, from 1 to 10,000";

// `absent`: the k of an aggregation that gives none; without one, k is required.
inline Result<size_t> ArgumentK(const BindRequest& request, std::string_view operations, int least,
                                std::optional<size_t> absent = std::nullopt,
                                int most = kMostElements) {
  const auto argument = request.arguments->find("k");
  if (argument == request.arguments->end() && absent) return *absent;
  int k = least - 1;
  if (argument != request.arguments->end()) {
    const std::string& text = argument->second;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), k);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) k = least - 1;
  }
  if (k < least || k > most) {
    return InvalidConf("argument k of " + std::string(operations) + " must be a number from " +
                       std::to_string(least) + " to " + std::to_string(most) + ": " +
                       (argument == request.arguments->end() ? "absent" : argument->second));
  }
  return static_cast<size_t>(k);
}

}  // namespace catena::aggregate

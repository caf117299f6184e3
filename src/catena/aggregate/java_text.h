// SPDX-License-Identifier: Apache-2.0
// JavaText: a number as Java's String.valueOf spells it, which is how Chronon makes keys of them.
//
//   output  integers in decimal; doubles with the fewest digits that read back as the same double:
//           "6.0", "-0.25", from 10^7 on and below 10^-3 as "1.0E7" and "2.5E-4"; "NaN",
//           "Infinity", "-Infinity"
//   source  Double.toString of JDK 19 and later; earlier ones wrote a digit more for some doubles

#pragma once

#include <cstdint>
#include <string>

namespace catena::aggregate {

std::string JavaText(int64_t number);
std::string JavaText(double number);

}  // namespace catena::aggregate

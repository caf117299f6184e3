// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/java_text.h"

#include <charconv>
#include <cmath>

namespace catena::aggregate {

std::string JavaText(int64_t number) { return std::to_string(number); }

std::string JavaText(double number) {
  if (std::isnan(number)) return "NaN";
  const std::string sign = std::signbit(number) ? "-" : "";
  if (std::isinf(number)) return sign + "Infinity";
  if (number == 0.0) return sign + "0.0";
  // "d.ddde-xx".
  char buffer[32];
  char* const last = buffer + sizeof(buffer);
  const double size = std::fabs(number);
  auto end = std::to_chars(buffer, last, size, std::chars_format::scientific);
  // Where one digit will do, Java takes the closest of two: 4.9E-324.
  if (buffer[1] == 'e') end = std::to_chars(buffer, last, size, std::chars_format::scientific, 1);
  const std::string text(buffer, end.ptr);
  const size_t e = text.find('e');
  int exponent = 0;
  const size_t digits_at = e + (text[e + 1] == '+' ? 2 : 1);
  std::from_chars(text.data() + digits_at, text.data() + text.size(), exponent);
  std::string digits = text[0] + text.substr(2, e - 2);
  if (exponent < -3 || exponent >= 7) {
    return sign + digits[0] + "." + digits.substr(1) + "E" + std::to_string(exponent);
  }
  if (exponent < 0) {
    if (digits.back() == '0') digits.pop_back();
    return sign + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  }
  const auto whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() < whole + 1) digits.resize(whole + 1, '0');
  return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

}  // namespace catena::aggregate

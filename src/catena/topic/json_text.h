// SPDX-License-Identifier: Apache-2.0
// Where and what in a JSON text, for the messages of bad records.
//
//   threads  pure functions

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace catena::topic {

// The first byte that is not UTF-8, or the end.
size_t FirstByteNotUtf8(std::string_view text);

// The first control character within a string, which JSON must escape, or the end.
size_t FirstUnescapedByte(std::string_view text);

// A token without the white space behind it, cut to 60 bytes where no UTF-8 sequence is.
std::string Quoted(std::string_view token);

}  // namespace catena::topic

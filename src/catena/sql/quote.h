// SPDX-License-Identifier: Apache-2.0
// Names and texts as SQL literals, whatever characters they hold.

#pragma once

#include <string>
#include <string_view>

#include "catena/types/data_type.h"

namespace catena::sql {

// a "b" -> "a ""b"""
std::string QuoteName(std::string_view name);
// it's -> 'it''s'
std::string QuoteText(std::string_view text);
// A path that DuckDB reads as one file, though it may hold `*`, `?` or `[`, as a text literal.
std::string QuotePath(std::string_view path);
// How DuckDB spells a type of ours: LONG -> BIGINT, LIST<STRING> -> VARCHAR[].
std::string SqlTypeName(const types::DataType& type);

}  // namespace catena::sql

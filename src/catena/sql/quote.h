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
// How DuckDB spells a type of ours: LONG -> BIGINT, LIST<STRING> -> VARCHAR[].
std::string SqlTypeName(const types::DataType& type);

}  // namespace catena::sql

// SPDX-License-Identifier: Apache-2.0
// What each day of a table that we wrote was computed with, beside the table in `_catena.json`.
//
// A day is marked after it is written, so a day that lost its mark to a crash is computed again,
// and never the other way round.
// STORED FORMAT: {"days": {"2026-03-01": "<conf::MeaningOf>"}, "version": 1}
//
//   errors   a file that does not parse is kCorruption, with its path

#pragma once

#include "catena/batch/context.h"

namespace catena::batch {

Result<std::map<Date, std::string>> ReadMeanings(const table::Table& table);
Status MarkDay(const table::Table& table, Date day, const std::string& meaning);

// What the tables hold now; an absent table holds nothing.
Result<plan::Inventory> ReadInventory(const BatchContext& context,
                                      const std::vector<std::string>& tables);

}  // namespace catena::batch

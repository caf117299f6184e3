// SPDX-License-Identifier: Apache-2.0
// What each day of a table that we wrote was computed with and from, beside it in `_catena.json`.
//
// A day is marked after it is written, and loses the mark that it had before it is written again: a
// day that lost its mark to a crash is computed again, and never the other way round.
// STORED FORMAT: {"days": {"2026-03-01": {"inputs": {"t.risks": {"first": "2026-02-20", "last":
// "2026-03-01", "print": "<print>"}}, "left": "<PartitionFacts::print>", "meaning":
// "<conf::MeaningOf>"}}, "version": 3}; `left` is "" in tables of GroupBys, an input without a day
// is {}. Version 2 had no `inputs`; such a day is taken as made from today's inputs. Version 1 had
// the meaning alone in place of the object; it reads as a day whose left partition is not known.
//
//   errors   a file that does not parse is kCorruption, with its path

#pragma once

#include "catena/batch/context.h"

namespace catena::batch {

Result<std::map<Date, plan::DayMark>> ReadMarks(const table::Table& table);
Status MarkDay(const table::Table& table, Date day, const plan::DayMark& mark);
// Replaces all marks of the table.
Status WriteMarks(const table::Table& table, const std::map<Date, plan::DayMark>& marks);
// Days that are taken as made from today's inputs are marked so, by table.
Status Adopt(const BatchContext& context,
             const std::map<std::string, std::map<Date, plan::DayMark>>& adopted);
// What a job that was killed while it marked a day left behind; the caller holds the job's lock.
Status RemoveHalfWrittenMarks(const table::Table& table);

// What the tables hold now; an absent table holds nothing.
Result<plan::Inventory> ReadInventory(const BatchContext& context,
                                      const std::vector<std::string>& tables);

}  // namespace catena::batch

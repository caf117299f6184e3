// SPDX-License-Identifier: Apache-2.0
// Inventory: what tables hold, and what the days that we wrote were made with and from.
//
// A print stands for the files of a day: other files, another print. Of a day of a Join's table
// that others read, a print stands for its DayMark instead: made again from the same, it is the
// same.
//
//   null   of an InputPrint without any day `print` is empty; `inputs` absent: nobody recorded them

#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "catena/base/time.h"

namespace catena::plan {

// The days of one input that a day looked at: those between two days, both included, that the table
// had.
struct InputPrint {
  Date first;
  Date last;
  std::string print;
  bool operator==(const InputPrint&) const = default;
};

// What a day of a table that we wrote was computed with and from.
struct DayMark {
  std::string meaning;  // conf::MeaningOf.
  std::string left;     // Print of the left partition; empty: not known, or a GroupBy's table.
  std::optional<std::map<std::string, InputPrint>> inputs = {};  // By table; without the left one.
  bool operator==(const DayMark&) const = default;
};

// What one table holds.
struct TableState {
  std::vector<Date> days;                   // Sorted.
  std::map<Date, DayMark> marks = {};       // Days of tables that we did not write are absent.
  std::map<Date, std::string> prints = {};  // Of every day.
};
using Inventory = std::map<std::string, TableState>;

// "" when the table has no such day.
inline std::string PrintOf(const std::string& table, Date day, const Inventory& inventory) {
  const auto state = inventory.find(table);
  if (state == inventory.end()) return "";
  const auto print = state->second.prints.find(day);
  return print == state->second.prints.end() ? "" : print->second;
}

}  // namespace catena::plan

// SPDX-License-Identifier: Apache-2.0
// LeftPrint: what a day of a Join's table is made from row by row: its left partition, and the same
// day of the tables of its bootstrap parts.
//
//   output   without bootstrap parts the print of the left partition alone; "" when that is unknown
//   null     a table without the day has the print ""

#pragma once

#include <string>

#include "catena/conf/join.h"

namespace catena::plan {

// `print_of`: the print of the day in the table of that name.
template <typename PrintOf>
std::string LeftPrint(const conf::Join& join, const PrintOf& print_of) {
  std::string print = print_of(conf::TableOf(join.left));
  if (print.empty()) return print;
  for (const conf::BootstrapPart& part : join.bootstraps) print += "+" + print_of(part.table);
  return print;
}

}  // namespace catena::plan

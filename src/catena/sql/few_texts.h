// SPDX-License-Identifier: Apache-2.0
// FewTexts: a column of few different texts as numbers, and what each stands for. DuckDB takes it
// for an ENUM, and its Parquet writer for the dictionary that it is; of plain texts it looks for
// each value twice in a dictionary of its own, which takes half of the CPU seconds of a file with
// three such columns in ten. Inside this module only.
//
//     texts   USD  EUR  -  USD        codes  0 1 0 0, and the column's nulls
//                                     texts  USD EUR
//
//   null    a code that says nothing
//   limits  as many texts as a byte counts, and at most a fifth of the rows; none with a zero byte,
//           which the names of an ENUM cannot hold
//   order   of the texts' first rows, so that equal rows make equal files

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catena/types/batch.h"

namespace catena::sql {

struct FewTexts {
  std::vector<std::string> texts;           // At least one.
  std::vector<std::vector<uint8_t>> codes;  // By batch, by row.

  // Of column `column` of all batches, a STRING; absent where the limits are passed.
  static std::optional<FewTexts> Of(const std::vector<types::Batch>& batches, size_t column);
};

}  // namespace catena::sql

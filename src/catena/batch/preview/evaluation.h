// SPDX-License-Identifier: Apache-2.0
// Evaluate: a conf over a few rows that a person wrote, to unit-test a feature; a chain too.
//
//   input    an empty warehouse; rows of tables as JSON objects: columns of the type that the
//            conf's schemas say, else recognised from the values; a missing column is null. A row's
//            day is its `ds`, else that of its `ts`, of a mutation that of when it happened; rows
//            of snapshots need a `ds`. Text like "2026-11-20 12:00:05.250" (UTC) in a column of
//            whole numbers is a time. Tables without rows are empty queries: rows that ask a
//            GroupBy (keys and ts)
//   output   of a Join one row a left row; of a GroupBy one row a query, or without queries a row a
//            key and day, `ds` last; names of a GroupBy's outputs without its prefix
//   order    days, then as written
//   errors   kInvalidConf names the table, the row (from 1) and the column; those of a backfill

#pragma once

#include <map>
#include <string>
#include <vector>

#include "catena/base/json.h"
#include "catena/batch/context.h"
#include "catena/conf/conf.h"

namespace catena::batch {

struct EvaluationInput {
  std::map<std::string, std::vector<Json>> tables;
  std::vector<Json> queries;
};

Result<types::Batch> Evaluate(const BatchContext& context, const conf::Conf& conf,
                              const EvaluationInput& input);

// Sentences about what differs from `expected`: rows in order, of each the columns it names,
// doubles to 1e-9 of their size. Empty when all is as expected.
std::vector<std::string> CompareRows(const types::Batch& rows, const std::vector<Json>& expected);

}  // namespace catena::batch

// SPDX-License-Identifier: Apache-2.0
// QueryGuard: one SELECT over named tables, and nothing else, before it is run.
//
// The query of a StagingQuery comes with its conf, and a conf is data. DuckDB parses the text, and
// what its syntax tree reads from must be the tables that the conf lists, by name, or common table
// expressions of its own: no file, no table function, no statement besides.
//
//   errors   kInvalidConf names what else the query reads

#pragma once

#include <string>
#include <vector>

#include "catena/sql/database.h"

namespace catena::sql {

// `tables` as "namespace.table".
Status GuardQuery(Database* database, const std::string& query,
                  const std::vector<std::string>& tables);

}  // namespace catena::sql

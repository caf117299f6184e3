// SPDX-License-Identifier: Apache-2.0
// DerivedFeatures: the derivations of GroupBys and Joins, applied to what was fetched.
//
// One expression batch a definition and call, prepared once and handed from call to call
// (sql/derivations.h); renames never enter DuckDB. Its database opens with the first expression.
//
//   input    base columns; of a GroupBy the keys, of a Join the request's columns; and as_of, which
//            expressions may read as `ts` (LONG milliseconds) and `ds` (its date)
//   output   derived columns by row; rows on which an expression failed, null there
//   errors   kInvalidConf: a derivation reads a column that neither the parts nor the request give
//   threads  every call may run concurrently with every other
//   source   Chronon DerivationUtils.applyDeriveFunc

#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "catena/base/time.h"
#include "catena/conf/join.h"
#include "catena/sql/derivations.h"

namespace catena::fetch {

class DerivedFeatures {
 public:
  // `absent`: prefixes of columns of parts that failed; what needs one is left out.
  Result<sql::Derived> Derive(std::span<const conf::Derivation> derivations,
                              const types::Batch& base, const types::Batch& context,
                              std::span<const Timestamp> as_of,
                              const std::vector<std::string>& absent = {});

  // The left columns that a request must bring because derivations of the Join read them.
  // `schemas`: columns by table, for their types; kNotFound when a table's are not known.
  Result<types::Schema> LeftColumnsRead(const conf::Join& join,
                                        const std::map<std::string, types::Schema>& schemas);

 private:
  Result<sql::Database*> Database();

  std::mutex mutex_;
  std::unique_ptr<sql::Database> database_;
  // By what was bound; those in use are not here.
  std::multimap<std::string, sql::Derivations> idle_;
};

}  // namespace catena::fetch

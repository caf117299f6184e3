// SPDX-License-Identifier: Apache-2.0
// SchemaResolver: the columns of every stage of a chain, before the first record arrives.
//
//   input   confs, and the columns of the tables at the bottom (SchemaLookup)
//   output  rows of a Source after its Query (with `ts`), rows of a Join, keys / inputs / outputs
//           of a GroupBy; types as DuckDB and the aggregations give them
//   errors  kNotFound: a table without schema, with the remedy; kInvalidConf: a Query or an
//           aggregation that does not bind, with the GroupBy or Join it stands in
//   threads one thread

#pragma once

#include <functional>
#include <string>

#include "catena/conf/conf.h"
#include "catena/sql/database.h"
#include "catena/types/schema.h"

namespace catena::fetch {

struct GroupByShape {
  types::Schema keys;
  types::Schema inputs;   // What raw rows hold; without aggregations the columns that pass through.
  types::Schema outputs;  // After derivations.
};

struct JoinShape {
  types::Schema left;
  types::Schema parts;
};

// With `ts` and `ds`, which derivations may read of a row's time.
types::Schema WithTime(types::Schema schema);

class SchemaResolver {
 public:
  SchemaResolver(sql::Database* database,
                 std::function<Result<types::Schema>(const std::string& table)> tables)
      : database_(database), tables_(std::move(tables)) {}

  Result<types::Schema> TableRows(const std::string& table) const { return tables_(table); }
  Result<types::Schema> RowsOf(const conf::Source& source) const;
  Result<types::Schema> RowsOf(const conf::Query& query, const types::Schema& input) const;
  Result<types::Schema> RowsOf(const conf::Join& join) const;
  // Before its derivations: left columns, then those of the parts.
  Result<JoinShape> ShapeOf(const conf::Join& join) const;
  Result<GroupByShape> ShapeOf(const conf::GroupBy& group_by) const;

 private:
  sql::Database* database_;
  std::function<Result<types::Schema>(const std::string& table)> tables_;
};

}  // namespace catena::fetch

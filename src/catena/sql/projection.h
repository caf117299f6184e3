// SPDX-License-Identifier: Apache-2.0
// Projection: a Query bound to a schema: selects, wheres and time column, applied to a Batch.
//
//   input   a Batch of exactly the schema it was bound to
//   output  columns: the selects in their order (all columns of the input when the Query has no
//           selects), then `ts` LONG from the time column, cast to BIGINT, when there is one and no
//           select is named `ts`, then the pass-through columns as they are. A select that is a
//           plain column keeps its type and shares the input's memory when no row is dropped
//   null    a where that is null drops the row; everything else as DuckDB computes it
//   order   rows keep the input's order; source_rows[i] is the input row of output row i
//   errors  Bind: kInvalidConf names the expression and the remedy (unknown column: what exists;
//           not one scalar expression; untranslated), kUnsupported names the select whose type we
//           cannot hold. Apply: a row whose expressions fail is in bad_rows and costs no other row;
//           kUnavailable when memory ends
//   threads one Projection belongs to one thread at a time; many may run side by side
//   source  Chronon Query: rows are filtered before selects are computed

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "catena/base/result.h"
#include "catena/conf/source.h"
#include "catena/sql/database.h"
#include "catena/types/batch.h"

namespace catena::sql {

struct ProjectionOptions {
  // Input columns handed through after the selects; each must exist and not be selected otherwise.
  std::vector<std::string> passthrough;
};

struct BadRow {
  uint32_t row = 0;  // Of the input.
  std::string message;
};

struct Projected {
  types::Batch rows;
  std::vector<uint32_t> source_rows;
  std::vector<BadRow> bad_rows;  // By row.
};

class Projection {
 public:
  static Result<Projection> Bind(Database* database, const conf::Query& query,
                                 const types::Schema& input, const ProjectionOptions& options = {});
  Projection(Projection&&) noexcept;
  Projection& operator=(Projection&&) noexcept;
  ~Projection();

  const types::Schema& input() const;
  const types::Schema& output() const;
  // False when the Query only picks and renames columns: Apply then never enters DuckDB.
  bool computes() const;
  Result<Projected> Apply(const types::Batch& batch);

 private:
  struct Bound;
  explicit Projection(std::unique_ptr<Bound> bound);
  std::unique_ptr<Bound> bound_;
};

}  // namespace catena::sql

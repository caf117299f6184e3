// SPDX-License-Identifier: Apache-2.0
// Derivations: the derived columns of a GroupBy or Join, computed from its columns.
//
//     base columns         a_sum  a_count
//     derivations          *, mean = a_sum / a_count, n = a_count, big = mean > 10
//     output               a_sum  mean  n  big             (n is a rename: it takes a_count's
//     place)
//
// A name in an expression is a base or context column when there is one, else another derivation,
// in whatever order they are listed.
//
//   input    base columns, which derivations replace; context columns (keys, left columns, `ts`,
//            `ds`), which expressions may read as well
//   output   in the order of the derivations, `*` being the base columns in theirs, without those
//            that a derivation only renames or redefines. A derivation named like a context column
//            fills its nulls
//   null     as the expressions compute it; a row on which one fails is in bad_rows, and null in
//            every computed column
//   errors   Bind: kInvalidConf names every derivation that reads an unknown column (and what there
//            is), each cycle, two of one name; those of Projection
//   threads  one Derivations belongs to one thread at a time
//   source   Chronon DerivationUtils.scala, derivationProjection

#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "catena/conf/derivation.h"
#include "catena/sql/projection.h"

namespace catena::sql {

struct Derived {
  types::Batch columns;
  std::vector<BadRow> bad_rows;  // By row.
};

class Derivations {
 public:
  // True of a column that could not be had: what needs it is left out instead of refused.
  using IsAbsent = std::function<bool(const std::string& column)>;

  static Result<Derivations> Bind(Database* database, std::span<const conf::Derivation> derivations,
                                  const types::Schema& base, const types::Schema& context,
                                  const IsAbsent& is_absent = nullptr);

  const types::Schema& output() const { return output_; }
  // Whether Apply wants a column of this name.
  bool Reads(const std::string& column) const { return input_.Find(column).has_value(); }
  // `rows` has at least the columns that are read, with the types of Bind; others are passed over.
  Result<Derived> Apply(const types::Batch& rows);

 private:
  // Derivations that need nothing of each other; a later stage may read the columns of earlier
  // ones.
  struct Stage {
    Projection projection;
    std::vector<std::string> places;
  };
  types::Schema input_;  // Base columns that stay, and whatever is read.
  std::vector<Stage> stages_;
  types::Schema output_;
  std::vector<std::string> places_;  // By output column: its name while stages run.
};

}  // namespace catena::sql

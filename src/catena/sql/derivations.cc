// SPDX-License-Identifier: Apache-2.0
#include "catena/sql/derivations.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "catena/sql/query_plan.h"
#include "catena/sql/quote.h"

namespace catena::sql {
namespace {

// A derivation that redefines a given column stands beside it, under a name of its own.
constexpr const char* kPlacePrefix = "__derived_";

struct Planned {
  const conf::Derivation* derivation;
  PlannedExpression expression;
  std::string place;       // Its name among the rows while stages run.
  std::set<size_t> needs;  // Other derivations.
  bool left_out = false;
};

bool IsStar(const conf::Derivation& derivation) { return derivation.name == "*"; }

types::Schema WithFields(types::Schema schema, const types::Schema& more) {
  for (const types::Field& field : more.fields) {
    if (!schema.Find(field.name)) schema.fields.push_back(field);
  }
  return schema;
}

class Planner {
 public:
  Planner(Database* database, const types::Schema& base, const types::Schema& context,
          const Derivations::IsAbsent& is_absent)
      : database_(database),
        given_(WithFields(base, context)),
        context_(context),
        is_absent_(is_absent) {}

  Status Plan(std::span<const conf::Derivation> derivations) {
    CATENA_RETURN_IF_ERROR(Name(derivations));
    std::string violations;
    for (const conf::Derivation& derivation : derivations) {
      if (IsStar(derivation)) continue;
      Status status = Add(derivation);
      if (status.ok()) continue;
      if (status.error().code != ErrorCode::kInvalidConf) return status;
      violations += (violations.empty() ? "" : "\n") + status.error().message;
    }
    if (!violations.empty()) return InvalidConf(violations);
    LeaveOut();
    return Sort();
  }

  const Planned& Of(const std::string& name) const { return planned_[position_.at(name)]; }
  // By stage, positions in planned().
  const std::vector<std::vector<size_t>>& stages() const { return stages_; }
  const std::vector<Planned>& planned() const { return planned_; }
  const types::Schema& given() const { return given_; }

 private:
  Status Name(std::span<const conf::Derivation> derivations) {
    visible_ = given_;
    for (const conf::Derivation& derivation : derivations) {
      if (IsStar(derivation)) continue;
      const size_t at = position_.size();
      if (!position_.emplace(derivation.name, at).second) {
        return InvalidConf("two derivations have one name: " + derivation.name);
      }
      if (!given_.Find(derivation.name)) {
        visible_.fields.push_back({derivation.name, types::Kind::kLong});
      }
    }
    return Status();
  }

  Status Add(const conf::Derivation& derivation) {
    Planned planned{&derivation, {}, derivation.name, {}, false};
    if (given_.Find(derivation.name)) {
      planned.place = kPlacePrefix + std::to_string(planned_.size());
    }
    auto expression =
        PlanExpression(database_, "derivation " + derivation.name, derivation.expression, visible_);
    if (!expression.ok()) {
      CATENA_TRY(planned.left_out, ReadsAbsent(derivation));
      if (!planned.left_out) return expression.error();
    } else {
      planned.expression = std::move(expression).value();
      for (const std::string& column : planned.expression.columns) {
        if (!given_.Find(column)) planned.needs.insert(position_.at(column));
      }
      if (context_.Find(derivation.name)) {
        planned.expression.duckdb =
            "COALESCE(" + QuoteName(derivation.name) + ", " + planned.expression.duckdb + ")";
        planned.expression.plain_column.clear();
        planned.expression.columns.push_back(derivation.name);
      }
    }
    planned_.push_back(std::move(planned));
    return Status();
  }

  Result<bool> ReadsAbsent(const conf::Derivation& derivation) const {
    if (is_absent_ == nullptr || derivation.expression.duckdb.empty()) return false;
    CATENA_TRY(const auto guarded, database_->Guard(derivation.expression.duckdb));
    return std::all_of(guarded.columns.begin(), guarded.columns.end(),
                       [&](const std::string& column) {
                         return visible_.Find(column).has_value() || is_absent_(column);
                       });
  }

  void LeaveOut() {
    for (bool changed = true; changed;) {
      changed = false;
      for (Planned& one : planned_) {
        const bool out = std::any_of(one.needs.begin(), one.needs.end(),
                                     [&](size_t need) { return planned_[need].left_out; });
        changed |= out && !one.left_out;
        one.left_out |= out;
      }
    }
  }

  Status Sort() {
    std::set<size_t> done;
    for (size_t i = 0; i < planned_.size(); ++i) {
      if (planned_[i].left_out) done.insert(i);
    }
    while (done.size() < planned_.size()) {
      std::vector<size_t> stage;
      for (size_t i = 0; i < planned_.size(); ++i) {
        if (done.contains(i)) continue;
        if (std::includes(done.begin(), done.end(), planned_[i].needs.begin(),
                          planned_[i].needs.end())) {
          stage.push_back(i);
        }
      }
      if (stage.empty()) return Cycle(done);
      done.insert(stage.begin(), stage.end());
      stages_.push_back(std::move(stage));
    }
    return Status();
  }

  // Whatever is not done needs something that is not done; following that must close a circle.
  Status Cycle(const std::set<size_t>& done) const {
    const auto next = [&](size_t of) {
      return *std::find_if(planned_[of].needs.begin(), planned_[of].needs.end(),
                           [&](size_t need) { return !done.contains(need); });
    };
    size_t at = 0;
    while (done.contains(at)) ++at;
    std::vector<size_t> path;
    while (std::find(path.begin(), path.end(), at) == path.end()) {
      path.push_back(at);
      at = next(at);
    }
    std::string names;
    for (auto in = std::find(path.begin(), path.end(), at); in != path.end(); ++in) {
      names += planned_[*in].derivation->name + " -> ";
    }
    return InvalidConf("derivations need each other in a circle; write one of them out: " + names +
                       planned_[at].derivation->name);
  }

  Database* database_;
  types::Schema given_;
  const types::Schema& context_;
  const Derivations::IsAbsent& is_absent_;
  types::Schema visible_;  // What is given, and derivations by name.
  std::map<std::string, size_t> position_;
  std::vector<Planned> planned_;
  std::vector<std::vector<size_t>> stages_;
};

conf::Query QueryOf(const std::vector<Planned>& planned, const std::vector<size_t>& stage) {
  conf::Query query;
  query.has_selects = true;
  for (const size_t i : stage) {
    const PlannedExpression& expression = planned[i].expression;
    query.selects.emplace_back(planned[i].derivation->name,
                               conf::Expression{expression.spark, expression.duckdb});
  }
  return query;
}

// A row that failed in two stages is told once.
void SortByRow(std::vector<BadRow>* rows) {
  std::stable_sort(rows->begin(), rows->end(),
                   [](const BadRow& a, const BadRow& b) { return a.row < b.row; });
  const auto same = [](const BadRow& a, const BadRow& b) { return a.row == b.row; };
  rows->erase(std::unique(rows->begin(), rows->end(), same), rows->end());
}

// Rows that failed are missing from what was projected; they come back as nulls.
types::ColumnPtr Spread(const types::Column& column, const std::vector<uint32_t>& source_rows,
                        size_t rows) {
  auto spread = std::make_shared<types::Column>(column.type(), rows);
  size_t next = 0;
  for (size_t row = 0; row < rows; ++row) {
    if (next < source_rows.size() && source_rows[next] == row) {
      spread->AppendFrom(column, next++);
    } else {
      spread->AppendNull();
    }
  }
  return spread;
}

// The columns of `all` that the expressions of a stage name; one at least, so that constants have
// as many values as there are rows.
types::Schema InputOf(const std::vector<Planned>& planned, const std::vector<size_t>& stage,
                      const types::Schema& all) {
  types::Schema input;
  for (const size_t i : stage) {
    for (const std::string& column : planned[i].expression.columns) {
      if (!input.Find(column)) input.fields.push_back(all.fields[*all.Find(column)]);
    }
  }
  if (input.fields.empty() && !all.fields.empty()) input.fields.push_back(all.fields.front());
  return input;
}

}  // namespace

Result<Derivations> Derivations::Bind(Database* database,
                                      std::span<const conf::Derivation> derivations,
                                      const types::Schema& base, const types::Schema& context,
                                      const IsAbsent& is_absent) {
  Planner planner(database, base, context, is_absent);
  CATENA_RETURN_IF_ERROR(planner.Plan(derivations));
  const std::vector<Planned>& planned = planner.planned();
  Derivations bound;
  types::Schema rows = planner.given();
  const auto read = [&](const types::Field& field) {
    if (planner.given().Find(field.name) && !bound.Reads(field.name)) {
      bound.input_.fields.push_back(field);
    }
  };
  std::set<std::string> replaced;  // Base columns that `*` does not bring.
  for (const std::vector<size_t>& stage : planner.stages()) {
    const types::Schema input = InputOf(planned, stage, rows);
    std::for_each(input.fields.begin(), input.fields.end(), read);
    CATENA_TRY(Projection projection, Projection::Bind(database, QueryOf(planned, stage), input));
    Stage made{std::move(projection), {}};
    for (size_t i = 0; i < stage.size(); ++i) {
      const Planned& one = planned[stage[i]];
      replaced.insert({one.derivation->name, one.expression.plain_column});
      rows.fields.push_back({one.place, made.projection.output().fields[i].type});
      made.places.push_back(one.place);
    }
    bound.stages_.push_back(std::move(made));
  }

  const auto put = [&](const std::string& name, const std::string& place) {
    bound.output_.fields.push_back({name, rows.fields[*rows.Find(place)].type});
    bound.places_.push_back(place);
  };
  for (const conf::Derivation& derivation : derivations) {
    if (!IsStar(derivation)) {
      const Planned& one = planner.Of(derivation.name);
      if (!one.left_out) put(derivation.name, one.place);
      continue;
    }
    for (const types::Field& field : base.fields) {
      if (replaced.contains(field.name)) continue;
      put(field.name, field.name);
      read(field);
    }
  }
  return bound;
}

Result<Derived> Derivations::Apply(const types::Batch& rows) {
  types::Batch all;
  for (const types::Field& field : input_.fields) {
    const auto at = rows.schema().Find(field.name);
    CATENA_CHECK(at && rows.schema().fields[*at] == field, "Derivations applied to other columns");
    all.AddColumn(field.name, rows.shared(*at));
  }
  Derived derived;
  for (Stage& stage : stages_) {
    std::vector<std::string> names;
    for (const types::Field& field : stage.projection.input().fields) names.push_back(field.name);
    CATENA_TRY(Projected projected, stage.projection.Apply(all.Select(names)));
    derived.bad_rows.insert(derived.bad_rows.end(), projected.bad_rows.begin(),
                            projected.bad_rows.end());
    for (size_t i = 0; i < stage.places.size(); ++i) {
      const bool whole = projected.bad_rows.empty();
      all.AddColumn(stage.places[i],
                    whole ? projected.rows.shared(i)
                          : Spread(projected.rows.column(i), projected.source_rows, rows.rows()));
    }
  }
  for (size_t i = 0; i < places_.size(); ++i) {
    derived.columns.AddColumn(output_.fields[i].name, all.shared(*all.schema().Find(places_[i])));
  }
  SortByRow(&derived.bad_rows);
  return derived;
}

}  // namespace catena::sql

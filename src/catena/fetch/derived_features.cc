// SPDX-License-Identifier: Apache-2.0
#include "catena/fetch/derived_features.h"

#include <algorithm>
#include <set>

#include "catena/conf/output_names.h"
#include "catena/fetch/schema_resolver.h"

namespace catena::fetch {
namespace {

// Requests may come with keys of any type, so what was bound must not pile up.
constexpr size_t kIdleMax = 256;
constexpr uint64_t kMemoryBytes = uint64_t{512} << 20;
// 0001-01-01 and 10000-01-01, exclusive: what dates can be written of.
constexpr Timestamp kFirstInstant = FromMillis(-62'135'596'800'000);
constexpr Timestamp kEndOfInstants = FromMillis(253'402'300'800'000);

types::ColumnPtr Times(std::span<const Timestamp> as_of) {
  auto column = std::make_shared<types::Column>(types::Kind::kLong, as_of.size());
  for (const Timestamp time : as_of) column->Append<int64_t>(ToMillis(time));
  return column;
}

types::ColumnPtr DayTexts(std::span<const Timestamp> as_of) {
  auto column = std::make_shared<types::Column>(types::Kind::kString, as_of.size());
  for (const Timestamp time : as_of) {
    const bool has_date = kFirstInstant <= time && time < kEndOfInstants;
    has_date ? column->AppendText(FormatDate(Date::Of(time))) : column->AppendNull();
  }
  return column;
}

std::string KeyOf(std::span<const conf::Derivation> derivations, const types::Schema& base,
                  const types::Schema& context, const std::vector<std::string>& absent) {
  std::string key;
  for (const conf::Derivation& one : derivations) {
    key += one.name + '\1' + one.expression.duckdb + '\1';
  }
  for (const types::Schema* schema : {&base, &context}) key += '\2' + schema->ToString();
  for (const std::string& prefix : absent) key += '\2' + prefix;
  return key;
}

}  // namespace

Result<sql::Database*> DerivedFeatures::Database() {
  const std::lock_guard lock(mutex_);
  if (database_ == nullptr) {
    CATENA_TRY(database_, sql::Database::Open({.memory_limit_bytes = kMemoryBytes, .threads = 1}));
  }
  return database_.get();
}

Result<sql::Derived> DerivedFeatures::Derive(std::span<const conf::Derivation> derivations,
                                             const types::Batch& base, const types::Batch& context,
                                             std::span<const Timestamp> as_of,
                                             const std::vector<std::string>& absent) {
  types::Batch beside = context;
  if (!beside.schema().Find("ts")) beside.AddColumn("ts", Times(as_of));
  if (!beside.schema().Find("ds")) beside.AddColumn("ds", DayTexts(as_of));
  const std::string key = KeyOf(derivations, base.schema(), beside.schema(), absent);
  std::optional<sql::Derivations> bound;
  {
    const std::lock_guard lock(mutex_);
    if (const auto at = idle_.find(key); at != idle_.end()) {
      bound = std::move(at->second);
      idle_.erase(at);
    }
  }
  if (!bound) {
    CATENA_TRY(sql::Database * database, Database());
    CATENA_TRY(bound, sql::Derivations::Bind(database, derivations, base.schema(), beside.schema(),
                                             [&](const std::string& column) {
                                               return std::any_of(
                                                   absent.begin(), absent.end(),
                                                   [&](const std::string& prefix) {
                                                     return column.starts_with(prefix);
                                                   });
                                             }));
  }
  types::Batch rows = base;
  for (size_t i = 0; i < beside.width(); ++i) {
    const std::string& name = beside.schema().fields[i].name;
    if (!rows.schema().Find(name)) rows.AddColumn(name, beside.shared(i));
  }
  auto derived = bound->Apply(rows);
  const std::lock_guard lock(mutex_);
  if (idle_.size() >= kIdleMax) idle_.clear();
  idle_.emplace(key, std::move(*bound));
  return derived;
}

Result<types::Schema> DerivedFeatures::LeftColumnsRead(
    const conf::Join& join, const std::map<std::string, types::Schema>& schemas) {
  std::set<std::string> given = {"ts", "ds"};
  for (const conf::Derivation& one : join.derivations) given.insert(one.name);
  for (const conf::ExternalPart& part : join.externals) {
    for (const types::Field& key : part.keys.fields) given.insert(key.name);
  }
  const auto of_a_part = [&](const std::string& column) {
    return column.starts_with("ext_") ||
           std::any_of(join.join_parts.begin(), join.join_parts.end(),
                       [&](const conf::JoinPart& part) {
                         return column.starts_with(conf::ColumnPrefix(part));
                       });
  };
  CATENA_TRY(sql::Database * database, Database());
  std::set<std::string> read;
  for (const conf::Derivation& one : join.derivations) {
    if (one.name == "*") continue;
    CATENA_RETURN_IF_ERROR(conf::RequireTranslated(one.expression));
    CATENA_TRY(const auto guarded, database->Guard(one.expression.duckdb));
    for (const std::string& column : guarded.columns) {
      if (!given.contains(column) && !of_a_part(column)) read.insert(column);
    }
  }
  types::Schema columns;
  if (read.empty()) return columns;
  const SchemaResolver resolver(database, [&](const std::string& table) -> Result<types::Schema> {
    const auto at = schemas.find(table);
    if (at != schemas.end()) return at->second;
    return NotFound(
        "derivations of the Join read columns of its left side, and their types are not known; "
        "compile it where the table is, so that the conf carries its columns: " +
        table);
  });
  CATENA_TRY(const types::Schema left, resolver.RowsOf(join.left));
  for (const types::Field& field : left.fields) {
    if (read.contains(field.name)) columns.fields.push_back(field);
  }
  return columns;
}

}  // namespace catena::fetch

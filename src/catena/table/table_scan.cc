// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include "catena/sql/query_plan.h"
#include "catena/sql/quote.h"
#include "catena/table/table.h"
#include "catena/table/table_facts.h"

namespace catena::table {

namespace {

using sql::PlannedExpression;
using types::Kind;

struct ScanPlan {
  std::vector<PlannedExpression> columns;
  std::vector<PlannedExpression> wheres;

  bool Has(std::string_view name) const {
    return std::any_of(columns.begin(), columns.end(),
                       [&](const PlannedExpression& column) { return column.name == name; });
  }
  void AddPlain(const std::string& name) {
    if (!Has(name)) columns.push_back({name, sql::QuoteName(name), name, name, {name}});
  }
  // After the selects: `ds`, then where the row stood in its topic.
  void AddOrigin(const types::Schema& input, bool with_ds, bool with_source_order) {
    if (with_ds) AddPlain(kPartitionColumn);
    if (with_source_order && input.Find(kTopicPartitionColumn) && input.Find(kOffsetColumn)) {
      AddPlain(kTopicPartitionColumn);
      AddPlain(kOffsetColumn);
    }
  }
};

std::string Spell(const TableFacts& facts, const ScanPlan& plan, const PartitionRange& range) {
  std::string sql = "SELECT ";
  for (size_t i = 0; i < plan.columns.size(); ++i) {
    sql += (i == 0 ? "" : ", ") + plan.columns[i].duckdb + " AS " +
           sql::QuoteName(plan.columns[i].name);
  }
  sql += " FROM " + TableSql(facts, range);
  for (size_t i = 0; i < plan.wheres.size(); ++i) {
    sql += (i == 0 ? " WHERE " : " AND ") + plan.wheres[i].duckdb;
  }
  return sql;
}

Status CheckColumn(const types::Schema& input, const std::string& name) {
  if (input.Find(name)) return Status();
  return InvalidConf("no such column: " + name + "; columns: " + input.ToString());
}

Result<ScanPlan> PlanScan(sql::Database* database, const ScanRequest& request,
                          const TableFacts& facts) {
  const types::Schema input = facts.WithPartitionColumn();
  ScanPlan plan;
  for (const std::string& name : request.columns) {
    CATENA_RETURN_IF_ERROR(CheckColumn(input, name));
    plan.AddPlain(name);
  }
  for (const auto& [name, text] : request.expressions) {
    CATENA_TRY(auto planned,
               sql::PlanExpression(database, "expression " + name, {text, text}, input));
    planned.name = name;
    plan.columns.push_back(std::move(planned));
  }
  if (plan.columns.empty()) {
    for (const types::Field& field : facts.schema.fields) plan.AddPlain(field.name);
  }
  plan.AddOrigin(input, request.with_ds, request.with_source_order);
  for (const std::string& text : request.wheres) {
    CATENA_TRY(auto planned, sql::PlanExpression(database, "where", {text, text}, input));
    plan.wheres.push_back(std::move(planned));
  }
  return plan;
}

// Without selects, `ds` is no feature column: it comes with `with_ds`.
conf::Query WithoutPartitionColumn(conf::Query query, const types::Schema& columns) {
  if (query.has_selects) return query;
  query.has_selects = true;
  for (const types::Field& field : columns.fields) {
    const std::string quoted = sql::QuoteName(field.name);
    query.selects.emplace_back(field.name, conf::Expression{field.name, quoted});
  }
  return query;
}

Result<ScanPlan> PlanReading(sql::Database* database, const conf::Query& given,
                             const ReadOptions& options, const TableFacts& facts) {
  const types::Schema input = facts.WithPartitionColumn();
  const conf::Query query = WithoutPartitionColumn(given, facts.schema);
  // Binding it says which expression is wrong, and why, in the words of streams.
  CATENA_RETURN_IF_ERROR(sql::Projection::Bind(database, query, input).status());
  CATENA_TRY(auto planned, sql::PlanQuery(database, query, input));
  ScanPlan plan{std::move(planned.columns), std::move(planned.wheres)};
  for (const std::string& name : options.passthrough) {
    CATENA_RETURN_IF_ERROR(CheckColumn(input, name));
    plan.AddPlain(name);
  }
  plan.AddOrigin(input, options.with_ds, options.with_source_order);
  return plan;
}

Result<PartitionRange> RangeOf(const conf::Query& query, PartitionRange range) {
  if (!query.start_partition.empty()) {
    CATENA_TRY(const Date first, ParseDate(query.start_partition));
    range.first = std::max(range.first, first);
  }
  if (!query.end_partition.empty()) {
    CATENA_TRY(const Date last, ParseDate(query.end_partition));
    range.last = std::min(range.last, last);
  }
  return range;
}

size_t RowsWithin(const TableFacts& facts, const PartitionRange& range) {
  size_t rows = 0;
  for (const PartitionFiles& partition : facts.partitions) {
    if (!range.Contains(partition.ds)) continue;
    for (const std::string& file : partition.files) rows += facts.rows_of_file.at(file);
  }
  return rows;
}

using MakePlan = std::function<Result<ScanPlan>(const TableFacts&)>;
using FactsOf = std::function<Result<std::shared_ptr<const TableFacts>>()>;

// Files that go away before the first row was given are looked for again.
Status Run(sql::Database* database, const FactsOf& facts_of, const MakePlan& make_plan,
           const PartitionRange& range, const sql::Database::Visit& visit, size_t rows_per_batch) {
  constexpr int kAttempts = 5;
  for (int attempt = 1;; ++attempt) {
    CATENA_TRY(const auto facts, facts_of());
    const std::string before = Fingerprint(facts->partitions);
    CATENA_TRY(const auto plan, make_plan(*facts));
    bool visited = false;
    Status ended = Status();
    const Status status = database->Scan(
        Spell(*facts, plan, range),
        [&](types::Batch batch) {
          visited = true;
          ended = visit(std::move(batch));
          return ended;
        },
        rows_per_batch);
    if (status.ok() || !ended.ok()) return status;
    const bool moved =
        status.error().code == ErrorCode::kUnavailable && Fingerprint(facts->partitions) != before;
    if (!moved) return status;
    if (visited || attempt == kAttempts) {
      return Unavailable("a partition was replaced while it was being read; run it again: " +
                         status.error().message);
    }
  }
}

Result<types::Batch> Gather(const types::Schema& schema,
                            const std::function<Status(const sql::Database::Visit&)>& scan) {
  std::vector<types::Batch> batches;
  CATENA_RETURN_IF_ERROR(scan([&](types::Batch batch) {
    batches.push_back(std::move(batch));
    return Status();
  }));
  if (batches.empty()) return types::BatchBuilder(schema).Build();
  if (batches.size() == 1) return std::move(batches[0]);
  return types::Concat(batches);
}

}  // namespace

Status Table::Scan(const ScanRequest& request, const sql::Database::Visit& visit) const {
  return Run(
             database_, [&] { return Facts(); },
             [&](const TableFacts& facts) { return PlanScan(database_, request, facts); },
             request.range, visit, request.rows_per_batch)
      .WithContext("table " + name_);
}

Result<types::Schema> Table::SchemaOfScan(const ScanRequest& request) const {
  const std::string where = "table " + name_;
  CATENA_TRY(const auto facts, Facts());
  CATENA_TRY(const auto plan, PlanScan(database_, request, *facts).WithContext(where));
  return database_->Describe(Spell(*facts, plan, request.range)).WithContext(where);
}

Result<types::Batch> Table::Read(const ScanRequest& request) const {
  CATENA_TRY(const auto schema, SchemaOfScan(request));
  return Gather(schema, [&](const auto& visit) { return Scan(request, visit); });
}

Status Table::ScanQuery(const conf::Query& query, const ReadOptions& options,
                        const sql::Database::Visit& visit) const {
  CATENA_TRY(const auto range, RangeOf(query, options.range));
  return Run(
             database_, [&] { return Facts(); },
             [&](const TableFacts& facts) { return PlanReading(database_, query, options, facts); },
             range, visit, ScanRequest().rows_per_batch)
      .WithContext("table " + name_);
}

Result<types::Schema> Table::SchemaOfQuery(const conf::Query& query,
                                           const ReadOptions& options) const {
  const std::string where = "table " + name_;
  CATENA_TRY(const auto facts, Facts());
  CATENA_TRY(const auto plan, PlanReading(database_, query, options, *facts).WithContext(where));
  CATENA_TRY(const auto range, RangeOf(query, options.range));
  return database_->Describe(Spell(*facts, plan, range)).WithContext(where);
}

Result<types::Batch> Table::ReadQuery(const conf::Query& query, const ReadOptions& options) const {
  CATENA_TRY(const auto schema, SchemaOfQuery(query, options));
  CATENA_TRY(const auto range, RangeOf(query, options.range));
  CATENA_TRY(const auto facts, Facts());
  // One batch, unless a partition is replaced by a larger one meanwhile.
  const size_t rows = std::max<size_t>(RowsWithin(*facts, range), 1);
  return Gather(schema, [&](const auto& visit) {
    return Run(
               database_, [&] { return Facts(); },
               [&](const TableFacts& now) { return PlanReading(database_, query, options, now); },
               range, visit, rows)
        .WithContext("table " + name_);
  });
}

std::vector<uint64_t> SourceOrderOf(const types::Batch& rows, uint64_t first) {
  std::vector<uint64_t> order(rows.rows());
  const types::Column* partition = rows.Find(kTopicPartitionColumn);
  const types::Column* offset = rows.Find(kOffsetColumn);
  for (size_t row = 0; row < order.size(); ++row) {
    if (partition == nullptr || offset == nullptr || partition->IsNull(row) ||
        offset->IsNull(row)) {
      order[row] = first + row;
      continue;
    }
    const auto number = [&](const types::Column& column) {
      return static_cast<uint64_t>(std::get<int64_t>(column.ValueAt(row).data));
    };
    order[row] = number(*partition) << 48 | number(*offset);
  }
  return order;
}

}  // namespace catena::table

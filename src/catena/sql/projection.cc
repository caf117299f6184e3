// SPDX-License-Identifier: Apache-2.0
#include "catena/sql/projection.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "catena/sql/engine.h"
#include "catena/sql/query_plan.h"
#include "catena/sql/quote.h"

namespace catena::sql {

namespace {

using types::Batch;
using types::Column;
using types::ColumnPtr;

// What DuckDB computed for a stretch of input rows.
struct Computed {
  std::vector<std::shared_ptr<Column>> columns;
  std::vector<uint32_t> rows;  // Of the input.
};

}  // namespace

struct Projection::Bound {
  // An output column is input column `plain`, or the computed column of that position.
  struct Output {
    bool plain;
    size_t position;
  };

  types::Schema input;
  types::Schema output;
  std::vector<Output> outputs;
  std::vector<size_t> text_columns;  // Of the input, that DuckDB reads.
  bool computes = false;
  bool filters = false;

  std::shared_ptr<Engine> engine;  // Null when nothing is computed.
  uint64_t id = 0;
  Connection connection;
  Statement statement;
  std::vector<VectorReader> readers;

  ~Bound() {
    statement = Statement();
    if (engine != nullptr) engine->Unregister(id);
  }

  Status Prepare(Database* database, const QueryPlan& plan);
  Error FirstBadExpression(const QueryPlan& plan, const Error& whole);
  Status RequireConditions(const QueryPlan& plan, size_t first);
  Result<Computed> Compute(const Batch& batch, size_t begin, size_t end);
  Status ComputeAround(const Batch& batch, size_t begin, size_t end, std::vector<Computed>* pieces,
                       std::vector<BadRow>* bad);
  Result<Computed> ComputeAll(const Batch& batch, std::vector<BadRow>* bad);
  void Register(const Batch* batch, size_t begin, size_t end);
};

namespace {

std::string SelectSql(const std::vector<std::string>& expressions,
                      const std::vector<PlannedExpression>& wheres, uint64_t id) {
  std::string sql = "SELECT ";
  for (size_t i = 0; i < expressions.size(); ++i) {
    sql += (i == 0 ? "" : ", ") + expressions[i] + " AS __catena_" + std::to_string(i);
  }
  sql += " FROM " + RegisteredSql(id);
  for (size_t i = 0; i < wheres.size(); ++i) {
    sql += (i == 0 ? " WHERE " : " AND ") + wheres[i].duckdb;
  }
  return sql;
}

}  // namespace

void Projection::Bound::Register(const Batch* batch, size_t begin, size_t end) {
  auto rows = std::make_shared<RegisteredRows>();
  rows->schema = input;
  if (batch != nullptr) rows->batches.push_back(*batch);
  rows->begin = begin;
  rows->end = end;
  rows->with_row_number = true;
  engine->Replace(id, std::move(rows));
}

// Which expression DuckDB does not take, tried one by one.
Error Projection::Bound::FirstBadExpression(const QueryPlan& plan, const Error& whole) {
  const auto judge = [&](const std::string& what, const PlannedExpression& expression,
                         bool where) -> std::optional<Error> {
    const std::vector<PlannedExpression> wheres(where ? 1 : 0, expression);
    auto prepared =
        connection.Prepare(SelectSql({where ? std::string("1") : expression.duckdb}, wheres, id));
    Status status = prepared.status();
    if (prepared.ok()) status = prepared->Describe().status();
    if (status.ok()) return std::nullopt;
    const std::string& words = status.error().message;
    return Error{status.error().code, what + ": " + expression.spark + ": " +
                                          words.substr(0, words.find("; SQL: ")) +
                                          "; columns: " + input.ToString()};
  };
  for (const PlannedExpression& column : plan.columns) {
    if (auto error = judge("select " + column.name, column, false)) return *error;
  }
  for (const PlannedExpression& where : plan.wheres) {
    if (auto error = judge("where", where, true)) return *error;
  }
  return whole;
}

// As Spark does. DuckDB casts what is none, which fails at some row or lets rows through.
Status Projection::Bound::RequireConditions(const QueryPlan& plan, size_t first) {
  for (size_t i = 0; i < plan.wheres.size(); ++i) {
    const types::DataType& type = readers[first + i].ours;
    if (type.kind == types::Kind::kBool) continue;
    return InvalidConf("where: " + plan.wheres[i].spark + ": must be BOOLEAN, is " +
                       types::TypeName(type) + "; compare it with something");
  }
  readers.resize(first);
  return Status();
}

Status Projection::Bound::Prepare(Database* database, const QueryPlan& plan) {
  std::vector<std::string> expressions;
  std::vector<bool> reads(input.size(), false);
  const auto note = [&](const PlannedExpression& expression) {
    for (const std::string& name : expression.columns) reads[*input.Find(name)] = true;
  };
  for (const PlannedExpression& column : plan.columns) {
    if (!column.plain_column.empty()) continue;
    expressions.push_back(column.duckdb);
    note(column);
  }
  for (const PlannedExpression& where : plan.wheres) note(where);
  for (size_t i = 0; i < input.size(); ++i) {
    if (reads[i] && input.fields[i].type.kind == types::Kind::kString) text_columns.push_back(i);
  }
  filters = !plan.wheres.empty();
  computes = filters || !expressions.empty();
  if (!computes) return Status();

  CATENA_TRY(engine, database->RowEngine());
  id = engine->Register(nullptr);
  Register(nullptr, 0, 0);
  CATENA_TRY(connection, engine->Connect());
  expressions.push_back(kRowNumber);
  const size_t width = expressions.size();
  // Null, and of the type of the condition, which a WHERE does not tell.
  for (const PlannedExpression& where : plan.wheres) {
    expressions.push_back("CASE WHEN false THEN " + where.duckdb + " END");
  }
  auto prepared = connection.Prepare(SelectSql(expressions, plan.wheres, id));
  if (!prepared.ok()) return FirstBadExpression(plan, prepared.error());
  statement = std::move(prepared).value();
  auto answer = statement.Run(/*streaming=*/false);
  if (!answer.ok()) return Error{ErrorCode::kInvalidConf, answer.error().message};
  auto typed = answer->Readers();
  if (!typed.ok()) return FirstBadExpression(plan, typed.error());
  readers = std::move(typed).value();
  CATENA_RETURN_IF_ERROR(RequireConditions(plan, width));
  CATENA_TRY(const auto chunk, answer->Next());
  if (chunk.get() != nullptr && duckdb_data_chunk_get_size(chunk.get()) > 0) {
    return InvalidConf("a select gives rows where there are none: it is not a row expression");
  }
  return Status();
}

Result<Projection> Projection::Bind(Database* database, const conf::Query& query,
                                    const types::Schema& input, const ProjectionOptions& options) {
  CATENA_TRY(const auto plan, PlanQuery(database, query, input));
  auto bound = std::make_unique<Bound>();
  bound->input = input;
  CATENA_RETURN_IF_ERROR(bound->Prepare(database, plan));
  size_t computed = 0;
  for (const PlannedExpression& column : plan.columns) {
    if (column.plain_column.empty()) {
      bound->output.fields.push_back({column.name, bound->readers[computed].ours});
      bound->outputs.push_back({false, computed++});
    } else {
      const size_t position = *input.Find(column.plain_column);
      bound->output.fields.push_back({column.name, input.fields[position].type});
      bound->outputs.push_back({true, position});
    }
  }
  for (const std::string& name : options.passthrough) {
    const auto position = input.Find(name);
    if (!position) {
      return InvalidConf("no such column to hand through: " + name +
                         "; columns: " + input.ToString());
    }
    if (bound->output.Find(name)) continue;
    bound->output.fields.push_back(input.fields[*position]);
    bound->outputs.push_back({true, *position});
  }
  return Projection(std::move(bound));
}

Projection::Projection(std::unique_ptr<Bound> bound) : bound_(std::move(bound)) {}
Projection::Projection(Projection&&) noexcept = default;
Projection& Projection::operator=(Projection&&) noexcept = default;
Projection::~Projection() = default;

const types::Schema& Projection::input() const { return bound_->input; }
const types::Schema& Projection::output() const { return bound_->output; }
bool Projection::computes() const { return bound_->computes; }

Result<Computed> Projection::Bound::Compute(const Batch& batch, size_t begin, size_t end) {
  Register(&batch, begin, end);
  Computed computed;
  const size_t width = readers.size() - 1;  // The last one is the row number.
  for (size_t i = 0; i < width; ++i) {
    computed.columns.push_back(std::make_shared<Column>(readers[i].ours, end - begin));
  }
  computed.rows.reserve(end - begin);
  CATENA_TRY(auto answer, statement.Run(/*streaming=*/true));
  while (true) {
    CATENA_TRY(const auto chunk, answer.Next());
    if (chunk.get() == nullptr) return computed;
    const idx_t rows = duckdb_data_chunk_get_size(chunk.get());
    for (size_t i = 0; i < width; ++i) {
      readers[i].Append(duckdb_data_chunk_get_vector(chunk.get(), i), 0, rows,
                        computed.columns[i].get());
    }
    const auto* numbers = static_cast<const int64_t*>(
        duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk.get(), width)));
    computed.rows.insert(computed.rows.end(), numbers, numbers + rows);
  }
}

// Halves a stretch that fails until the bad rows stand alone.
Status Projection::Bound::ComputeAround(const Batch& batch, size_t begin, size_t end,
                                        std::vector<Computed>* pieces, std::vector<BadRow>* bad) {
  if (begin == end) return Status();
  auto computed = Compute(batch, begin, end);
  if (computed.ok()) {
    pieces->push_back(std::move(computed).value());
    return Status();
  }
  if (!IsRowError(computed.error())) return computed.error();
  if (end - begin == 1) {
    bad->push_back({static_cast<uint32_t>(begin), computed.error().message});
    return Status();
  }
  const size_t middle = begin + (end - begin) / 2;
  CATENA_RETURN_IF_ERROR(ComputeAround(batch, begin, middle, pieces, bad));
  return ComputeAround(batch, middle, end, pieces, bad);
}

Result<Computed> Projection::Bound::ComputeAll(const Batch& batch, std::vector<BadRow>* bad) {
  // Stretches between rows whose texts DuckDB must not see.
  std::vector<size_t> broken;
  for (const size_t i : text_columns) {
    for (size_t from = 0; const auto row = FirstInvalidText(batch.column(i), from, batch.rows());) {
      broken.push_back(*row);
      bad->push_back(
          {static_cast<uint32_t>(*row), "text is not UTF-8: column " + input.fields[i].name});
      from = *row + 1;
    }
  }
  std::sort(broken.begin(), broken.end());
  std::vector<Computed> pieces;
  size_t begin = 0;
  broken.push_back(batch.rows());
  for (const size_t row : broken) {
    if (row < begin) continue;  // Broken in two columns.
    CATENA_RETURN_IF_ERROR(ComputeAround(batch, begin, row, &pieces, bad));
    begin = row + 1;
  }
  Register(nullptr, 0, 0);  // Lets go of the batch.
  std::sort(bad->begin(), bad->end(), [](const auto& a, const auto& b) { return a.row < b.row; });
  bad->erase(std::unique(bad->begin(), bad->end(),
                         [](const auto& a, const auto& b) { return a.row == b.row; }),
             bad->end());
  if (pieces.size() == 1) return std::move(pieces[0]);
  Computed all;
  for (size_t i = 0; i + 1 < readers.size(); ++i) {
    all.columns.push_back(std::make_shared<Column>(readers[i].ours));
    for (const Computed& piece : pieces) all.columns[i]->AppendAll(*piece.columns[i]);
  }
  for (const Computed& piece : pieces) {
    all.rows.insert(all.rows.end(), piece.rows.begin(), piece.rows.end());
  }
  return all;
}

Result<Projected> Projection::Apply(const Batch& batch) {
  CATENA_CHECK(batch.schema() == bound_->input, "Projection applied to another schema");
  Projected projected;
  Computed computed;
  if (bound_->computes) {
    CATENA_TRY(computed, bound_->ComputeAll(batch, &projected.bad_rows));
    projected.source_rows = std::move(computed.rows);
  } else {
    projected.source_rows.resize(batch.rows());
    std::iota(projected.source_rows.begin(), projected.source_rows.end(), 0u);
  }
  const bool whole = projected.source_rows.size() == batch.rows();
  std::vector<ColumnPtr> columns;
  for (const Bound::Output& output : bound_->outputs) {
    if (!output.plain) {
      columns.push_back(computed.columns[output.position]);
    } else if (whole) {
      columns.push_back(batch.shared(output.position));
    } else {
      columns.push_back(
          std::make_shared<Column>(batch.column(output.position).Take(projected.source_rows)));
    }
  }
  projected.rows = Batch(bound_->output, std::move(columns));
  return projected;
}

}  // namespace catena::sql

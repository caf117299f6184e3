// SPDX-License-Identifier: Apache-2.0
// The table function `catena_rows(id)`.
#include <algorithm>
#include <atomic>

#include "catena/sql/engine.h"

namespace catena::sql {

namespace {

// At most one vector of rows of one batch.
struct Piece {
  uint32_t batch;
  uint32_t begin;
  uint32_t count;
  uint64_t row_number;
};

struct Reading {
  std::shared_ptr<const RegisteredRows> rows;
  std::vector<Piece> pieces;
  std::vector<idx_t> columns;
  std::atomic<size_t> next = 0;
};

struct BoundId {
  uint64_t id;
};

Engine* EngineOf(void* extra) { return static_cast<Engine*>(extra); }

void Bind(duckdb_bind_info info) {
  duckdb_value parameter = duckdb_bind_get_parameter(info, 0);
  const auto id = static_cast<uint64_t>(duckdb_get_int64(parameter));
  duckdb_destroy_value(&parameter);
  const auto rows = EngineOf(duckdb_bind_get_extra_info(info))->Registered(id);
  if (rows == nullptr) {
    duckdb_bind_set_error(info, "these rows are not registered any more");
    return;
  }
  for (size_t i = 0; i < rows->schema.size(); ++i) {
    const types::Field& field = rows->schema.fields[i];
    const OwnedType type(CreateType(field.type));
    duckdb_bind_add_result_column(info, field.name.c_str(), type.get());
  }
  if (rows->with_row_number) {
    const OwnedType type(duckdb_create_logical_type(DUCKDB_TYPE_BIGINT));
    duckdb_bind_add_result_column(info, kRowNumber, type.get());
  }
  duckdb_bind_set_cardinality(info, rows->end - rows->begin, /*is_exact=*/false);
  duckdb_bind_set_bind_data(info, new BoundId{id},
                            [](void* data) { delete static_cast<BoundId*>(data); });
}

std::vector<Piece> Cut(const RegisteredRows& rows) {
  const uint64_t most = duckdb_vector_size();
  std::vector<Piece> pieces;
  uint64_t first = 0;  // Row number of the batch's first row.
  for (uint32_t i = 0; i < rows.batches.size(); ++i) {
    const uint64_t end = std::min<uint64_t>(first + rows.batches[i].rows(), rows.end);
    for (uint64_t row = std::max<uint64_t>(first, rows.begin); row < end; row += most) {
      pieces.push_back({i, static_cast<uint32_t>(row - first),
                        static_cast<uint32_t>(std::min(most, end - row)), row});
    }
    first += rows.batches[i].rows();
  }
  return pieces;
}

void Init(duckdb_init_info info) {
  const auto* bound = static_cast<const BoundId*>(duckdb_init_get_bind_data(info));
  Engine* engine = EngineOf(duckdb_init_get_extra_info(info));
  auto reading = std::make_unique<Reading>();
  reading->rows = engine->Registered(bound->id);
  if (reading->rows == nullptr) {
    duckdb_init_set_error(info, "these rows are not registered any more");
    return;
  }
  reading->pieces = Cut(*reading->rows);
  for (idx_t i = 0; i < duckdb_init_get_column_count(info); ++i) {
    reading->columns.push_back(duckdb_init_get_column_index(info, i));
  }
  duckdb_init_set_max_threads(
      info, std::clamp<idx_t>(reading->pieces.size(), 1, static_cast<idx_t>(engine->threads())));
  duckdb_init_set_init_data(info, reading.release(),
                            [](void* data) { delete static_cast<Reading*>(data); });
}

void InitThread(duckdb_init_info) {}

void Read(duckdb_function_info info, duckdb_data_chunk chunk) {
  auto* reading = static_cast<Reading*>(duckdb_function_get_init_data(info));
  const size_t index = reading->next.fetch_add(1, std::memory_order_relaxed);
  if (index >= reading->pieces.size()) {
    duckdb_data_chunk_set_size(chunk, 0);
    return;
  }
  const Piece& piece = reading->pieces[index];
  const types::Batch& batch = reading->rows->batches[piece.batch];
  for (size_t i = 0; i < reading->columns.size(); ++i) {
    const idx_t column = reading->columns[i];
    const duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, i);
    if (column < batch.width()) {
      const Status filled =
          FillVector(batch.column(column), piece.begin, piece.count, /*at=*/0, vector);
      if (!filled.ok()) {
        duckdb_function_set_error(
            info, ("Invalid Input Error: column " + batch.schema().fields[column].name + ": " +
                   filled.error().message)
                      .c_str());
        return;
      }
    } else if (column == batch.width() && reading->rows->with_row_number) {
      auto* numbers = static_cast<int64_t*>(duckdb_vector_get_data(vector));
      for (uint32_t row = 0; row < piece.count; ++row) {
        numbers[row] = static_cast<int64_t>(piece.row_number + row);
      }
    }
  }
  duckdb_data_chunk_set_size(chunk, piece.count);
}

}  // namespace

Status AddRowsFunction(duckdb_connection connection, Engine* engine) {
  Owned<duckdb_table_function, duckdb_destroy_table_function> function(
      duckdb_create_table_function());
  const OwnedType id_type(duckdb_create_logical_type(DUCKDB_TYPE_BIGINT));
  duckdb_table_function_set_name(function.get(), "catena_rows");
  duckdb_table_function_add_parameter(function.get(), id_type.get());
  duckdb_table_function_set_extra_info(function.get(), engine, nullptr);
  duckdb_table_function_set_bind(function.get(), Bind);
  duckdb_table_function_set_init(function.get(), Init);
  duckdb_table_function_set_local_init(function.get(), InitThread);
  duckdb_table_function_set_function(function.get(), Read);
  duckdb_table_function_supports_projection_pushdown(function.get(), true);
  if (duckdb_register_table_function(connection, function.get()) == DuckDBError) {
    return Unavailable("DuckDB does not take our table function");
  }
  return Status();
}

}  // namespace catena::sql

// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/source_rows.h"

#include <algorithm>
#include <optional>

namespace catena::batch {
namespace {

using types::Kind;

conf::Expression ColumnExpression(const std::string& name) {
  std::string quoted;
  for (const char c : name) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return conf::Expression{name, "\"" + quoted + "\""};
}

std::string ColumnNames(const std::vector<std::pair<std::string, conf::Expression>>& selects) {
  std::string names;
  for (const auto& [name, expression] : selects) names += (names.empty() ? "" : ", ") + name;
  return names;
}

// A source's table with the Query that reads no more of it than asked.
class NarrowSource {
 public:
  static Result<NarrowSource> Of(const BatchContext& context, const conf::Source& source,
                                 const SourceRequest& request) {
    CATENA_TRY(table::Table table, context.warehouse->Find(conf::TableOf(source)));
    CATENA_TRY(const types::Schema columns, table.SchemaOf());
    NarrowSource narrow(std::move(table));
    narrow.query_ = conf::QueryOf(source);
    if (std::holds_alternative<conf::JoinSource>(source) &&
        narrow.query_.time_column.spark.empty() && columns.Find("ts")) {
      narrow.query_.time_column = ColumnExpression("ts");
    }
    narrow.carries_order_ = columns.Find(kTopicPartitionColumn) && columns.Find(kOffsetColumn);
    CATENA_RETURN_IF_ERROR(narrow.Choose(columns, request.columns));
    narrow.options_.range = request.range;
    narrow.options_.with_ds = true;
    narrow.options_.with_source_order = true;
    return narrow;
  }

  const table::Table& table() const { return table_; }
  const conf::Query& query() const { return query_; }
  const table::ReadOptions& options() const { return options_; }
  bool has_time() const { return !query_.time_column.spark.empty(); }

  // What stays in SourceRows::rows, by name.
  std::vector<std::string> Kept() const {
    std::vector<std::string> kept = kept_;
    if (carries_order_) kept.insert(kept.end(), {kTopicPartitionColumn, kOffsetColumn});
    return kept;
  }

 private:
  explicit NarrowSource(table::Table table) : table_(std::move(table)) {}

  Status Choose(const types::Schema& columns, const std::vector<std::string>& asked) {
    auto& selects = query_.selects;
    if (!query_.has_selects) {
      selects.clear();
      for (const types::Field& field : columns.fields) {
        if (carries_order_ &&
            (field.name == kTopicPartitionColumn || field.name == kOffsetColumn)) {
          continue;
        }
        selects.emplace_back(field.name, ColumnExpression(field.name));
      }
      query_.has_selects = true;
    }
    // The time column is what `ts` is, whatever a select says.
    if (has_time()) {
      std::erase_if(selects, [](const auto& select) { return select.first == "ts"; });
    }
    if (asked.empty()) {
      for (const auto& select : selects) kept_.push_back(select.first);
      if (has_time()) kept_.push_back("ts");
      return Status();
    }
    std::vector<std::pair<std::string, conf::Expression>> chosen;
    for (const std::string& name : asked) {
      kept_.push_back(name);
      const auto at = std::find_if(selects.begin(), selects.end(),
                                   [&](const auto& select) { return select.first == name; });
      if (at != selects.end()) {
        chosen.push_back(*at);
      } else if (name != "ds" && !(name == "ts" && has_time())) {
        return InvalidConf("unknown column; add it to the selects of the source: " + name +
                           " (the source of " + table_.name() + " gives " + ColumnNames(selects) +
                           (has_time() ? ", ts)" : ")"));
      }
    }
    // A scan of no column at all would not even tell how many rows there are.
    if (chosen.empty() && !selects.empty()) chosen.push_back(selects.front());
    selects = std::move(chosen);
    return Status();
  }

  table::Table table_;
  conf::Query query_;
  table::ReadOptions options_;
  std::vector<std::string> kept_;
  bool carries_order_ = false;
};

Status ReadTimes(const types::Batch& batch, std::vector<int64_t>* times) {
  const types::Column* column = batch.Find("ts");
  CATENA_CHECK(column != nullptr, "a Query with a time column gives ts");
  const Kind kind = column->type().kind;
  times->reserve(column->size());
  if (kind == Kind::kLong || kind == Kind::kTimestamp) {
    const auto values = column->Values<int64_t>();
    for (size_t row = 0; row < column->size(); ++row) {
      times->push_back(column->IsNull(row) ? kNoTime : values[row]);
    }
    return Status();
  }
  return InvalidConf("the time column must be LONG, milliseconds since 1970; it is " +
                     types::TypeName(column->type()));
}

// `ds` texts come in runs, so each run is parsed once.
Status ReadDays(const types::Batch& batch, std::vector<Date>* days) {
  const types::Column* column = batch.Find("ds");
  CATENA_CHECK(column != nullptr && column->type().kind == Kind::kString, "a scan gives ds");
  days->reserve(column->size());
  std::string_view last_text;
  Date last_day;
  for (size_t row = 0; row < column->size(); ++row) {
    const std::string_view text = column->Text(row);
    if (text != last_text) {
      CATENA_TRY(last_day, ParseDate(text));
      last_text = text;
    }
    days->push_back(last_day);
  }
  return Status();
}

Result<SourceRows> Place(const NarrowSource& source, const types::Batch& batch, uint64_t first) {
  SourceRows placed;
  CATENA_RETURN_IF_ERROR(ReadDays(batch, &placed.days));
  if (source.has_time()) {
    CATENA_RETURN_IF_ERROR(ReadTimes(batch, &placed.times).WithContext(source.table().name()));
  } else {
    placed.times.reserve(batch.rows());
    for (const Date day : placed.days) placed.times.push_back(ToMillis(day.End()) - 1);
  }
  placed.orders = table::SourceOrderOf(batch, first);
  const std::vector<std::string> kept = source.Kept();
  placed.rows = batch.Select(kept);
  return placed;
}

}  // namespace

Result<types::Schema> SchemaOfSource(const BatchContext& context, const conf::Source& source,
                                     const SourceRequest& request) {
  CATENA_TRY(const NarrowSource narrow, NarrowSource::Of(context, source, request));
  CATENA_TRY(const types::Schema all,
             narrow.table().SchemaOfQuery(narrow.query(), narrow.options()));
  types::Schema schema;
  for (const std::string& name : narrow.Kept()) {
    const auto at = all.Find(name);
    CATENA_CHECK(at.has_value(), "a scan gives the columns that were asked");
    schema.fields.push_back(all.fields[*at]);
  }
  return schema;
}

Status ScanSource(const BatchContext& context, const conf::Source& source,
                  const SourceRequest& request, const VisitRows& visit) {
  CATENA_TRY(const NarrowSource narrow, NarrowSource::Of(context, source, request));
  uint64_t rows = 0;
  return narrow.table().ScanQuery(narrow.query(), narrow.options(),
                                  [&](types::Batch batch) -> Status {
                                    CATENA_TRY(SourceRows placed, Place(narrow, batch, rows));
                                    rows += batch.rows();
                                    return visit(std::move(placed));
                                  });
}

Result<SourceRows> ReadSource(const BatchContext& context, const conf::Source& source,
                              const SourceRequest& request) {
  CATENA_TRY(const NarrowSource narrow, NarrowSource::Of(context, source, request));
  CATENA_TRY(types::Batch batch, narrow.table().ReadQuery(narrow.query(), narrow.options()));
  if (batch.width() == 0) {
    CATENA_TRY(types::Schema schema,
               narrow.table().SchemaOfQuery(narrow.query(), narrow.options()));
    batch = types::BatchBuilder(std::move(schema)).Build();
  }
  return Place(narrow, batch, 0);
}

}  // namespace catena::batch

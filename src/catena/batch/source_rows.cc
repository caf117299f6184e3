// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/source_rows.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "catena/base/parallel.h"
#include "catena/batch/partition_facts.h"
#include "catena/batch/rows/batch_pieces.h"
#include "catena/batch/sources/source_times.h"

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

// The name of a plain column, quoted or not; empty of anything else.
std::string ColumnNameOf(const conf::Expression& expression) {
  const std::string& text = expression.duckdb;
  if (conf::IsPlainColumn(text) && text.front() != '`') return text;
  const bool quoted = text.size() > 2 && text.front() == '"' && text.back() == '"';
  const std::string inner = quoted ? text.substr(1, text.size() - 2) : "";
  return inner.find('"') == std::string::npos ? inner : "";
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
    narrow.schema_ = columns;
    if (std::holds_alternative<conf::JoinSource>(source) &&
        narrow.query_.time_column.spark.empty() && columns.Find("ts")) {
      narrow.query_.time_column = ColumnExpression("ts");
    }
    narrow.carries_order_ = columns.Find(kTopicPartitionColumn) && columns.Find(kOffsetColumn);
    CATENA_RETURN_IF_ERROR(narrow.Choose(columns, request.columns));
    narrow.is_chain_ = std::holds_alternative<conf::JoinSource>(source);
    narrow.picks_ = PlainColumns(source).has_value();
    narrow.options_.range = request.range;
    narrow.by_day_ = request.by_day;
    narrow.options_.with_ds = true;
    narrow.options_.with_source_order = true;
    return narrow;
  }

  const table::Table& table() const { return table_; }
  const conf::Query& query() const { return query_; }
  const types::Schema& schema() const { return schema_; }  // Of the table.
  const table::ReadOptions& options() const { return options_; }
  bool has_time() const { return !query_.time_column.spark.empty(); }
  bool carries_order() const { return carries_order_; }
  bool by_day() const { return by_day_; }
  bool is_chain() const { return is_chain_; }  // A JoinSource.
  // Nothing is computed or left out, and nothing comes beside the columns.
  bool picks() const { return picks_ && !carries_order_ && !Keeps("ds"); }
  bool Keeps(const std::string& name) const {
    return std::find(kept_.begin(), kept_.end(), name) != kept_.end();
  }

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
  types::Schema schema_;
  conf::Query query_;
  table::ReadOptions options_;
  std::vector<std::string> kept_;
  bool carries_order_ = false;
  bool by_day_ = false;
  bool is_chain_ = false;
  bool picks_ = false;
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

// Whether days of the source may be kept, or have been.
bool MayBeKept(const BatchContext& context, const NarrowSource& source) {
  if (context.kept == nullptr || !source.picks()) return false;
  const std::string& table = source.table().name();
  return context.kept->Has(table) || (!source.is_chain() && context.kept->Wants(table));
}

// By day, what its rows are kept and found by; a day that is not here is read. Of tables that
// others may write, which files there are.
Result<std::map<Date, std::string>> PrintsOf(const BatchContext& context,
                                             const NarrowSource& source,
                                             std::span<const Date> days) {
  std::map<Date, std::string> prints;
  if (days.empty() || !MayBeKept(context, source)) return prints;
  if (source.is_chain()) {
    for (const Date day : days) prints[day] = "";
    return prints;
  }
  CATENA_TRY(const auto facts, FactsOf(source.table(), {days.front(), days.back()}));
  for (const auto& [day, found] : facts) prints[day] = found.print;
  return prints;
}

// A day that an earlier step kept, as the Query would give it; absent: it must be read.
std::optional<types::Batch> FindKept(const BatchContext& context, const NarrowSource& source,
                                     Date day, const std::string& print) {
  const auto kept = context.kept->Find(source.table().name(), day, print);
  if (!kept) return std::nullopt;
  types::Batch rows;
  const auto add = [&](const std::string& name, const conf::Expression& expression) {
    const std::string column = ColumnNameOf(expression);
    const auto at = kept->schema().Find(column);
    const auto in_table = source.schema().Find(column);
    // Other days may have widened a column of the table.
    if (!at || !in_table || source.schema().fields[*in_table] != kept->schema().fields[*at]) {
      return false;
    }
    rows.AddColumn(name, kept->shared(*at));
    return true;
  };
  for (const auto& [name, expression] : source.query().selects) {
    if (!add(name, expression)) return std::nullopt;
  }
  if (source.has_time() && !add("ts", source.query().time_column)) return std::nullopt;
  return rows;
}

// The columns of the table that the Query picked.
void KeepRead(const BatchContext& context, const NarrowSource& source, Date day,
              const types::Batch& read, const std::string& print) {
  types::Batch rows;
  const auto add = [&](const std::string& name, const conf::Expression& expression) {
    const std::string column = ColumnNameOf(expression);
    if (!rows.schema().Find(column)) rows.AddColumn(column, read.shared(*read.schema().Find(name)));
  };
  for (const auto& [name, expression] : source.query().selects) add(name, expression);
  if (source.has_time()) add("ts", source.query().time_column);
  context.kept->Keep(source.table().name(), day, rows, print);
}

Result<std::vector<Date>> DaysInside(const NarrowSource& source) {
  CATENA_TRY(std::vector<Date> days, source.table().Partitions());
  std::erase_if(days, [&](Date day) { return !source.options().range.Contains(day); });
  return days;
}

// The days of a source as ranges that are read side by side. Rows that carry their source order are
// one piece: a row among them without one stands where it stands in the whole.
std::vector<table::PartitionRange> PiecesOf(const BatchContext& context, const NarrowSource& source,
                                            std::span<const Date> days, int threads) {
  size_t most = source.carries_order() ? 1 : size_t{16} * static_cast<size_t>(threads);
  if (source.by_day() || MayBeKept(context, source)) most = days.size();
  const size_t count = std::min(days.size(), most);
  std::vector<table::PartitionRange> pieces;
  for (size_t i = 0; i < count; ++i) {
    pieces.push_back({days[days.size() * i / count], days[days.size() * (i + 1) / count - 1]});
  }
  return pieces;
}

Result<SourceRows> ReadPiece(const BatchContext& context, const NarrowSource& source,
                             const table::PartitionRange& range,
                             const std::map<Date, std::string>& prints) {
  table::ReadOptions options = source.options();
  options.range = range;
  const bool one_day = range.first == range.last && !source.Keeps("ds");
  options.with_ds = !one_day;
  const auto print = one_day ? prints.find(range.first) : prints.end();
  std::optional<types::Batch> rows;
  if (print != prints.end()) rows = FindKept(context, source, range.first, print->second);
  if (!rows) {
    CATENA_TRY(rows, source.table().ReadQuery(source.query(), options));
    if (print != prints.end() && !source.is_chain()) {
      KeepRead(context, source, range.first, *rows, print->second);
    }
  }
  const types::Batch& batch = *rows;
  SourceRows placed;
  if (one_day) {
    placed.days.assign(batch.rows(), range.first);
  } else {
    CATENA_RETURN_IF_ERROR(ReadDays(batch, &placed.days));
  }
  if (source.has_time()) {
    CATENA_RETURN_IF_ERROR(ReadTimes(batch, &placed.times).WithContext(source.table().name()));
  } else {
    placed.times.reserve(batch.rows());
    for (const Date day : placed.days) placed.times.push_back(ToMillis(day.End()) - 1);
  }
  if (source.carries_order() && !source.by_day()) placed.orders = table::SourceOrderOf(batch);
  placed.rows = batch.Select(source.Kept());
  return placed;
}

template <typename T>
std::vector<T> Join(std::vector<SourceRows>& pieces, std::vector<T> SourceRows::*member) {
  if (pieces.size() == 1) return std::move(pieces[0].*member);
  size_t size = 0;
  for (const SourceRows& piece : pieces) size += (piece.*member).size();
  std::vector<T> joined;
  joined.reserve(size);
  for (SourceRows& piece : pieces) {
    std::vector<T> part = std::move(piece.*member);
    joined.insert(joined.end(), part.begin(), part.end());
  }
  return joined;
}

}  // namespace

std::optional<std::set<std::string>> PlainColumns(const conf::Source& source) {
  const conf::Query& query = conf::QueryOf(source);
  if (!query.has_selects || !query.wheres.empty() || !query.start_partition.empty() ||
      !query.end_partition.empty()) {
    return std::nullopt;
  }
  std::set<std::string> columns;
  for (const auto& [name, expression] : query.selects) {
    columns.insert(ColumnNameOf(expression));
  }
  if (!query.time_column.duckdb.empty()) {
    columns.insert(ColumnNameOf(query.time_column));
  } else if (std::holds_alternative<conf::JoinSource>(source)) {
    columns.insert("ts");
  }
  if (columns.contains("")) return std::nullopt;
  return columns;
}

Result<std::optional<std::vector<Date>>> KeptDays(const BatchContext& context,
                                                  const conf::Source& source,
                                                  const SourceRequest& request) {
  CATENA_TRY(const NarrowSource narrow, NarrowSource::Of(context, source, request));
  CATENA_TRY(std::vector<Date> days, DaysInside(narrow));
  CATENA_TRY(const auto prints, PrintsOf(context, narrow, days));
  const bool all =
      MayBeKept(context, narrow) && std::ranges::all_of(days, [&](Date day) {
        const auto print = prints.find(day);
        return print != prints.end() && FindKept(context, narrow, day, print->second).has_value();
      });
  return all ? std::optional(std::move(days)) : std::nullopt;
}

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

Result<types::Batch> SampleSource(const BatchContext& context, const conf::Source& source,
                                  const SourceRequest& request) {
  CATENA_TRY(const NarrowSource narrow, NarrowSource::Of(context, source, request));
  CATENA_TRY(const auto described, narrow.table().Describe());
  table::ReadOptions options = narrow.options();
  uint64_t largest = 0;
  for (const auto& [day, size] : described.sizes) {
    if (!request.range.Contains(day) || size.bytes <= largest) continue;
    largest = size.bytes;
    options.range = table::PartitionRange::Of(day);
  }
  types::Batch sample;
  if (largest == 0) return sample;
  const Status scanned =
      narrow.table().ScanQuery(narrow.query(), options, [&](const types::Batch& rows) -> Status {
        sample = rows.Select(narrow.Kept());
        return Unavailable("these are enough");
      });
  if (sample.rows() == 0 && !scanned.ok()) return scanned.error();
  return sample;
}

Status ScanSource(const BatchContext& context, const conf::Source& source,
                  const SourceRequest& request, const VisitPiece& visit) {
  CATENA_TRY(const NarrowSource narrow, NarrowSource::Of(context, source, request));
  const int threads = context.database->options().threads;
  CATENA_TRY(const std::vector<Date> days, DaysInside(narrow));
  const auto pieces = PiecesOf(context, narrow, days, threads);
  CATENA_TRY(const auto prints, PrintsOf(context, narrow, days));
  return ParallelFor(pieces.size(), threads, [&](size_t i) -> Status {
    CATENA_TRY(SourceRows rows, ReadPiece(context, narrow, pieces[i], prints));
    const auto* events = std::get_if<conf::EventSource>(&source);
    if (context.times != nullptr && events != nullptr && !events->is_cumulative) {
      context.times->Add(*events, rows.times, rows.days);
    }
    return visit(i, std::move(rows));
  });
}

Result<SourceRows> ReadSource(const BatchContext& context, const conf::Source& source,
                              const SourceRequest& request) {
  std::mutex mutex;
  std::map<size_t, SourceRows> found;
  CATENA_RETURN_IF_ERROR(ScanSource(context, source, request, [&](size_t piece, SourceRows rows) {
    const std::lock_guard lock(mutex);
    found[piece] = std::move(rows);
    return Status();
  }));
  std::vector<SourceRows> pieces;
  std::vector<types::Batch> batches;
  for (auto& [number, piece] : found) {
    batches.push_back(std::move(piece.rows));
    pieces.push_back(std::move(piece));
  }
  SourceRows all;
  if (pieces.empty()) {
    CATENA_TRY(types::Schema schema, SchemaOfSource(context, source, request));
    all.rows = types::BatchBuilder(std::move(schema)).Build();
    return all;
  }
  found.clear();
  all.rows = ConcatPieces(std::move(batches), context.database->options().threads);
  all.times = Join(pieces, &SourceRows::times);
  all.days = Join(pieces, &SourceRows::days);
  all.orders = Join(pieces, &SourceRows::orders);
  return all;
}

}  // namespace catena::batch

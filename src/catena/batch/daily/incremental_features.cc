// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/daily/incremental_features.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "catena/aggregate/ir.h"
#include "catena/aggregate/ir_codec.h"
#include "catena/batch/parquet_options.h"
#include "catena/batch/partition_facts.h"
#include "catena/batch/table_meanings.h"
#include "catena/conf/semantic_hash.h"

namespace catena::batch {
namespace {

using aggregate::IR;
using aggregate::RowAggregator;
using aggregate::WindowedAggregator;
using types::Kind;

constexpr const char* kDayColumn = "_day";
constexpr const char* kIrColumn = "_ir";
// Rows of a partition are fewer than 2^37; days stand above them, sources above days.
constexpr int kDayShift = 37;

Status RequireIncremental(const conf::GroupBy& group_by) {
  const auto refuse = [&](const char* what) {
    return Unsupported(std::string("isIncremental is for ") + what +
                       "; leave it out of: " + group_by.metadata.name);
  };
  for (const conf::Source& source : group_by.sources) {
    const auto* events = std::get_if<conf::EventSource>(&source);
    if (events == nullptr || events->is_cumulative) return refuse("events, not cumulative ones");
  }
  if (group_by.aggregations.empty()) return refuse("aggregations");
  for (const conf::Aggregation& aggregation : group_by.aggregations) {
    if (aggregation.element_wise) return refuse("whole values, not element-wise lists");
    if (aggregation.windows.empty()) return refuse("windows of whole days");
    for (const conf::Window& window : aggregation.windows) {
      if (window.Length() % kDay != Millis{0}) return refuse("windows of whole days");
    }
  }
  for (const std::string& key : group_by.key_columns) {
    if (key == kDayColumn || key == kIrColumn) return refuse("other key columns than _day, _ir");
  }
  return Status();
}

// What the hops of a partition are made from: the partitions of the sources that the table has.
Result<std::map<Date, std::string>> PrintsOf(const BatchContext& context,
                                             const conf::GroupBy& group_by,
                                             const table::PartitionRange& range) {
  std::map<Date, std::string> prints;
  for (size_t i = 0; i < group_by.sources.size(); ++i) {
    CATENA_TRY(const auto table, context.warehouse->Find(conf::TableOf(group_by.sources[i])));
    CATENA_TRY(const auto facts, FactsOf(table, range));
    for (const auto& [day, fact] : facts) prints[day] += std::to_string(i) + ":" + fact.print + " ";
  }
  return prints;
}

// The hops of one source's rows in one partition.
class HopWriter {
 public:
  HopWriter(const WindowedAggregator& windowed, const types::Schema& keys, types::Schema hops)
      : windowed_(windowed), keys_(keys), builder_(std::move(hops)) {}

  // `several`: there are other sources than this one.
  Status Add(const GroupByRows& events, size_t source, bool several, Date partition) {
    std::vector<uint64_t> orders = events.orders;
    if (orders.empty()) {
      orders.resize(events.times.size());
      std::iota(orders.begin(), orders.end(), static_cast<uint64_t>(partition.days) << kDayShift);
    }
    if (several) {
      CATENA_RETURN_IF_ERROR(PlaceOrders(uint64_t{source} << kSourceShift, orders));
    }
    std::vector<uint32_t> rows(events.times.size());
    std::iota(rows.begin(), rows.end(), 0);
    const auto place = [&](uint32_t row) {
      return std::pair(events.groups[row], Date::Of(FromMillis(events.times[row])));
    };
    std::stable_sort(rows.begin(), rows.end(),
                     [&](uint32_t a, uint32_t b) { return place(a) < place(b); });
    IR ir(windowed_.rows());
    std::string bytes;
    for (size_t begin = 0, end = 0; begin < rows.size(); begin = end) {
      while (end < rows.size() && place(rows[end]) == place(rows[begin])) ++end;
      windowed_.rows().Reset(ir.data());
      windowed_.rows().UpdateOne(events.rows, events.times, orders,
                                 std::span(rows).subspan(begin, end - begin), ir.data());
      bytes.clear();
      aggregate::EncodeIr(windowed_.rows(), ir.data(), Timestamp(), &bytes);
      AddRow(events.rows, rows[begin], place(rows[begin]).second, bytes);
    }
    return Status();
  }
  types::Batch Finish() { return builder_.Build(); }

 private:
  void AddRow(const types::Batch& rows, uint32_t row, Date day, const std::string& bytes) {
    size_t at = 0;
    for (const types::Field& key : keys_.fields) {
      builder_.column(at++)->AppendFrom(*rows.Find(key.name), row);
    }
    builder_.column(at++)->Append(int64_t{day.days});
    builder_.column(at)->AppendText(bytes);
  }

  const WindowedAggregator& windowed_;
  const types::Schema& keys_;
  types::BatchBuilder builder_;
};

// Everything that stays the same while days and keys go by.
class Hops {
 public:
  static Result<Hops> Open(const BatchContext& context, const conf::GroupBy& group_by) {
    CATENA_RETURN_IF_ERROR(RequireSupported(group_by));
    CATENA_RETURN_IF_ERROR(RequireIncremental(group_by));
    CATENA_TRY(const types::Schema schema, SchemaOfRows(context, group_by));
    CATENA_TRY(auto windowed, WindowedAggregator::Bind(group_by, schema));
    CATENA_TRY(auto table, context.warehouse->Find(HopsTable(group_by)));
    Hops hops(context, group_by, std::move(windowed), std::move(table));
    CATENA_TRY(hops.parquet_, ParquetOptionsOf(group_by.metadata.table_properties)
                                  .WithContext(group_by.metadata.name + ".tableProperties"));
    hops.keys_.fields.assign(
        schema.fields.begin(),
        schema.fields.begin() + static_cast<std::ptrdiff_t>(group_by.key_columns.size()));
    return hops;
  }

  // Every partition of the sources inside `range` has its hops afterwards, and they are current.
  Status Fill(const table::PartitionRange& range, StepReport* report) {
    CATENA_TRY(const FileLock lock, table_.LockForJob(/*wait=*/false));
    CATENA_RETURN_IF_ERROR(RemoveHalfWrittenMarks(table_));
    CATENA_TRY(const auto prints, PrintsOf(context_, group_by_, range));
    CATENA_TRY(auto marks, ReadMarks(table_));
    CATENA_TRY(const auto present, table_.Partitions());
    const std::string meaning = conf::MeaningOf(group_by_);
    std::vector<Date> reused;
    std::vector<Date> computed;
    for (const auto& [day, print] : prints) {
      const plan::DayMark mark{meaning, print};
      const auto marked = marks.find(day);
      if (marked != marks.end() && marked->second == mark &&
          std::binary_search(present.begin(), present.end(), day)) {
        reused.push_back(day);
        continue;
      }
      CATENA_TRY(const types::Batch hops, Compute(day, report));
      CATENA_RETURN_IF_ERROR(table_.WritePartition(day, hops, parquet_));
      CATENA_RETURN_IF_ERROR(MarkDay(table_, day, mark));
      computed.push_back(day);
    }
    for (const Date day : present) {  // Of a partition that is gone.
      if (!range.Contains(day) || prints.contains(day)) continue;
      CATENA_RETURN_IF_ERROR(table_.DropPartition(day));
    }
    if (!computed.empty()) {
      report->notes.push_back("hops computed in " + table_.name() + ": " +
                              plan::PrintDays(computed));
    }
    if (!reused.empty()) report->notes.push_back("hops reused: " + plan::PrintDays(reused));
    return Status();
  }

  // The values at the ends of `days`, from the hops of the partitions inside `read`.
  Result<DailyFeatures> Answer(const table::PartitionRange& days,
                               const table::PartitionRange& read) const {
    DailyFeatures features;
    features.last = days.last;
    features.key_columns = keys_.size();
    types::Schema schema = keys_;
    for (const auto& output : windowed_.outputs())
      schema.fields.push_back({output.name, output.type});
    types::BatchBuilder builder(schema);
    if (table_.Exists()) {
      table::ScanRequest request;
      request.range = read;
      CATENA_TRY(const types::Batch hops, table_.Read(request));
      CATENA_RETURN_IF_ERROR(AnswerKeys(hops, days, &builder, &features.days));
    }
    const types::Batch by_key = builder.Build();
    std::vector<uint32_t> order(by_key.rows());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](uint32_t a, uint32_t b) { return features.days[a] < features.days[b]; });
    features.rows = by_key.Take(order);
    std::sort(features.days.begin(), features.days.end());
    return features;
  }

 private:
  Hops(const BatchContext& context, const conf::GroupBy& group_by, WindowedAggregator windowed,
       table::Table table)
      : context_(context),
        group_by_(group_by),
        windowed_(std::move(windowed)),
        table_(std::move(table)) {}

  // Source by source: the orders of each are then those of its own table.
  Result<types::Batch> Compute(Date partition, StepReport* report) const {
    types::Schema schema = keys_;
    schema.fields.push_back({kDayColumn, Kind::kLong});
    schema.fields.push_back({kIrColumn, Kind::kBinary});
    HopWriter writer(windowed_, keys_, schema);
    for (size_t source = 0; source < group_by_.sources.size(); ++source) {
      conf::GroupBy one = group_by_;
      one.sources = {group_by_.sources[source]};
      KeyIndex keys;
      CATENA_TRY(const GroupByRows events,
                 ReadGroupByRows(context_, one,
                                 {table::PartitionRange::Of(partition), false, false, {}}, &keys));
      report->rows_read += events.rows_read;
      CATENA_RETURN_IF_ERROR(writer.Add(events, source, group_by_.sources.size() > 1, partition));
    }
    return writer.Finish();
  }

  // Rows by key bytes, then day.
  Status AnswerKeys(const types::Batch& hops, const table::PartitionRange& days,
                    types::BatchBuilder* builder, std::vector<Date>* days_of_rows) const {
    KeyIndex keys;
    std::vector<uint32_t> ids(hops.rows(), 0);
    KeyReader(hops.schema(), group_by_.key_columns).Add(hops, {}, &keys, ids);
    const auto event_days = hops.Find(kDayColumn)->Values<int64_t>();
    // Newest first within a key: a longer window is a shorter one and more.
    std::vector<uint32_t> rows(hops.rows());
    std::iota(rows.begin(), rows.end(), 0);
    std::sort(rows.begin(), rows.end(), [&](uint32_t a, uint32_t b) {
      if (ids[a] != ids[b]) return keys.Key(ids[a]) < keys.Key(ids[b]);
      return event_days[a] != event_days[b] ? event_days[a] > event_days[b] : a < b;
    });
    for (size_t begin = 0, end = 0; begin < rows.size(); begin = end) {
      while (end < rows.size() && ids[rows[end]] == ids[rows[begin]]) ++end;
      CATENA_RETURN_IF_ERROR(AnswerKey(hops, std::span(rows).subspan(begin, end - begin), days,
                                       builder, days_of_rows));
    }
    return Status();
  }

  Status AnswerKey(const types::Batch& hops, std::span<const uint32_t> rows,
                   const table::PartitionRange& days, types::BatchBuilder* builder,
                   std::vector<Date>* days_of_rows) const {
    const auto event_days = hops.Find(kDayColumn)->Values<int64_t>();
    aggregate::IrPool irs(windowed_.rows());
    for (const uint32_t row : rows) {
      CATENA_RETURN_IF_ERROR(
          aggregate::DecodeIr(windowed_.rows(), hops.Find(kIrColumn)->Text(row), Timestamp(),
                              irs.New())
              .WithContext("remove the table to compute its hops again: " + table_.name()));
    }
    std::vector<const std::byte*> of_windows(windowed_.windows().size());
    for (const Date day : days) {
      std::vector<IR> folds;
      for (const aggregate::WindowLength& window : windowed_.windows()) {
        const int64_t first = day.days - *window / kDay + 1;
        IR& fold = folds.emplace_back(windowed_.rows());
        for (size_t i = 0; i < rows.size() && event_days[rows[i]] >= first; ++i) {
          if (event_days[rows[i]] > day.days) continue;
          windowed_.rows().Merge(fold.data(), irs.at(i));
        }
      }
      // A key has a row when an event lies in its longest window, though that made no value.
      const int64_t longest = day.days - *plan::LongestWindow(group_by_) / kDay + 1;
      const bool any = std::any_of(rows.begin(), rows.end(), [&](uint32_t row) {
        return event_days[row] >= longest && event_days[row] <= day.days;
      });
      if (!any) continue;
      std::transform(folds.begin(), folds.end(), of_windows.begin(),
                     [](const IR& fold) { return fold.data(); });
      std::vector<types::Column*> columns;
      for (size_t i = 0; i < builder->schema().size(); ++i) {
        if (i < keys_.size()) {
          builder->column(i)->AppendFrom(*hops.Find(keys_.fields[i].name), rows[0]);
        } else {
          columns.push_back(builder->column(i));
        }
      }
      windowed_.AppendRow(of_windows, columns);
      days_of_rows->push_back(day);
    }
    return Status();
  }

  const BatchContext& context_;
  const conf::GroupBy& group_by_;
  WindowedAggregator windowed_;
  table::Table table_;
  types::Schema keys_;
  table::ParquetOptions parquet_;
};

}  // namespace

std::string HopsTable(const conf::GroupBy& group_by) {
  return conf::OutputTable(group_by.metadata) + "_daily_inc";
}

Result<DailyFeatures> ComputeIncrementalFeatures(const BatchContext& context,
                                                 const conf::GroupBy& group_by,
                                                 const table::PartitionRange& range,
                                                 StepReport* report) {
  CATENA_TRY(Hops hops, Hops::Open(context, group_by));
  const table::PartitionRange read = SourceRange(group_by, range);
  CATENA_RETURN_IF_ERROR(hops.Fill(read, report));
  return hops.Answer(range, read);
}

}  // namespace catena::batch

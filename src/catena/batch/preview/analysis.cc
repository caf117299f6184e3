// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/preview/analysis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "catena/base/hash.h"
#include "catena/batch/rows/key_index.h"
#include "catena/types/row_codec.h"

namespace catena::batch {
namespace {

using Keys = std::vector<std::string>;

bool IsSampled(uint64_t place, double sample) {
  return sample >= 1 || std::ldexp(static_cast<double>(MixHash(place) >> 11), -53) < sample;
}

// Rows by one set of key columns.
class KeyCounter {
 public:
  KeyCounter(Keys columns, const types::Schema& schema) : columns_(std::move(columns)) {
    for (const std::string& name : columns_) at_.push_back(*schema.Find(name));
  }
  // `first`: the place of the first row among all of them.
  void Add(const types::Batch& rows, uint64_t first, double sample) {
    for (size_t row = 0; row < rows.rows(); ++row) {
      if (!IsSampled(first + row, sample)) continue;
      ++rows_;
      key_.clear();
      if (!types::EncodeKey(rows, at_, row, &key_)) {
        ++without_key_;
        continue;
      }
      const uint32_t id = index_.Add(key_);
      if (id == counts_.size()) {
        counts_.push_back(0);
        texts_.push_back(TextOf(rows, row));
      }
      ++counts_[id];
    }
  }
  KeyFacts Take(size_t heavy_max) {
    KeyFacts facts{std::move(columns_), rows_, counts_.size(), without_key_, {}};
    std::vector<uint32_t> ids(counts_.size());
    for (uint32_t id = 0; id < ids.size(); ++id) ids[id] = id;
    const auto heavier = [&](uint32_t a, uint32_t b) {
      return counts_[a] != counts_[b] ? counts_[a] > counts_[b] : texts_[a] < texts_[b];
    };
    const size_t kept = std::min(heavy_max, ids.size());
    std::partial_sort(ids.begin(), ids.begin() + static_cast<int64_t>(kept), ids.end(), heavier);
    for (size_t i = 0; i < kept; ++i) {
      facts.heavy.emplace_back(std::move(texts_[ids[i]]), counts_[ids[i]]);
    }
    return facts;
  }

 private:
  std::string TextOf(const types::Batch& rows, size_t row) const {
    std::string text;
    for (const size_t column : at_) {
      const Json value = types::ToJson(rows.column(column).ValueAt(row));
      text += text.empty() ? "" : ", ";
      text += value.is_string() ? value.get<std::string>() : PrintJson(value);
    }
    return text;
  }

  Keys columns_;
  std::vector<size_t> at_;
  KeyIndex index_;
  std::vector<uint64_t> counts_;
  std::vector<std::string> texts_;
  uint64_t rows_ = 0;
  uint64_t without_key_ = 0;
  std::string key_;
};

class Analyzer {
 public:
  Analyzer(const BatchContext& context, const table::PartitionRange& range,
           const AnalyzeOptions& options)
      : context_(context), range_(range), options_(options) {}

  Status OfGroupBy(const conf::GroupBy& group_by) {
    if (!done_.insert(group_by.metadata.name).second) return Status();
    Keys used = group_by.key_columns;
    for (const conf::Aggregation& aggregation : group_by.aggregations) {
      used.push_back(aggregation.input_column);
      used.insert(used.end(), aggregation.buckets.begin(), aggregation.buckets.end());
    }
    if (group_by.aggregations.empty()) used.clear();  // Everything passes through.
    for (const conf::Source& source : group_by.sources) {
      CATENA_RETURN_IF_ERROR(
          Look("source of " + group_by.metadata.name, source, {group_by.key_columns}, used));
    }
    return Status();
  }
  Status OfJoin(const conf::Join& join) {
    std::vector<Keys> keys;
    for (const conf::JoinPart& part : join.join_parts) {
      Keys of_part = conf::LeftKeys(part);
      if (std::find(keys.begin(), keys.end(), of_part) == keys.end()) {
        keys.push_back(std::move(of_part));
      }
    }
    CATENA_RETURN_IF_ERROR(Look("left of " + join.metadata.name, join.left, keys, {}));
    for (const conf::JoinPart& part : join.join_parts) {
      CATENA_RETURN_IF_ERROR(OfGroupBy(*part.group_by));
    }
    return Status();
  }
  std::vector<RowsAnalysis> Take() { return std::move(analyses_); }

 private:
  Status Look(const std::string& what, const conf::Source& source, const std::vector<Keys>& keys,
              const Keys& used) {
    RowsAnalysis& analysis = analyses_.emplace_back();
    analysis.what = what;
    analysis.table = conf::TableOf(source);
    CATENA_TRY(const table::Table table, context_.warehouse->Find(analysis.table));
    if (!table.Exists()) {
      analysis.note = std::holds_alternative<conf::JoinSource>(source)
                          ? "a parent Join that is not materialised yet"
                          : "there is no such table";
      return Status();
    }
    CATENA_TRY(analysis.days, table.Partitions());
    std::erase_if(analysis.days, [&](Date day) { return !range_.Contains(day); });
    table::ReadOptions options;
    options.range = range_;
    options.with_ds = false;
    const conf::Query& query = conf::QueryOf(source);
    CATENA_TRY(const types::Schema schema, table.SchemaOfQuery(query, options).WithContext(what));
    std::vector<KeyCounter> counters;
    for (const Keys& columns : keys) {
      for (const std::string& name : columns) {
        if (schema.Find(name)) continue;
        return InvalidConf(what + ": no such key column; select it there or map it: " + name +
                           "; columns: " + schema.ToString());
      }
      counters.emplace_back(columns, schema);
    }
    std::vector<uint64_t> nulls(schema.size());
    CATENA_RETURN_IF_ERROR(table.ScanQuery(query, options, [&](types::Batch rows) -> Status {
      for (KeyCounter& counter : counters) counter.Add(rows, analysis.rows, options_.sample);
      analysis.rows += rows.rows();
      AddTimes(rows, &analysis);
      for (size_t i = 0; i < rows.width(); ++i) {
        for (size_t row = 0; row < rows.rows(); ++row) nulls[i] += rows.column(i).IsNull(row);
      }
      return Status();
    }));
    for (KeyCounter& counter : counters) analysis.keys.push_back(counter.Take(options_.heavy_max));
    for (size_t i = 0; i < schema.size(); ++i) {
      const std::string& name = schema.fields[i].name;
      if (!used.empty() && std::find(used.begin(), used.end(), name) == used.end()) continue;
      analysis.columns.push_back({name, types::TypeName(schema.fields[i].type), nulls[i]});
    }
    return Status();
  }

  static void AddTimes(const types::Batch& rows, RowsAnalysis* analysis) {
    const types::Column* column = rows.Find("ts");
    if (column == nullptr || (column->type().kind != types::Kind::kLong &&
                              column->type().kind != types::Kind::kTimestamp)) {
      return;
    }
    const auto times = column->Values<int64_t>();
    for (size_t row = 0; row < rows.rows(); ++row) {
      if (column->IsNull(row)) continue;
      analysis->earliest = std::min(analysis->earliest.value_or(times[row]), times[row]);
      analysis->latest = std::max(analysis->latest.value_or(times[row]), times[row]);
    }
  }

  const BatchContext& context_;
  const table::PartitionRange range_;
  const AnalyzeOptions& options_;
  std::set<std::string> done_;
  std::vector<RowsAnalysis> analyses_;
};

double Percent(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

// "1763640000000 (2025-11-20T12:00:00.000Z)": a time in another unit is seen by its year.
std::string TimeText(int64_t time) {
  const bool has_date = Date::Of(FromMillis(time)) <= table::PartitionRange::All().last &&
                        std::abs(time) < INT64_C(1) << 52;
  return fmt::format("{} ({})", time,
                     has_date ? FormatTimestamp(FromMillis(time)) : "after the year 9999");
}

std::string Joined(const Keys& names) { return fmt::format("{}", fmt::join(names, ", ")); }

}  // namespace

Result<std::vector<RowsAnalysis>> Analyze(const BatchContext& context, const conf::Conf& conf,
                                          const table::PartitionRange& range,
                                          const AnalyzeOptions& options) {
  Analyzer analyzer(context, range, options);
  CATENA_RETURN_IF_ERROR(conf.join() != nullptr ? analyzer.OfJoin(*conf.join())
                                                : analyzer.OfGroupBy(*conf.group_by()));
  return analyzer.Take();
}

Json AnalysisToJson(const std::vector<RowsAnalysis>& analyses) {
  Json json = Json::array();
  for (const RowsAnalysis& analysis : analyses) {
    Json keys = Json::array();
    for (const KeyFacts& facts : analysis.keys) {
      Json heavy = Json::array();
      for (const auto& [key, rows] : facts.heavy) heavy.push_back({{"key", key}, {"rows", rows}});
      keys.push_back({{"columns", facts.columns},
                      {"rows", facts.rows},
                      {"distinct", facts.distinct},
                      {"rows_without_key", facts.rows_without_key},
                      {"heavy", std::move(heavy)}});
    }
    Json columns = Json::array();
    for (const ColumnFacts& column : analysis.columns) {
      columns.push_back({{"name", column.name}, {"type", column.type}, {"nulls", column.nulls}});
    }
    json.push_back({{"what", analysis.what},
                    {"table", analysis.table},
                    {"note", analysis.note},
                    {"rows", analysis.rows},
                    {"days", analysis.days.size()},
                    {"earliest_ts", analysis.earliest ? Json(*analysis.earliest) : Json()},
                    {"latest_ts", analysis.latest ? Json(*analysis.latest) : Json()},
                    {"keys", std::move(keys)},
                    {"columns", std::move(columns)}});
  }
  return json;
}

std::string PrintAnalysis(const std::vector<RowsAnalysis>& analyses) {
  std::string text;
  for (const RowsAnalysis& analysis : analyses) {
    text += fmt::format("{}, table {}", analysis.what, analysis.table);
    if (!analysis.note.empty()) {
      text += ": " + analysis.note + "\n";
      continue;
    }
    text += fmt::format(": {} rows, {} days ({})\n", analysis.rows, analysis.days.size(),
                        plan::PrintDays(analysis.days));
    if (analysis.earliest) {
      text += fmt::format("  time {} .. {}\n", TimeText(*analysis.earliest),
                          TimeText(*analysis.latest));
    }
    for (const KeyFacts& facts : analysis.keys) {
      text += fmt::format(
          "  keys ({}): {} distinct, {:.1f} rows a key", Joined(facts.columns), facts.distinct,
          facts.distinct == 0 ? 0.0
                              : static_cast<double>(facts.rows - facts.rows_without_key) /
                                    static_cast<double>(facts.distinct));
      text += fmt::format("; {:.2f}% of the rows without a key",
                          Percent(facts.rows_without_key, facts.rows));
      text += facts.rows == analysis.rows ? "\n" : fmt::format("; of {} rows\n", facts.rows);
      for (const auto& [key, rows] : facts.heavy) {
        text +=
            fmt::format("    {:<32} {:>12} rows {:>6.2f}%\n", key, rows, Percent(rows, facts.rows));
      }
    }
    for (const ColumnFacts& column : analysis.columns) {
      text += fmt::format("  {:<34} {:<12} {:>6.2f}% null\n", column.name, column.type,
                          Percent(column.nulls, analysis.rows));
    }
  }
  return text;
}

}  // namespace catena::batch

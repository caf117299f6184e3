// SPDX-License-Identifier: Apache-2.0
// RandomWarehouse: random events in a table, and what the naive twin says of them. For tests only.

#pragma once

#include "catena/batch/warehouse_fixture.h"
#include "catena/testing/generator.h"
#include "catena/testing/naive_aggregator.h"

namespace catena::batch {

// Events of six days in `t.events` (key STRING or null, numbers with nulls and extremes), and a
// GroupBy over them.
struct RandomEvents {
  static constexpr char kColumns[] =
      "key STRING, flag BOOLEAN, small INT, amount LONG, price DOUBLE, ts LONG";
  static constexpr char kFirstDay[] = "2026-03-01";
  static constexpr int kDays = 6;

  types::Batch batch;  // By (day, row), as the table gives them.
  std::vector<int64_t> times;
  std::vector<uint64_t> orders;

  std::vector<uint32_t> RowsOf(const Value& key) const {
    std::vector<uint32_t> rows;
    for (uint32_t row = 0; row < batch.rows(); ++row) {
      if (!key.is_null() && batch.Find("key")->ValueAt(row) == key) rows.push_back(row);
    }
    return rows;
  }
};

inline std::string KeyName(uint64_t number) { return "k" + std::to_string(number); }

inline RandomEvents MakeEvents(Random& random, size_t rows, uint64_t keys) {
  const types::Schema schema{{{"key", types::Kind::kString},
                              {"flag", types::Kind::kBool},
                              {"small", types::Kind::kInt},
                              {"amount", types::Kind::kLong},
                              {"price", types::Kind::kDouble},
                              {"ts", types::Kind::kLong}}};
  std::vector<std::vector<Row>> days(RandomEvents::kDays);
  const int64_t begin = At(RandomEvents::kFirstDay);
  for (size_t i = 0; i < rows; ++i) {
    const int64_t time =
        testing::RandomTime(random, begin, RandomEvents::kDays * kDay.count());
    Row row{random.OneIn(20) ? Value() : Value(KeyName(random.Below(keys)))};
    for (size_t c = 1; c + 1 < schema.size(); ++c) {
      Value value = testing::RandomValue(random, schema.fields[c].type, true);
      // Parquet's dictionaries, as DuckDB writes them, do not tell the two zeroes apart.
      if (auto* number = std::get_if<double>(&value.data); number && *number == 0) *number = 0.0;
      row.push_back(random.OneIn(6) ? Value() : std::move(value));
    }
    row.emplace_back(time);
    days[static_cast<size_t>((time - begin) / kDay.count())].push_back(std::move(row));
  }
  RandomEvents events;
  types::BatchBuilder builder(schema);
  for (const auto& day : days) {
    for (const Row& row : day) {
      CATENA_CHECK(builder.AppendRow(row).ok(), "a row fits its schema");
      events.times.push_back(std::get<int64_t>(row.back().data));
      events.orders.push_back(events.orders.size());
    }
  }
  events.batch = builder.Build();
  return events;
}

inline void WriteEvents(const table::Warehouse& warehouse, const RandomEvents& events) {
  const Date first = Day(RandomEvents::kFirstDay);
  for (Date day = first; day < first + RandomEvents::kDays; day = day + 1) {
    std::vector<uint32_t> rows;
    for (uint32_t row = 0; row < events.times.size(); ++row) {
      if (Date::Of(FromMillis(events.times[row])) == day) rows.push_back(row);
    }
    const Status written = warehouse.Find("t.events")->WritePartition(day, events.batch.Take(rows));
    ASSERT_TRUE(written.ok()) << written.error().message;
  }
}

// Every operation of the skeleton over some column in some windows. SNAPSHOT wants whole days only
// in Chronon; here any window works.
inline std::string RandomGroupByJson(Random& random, conf::Accuracy accuracy) {
  constexpr const char* kWindows[] = {R"({"length": 7, "timeUnit": 2})",
                                      R"({"length": 1, "timeUnit": 0})",
                                      R"({"length": 13, "timeUnit": 0})",
                                      R"({"length": 1, "timeUnit": 1})",
                                      R"({"length": 3, "timeUnit": 1})",
                                      R"({"length": 12, "timeUnit": 1})"};
  constexpr const char* kColumns[] = {"small", "amount", "price"};
  constexpr int kOperations[] = {0, 1, 2, 3, 6, 7, 8};  // MIN MAX FIRST LAST COUNT SUM AVERAGE
  const bool unwindowed = random.OneIn(2);
  std::string aggregations;
  for (const int operation : kOperations) {
    std::string windows;
    if (!unwindowed || random.OneIn(2)) {
      const size_t first = random.Below(4);
      windows = std::string(", \"windows\": [") + kWindows[first] + ", " +
                kWindows[first + 1 + random.Below(2)] + "]";
    }
    aggregations += (aggregations.empty() ? "" : ", ") + std::string("{\"inputColumn\": \"") +
                    kColumns[random.Below(3)] + "\", \"operation\": " + std::to_string(operation) +
                    windows + "}";
  }
  return R"({"metaData": {"name": "gb", "outputNamespace": "t"}, "keyColumns": ["key"],
             "accuracy": )" + std::to_string(static_cast<int>(accuracy)) +
         ", \"aggregations\": [" + aggregations +
         R"(], "sources": [{"events": {"table": "t.events", "query": {"timeColumn": "ts"}}}]})";
}

inline Row NaiveAt(const RandomEvents& events, const conf::GroupBy& group_by, const Value& key,
                   int64_t query) {
  return testing::NaiveOutputs(group_by, events.batch, events.times, events.orders,
                               events.RowsOf(key), query);
}

}  // namespace catena::batch

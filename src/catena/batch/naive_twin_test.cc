// SPDX-License-Identifier: Apache-2.0
// Backfills and uploads of random tables against the definition: for each query, scan all events.
#include <gtest/gtest.h>

#include "catena/aggregate/window/upload_ir.h"
#include "catena/batch/warehouse_fixture.h"
#include "catena/conf/semantic_hash.h"
#include "catena/fetch/online_state.h"
#include "catena/kv/memory_store.h"
#include "catena/testing/generator.h"
#include "catena/testing/naive_aggregator.h"
#include "catena/testing/property.h"
#include "catena/types/row_codec.h"

namespace catena::batch {
namespace {

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

std::string KeyName(uint64_t number) { return "k" + std::to_string(number); }

RandomEvents MakeEvents(Random& random, size_t rows, uint64_t keys) {
  const types::Schema schema{{{"key", types::Kind::kString},
                              {"flag", types::Kind::kBool},
                              {"small", types::Kind::kInt},
                              {"amount", types::Kind::kLong},
                              {"price", types::Kind::kDouble},
                              {"ts", types::Kind::kLong}}};
  std::vector<std::vector<Row>> days(RandomEvents::kDays);
  const int64_t begin = At(RandomEvents::kFirstDay);
  for (size_t i = 0; i < rows; ++i) {
    const int64_t time = testing::RandomTime(random, begin, RandomEvents::kDays * kDay.count());
    Row row{random.OneIn(20) ? Value() : Value(KeyName(random.Below(keys)))};
    for (size_t c = 1; c + 1 < schema.size(); ++c) {
      Value value = testing::RandomValue(random, schema.fields[c].type, testing::Values::kAny);
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

void WriteEvents(TemporaryWarehouse& at, const RandomEvents& events) {
  const Date first = Day(RandomEvents::kFirstDay);
  for (Date day = first; day < first + RandomEvents::kDays; day = day + 1) {
    std::vector<uint32_t> rows;
    for (uint32_t row = 0; row < events.times.size(); ++row) {
      if (Date::Of(FromMillis(events.times[row])) == day) rows.push_back(row);
    }
    TemporaryWarehouse::OrStop(
        at.warehouse_->Find("t.events")->WritePartition(day, events.batch.Take(rows)));
  }
}

// Every operation of the skeleton over some column in some windows. SNAPSHOT wants whole days only
// in Chronon; here any window works.
std::string RandomGroupByJson(Random& random, conf::Accuracy accuracy, bool exact_windows) {
  constexpr const char* kWindows[] = {
      R"({"length": 7, "timeUnit": 2})",  R"({"length": 1, "timeUnit": 0})",
      R"({"length": 13, "timeUnit": 0})", R"({"length": 1, "timeUnit": 1})",
      R"({"length": 3, "timeUnit": 1})",  R"({"length": 12, "timeUnit": 1})"};
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
  const std::string custom =
      exact_windows ? R"(, "customJson": "{\"exact_windows\": true}")" : std::string();
  return R"({"metaData": {"name": "gb", "outputNamespace": "t")" + custom +
         R"(}, "keyColumns": ["key"], "accuracy": )" + std::to_string(static_cast<int>(accuracy)) +
         ", \"aggregations\": [" + aggregations +
         R"(], "sources": [{"events": {"table": "t.events", "query": {"timeColumn": "ts"}}}]})";
}

Row NaiveAt(const RandomEvents& events, const conf::GroupBy& group_by, const Value& key,
            int64_t query) {
  return testing::NaiveOutputs(group_by, events.batch, events.times, events.orders,
                               events.RowsOf(key), query);
}

// Outputs of a decoded upload for a query at `query`.
Row FeaturesOf(const aggregate::WindowedAggregator& windowed, const aggregate::UploadIr& upload,
               Timestamp query) {
  std::vector<aggregate::IR> irs;
  std::vector<const std::byte*> pointers;
  for (size_t w = 0; w < windowed.windows().size(); ++w) {
    irs.emplace_back(windowed.rows());
    upload.MergeInto(w, query, irs.back().data());
  }
  for (const aggregate::IR& ir : irs) pointers.push_back(ir.data());
  types::BatchBuilder builder(windowed.output_schema());
  windowed.AppendRow(pointers, &builder);
  return builder.Build().Row(0);
}

// Often so little that days and keys are taken a few at a time; answers must not show it.
uint64_t RandomMemory(Random& random) {
  return random.OneIn(2) ? uint64_t{1} << 30 : 1 + random.Below(100000);
}

TEST(NaiveTwinTest, JoinAnswersAsTheDefinition) {
  testing::ForSeeds(24, [&](Random& random) {
    TemporaryWarehouse at;
    at.context_.memory_bytes = RandomMemory(random);
    const RandomEvents events = MakeEvents(random, 300, 5);
    WriteEvents(at, events);
    std::vector<std::vector<Row>> queries(RandomEvents::kDays);
    for (int i = 0; i < 120; ++i) {
      const int64_t begin = At(RandomEvents::kFirstDay);
      const int64_t time = testing::RandomTime(random, begin, RandomEvents::kDays * kDay.count());
      queries[static_cast<size_t>((time - begin) / kDay.count())].push_back(
          {i, random.OneIn(15) ? Value() : Value(KeyName(random.Below(7))), time});
    }
    const Date first = Day(RandomEvents::kFirstDay);
    for (int d = 0; d < RandomEvents::kDays; ++d) {
      at.Write("t.queries", FormatDate(first + d), "qid LONG, key STRING, ts LONG", queries[d]);
    }
    const auto accuracy = random.OneIn(2) ? conf::Accuracy::kTemporal : conf::Accuracy::kSnapshot;
    const conf::Conf conf = at.ConfOf(
        R"({"metaData": {"name": "j", "outputNamespace": "t"},
            "left": {"events": {"table": "t.queries", "query": {"timeColumn": "ts"}}},
            "joinParts": [{"groupBy": )" +
        RandomGroupByJson(random, accuracy, random.OneIn(3)) + "}]}");
    // In two steps, so that the second reuses the first.
    const Date middle = first + 3;
    at.Backfilled(conf, FormatDate(first), FormatDate(middle));
    at.Backfilled(conf, FormatDate(first), FormatDate(first + RandomEvents::kDays - 1));

    const conf::GroupBy& group_by = *conf.join()->join_parts[0].group_by;
    std::vector<std::string> columns{"key", "ts"};
    for (const auto& output : conf::OutputsOf(group_by)) columns.push_back("gb_" + output.name);
    const std::vector<Row> rows = at.ReadTable("t.j", columns);
    ASSERT_EQ(rows.size(), 120u);
    for (const Row& row : rows) {
      int64_t query = std::get<int64_t>(row[1].data);
      if (accuracy == conf::Accuracy::kSnapshot) query = FloorMillis(query, kDay.count());
      const Row expected = NaiveAt(events, group_by, row[0], query);
      ASSERT_EQ(PrintRows({Row(row.begin() + 2, row.end())}), PrintRows({expected}))
          << "key and query " << PrintRows({Row(row.begin(), row.begin() + 2)});
    }
  });
}

TEST(NaiveTwinTest, DailyFeaturesAnswerAsTheDefinition) {
  testing::ForSeeds(24, [&](Random& random) {
    TemporaryWarehouse at;
    at.context_.memory_bytes = RandomMemory(random);
    const RandomEvents events = MakeEvents(random, 200, 6);
    WriteEvents(at, events);
    const conf::Conf conf =
        at.ConfOf(RandomGroupByJson(random, conf::Accuracy::kSnapshot, random.OneIn(3)));
    const conf::GroupBy& group_by = *conf.group_by();
    at.Backfilled(conf, "2026-03-02", "2026-03-05");
    std::vector<std::string> columns{"key"};
    for (const auto& output : conf::OutputsOf(group_by)) columns.push_back(output.name);
    std::string expected;
    for (const char* day : {"2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05"}) {
      const int64_t end = ToMillis(Day(day).End());
      const auto window = plan::LongestWindow(group_by);
      conf::AggregationOutput widest;
      widest.windowed = window.has_value();
      if (window) {
        widest.window = {static_cast<int32_t>(*window / std::chrono::minutes{1}),
                         conf::TimeUnit::kMinutes};
      }
      for (int k = 0; k < 6; ++k) {
        const auto rows = events.RowsOf(KeyName(k));
        const bool inside = std::any_of(rows.begin(), rows.end(), [&](uint32_t row) {
          return testing::NaiveInside(events.times[row], end, widest, group_by.exact_windows);
        });
        if (!inside) continue;
        Row row{KeyName(k)};
        for (Value& value : NaiveAt(events, group_by, KeyName(k), end)) row.push_back(value);
        expected += PrintRows({row});
      }
    }
    EXPECT_EQ(PrintRows(at.ReadTable("t.gb", columns)), expected);
  });
}

TEST(NaiveTwinTest, TemporalUploadReadsBackAsTheDefinition) {
  testing::ForSeeds(12, [&](Random& random) {
    TemporaryWarehouse at;
    kv::MemoryKVStore store;
    const RandomEvents events = MakeEvents(random, 250, 5);
    WriteEvents(at, events);
    const conf::Conf conf = at.ConfOf(RandomGroupByJson(random, conf::Accuracy::kTemporal, false));
    UploadOptions options;
    options.chunk_bytes = 256;  // So that there are many chunks.
    const auto report = UploadGroupBy(at.context_, conf, Day("2026-03-04"), &store, options);
    ASSERT_TRUE(report.ok()) << report.error().message;
    const Timestamp batch_end = Day("2026-03-05").Start();

    const auto info = fetch::ReadServingInfo(&store, "gb");
    ASSERT_TRUE(info.ok() && info->has_value());
    EXPECT_EQ((*info)->keys.ToString(), "key STRING");
    EXPECT_EQ((*info)->meaning, conf::MeaningOf(*conf.group_by()));
    const auto windowed = aggregate::WindowedAggregator::Bind(*conf.group_by(), (*info)->inputs);
    ASSERT_TRUE(windowed.ok()) << windowed.error().message;
    for (int k = 0; k < 5; ++k) {
      std::string key;
      types::EncodeKey(std::vector<Value>{KeyName(k)}, &key);
      const std::string dataset = fetch::UploadDataset("gb");
      const kv::GetRequest request{dataset, key, batch_end, batch_end + kDay};
      const auto answers = store.MultiGet({&request, 1});
      ASSERT_TRUE(answers[0].ok());
      aggregate::UploadIr upload(*windowed, batch_end);
      if (!answers[0]->empty()) {
        auto decoded = aggregate::UploadIr::Decode(*windowed, answers[0]->front().value);
        ASSERT_TRUE(decoded.ok()) << decoded.error().message;
        upload = std::move(decoded).value();
      }
      EXPECT_EQ(PrintRows({FeaturesOf(*windowed, upload, batch_end)}),
                PrintRows({NaiveAt(events, *conf.group_by(), KeyName(k), ToMillis(batch_end))}))
          << KeyName(k);
    }
  });
}

}  // namespace
}  // namespace catena::batch

// SPDX-License-Identifier: Apache-2.0
// Entities that change while they are served: what is fetched as of t is what a backfill says at t.
//
//     a random life of a table   ->  snapshots and mutations, by day      ->  backfill of a Join
//                                ->  uploads, and a topic of mutations    ->  stream, fetch
//
// At random instants, on mutations and beside them, on midnights; with uploads each night, with
// nights without one; flat records and change envelopes; late, repeated and unfounded
// before-images.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <optional>
#include <thread>

#include "catena/batch/warehouse_fixture.h"
#include "catena/fetch/fetcher.h"
#include "catena/fetch/state_check.h"
#include "catena/streaming/job.h"
#include "catena/testing/generator.h"
#include "catena/testing/property.h"
#include "catena/topic/topic.h"

namespace catena {
namespace {

using batch::At;
using batch::Day;
using batch::Row;
using batch::Value;
using ::testing::HasSubstr;

constexpr char kRows[] = "rid LONG, key STRING, val LONG, amount DOUBLE, note STRING, created LONG";
constexpr char kFirst[] = "2026-03-01";
constexpr int kDays = 5;
constexpr Millis kForever = std::chrono::days{4000};

struct Change {
  int64_t time = 0;
  std::optional<Row> before, after;
};

struct Life {
  std::vector<Change> changes;  // By time.
  std::map<Date, std::vector<Row>> snapshots;
};

Row RandomRow(Random& random, int64_t rid, int64_t created) {
  return {rid,
          random.OneIn(20) ? Value() : Value("k" + std::to_string(random.Below(3))),
          random.OneIn(6) ? Value() : Value(random.Between(-20, 20)),
          random.OneIn(6) ? Value() : Value(static_cast<double>(random.Between(-9, 9)) / 4),
          random.OneIn(6) ? Value() : Value("n" + std::to_string(random.Below(4))),
          random.OneIn(20) ? Value() : Value(created)};
}

// No two rows have one `created`, so that no answer depends on which file or topic told of a row.
Life RandomLife(Random& random, int changes, bool unfounded) {
  Life life;
  std::vector<int64_t> times;
  for (int i = 0; i < changes; ++i) {
    times.push_back(testing::RandomTime(random, At(kFirst), kDays * kDay.count() - 1));
  }
  std::sort(times.begin(), times.end());
  std::map<int64_t, Row> state;
  Date day = Day(kFirst);
  const auto end_days_before = [&](int64_t time) {
    for (; ToMillis(day.End()) <= time; day = day + 1) {
      for (const auto& [rid, row] : state) life.snapshots[day].push_back(row);
    }
  };
  int64_t number = 0;
  for (const int64_t time : times) {
    end_days_before(time);
    const auto rid = static_cast<int64_t>(random.Below(12));
    const auto at = state.find(rid);
    // Now and then a row of the future, which no window takes yet.
    const int64_t created = time - 1000 * (number++) + (random.OneIn(8) ? kDay.count() : 0);
    Change change{time, std::nullopt, std::nullopt};
    if (at != state.end()) change.before = at->second;
    if (at == state.end() || !random.OneIn(3)) {
      const bool same = at != state.end() && random.OneIn(5);
      change.after = same ? at->second : RandomRow(random, rid, created);
      state[rid] = *change.after;
    } else {
      state.erase(at);
    }
    life.changes.push_back(change);
    if (!unfounded || !random.OneIn(4)) continue;
    life.changes.push_back(random.OneIn(2)
                               ? Change{time, change.before, std::nullopt}
                               : Change{time, RandomRow(random, 99, time), std::nullopt});
  }
  end_days_before(At(kFirst) + kDays * kDay.count());
  return life;
}

Json ImageOf(const Row& row) {
  const types::Schema schema = batch::TemporaryWarehouse::SchemaOf(kRows);
  Json image = Json::object();
  for (size_t i = 0; i < row.size(); ++i) image[schema.fields[i].name] = types::ToJson(row[i]);
  return image;
}

// Every kind of operation; without those that a tie in time would leave to the order of rows.
std::string Aggregations(bool timed) {
  std::string json = R"(
    {"inputColumn": "val", "operation": 7, "windows": [{"length": 1, "timeUnit": 0},
                                                       {"length": 1, "timeUnit": 1}]},
    {"inputColumn": "val", "operation": 7}, {"inputColumn": "val", "operation": 6},
    {"inputColumn": "val", "operation": 1}, {"inputColumn": "amount", "operation": 0},
    {"inputColumn": "amount", "operation": 8}, {"inputColumn": "amount", "operation": 9},
    {"inputColumn": "note", "operation": 4}, {"inputColumn": "note", "operation": 17},
    {"inputColumn": "val", "operation": 6, "buckets": ["note"]},
    {"inputColumn": "val", "operation": 15, "argMap": {"k": "2"},
     "windows": [{"length": 1, "timeUnit": 1}]})";
  if (timed) {
    json += R"(, {"inputColumn": "note", "operation": 3}, {"inputColumn": "note", "operation": 2},
      {"inputColumn": "val", "operation": 13, "argMap": {"k": "3"},
       "windows": [{"length": 1, "timeUnit": 0}]})";
  }
  return json;
}

struct Options {
  bool envelope = false, timed = true;  // Timed: the source has a time column.
  int partitions = 1;
};

class Table : public batch::TemporaryWarehouse {
 public:
  Table(const Options& options, const Life& life) : options_(options) {
    static int counter = 0;
    topic_ = "entities_" + std::to_string(counter++);
    context_.clock = &clock_;
    OrStop(topic::CreateTopic({"memory", "", topic_}, options.partitions));
    writer_ = OrStop(topic::OpenTopicWriter({"memory", "", topic_}, SystemClock()));
    store_ = OrStop(kv::OpenKVStore("memory:", kv::OpenMode::kOwn));
    job_.topics_default = "memory:";
    job_.stream.as_of_retention = job_.stream.raw_retention = kForever;
    conf_ = ConfOf(R"({"metaData": {"name": "j", "outputNamespace": "t"},
      "left": {"events": {"table": "t.queries", "query": {"timeColumn": "ts"}}},
      "joinParts": [{"groupBy": )" +
                   GroupByJson() + "}]}");
    WriteTables(life);
  }

  std::string GroupByJson() const {
    return R"({"metaData": {"name": "gb"}, "accuracy": 0, "keyColumns": ["key"],
      "aggregations": [)" +
           Aggregations(options_.timed) + R"(],
      "sources": [{"entities": {"snapshotTable": "t.snap", "mutationTable": "t.mutations",
        "mutationTopic": ")" +
           topic_ + (options_.envelope ? "/envelope=debezium" : "") + R"(", "query": {)" +
           (options_.timed ? R"("timeColumn": "created",)" : "") +
           R"("selects": {"key": "key", "val": "val", "amount": "amount", "note": "note"}}}}]})";
  }

  // Tells of the changes up to `until`: append times, so some arrive behind later ones.
  void Append(Random& random, const Life& life, int64_t until) {
    std::multimap<int64_t, std::string> values;
    for (; appended_ < life.changes.size() && life.changes[appended_].time < until; ++appended_) {
      const Change& change = life.changes[appended_];
      const int64_t arrives =
          change.time + (random.OneIn(4) ? random.Between(0, 3600'000) : random.Between(0, 5));
      if (options_.envelope) {
        const Json envelope = {{"before", change.before ? ImageOf(*change.before) : Json()},
                               {"after", change.after ? ImageOf(*change.after) : Json()},
                               {"ts_ms", change.time}};
        values.emplace(arrives,
                       PrintJson(random.OneIn(2) ? envelope : Json{{"payload", envelope}}));
        continue;
      }
      for (const auto* image : {&change.after, &change.before}) {
        if (!*image) continue;
        Json flat = ImageOf(**image);
        flat["mutation_ts"] = change.time;
        flat["is_before"] = image == &change.before;
        values.emplace(arrives, PrintJson(flat));
      }
    }
    for (const auto& [arrives, value] : values) {
      OrStop(writer_->Append({{std::to_string(random.Below(9)), value, FromMillis(arrives)}}));
    }
  }
  void AppendRaw(const std::string& value, int64_t time) {
    OrStop(writer_->Append({{"k", value, FromMillis(time)}}));
  }

  void Upload(Date day) { OrStop(TryUpload(day)); }
  Status TryUpload(Date day) {
    clock_.Set(day.End() + Millis{1000});
    conf::Conf conf = conf_;
    conf.definition = conf_.join()->join_parts[0].group_by;
    return batch::UploadGroupBy(context_, conf, day, store_.get(), {kForever}).status();
  }

  // Until it has caught up, or for a few milliseconds.
  void Stream(std::optional<Millis> stop_after = std::nullopt) {
    auto job = OrStop(streaming::StreamJob::Open(
        {streamed_.value_or(conf_)}, job_,
        [this](const std::string& name) { return OrStop(warehouse_->Find(name)).SchemaOf(); },
        store_.get(), database_.get(), &SystemClock()));
    std::stop_source stop;
    Status ended;
    std::jthread thread([&] { ended = job->Run(stop.get_token()); });
    if (stop_after) std::this_thread::sleep_for(*stop_after);
    for (int i = 0; !stop_after && i < 60000 && !job->CaughtUp(); ++i) {
      std::this_thread::sleep_for(Millis{1});
    }
    EXPECT_TRUE(stop_after || job->CaughtUp());
    stop.request_stop();
    thread.join();
    ASSERT_TRUE(ended.ok()) << ended.error().message;
    for (const auto& [partition, checkpoint] : Checkpoints()) {
      EXPECT_EQ(checkpoint.Consumed(), checkpoint.Accounted()) << "partition " << partition;
    }
  }
  std::map<int32_t, fetch::Checkpoint> Checkpoints() {
    return OrStop(fetch::ReadCheckpoints(store_.get(), "gb"));
  }

  void WriteQueries(const std::string& name, const std::vector<Row>& rows) {
    std::map<Date, std::vector<Row>> of_day;
    for (int d = 0; d < kDays; ++d) of_day[Day(kFirst) + d] = {};
    for (const Row& row : rows) {
      of_day[Date::Of(FromMillis(std::get<int64_t>(row.back().data)))].push_back(row);
    }
    for (const auto& [day, queries] : of_day) {
      Write(name, FormatDate(day), "qid LONG, key STRING, ts LONG", queries);
    }
  }

  struct Compared {
    size_t equal = 0, different = 0, incomplete = 0, nonnull = 0;
  };
  // What a backfill of the Join says of each of its left rows, and what the Fetcher says.
  Compared Compare(const conf::Conf& conf, bool may_differ = false) {
    clock_.Set(FromMillis(At("2026-03-20")));
    Backfilled(conf, FormatDate(Day(kFirst) + 1), FormatDate(Day(kFirst) + kDays - 1));
    const std::string name = conf.metadata().name;
    const types::Batch batch = OrStop(OrStop(warehouse_->Find("t." + name)).Read({}));
    std::vector<Timestamp> as_of;
    for (size_t row = 0; row < batch.rows(); ++row) {
      as_of.push_back(FromMillis(batch.Find("ts")->Values<int64_t>()[row]));
    }
    fetch::Fetcher fetcher(store_.get());
    fetcher.AddConf(conf);
    const auto answer = OrStop(fetcher.FetchJoin(name, batch, as_of));
    Compared compared;
    for (size_t row = 0; row < batch.rows(); ++row) {
      if (!answer.Complete(row)) {
        ++compared.incomplete;
        continue;
      }
      bool equal = true;
      for (size_t c = 0; c < answer.features.width(); ++c) {
        const std::string& column = answer.features.schema().fields[c].name;
        const Value fetched = answer.features.column(c).ValueAt(row);
        const Value expected = batch.Find(column)->ValueAt(row);
        compared.nonnull += fetched.is_null() ? 0 : 1;
        if (fetched == expected) continue;
        equal = false;
        if (may_differ) continue;
        ADD_FAILURE() << column << " at " << FormatTimestamp(as_of[row]) << " of key "
                      << PrintJson(types::ToJson(batch.Find("key")->ValueAt(row))) << ": fetched "
                      << PrintJson(types::ToJson(fetched)) << ", backfilled "
                      << PrintJson(types::ToJson(expected));
      }
      ++(equal ? compared.equal : compared.different);
    }
    return compared;
  }

  void ExpectSoundState() {
    const auto check =
        OrStop(fetch::CheckState(store_.get(), conf_.join()->join_parts[0].group_by));
    EXPECT_EQ(check.problems, 0u) << ::testing::PrintToString(check.first_problems);
    EXPECT_GE(check.datasets.size(), 2u);
  }

  void StreamInstead(const conf::Conf& conf) { streamed_ = conf; }
  const conf::Conf& conf() const { return conf_; }
  const std::string& topic() const { return topic_; }

 private:
  void WriteTables(const Life& life) {
    for (Date day = Day(kFirst); day < Day(kFirst) + kDays; day = day + 1) {
      std::vector<Row> mutations;
      for (const Change& change : life.changes) {
        if (Date::Of(FromMillis(change.time)) != day) continue;
        for (const auto* image : {&change.before, &change.after}) {
          if (!*image) continue;
          mutations.push_back(**image);
          mutations.back().emplace_back(change.time);
          mutations.back().emplace_back(image == &change.before);
        }
      }
      Write("t.mutations", FormatDate(day),
            kRows + std::string(", mutation_ts LONG, is_before BOOLEAN"), mutations);
      const auto snapshot = life.snapshots.find(day);
      Write("t.snap", FormatDate(day), kRows,
            snapshot == life.snapshots.end() ? std::vector<Row>() : snapshot->second);
    }
  }

  Options options_;
  std::string topic_;
  std::unique_ptr<topic::TopicWriter> writer_;
  std::unique_ptr<kv::KVStore> store_;
  streaming::StreamJobOptions job_;
  conf::Conf conf_;
  std::optional<conf::Conf> streamed_;
  size_t appended_ = 0;
};

// Instants from the second day on: anywhere, on a mutation or a millisecond behind it, on
// midnights.
std::vector<Row> RandomQueries(Random& random, const Life& life, int count) {
  std::vector<Row> queries;
  const int64_t first = At(kFirst) + kDay.count();
  for (int i = 0; i < count; ++i) {
    int64_t time = testing::RandomTime(random, first, (kDays - 1) * kDay.count() - 1);
    if (random.OneIn(3)) {
      time = life.changes[random.Below(life.changes.size())].time + random.Between(0, 1);
    } else if (random.OneIn(6)) {
      time = FloorMillis(time, kDay.count());
    }
    if (time < first || time >= At(kFirst) + kDays * kDay.count()) continue;
    queries.push_back(
        {i, random.OneIn(12) ? Value() : Value("k" + std::to_string(random.Below(4))), time});
  }
  return queries;
}

Options RandomOptions(Random& random) {
  return {random.OneIn(2), !random.OneIn(3), static_cast<int>(random.Between(1, 3))};
}

TEST(EntitiesTest, WithAnUploadEachNightFetchesWhatABackfillAnswers) {
  testing::ForSeeds(6, [](Random& random) {
    const Life life = RandomLife(random, 150, /*unfounded=*/true);
    Table table(RandomOptions(random), life);
    table.WriteQueries("t.queries", RandomQueries(random, life, 120));
    for (int d = 0; d < kDays; ++d) {
      const Date day = Day(kFirst) + d;
      table.Append(random, life, ToMillis(day.End()));
      if (random.OneIn(2)) table.Stream(Millis(random.Below(20)));
      if (random.OneIn(2)) table.Stream();
      table.Upload(day);
    }
    if (random.OneIn(3)) table.Upload(Day(kFirst) + static_cast<int>(random.Below(kDays)));
    table.Stream();
    const auto compared = table.Compare(table.conf());
    EXPECT_GT(compared.equal, 80u);
    EXPECT_EQ(compared.incomplete, 0u);
    EXPECT_GT(compared.nonnull, 100u);
    table.ExpectSoundState();
  });
}

// A snapshot stands for all that came before it, so one upload serves for days.
TEST(EntitiesTest, NightsWithoutUploadDifferInNothingButTheWayThere) {
  testing::ForSeeds(6, [](Random& random) {
    const Life life = RandomLife(random, 150, /*unfounded=*/false);
    Table table(RandomOptions(random), life);
    const std::vector<Row> queries = RandomQueries(random, life, 120);
    table.WriteQueries("t.queries", queries);
    const Date first = Day(kFirst) + static_cast<int>(random.Below(3));
    table.Upload(first);
    if (random.OneIn(2)) table.Upload(first + 1);
    for (int d = 0; d < kDays; ++d) {
      table.Append(random, life, ToMillis((Day(kFirst) + d).End()));
      table.Stream(Millis(random.Below(20)));
    }
    table.Stream();
    size_t before = 0;
    for (const Row& row : queries) {
      if (!row[1].is_null() && std::get<int64_t>(row[2].data) < ToMillis(first.End())) ++before;
    }
    const auto compared = table.Compare(table.conf());
    EXPECT_EQ(compared.incomplete, before);
    EXPECT_GT(compared.equal, 10u);
  });
}

TEST(EntitiesTest, AMutationThatIsLostIsNoticed) {
  Random random(20'261'127);
  const Life life = RandomLife(random, 150, false);
  Life lossy = life;
  std::erase_if(lossy.changes, [](const Change& change) {
    return change.time > At(kFirst, 30) && change.time < At(kFirst, 40);
  });
  Table table({.envelope = true}, life);
  table.WriteQueries("t.queries", RandomQueries(random, life, 120));
  table.Upload(Day(kFirst));
  table.Append(random, lossy, INT64_MAX);
  table.Stream();
  EXPECT_GT(table.Compare(table.conf(), /*may_differ=*/true).different, 10u);
}

// What a chain looks up may be entities: each payment sees the rows that lived at its moment.
TEST(EntitiesTest, ARightSideOfAChain) {
  testing::ForSeeds(2, [](Random& random) {
    const Life life = RandomLife(random, 150, false);
    Table table({.envelope = random.OneIn(2), .partitions = 2}, life);
    const std::string payments = table.topic() + "_payments";
    Table::OrStop(topic::CreateTopic({"memory", "", payments}, 2));
    const auto writer =
        Table::OrStop(topic::OpenTopicWriter({"memory", "", payments}, SystemClock()));
    std::vector<Row> left = RandomQueries(random, life, 150);
    std::sort(left.begin(), left.end(), [](const Row& a, const Row& b) {
      return std::get<int64_t>(a[2].data) < std::get<int64_t>(b[2].data);
    });
    table.WriteQueries("t.payments", left);
    const conf::Conf conf = Table::ConfOf(R"({"metaData": {"name": "f", "outputNamespace": "t"},
      "left": {"events": {"table": "t.queries", "query": {"timeColumn": "ts"}}},
      "joinParts": [{"groupBy": {"metaData": {"name": "chain"}, "accuracy": 0,
        "keyColumns": ["key"], "aggregations": [
          {"inputColumn": "sum", "operation": 7}, {"inputColumn": "most", "operation": 1,
           "windows": [{"length": 1, "timeUnit": 1}]}],
        "sources": [{"joinSource": {
          "query": {"selects": {"key": "key", "sum": "gb_val_sum", "most": "gb_val_max"},
                    "timeColumn": "ts"},
          "join": {"metaData": {"name": "p", "outputNamespace": "t"},
            "left": {"events": {"table": "t.payments", "topic": ")" +
                                          payments + R"(",
                                "query": {"timeColumn": "ts"}}},
            "joinParts": [{"groupBy": )" + table.GroupByJson() +
                                          R"(}]}}}]}}]})");
    table.WriteQueries("t.queries", RandomQueries(random, life, 60));
    for (int d = 0; d < kDays; ++d) table.Upload(Day(kFirst) + d);
    table.Append(random, life, INT64_MAX);
    for (const Row& row : left) {
      const Json record = {{"qid", types::ToJson(row[0])},
                           {"key", types::ToJson(row[1])},
                           {"ts", types::ToJson(row[2])}};
      Table::OrStop(writer->Append({{PrintJson(record["qid"]), PrintJson(record),
                                     FromMillis(std::get<int64_t>(row[2].data))}}));
    }
    table.StreamInstead(conf);
    table.Stream();
    const auto compared = table.Compare(conf);
    EXPECT_GT(compared.equal, 30u);
    EXPECT_EQ(compared.incomplete, 0u);
    EXPECT_GT(compared.nonnull, 20u);
  });
}

TEST(EntitiesTest, HostileRecordsChangeNothingAndAreAllAccountedFor) {
  Random random(20'261'128);
  const Life life = RandomLife(random, 100, false);
  Table table({.envelope = true}, life);
  table.WriteQueries("t.queries", RandomQueries(random, life, 60));
  table.Upload(Day(kFirst));
  const std::string row = R"({"rid":0,"key":"k0","val":7,"created":1})";
  const std::string time = std::to_string(At(kFirst, 30));
  const std::vector<std::string> hostile = {
      "",
      "{",
      "[]",
      R"({"payload":{}})",
      R"({"before":)" + row + R"(,"after":{"key":5},"ts_ms":)" + time + "}",
      R"({"op":"u","before":null,"after":)" + row + R"(,"ts_ms":)" + time + "}",
      R"({"op":"r","before":null,"after":)" + row + R"(,"ts_ms":)" + time + "}",
      R"({"before":null,"after":)" + row + R"(,"ts_ms":9007199254740993})",
      R"({"before":null,"after":)" + row + R"(,"ts_ms":-9223372036854775808})",
      R"({"before":)" + row + R"(,"after":)" + row + R"(,"ts_ms":"now"})"};
  for (const std::string& value : hostile) table.AppendRaw(value, At(kFirst, 30));
  table.Append(random, life, INT64_MAX);
  table.Stream();
  const auto compared = table.Compare(table.conf());
  EXPECT_GT(compared.equal, 30u);
  EXPECT_EQ(compared.incomplete, 0u);
  int64_t dead = 0;
  for (const auto& [partition, checkpoint] : table.Checkpoints()) dead += checkpoint.dead_lettered;
  EXPECT_EQ(dead, static_cast<int64_t>(hostile.size()) - 2);  // A tombstone and a read are none.
  table.ExpectSoundState();
}

// A fetch folds all rows of its key, so there may not be too many.
TEST(EntitiesTest, AKeyOfTooManyRowsIsNamed) {
  Life life;
  std::vector<Row>& rows = life.snapshots[Day(kFirst)];
  const auto refusal = [&] {
    const Status uploaded = Table({}, life).TryUpload(Day(kFirst));
    return uploaded.ok() ? "" : uploaded.error().message;
  };
  for (int64_t i = 0; i < 10'000; ++i) rows.push_back({i, "k0", i, 0.5, "n", At(kFirst)});
  EXPECT_EQ(refusal(), "");
  rows.push_back({10'000, "k0", 1, 0.5, "n", At(kFirst)});
  EXPECT_THAT(refusal(), HasSubstr("key [\"k0\"] has 10001 rows"));
  rows.assign({{1, "k2", 1, 0.5, std::string((size_t{1} << 20) + 1, 'x'), At(kFirst)}});
  EXPECT_THAT(refusal(), HasSubstr("key [\"k2\"] has 1 rows, 1024 KiB"));
}

}  // namespace
}  // namespace catena

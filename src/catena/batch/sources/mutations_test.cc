// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/sources/mutations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catena/batch/warehouse_fixture.h"
#include "catena/testing/generator.h"
#include "catena/testing/naive_aggregator.h"
#include "catena/testing/property.h"

namespace catena::batch {
namespace {

using ::testing::HasSubstr;

constexpr char kRows[] = "rid LONG, key STRING, val LONG, note STRING, created LONG";
constexpr char kMutations[] =
    "rid LONG, key STRING, val LONG, note STRING, created LONG, mutation_ts LONG, "
    "is_before BOOLEAN";
constexpr char kFirst[] = "2026-03-01";
constexpr int kDays = 4;

// SUM, COUNT, MAX, LAST and TOP_K: the last three could not be subtracted.
std::string JoinJson(const std::string& query = R"("timeColumn": "created",)") {
  return R"({"metaData": {"name": "j", "outputNamespace": "t"},
    "left": {"events": {"table": "t.queries", "query": {"timeColumn": "ts"}}},
    "joinParts": [{"groupBy": {
      "metaData": {"name": "gb"}, "accuracy": 0, "keyColumns": ["key"], "aggregations": [
        {"inputColumn": "val", "operation": 7, "windows": [{"length": 1, "timeUnit": 0},
                                                           {"length": 1, "timeUnit": 1}]},
        {"inputColumn": "val", "operation": 6}, {"inputColumn": "val", "operation": 1},
        {"inputColumn": "note", "operation": 3},
        {"inputColumn": "val", "operation": 15, "argMap": {"k": "2"},
         "windows": [{"length": 1, "timeUnit": 1}]}],
      "sources": [{"entities": {"snapshotTable": "t.snap", "mutationTable": "t.mutations",
        "mutationTopic": "m", "query": {)" +
         query + R"("mutationTimeColumn": "mutation_ts", "reversalColumn": "is_before",
                   "selects": {"key": "key", "val": "val", "note": "note"}}}}]}}]})";
}

struct Mutated {
  Row row;  // As in kRows.
  int64_t time;
  bool before;
};

// A table of entities that lives through kDays days: what its mutations were, and its snapshots at
// the ends of days.
struct Life {
  std::vector<Mutated> mutations;  // By time.
  std::map<Date, std::vector<Row>> snapshots;
};

Row RandomRow(Random& random, int64_t rid, int64_t time) {
  return {rid, "k" + std::to_string(random.Below(3)),
          random.OneIn(6) ? Value() : Value(random.Between(-20, 20)),
          random.OneIn(6) ? Value() : Value("n" + std::to_string(random.Below(4))), time};
}

Life RandomLife(Random& random, int changes) {
  Life life;
  std::vector<int64_t> times;
  for (int i = 0; i < changes; ++i) {
    times.push_back(testing::RandomTime(random, At(kFirst), kDays * kDay.count()));
  }
  std::sort(times.begin(), times.end());
  std::map<int64_t, Row> state;
  Date day = Day(kFirst);
  const auto end_days_before = [&](int64_t time) {
    for (; ToMillis(day.End()) <= time; day = day + 1) {
      for (const auto& [rid, row] : state) life.snapshots[day].push_back(row);
    }
  };
  for (const int64_t time : times) {
    end_days_before(time);
    const int64_t rid = static_cast<int64_t>(random.Below(12));
    const auto at = state.find(rid);
    const bool existed = at != state.end();
    Row row = existed ? at->second : RandomRow(random, rid, time);
    if (existed) life.mutations.push_back({row, time, true});
    if (existed && random.OneIn(3)) {
      state.erase(rid);
      continue;
    }
    // An update may change nothing, and may move the row to another key.
    if (existed && !random.OneIn(5)) row = RandomRow(random, rid, std::get<int64_t>(row[4].data));
    life.mutations.push_back({row, time, false});
    state[rid] = row;
  }
  end_days_before(At(kFirst) + kDays * kDay.count());
  return life;
}

void WriteLife(TemporaryWarehouse& at, const Life& life) {
  for (Date day = Day(kFirst); day < Day(kFirst) + kDays; day = day + 1) {
    std::vector<Row> mutations;
    for (const Mutated& mutated : life.mutations) {
      if (Date::Of(FromMillis(mutated.time)) != day) continue;
      mutations.push_back(mutated.row);
      mutations.back().push_back(mutated.time);
      mutations.back().push_back(mutated.before);
    }
    at.Write("t.mutations", FormatDate(day), kMutations, mutations);
    const auto snapshot = life.snapshots.find(day);
    at.Write("t.snap", FormatDate(day), kRows,
             snapshot == life.snapshots.end() ? std::vector<Row>() : snapshot->second);
  }
}

// The naive twin: the state before the query, by going through the whole life again.
Row NaiveAt(const Life& life, const conf::GroupBy& group_by, const Value& key, int64_t query) {
  // What no snapshot tells is not known: a day begins with the snapshot of the day before.
  const auto base = life.snapshots.find(Date::Of(FromMillis(query)) - 1);
  std::vector<Row> state;
  if (base != life.snapshots.end()) state = base->second;
  for (const Mutated& mutated : life.mutations) {
    if (mutated.time >= query || mutated.time < ToMillis(Date::Of(FromMillis(query)).Start())) {
      continue;
    }
    if (mutated.before) {
      std::erase_if(state, [&](const Row& row) { return row[0] == mutated.row[0]; });
    } else {
      state.push_back(mutated.row);
    }
  }
  types::BatchBuilder builder(TemporaryWarehouse::SchemaOf(kRows));
  std::vector<int64_t> times;
  std::vector<uint64_t> orders;
  std::vector<uint32_t> rows;
  for (const Row& row : state) {
    if (row[1] != key) continue;
    CATENA_CHECK(builder.AppendRow(row).ok(), "a row fits its schema");
    times.push_back(std::get<int64_t>(row[4].data));
    orders.push_back(orders.size());
    rows.push_back(static_cast<uint32_t>(rows.size()));
  }
  return testing::NaiveOutputs(group_by, builder.Build(), times, orders, rows, query);
}

TEST(MutationsTest, AnswersAsTheDefinition) {
  testing::ForSeeds(12, [&](Random& random) {
    TemporaryWarehouse at;
    if (random.OneIn(2)) at.context_.memory_bytes = 16384;  // Several passes of keys.
    const Life life = RandomLife(random, 150);
    WriteLife(at, life);
    const Date first = Day(kFirst) + 1;
    std::map<Date, std::vector<Row>> queries;
    for (int i = 0; i < 100; ++i) {
      int64_t time = testing::RandomTime(random, ToMillis(first.Start()), 3 * kDay.count() - 1);
      if (random.OneIn(3)) {
        // On a mutation, which is not seen, or a millisecond behind it.
        const Mutated& mutated = life.mutations[random.Below(life.mutations.size())];
        time = std::max(time, mutated.time + static_cast<int64_t>(random.Below(2)));
      }
      const Date day = Date::Of(FromMillis(time));
      if (day >= first + 3) continue;
      queries[day].push_back({i, "k" + std::to_string(random.Below(4)), time});
    }
    for (int d = 0; d < 3; ++d) {
      at.Write("t.queries", FormatDate(first + d), "qid LONG, key STRING, ts LONG",
               queries[first + d]);
    }
    const conf::Conf conf = at.ConfOf(JoinJson());
    at.Backfilled(conf, FormatDate(first), FormatDate(first + 2));
    const conf::GroupBy& group_by = *conf.join()->join_parts[0].group_by;
    std::vector<std::string> columns{"key", "ts"};
    for (const auto& output : conf::OutputsOf(group_by)) columns.push_back("gb_" + output.name);
    for (const Row& row : at.ReadTable("t.j", columns)) {
      const Row expected = NaiveAt(life, group_by, row[0], std::get<int64_t>(row[1].data));
      ASSERT_EQ(PrintRows({Row(row.begin() + 2, row.end())}), PrintRows({expected}))
          << "key and query " << PrintRows({Row(row.begin(), row.begin() + 2)});
    }
  });
}

class MutationsOfADayTest : public ::testing::Test, protected TemporaryWarehouse {
 protected:
  void SetUp() override {
    Write("t.queries", "2026-03-02", "qid LONG, key STRING, ts LONG",
          {{1, "a", At("2026-03-02", 7)},
           {2, "a", At("2026-03-02", 8)},
           {3, "a", At("2026-03-02", 8, 0, 1)},
           {4, "b", At("2026-03-02", 23)}});
    Write("t.snap", "2026-03-01", kRows,
          {{1, "a", 1, "x", At("2026-03-01", 5)}, {2, "a", 2, "y", At("2026-03-01", 6)}});
  }
  std::string Answers(const conf::Conf& conf) {
    const auto report = Backfill(context_, conf, {Day("2026-03-02"), Day("2026-03-02")});
    if (!report.ok()) return report.error().message;
    return PrintRows(ReadTable("t.j", {"qid", "gb_val_count", "gb_val_max", "gb_note_last"}));
  }
};

TEST_F(MutationsOfADayTest, SeesWhatHappenedBeforeTheQueryAndNothingElse) {
  Write("t.mutations", "2026-03-02", kMutations,
        {// Landed late: it is in the snapshot already.
         {2, "a", 2, "y", At("2026-03-01", 6), At("2026-03-01", 6), false},
         {2, "a", 2, "y", At("2026-03-01", 6), At("2026-03-02", 8), true},
         {3, "b", 7, "z", At("2026-03-02", 8), At("2026-03-02", 8), false},
         // No row is like this one.
         {9, "b", 70, "z", At("2026-03-02", 8), At("2026-03-02", 9), true}});
  EXPECT_EQ(Answers(ConfOf(JoinJson())),
            "[1,2,2,\"y\"]\n[2,2,2,\"y\"]\n[3,1,1,\"x\"]\n[4,1,7,\"z\"]\n");
}

TEST_F(MutationsOfADayTest, WithoutATimeColumnBeforeImagesStillFindTheirRows) {
  Write("t.mutations", "2026-03-02", kMutations,
        {{2, "a", 2, "y", Value(), At("2026-03-02", 8), true}});
  EXPECT_EQ(Answers(ConfOf(JoinJson(""))),
            "[1,2,2,\"x\"]\n[2,2,2,\"x\"]\n[3,1,1,\"x\"]\n[4,null,null,null]\n");
}

TEST_F(MutationsOfADayTest, TellsWhatIsWrongInOneLine) {
  Write("t.mutations", "2026-03-02",
        "rid LONG, key STRING, val LONG, note STRING, created LONG, mutation_ts STRING, "
        "is_before LONG",
        {{2, "a", 2, "y", 1, "8", 1}});
  EXPECT_THAT(Answers(ConfOf(JoinJson())),
              HasSubstr("t.mutations: the mutation time must be LONG"));
  std::string json = JoinJson();
  json.replace(json.find(R"("mutationTable": "t.mutations",)"), 31, "");
  EXPECT_THAT(Answers(ConfOf(json)),
              HasSubstr("TEMPORAL accuracy needs the mutationTable of t.snap"));
  json = JoinJson();
  json.replace(json.find("\"mutation_ts\""), 13, "\"created\"");
  EXPECT_THAT(Answers(ConfOf(json)), HasSubstr("the reversal column must be BOOLEAN; it is LONG"));
}

}  // namespace
}  // namespace catena::batch

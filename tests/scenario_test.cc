// SPDX-License-Identifier: Apache-2.0
// Every scenario in six modes, one answer: tables; a stream; a stream of which only tiles are
// left, or an upload and what came after it; stops at random rows; other parallelism; chains in two
// stages.
#include <gtest/gtest.h>

#include <cstdlib>

#include "catena/base/random.h"
#include "scenario_run.h"

namespace catena::scenario {
namespace {

// CATENA_SEED repeats a run, or makes another one.
uint64_t Seed() {
  const char* given = std::getenv("CATENA_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 20261121;
}

class ScenarioTest : public testing::TestWithParam<std::string> {
 protected:
  ScenarioTest() : scenario_(ReadScenario(GetParam())) {}

  size_t queries() const { return scenario_.queries.rows.size(); }
  size_t QueriesSince(Timestamp since) const {
    size_t count = 0;
    for (const int64_t time : scenario_.queries.append_time) {
      count += FromMillis(time) >= since ? 1 : 0;
    }
    return count;
  }
  // Everything in the topics at once, streamed, fetched.
  Compared Streamed(const RunOptions& options) {
    ScenarioRun run(scenario_, options);
    run.UploadSnapshots();
    run.AppendRecords(run.records());
    run.Stream();
    return run.Fetch();
  }
  // A query before the first daily upload is all that a stream from the earliest record may call
  // incomplete.
  void ExpectAll(const Compared& compared) const {
    EXPECT_EQ(compared.equal + compared.incomplete, queries());
    EXPECT_GE(compared.equal, queries() * 8 / 10);
    EXPECT_GT(compared.nonnull, queries());
  }

  Scenario scenario_;
};

class StagedScenarioTest : public ScenarioTest {};

std::vector<std::string> ChainNames() {
  std::vector<std::string> names = ScenarioNames();
  std::erase_if(names, [](const std::string& name) {
    return PrintJson(ReadScenario(name).conf).find("joinSource") == std::string::npos;
  });
  return names;
}

TEST_P(ScenarioTest, Batch) {
  const Compared compared = ScenarioRun(scenario_, {}).Backfill();
  EXPECT_EQ(compared.equal, queries());
  EXPECT_GT(compared.nonnull, queries());
}

TEST_P(ScenarioTest, BatchWithoutSourceOrder) {
  EXPECT_EQ(ScenarioRun(scenario_, {.source_order = false}).Backfill().equal, queries());
}

TEST_P(ScenarioTest, Stream) { ExpectAll(Streamed({})); }

TEST_P(ScenarioTest, TiledStream) {
  ScenarioRun run(scenario_, {.partitions = 2, .workers = 2, .tiled = true});
  run.UploadSnapshots();
  run.AppendRecords(run.records());
  run.Stream();
  run.Trim();
  const Compared compared = run.Fetch();
  EXPECT_EQ(compared.equal + compared.incomplete + compared.out_of_retention, queries());
  EXPECT_GE(compared.equal, queries() / 5);
  EXPECT_GT(compared.out_of_retention, 0u);
}

// The stream began before the upload.
TEST_P(ScenarioTest, UploadInTheMiddle) {
  for (const bool source_order : {true, false}) {
    SCOPED_TRACE(source_order);
    ScenarioRun run(scenario_, {.source_order = source_order});
    const Timestamp batch_end = scenario_.upload_day.Start();
    run.UploadSnapshots();
    run.AppendRecords(run.RecordAt(batch_end));
    run.Stream();
    run.Upload(scenario_.upload_day - 1);
    run.AppendRecords(run.records());
    run.Stream();
    ExpectAll(run.Fetch());
  }
}

// The stream begins behind the upload: what lies before it is not read at all.
TEST_P(ScenarioTest, UploadFirst) {
  ScenarioRun run(scenario_, {.partitions = 2, .tiled = true});
  const Timestamp batch_end = scenario_.upload_day.Start();
  run.UploadSnapshots();
  run.Upload(scenario_.upload_day - 1);
  run.AppendRecords(run.records());
  run.Stream();
  const Compared compared = run.Fetch(batch_end);
  EXPECT_EQ(compared.incomplete, 0u);
  EXPECT_EQ(compared.equal + compared.out_of_retention, QueriesSince(batch_end));
  EXPECT_GT(compared.equal, 0u);
}

// Both stages stop somewhere; an upload in the middle.
TEST_P(StagedScenarioTest, StopsAtRandomRows) {
  SCOPED_TRACE("CATENA_SEED=" + std::to_string(Seed()));
  Random random(Seed());
  ScenarioRun run(scenario_, {.partitions = 2, .workers = 2, .staged = true});
  run.UploadSnapshots();
  size_t appended = 0;
  bool uploaded = false;
  while (appended < run.records()) {
    appended = std::min(run.records(), appended + 1 + random.Below(run.records() / 4));
    run.AppendRecords(appended);
    run.Stream(Millis(random.Below(25)));
    if (uploaded || appended < run.RecordAt(scenario_.upload_day.Start())) continue;
    run.Stream();  // One that had not begun yet would begin behind the upload.
    run.Upload(scenario_.upload_day - 1);
    uploaded = true;
  }
  run.Stream();
  ExpectAll(run.Fetch());
}

// As in life: a generation a night, or one where one or three before it are missing; late records
// after it, queries on either side of each.
TEST_P(ScenarioTest, UploadAtNight) {
  for (const int missing : {0, 1, 3}) {
    SCOPED_TRACE(std::to_string(missing) + " uploads missing");
    ScenarioRun run(scenario_, {.partitions = 2, .workers = 2});
    run.UploadSnapshots();
    int night = 0;
    for (Date day = run.first_day() + 1; run.RecordAt(day.Start()) < run.records(); day = day + 1) {
      run.AppendRecords(run.RecordAt(day.Start()));
      run.Stream();
      if (night++ % (missing + 1) == 0) run.Upload(day - 1);
    }
    run.AppendRecords(run.records());
    run.Stream();
    ExpectAll(run.Fetch());
  }
}

// The negative control: a stream that lost its last records is seen to differ.
TEST_P(ScenarioTest, LostRecordsAreNoticed) {
  ScenarioRun run(scenario_, {.may_differ = true});
  run.UploadSnapshots();
  run.AppendRecords(run.records() * 9 / 10);
  run.Stream();
  EXPECT_GT(run.Fetch().different, 0u);
}

TEST_P(ScenarioTest, StopsAtRandomRows) {
  SCOPED_TRACE("CATENA_SEED=" + std::to_string(Seed()));
  Random random(Seed());
  ScenarioRun run(scenario_, {.partitions = 2, .workers = 2});
  run.UploadSnapshots();
  size_t appended = 0;
  while (appended < run.records()) {
    appended += 1 + random.Below(run.records() / 6);
    run.AppendRecords(appended);
    run.Stream(Millis(random.Below(25)));
  }
  run.Stream();
  ExpectAll(run.Fetch());
}

TEST_P(ScenarioTest, AnyParallelism) {
  for (const int partitions : {1, 4}) {
    for (const int workers : {1, 2, 4}) {
      SCOPED_TRACE(std::to_string(partitions) + " partitions, " + std::to_string(workers) +
                   " workers");
      if (partitions == 1 && workers == 1) continue;  // That is Stream.
      ExpectAll(Streamed({.partitions = partitions, .workers = workers}));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, ScenarioTest, testing::ValuesIn(ScenarioNames()),
                         [](const auto& info) { return info.param; });

INSTANTIATE_TEST_SUITE_P(All, StagedScenarioTest, testing::ValuesIn(ChainNames()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace catena::scenario

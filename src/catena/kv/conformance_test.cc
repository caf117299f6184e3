// SPDX-License-Identifier: Apache-2.0
// What every KVStore keeps of the promises in kv_store.h, whatever is behind it.

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "catena/base/random.h"
#include "catena/kv/stores_under_test.h"

namespace catena::kv {
namespace {

using std::string_literals::operator""s;

std::vector<TimedValue> Get(KVStore* store, const GetRequest& request) {
  return store->MultiGet({&request, 1})[0].value();
}

std::vector<std::string> Bytes(const std::vector<TimedValue>& values) {
  std::vector<std::string> bytes;
  for (const TimedValue& value : values) bytes.push_back(value.value);
  return bytes;
}

using Strings = std::vector<std::string>;

class ConformanceTest : public testing::TestWithParam<StoreKind> {
 protected:
  KVStore* store() { return under_test_.store.get(); }
  void Apply(const WriteBatch& batch) {
    const Status applied = store()->Apply(batch);
    ASSERT_TRUE(applied.ok()) << applied.error().message;
  }
  void PutOne(const std::string& key, int64_t millis, uint64_t sequence, const std::string& value) {
    Apply({{{"D", key, {FromMillis(millis), sequence, value}}}, {}});
  }

  StoreUnderTest under_test_{GetParam()};
};

TEST_P(ConformanceTest, AbsentIsEmptyNotAnError) {
  EXPECT_TRUE(Get(store(), {"D", "k"}).empty());
  EXPECT_EQ(store()->GetMark("D", "m").value(), std::nullopt);
  EXPECT_TRUE(store()->ListMarks("D", "").value().empty());
  EXPECT_TRUE(store()->ListDatasets().value().empty());
  EXPECT_EQ(store()->ApproximateBytes("D").value(), 0u);
  EXPECT_TRUE(store()->Scan("D", [](auto, auto&) { return true; }).ok());
  EXPECT_TRUE(store()->Apply({}).ok());
  EXPECT_TRUE(store()->MultiGet({}).empty());
}

TEST_P(ConformanceTest, ValuesComeInTimeThenSequenceOrder) {
  Apply({{{"D", "k", {FromMillis(20), 1, "d"}},
          {"D", "k", {FromMillis(-5), 9, "a"}},
          {"D", "k", {FromMillis(20), 0, "c"}},
          {"D", "k", {FromMillis(10), UINT64_MAX, "b"}}},
         {}});
  const std::vector<TimedValue> values = Get(store(), {"D", "k"});
  EXPECT_EQ(Bytes(values), (Strings{"a", "b", "c", "d"}));
  EXPECT_EQ(values[0].time, FromMillis(-5));
  EXPECT_EQ(values[1].sequence, UINT64_MAX);
}

TEST_P(ConformanceTest, RangesIncludeAfterAndExcludeBefore) {
  for (int64_t millis : {10, 20, 30, 40}) PutOne("k", millis, 0, std::to_string(millis));
  EXPECT_EQ(Bytes(Get(store(), {"D", "k", FromMillis(20), FromMillis(40)})), (Strings{"20", "30"}));
  EXPECT_EQ(Bytes(Get(store(), {"D", "k", FromMillis(41)})), Strings{});
  EXPECT_EQ(Bytes(Get(store(), {"D", "k", FromMillis(30), FromMillis(30)})), Strings{});
  EXPECT_EQ(Bytes(Get(store(), {"D", "k", FromMillis(30), FromMillis(10)})), Strings{});
}

TEST_P(ConformanceTest, TheEarliestInstantIsInReachAndTheLatestIsTheOpenEnd) {
  Apply({{{"D", "k", {Timestamp::min(), 0, "first"}},
          {"D", "k", {Timestamp::max() - Millis(1), UINT64_MAX, "last"}},
          {"D", "k", {Timestamp::max(), 0, "never"}}},
         {}});
  EXPECT_EQ(Bytes(Get(store(), {"D", "k"})), (Strings{"first", "last"}));
}

TEST_P(ConformanceTest, LimitTakesTheNewestInTimeOrder) {
  for (int64_t millis : {10, 20, 30, 40}) PutOne("k", millis, 0, std::to_string(millis));
  PutOne("j", 99, 0, "before k");
  PutOne("l", 1, 0, "after k");
  EXPECT_EQ(Bytes(Get(store(), {.dataset = "D", .key = "k", .limit = 2})), (Strings{"30", "40"}));
  EXPECT_EQ(Bytes(Get(store(), {"D", "k", FromMillis(20), FromMillis(40), 5})),
            (Strings{"20", "30"}));
  EXPECT_EQ(Bytes(Get(store(), {"D", "k", FromMillis(0), FromMillis(10), 1})), Strings{});
}

TEST_P(ConformanceTest, ApplyingAgainChangesNothingAndTheLastOfAPlaceWins) {
  const WriteBatch batch = {
      {{"D", "k", {FromMillis(1), 1, "old"}}, {"D", "k", {FromMillis(1), 1, "new"}}},
      {{"D", "offset", "7"}, {"D", "offset", "8"}}};
  Apply(batch);
  Apply(batch);
  EXPECT_EQ(Bytes(Get(store(), {"D", "k"})), Strings{"new"});
  EXPECT_EQ(store()->GetMark("D", "offset").value(), "8");
}

TEST_P(ConformanceTest, KeysMayBeAnyBytesAndPrefixesOfEachOther) {
  const Strings keys = {""s,        "\0"s,    "\0\0"s, "a"s,    "a\0"s,     "a\0\x01"s,
                        "a\0\xff"s, "a\x01"s, "ab"s,   "\xff"s, "\xff\xff"s};
  for (const std::string& key : keys) {
    PutOne(key, 5, 3, "value of " + key);
    PutOne(key, 6, 0, "");
  }
  for (const std::string& key : keys) {
    EXPECT_EQ(Bytes(Get(store(), {"D", key})), (Strings{"value of " + key, ""}));
    EXPECT_EQ(Bytes(Get(store(), {.dataset = "D", .key = key, .limit = 3})),
              (Strings{"value of " + key, ""}));
  }
  Strings seen;
  ASSERT_TRUE(store()
                  ->Scan("D",
                         [&](std::string_view key, const TimedValue& value) {
                           if (value.time == FromMillis(5)) seen.emplace_back(key);
                           return true;
                         })
                  .ok());
  EXPECT_EQ(seen, keys);
}

TEST_P(ConformanceTest, DatasetsAreApart) {
  Apply({{{"A", "k", {FromMillis(1), 0, "a"}}, {"AB", "k", {FromMillis(1), 0, "ab"}}},
         {{"C", "only a mark", "c"}}});
  EXPECT_EQ(Bytes(Get(store(), {"A", "k"})), Strings{"a"});
  EXPECT_EQ(Bytes(Get(store(), {"AB", "k"})), Strings{"ab"});
  EXPECT_EQ(store()->ListDatasets().value(), (Strings{"A", "AB", "C"}));
  EXPECT_EQ(store()->GetMark("A", "only a mark").value(), std::nullopt);
}

TEST_P(ConformanceTest, MultiGetAnswersInRequestOrder) {
  for (char key = 'a'; key <= 'e'; ++key) PutOne(std::string(1, key), key, 0, std::string(1, key));
  const std::vector<GetRequest> requests = {{"D", "d"}, {"D", "a"}, {"none", "a"},
                                            {"D", "e"}, {"D", "a"}, {"D", "absent"}};
  const auto answers = store()->MultiGet(requests);
  ASSERT_EQ(answers.size(), requests.size());
  EXPECT_EQ(Bytes(answers[0].value()), Strings{"d"});
  EXPECT_EQ(Bytes(answers[1].value()), Strings{"a"});
  EXPECT_TRUE(answers[2].value().empty());
  EXPECT_EQ(Bytes(answers[3].value()), Strings{"e"});
  EXPECT_EQ(Bytes(answers[4].value()), Strings{"a"});
  EXPECT_TRUE(answers[5].value().empty());
}

TEST_P(ConformanceTest, MarksAreListedByPrefixInNameOrder) {
  Apply({{},
         {{"D", "offset/2", "b"},
          {"D", "offset/10", "a"},
          {"D", "watermark", "w"},
          {"D", "offset", ""},
          {"E", "offset/3", "other"}}});
  const std::vector<Mark> marks = store()->ListMarks("D", "offset/").value();
  ASSERT_EQ(marks.size(), 2u);
  EXPECT_EQ(marks[0].name, "offset/10");
  EXPECT_EQ(marks[1].value, "b");
  EXPECT_EQ(marks[1].dataset, "D");
  EXPECT_EQ(store()->ListMarks("D", "").value().size(), 4u);
  EXPECT_EQ(store()->GetMark("D", "offset").value(), "");
}

TEST_P(ConformanceTest, ScanStopsWhenToldAndStartsOver) {
  for (int i = 0; i < 50; ++i) PutOne("k", i, 0, std::to_string(i));
  for (int round = 0; round < 2; ++round) {
    int visited = 0;
    ASSERT_TRUE(store()->Scan("D", [&](auto, auto&) { return ++visited < 3; }).ok());
    EXPECT_EQ(visited, 3);
  }
}

TEST_P(ConformanceTest, LargeValuesAreWhole) {
  std::string large(8 << 20, 'x');
  large[4 << 20] = '\0';
  PutOne("k", 1, 0, large);
  EXPECT_EQ(Bytes(Get(store(), {"D", "k"})), Strings{large});
  Strings scanned;
  ASSERT_TRUE(store()
                  ->Scan("D",
                         [&](auto, const TimedValue& value) {
                           scanned.push_back(value.value);
                           return true;
                         })
                  .ok());
  EXPECT_EQ(scanned, Strings{large});
  // Only an estimate, but one that counts: eight incompressible megabytes are not nothing.
  EXPECT_GT(store()->ApproximateBytes("D").value(), 0u);
}

TEST_P(ConformanceTest, HorizonsForgetNothingThatIsNotOlder) {
  ASSERT_TRUE(store()->SetHorizon("D", FromMillis(20)).ok());
  ASSERT_TRUE(store()->SetHorizon("D", FromMillis(10)).ok());
  for (int64_t millis : {19, 20, 21}) PutOne("k", millis, 0, std::to_string(millis));
  Apply({{}, {{"D", "m", "kept"}}});
  EXPECT_EQ(Bytes(Get(store(), {"D", "k", FromMillis(20)})), (Strings{"20", "21"}));
  EXPECT_EQ(store()->GetMark("D", "m").value(), "kept");
  EXPECT_TRUE(store()->Sync().ok());
}

TEST_P(ConformanceTest, ADroppedDatasetIsAsIfItHadNeverBeen) {
  WriteBatch many;
  for (int i = 0; i < 2500; ++i) {
    many.puts.push_back({"D", "k" + std::to_string(i), {FromMillis(5), 0, "v"}});
  }
  many.puts.push_back({"DD", "k0", {FromMillis(5), 0, "other"}});
  many.marks = {{"D", "m", "1"}, {"DD", "m", "2"}, {"C", "m", "3"}};
  Apply(many);
  EXPECT_EQ(Bytes(Get(store(), {"D", "k0"})), Strings{"v"});
  ASSERT_TRUE(store()->SetHorizon("D", FromMillis(1000)).ok());
  for (const char* dataset : {"D", "D", "none", "C"}) {
    const Status dropped = store()->DropDataset(dataset);
    ASSERT_TRUE(dropped.ok()) << dropped.error().message;
  }
  EXPECT_EQ(store()->ListDatasets().value(), Strings{"DD"});
  EXPECT_EQ(Bytes(Get(store(), {"D", "k0"})), Strings{});
  EXPECT_EQ(store()->GetMark("D", "m").value(), std::nullopt);
  EXPECT_TRUE(store()
                  ->Scan("D",
                         [](auto key, auto&) {
                           ADD_FAILURE() << key;
                           return true;
                         })
                  .ok());
  EXPECT_EQ(Bytes(Get(store(), {"DD", "k0"})), Strings{"other"});
  EXPECT_EQ(store()->GetMark("DD", "m").value(), "2");
  // Without the horizon that it had.
  PutOne("k0", 7, 0, "again");
  ASSERT_TRUE(store()->Compact().ok());
  EXPECT_EQ(Bytes(Get(store(), {"D", "k0"})), Strings{"again"});
  EXPECT_EQ(store()->ListDatasets().value(), (Strings{"D", "DD"}));
}

TEST_P(ConformanceTest, ReadersNeverSeeHalfOfABatch) {
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 1; i <= 300; ++i) {
      WriteBatch batch;
      // A dataset of its own now and then: its birth belongs to the batch too.
      const std::string born = "born" + std::to_string(i / 10);
      for (const char* key : {"a", "m", "z"}) {
        batch.puts.push_back({"D", key, {FromMillis(1), 0, std::to_string(i)}});
        batch.puts.push_back({born, key, {FromMillis(1), 0, std::to_string(i)}});
      }
      ASSERT_TRUE(store()->Apply(batch).ok());
    }
    done = true;
  });
  int rounds = 0;
  while (!done || rounds < 10) {
    const std::string born = "born" + std::to_string(rounds++ % 31);
    const std::vector<GetRequest> requests = {
        {"D", "z"}, {born, "a"}, {"D", "a"}, {born, "z"}, {"D", "m"}};
    const auto answers = store()->MultiGet(requests);
    const Strings newest = Bytes(answers[0].value());
    ASSERT_EQ(newest, Bytes(answers[2].value()));
    ASSERT_EQ(newest, Bytes(answers[4].value()));
    ASSERT_EQ(Bytes(answers[1].value()), Bytes(answers[3].value()));
    if (!answers[1].value().empty()) {
      ASSERT_LE(std::stoi(answers[1].value()[0].value), std::stoi(newest[0]));
    }
  }
  writer.join();
}

TEST_P(ConformanceTest, EveryCallMayRunBesideEveryOther) {
  constexpr int kThreads = 6;
  constexpr int kWrites = 60;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < kWrites; ++i) {
        const std::string dataset = "D" + std::to_string(i % 7);
        const std::string key = "k" + std::to_string(t);
        ASSERT_TRUE(store()
                        ->Apply({{{dataset, key, {FromMillis(i), 0, key}}},
                                 {{dataset, key, std::to_string(i)}}})
                        .ok());
        const GetRequest request{dataset, key};
        ASSERT_EQ(Get(store(), request).back().time, FromMillis(i));
        ASSERT_EQ(store()->GetMark(dataset, key).value(), std::to_string(i));
        ASSERT_TRUE(store()->ListMarks(dataset, "k").ok());
        ASSERT_TRUE(store()->SetHorizon(dataset, FromMillis(0)).ok());
        ASSERT_TRUE(store()->ListDatasets().ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  size_t values = 0;
  for (int d = 0; d < 7; ++d) {
    ASSERT_TRUE(store()
                    ->Scan("D" + std::to_string(d),
                           [&values](auto, auto&) {
                             ++values;
                             return true;
                           })
                    .ok());
  }
  EXPECT_EQ(values, size_t{kThreads} * kWrites);
}

INSTANTIATE_TEST_SUITE_P(EveryStore, ConformanceTest, testing::ValuesIn(kStoreKinds),
                         [](const auto& info) { return StoreKindName(info.param); });

}  // namespace
}  // namespace catena::kv

// SPDX-License-Identifier: Apache-2.0
// What every implementation of topic.h promises. To hold a new one to it, add it to kKinds.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "catena/base/hash.h"
#include "catena/base/server_under_test.h"
#include "catena/topic/topic.h"

namespace catena::topic {
namespace {

struct Kind {
  const char* scheme;
  bool is_elsewhere = false;  // On a server, where other programs may write too.
  bool shares_feed = false;   // All readers of a test.
};

void PrintTo(const Kind& kind, std::ostream* out) {
  *out << kind.scheme << (kind.shares_feed ? " with a feed" : "");
}

constexpr Kind kKinds[] = {{"file"}, {"memory"}, {"kafka", true}, {"kafka", true, true}};

class TopicConformanceTest : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    static std::atomic<int> counter{0};
    address_.scheme = GetParam().scheme;
    folder_ = testing::TempDir() + "catena_topic_" + std::to_string(getpid());
    address_.root = GetParam().is_elsewhere ? KafkaUnderTest() : folder_;
    address_.name = "t" + std::to_string(getpid()) + "_" + std::to_string(counter++);
    const Status created = CreateTopic(address_, 3);
    ASSERT_TRUE(created.ok()) << created.error().message;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<TopicWriter> Writer() { return OpenTopicWriter(address_, clock_).value(); }
  std::unique_ptr<TopicReader> Reader() {
    if (GetParam().shares_feed && feed_ == nullptr) feed_ = OpenTopicFeeds({address_}).value()[0];
    return OpenTopicReader(address_, feed_).value();
  }

  // Records "0", "1", ... of one key, a second apart from time 1000 s on.
  TopicPartition AppendNumbered(int count) {
    std::vector<OutRecord> records;
    for (int i = 0; i < count; ++i) {
      records.push_back({"key", std::to_string(i), FromMillis((1000 + i) * 1000)});
    }
    return Writer()->Append(records).value().at(0).first;
  }

  std::string folder_;
  TopicAddress address_;
  std::shared_ptr<TopicFeed> feed_;
  SimulatedClock clock_{FromMillis(5'000'000)};
};

std::vector<Record> PollAll(TopicReader* reader, TopicPartition partition) {
  std::vector<Record> records;
  size_t before = 0;
  do {
    before = records.size();
    EXPECT_TRUE(reader->Poll(partition, 100, &records).ok());
  } while (records.size() > before);
  return records;
}

TEST_P(TopicConformanceTest, CreateIsIdempotentAndKeepsThePartitions) {
  EXPECT_TRUE(CreateTopic(address_, 3).ok());
  const Status other = CreateTopic(address_, 4);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, ErrorCode::kInvalidConf);
  EXPECT_NE(other.error().message.find("use 3"), std::string::npos) << other.error().message;
  EXPECT_EQ(Reader()->partitions(), 3);
  EXPECT_EQ(Writer()->partitions(), 3);
}

TEST_P(TopicConformanceTest, CreateRefusesPartitionsThatSourceOrderCannotCount) {
  for (const TopicPartition partitions : {-1, 0, 65536}) {
    EXPECT_EQ(CreateTopic(address_, partitions).error().code, ErrorCode::kInvalidConf);
  }
}

TEST_P(TopicConformanceTest, AbsentTopicNamesTheCommandThatMakesIt) {
  address_.name = "absent";
  const auto reader = OpenTopicReader(address_);
  ASSERT_FALSE(reader.ok());
  EXPECT_EQ(reader.error().code, ErrorCode::kNotFound);
  EXPECT_NE(reader.error().message.find("catena topic create absent --partitions N"),
            std::string::npos)
      << reader.error().message;
  EXPECT_EQ(OpenTopicWriter(address_, clock_).error().code, ErrorCode::kNotFound);
}

TEST_P(TopicConformanceTest, EmptyTopicAnswersNothing) {
  const auto reader = Reader();
  EXPECT_TRUE(PollAll(reader.get(), 0).empty());
  EXPECT_EQ(reader->BeginOffset(0).value(), 0);
  EXPECT_EQ(reader->EndOffset(0).value(), 0);
  EXPECT_EQ(reader->OffsetAt(0, FromMillis(0)).value(), 0);
  EXPECT_TRUE(reader->Seek(0, 0).ok());
  EXPECT_TRUE(reader->Wait(Millis{1}).ok());
}

TEST_P(TopicConformanceTest, RecordsComeBackWholeAndInOrder) {
  const std::string bytes("\0\xff\n{}", 5);
  const auto writer = Writer();
  const auto places =
      writer->Append({{"a", "1", FromMillis(-7)}, {"a", bytes}, {"a", ""}, {"", "no key"}}).value();
  EXPECT_EQ(places[0].second, 0);
  EXPECT_EQ(places[1], (std::pair<TopicPartition, Offset>(places[0].first, 1)));
  EXPECT_EQ(places[2], (std::pair<TopicPartition, Offset>(places[0].first, 2)));
  const auto records = PollAll(Reader().get(), places[0].first);
  ASSERT_GE(records.size(), 3u);
  EXPECT_EQ(records[0].append_time, FromMillis(-7));
  EXPECT_EQ(records[1].append_time, clock_.Now());
  EXPECT_EQ(records[1].key, "a");
  EXPECT_EQ(records[1].value, bytes);
  EXPECT_EQ(records[2].value, "");
  for (size_t i = 0; i < records.size(); ++i) EXPECT_EQ(records[i].offset, static_cast<Offset>(i));
}

TEST_P(TopicConformanceTest, PartitionIsHashOfKey) {
  std::vector<OutRecord> records;
  for (int i = 0; i < 100; ++i) records.push_back({"user" + std::to_string(i), "x"});
  const auto places = Writer()->Append(records).value();
  std::map<TopicPartition, Offset> next;
  for (size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(places[i].first, static_cast<TopicPartition>(HashBytes(records[i].key) % 3));
    EXPECT_EQ(places[i].second, next[places[i].first]++);
  }
  EXPECT_EQ(next.size(), 3u);
  const auto reader = Reader();
  for (const auto& [partition, end] : next) EXPECT_EQ(reader->EndOffset(partition).value(), end);
}

TEST_P(TopicConformanceTest, PollTakesAtMostWhatWasAskedAndAppends) {
  const TopicPartition partition = AppendNumbered(10);
  const auto reader = Reader();
  std::vector<Record> records(1);
  ASSERT_TRUE(reader->Poll(partition, 0, &records).ok());
  EXPECT_EQ(records.size(), 1u);
  ASSERT_TRUE(reader->Poll(partition, 4, &records).ok());
  ASSERT_EQ(records.size(), 5u);
  EXPECT_EQ(records[4].value, "3");
  ASSERT_TRUE(reader->Poll(partition, 100, &records).ok());
  EXPECT_EQ(records.size(), 11u);
  EXPECT_EQ(records.back().value, "9");
}

TEST_P(TopicConformanceTest, SeekGoesBothWaysAndRefusesWhatIsNotThere) {
  const TopicPartition partition = AppendNumbered(10);
  const auto reader = Reader();
  for (const Offset offset : {Offset{7}, Offset{2}, Offset{0}, Offset{9}}) {
    ASSERT_TRUE(reader->Seek(partition, offset).ok());
    std::vector<Record> records;
    ASSERT_TRUE(reader->Poll(partition, 1, &records).ok());
    EXPECT_EQ(records.at(0).offset, offset);
    EXPECT_EQ(records.at(0).value, std::to_string(offset));
  }
  ASSERT_TRUE(reader->Seek(partition, 10).ok());
  EXPECT_TRUE(PollAll(reader.get(), partition).empty());
  EXPECT_EQ(reader->Seek(partition, 11).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(reader->Seek(partition, -1).error().code, ErrorCode::kNotFound);
}

TEST_P(TopicConformanceTest, EndOffsetSeesWhatWasJustAppended) {
  const auto reader = Reader();
  const auto writer = Writer();
  for (Offset i = 0; i < 20; ++i) {
    const auto place = writer->Append({{"key", "v"}}).value().at(0);
    EXPECT_EQ(place.second, i);
    EXPECT_EQ(reader->EndOffset(place.first).value(), i + 1);
    if (i % 3 == 0) PollAll(reader.get(), place.first);
  }
}

TEST_P(TopicConformanceTest, EndOffsetsAreThoseOfEveryPartition) {
  const auto reader = Reader();
  EXPECT_EQ(reader->EndOffsets().value(), (std::vector<Offset>{0, 0, 0}));
  const TopicPartition partition = AppendNumbered(7);
  std::vector<Offset> expected(3, 0);
  expected[static_cast<size_t>(partition)] = 7;
  EXPECT_EQ(reader->EndOffsets().value(), expected);
}

TEST_P(TopicConformanceTest, EndsOfSeveralTopicsAreThoseOfEach) {
  TopicAddress other = address_;
  other.name += "_other";
  ASSERT_TRUE(CreateTopic(other, 2).ok());
  EXPECT_EQ(PlaceOf(other), PlaceOf(address_));
  const auto ends = OpenTopicEnds({other, address_}).value();
  std::vector<std::vector<Offset>> expected = {{0, 0}, {0, 0, 0}};
  EXPECT_EQ(ends->Look().value(), expected);
  expected[1][static_cast<size_t>(AppendNumbered(7))] = 7;
  const auto place = OpenTopicWriter(other, clock_).value()->Append({{"key", "v"}}).value().at(0);
  expected[0][static_cast<size_t>(place.first)] = 1;
  EXPECT_EQ(ends->Look().value(), expected);
}

TEST_P(TopicConformanceTest, ThePositionIsBehindWhatWasPolled) {
  const TopicPartition partition = AppendNumbered(20);
  const auto reader = Reader();
  ASSERT_TRUE(reader->Seek(partition, 5).ok());
  EXPECT_EQ(reader->Position(partition), 5);
  std::vector<Record> records;
  ASSERT_TRUE(reader->Poll(partition, 1, &records).ok());
  ASSERT_TRUE(reader->Wait(Millis{10}).ok());  // What it looks at ahead is not polled.
  EXPECT_EQ(reader->Position(partition), 6);
  PollAll(reader.get(), partition);
  EXPECT_EQ(reader->Position(partition), 20);
}

TEST_P(TopicConformanceTest, APollOfLargeRecordsTakesFewOfThem) {
  std::vector<OutRecord> large;
  for (int i = 0; i < 24; ++i) large.push_back({"key", std::string(500'000, 'x')});
  const auto written = Writer()->Append(large);
  ASSERT_TRUE(written.ok()) << written.error().message;
  const TopicPartition partition = written->at(0).first;
  const auto reader = Reader();
  std::vector<Record> records;
  ASSERT_TRUE(reader->Poll(partition, 1000, &records).ok());
  EXPECT_GE(records.size(), 1u);
  // Of Kafka, what librdkafka had fetched goes with it.
  EXPECT_LT(records.size(), GetParam().is_elsewhere ? large.size() : 10u);
  EXPECT_EQ(records.size() + PollAll(reader.get(), partition).size(), large.size());
}

TEST_P(TopicConformanceTest, WhatHasArrivedIsInTheEndAllThatIsThere) {
  const TopicPartition partition = AppendNumbered(500);
  const auto reader = Reader();
  std::vector<Record> records;
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  while (records.size() < 500 && std::chrono::steady_clock::now() < give_up) {
    ASSERT_TRUE(reader->PollArrived(partition, 100, &records).ok());
    ASSERT_TRUE(reader->Wait(Millis{1}).ok());
  }
  ASSERT_EQ(records.size(), 500u);
  for (int i = 0; i < 500; ++i) EXPECT_EQ(records[static_cast<size_t>(i)].offset, i);
  ASSERT_TRUE(reader->PollArrived(partition, 100, &records).ok());
  EXPECT_EQ(records.size(), 500u);
}

TEST_P(TopicConformanceTest, CommitDisturbsNoReader) {
  const TopicPartition partition = AppendNumbered(10);
  const auto reader = Reader();
  const Status committed = reader->Commit({{partition, 5}});
  ASSERT_TRUE(committed.ok()) << committed.error().message;
  EXPECT_EQ(PollAll(reader.get(), partition).size(), 10u);
  EXPECT_EQ(PollAll(Reader().get(), partition).size(), 10u);
}

TEST_P(TopicConformanceTest, ReadersDoNotDisturbEachOther) {
  const TopicPartition partition = AppendNumbered(10);
  const auto one = Reader();
  const auto two = Reader();
  ASSERT_TRUE(one->Seek(partition, 5).ok());
  EXPECT_EQ(PollAll(two.get(), partition).size(), 10u);
  EXPECT_EQ(PollAll(one.get(), partition).size(), 5u);
}

TEST_P(TopicConformanceTest, WriterContinuesWhereThePreviousStopped) {
  const TopicPartition partition = AppendNumbered(3);
  EXPECT_EQ(Writer()->Append({{"key", "next"}}).value().at(0).second, 3);
  const auto one = Writer();
  const auto two = Writer();  // Writers that are open together take turns.
  EXPECT_EQ(one->Append({{"key", "a"}, {"key", "b"}}).value().at(1).second, 5);
  EXPECT_EQ(two->Append({{"key", "c"}}).value().at(0).second, 6);
  EXPECT_EQ(one->Append({{"key", "d"}}).value().at(0).second, 7);
  const auto records = PollAll(Reader().get(), partition);
  EXPECT_EQ(records.back().value, "d");
  EXPECT_EQ(records.size(), 8u);
}

TEST_P(TopicConformanceTest, AppendTimeNeverGoesBack) {
  const auto writer = Writer();
  const auto places =
      writer
          ->Append(
              {{"key", "", FromMillis(9'000'000)}, {"key", "", FromMillis(8'000'000)}, {"key", ""}})
          .value();
  // Of another writer's records a server cannot know.
  if (GetParam().is_elsewhere) {
    ASSERT_TRUE(writer->Append({{"key", "", FromMillis(1)}}).ok());
  } else {
    ASSERT_TRUE(Writer()->Append({{"key", "", FromMillis(1)}}).ok());
  }
  for (const Record& record : PollAll(Reader().get(), places[0].first)) {
    EXPECT_EQ(record.append_time, FromMillis(9'000'000));
  }
}

TEST_P(TopicConformanceTest, OffsetAtIsTheFirstAtOrAfterTheTime) {
  const TopicPartition partition = AppendNumbered(10);  // 1000 s, 1001 s, ...
  const auto reader = Reader();
  const auto at = [&](int64_t millis) {
    return reader->OffsetAt(partition, FromMillis(millis)).value();
  };
  EXPECT_EQ(reader->OffsetAt(partition, Timestamp::min()).value(), 0);
  EXPECT_EQ(at(0), 0);
  EXPECT_EQ(at(1'000'000), 0);
  EXPECT_EQ(at(1'000'001), 1);
  EXPECT_EQ(at(1'005'000), 5);
  EXPECT_EQ(at(1'009'000), 9);
  EXPECT_EQ(at(1'009'001), 10);
}

TEST_P(TopicConformanceTest, OffsetAtAnswersTheFirstOfTies) {
  const auto writer = Writer();
  const auto places = writer
                          ->Append({{"k", "", FromMillis(5)},
                                    {"k", "", FromMillis(6)},
                                    {"k", "", FromMillis(6)},
                                    {"k", "", FromMillis(7)}})
                          .value();
  EXPECT_EQ(Reader()->OffsetAt(places[0].first, FromMillis(6)).value(), 1);
}

TEST_P(TopicConformanceTest, TooLargeRecordAppendsNothing) {
  const auto result = Writer()->Append({{"a", "small"}, {"b", std::string(size_t{17} << 20, 'x')}});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kInvalidData);
  for (TopicPartition i = 0; i < 3; ++i) EXPECT_EQ(Reader()->EndOffset(i).value(), 0);
}

TEST_P(TopicConformanceTest, WaitWakesForGrowthAndNotForWhatWasPolled) {
  const TopicPartition partition = AppendNumbered(3);
  const auto reader = Reader();
  ASSERT_TRUE(reader->Wait(Millis::max()).ok());  // Unpolled records: no wait.
  PollAll(reader.get(), partition);
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(reader->Wait(Millis{30}).ok());
  EXPECT_GE(std::chrono::steady_clock::now() - start, Millis{30});
  std::thread late([&] {
    std::this_thread::sleep_for(Millis{20});
    ASSERT_TRUE(Writer()->Append({{"key", "late"}}).ok());
  });
  ASSERT_TRUE(reader->Wait(Millis::max()).ok());
  EXPECT_EQ(PollAll(reader.get(), partition).size(), 1u);
  late.join();
}

TEST_P(TopicConformanceTest, WaitIsNotWokenByPartitionsThatAreNotRead) {
  const TopicPartition written = AppendNumbered(3);
  const auto reader = Reader();
  PollAll(reader.get(), (written + 1) % 3);
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(reader->Wait(Millis{30}).ok());
  EXPECT_GE(std::chrono::steady_clock::now() - start, Millis{30});
}

// Two writers and a reader at once: every record arrives once, each writer's in its own order.
TEST_P(TopicConformanceTest, ConcurrentWritersLoseNothingAndKeepTheirOrder) {
  constexpr int kRecords = 3000;
  std::vector<std::thread> writers;
  for (const char* name : {"x", "y"}) {
    writers.emplace_back([this, name] {
      const auto writer = Writer();
      for (int i = 0; i < kRecords; i += 3) {
        std::vector<OutRecord> records;
        for (int j = i; j < i + 3; ++j) {
          records.push_back({"k" + std::to_string(j % 7), name + std::to_string(j)});
        }
        ASSERT_TRUE(writer->Append(records).ok());
      }
    });
  }
  const auto reader = Reader();
  std::map<std::string, int> last;  // Writer and key to the newest number.
  size_t seen = 0;
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  while (seen < 2 * kRecords && std::chrono::steady_clock::now() < give_up) {
    ASSERT_TRUE(reader->Wait(Millis{100}).ok());
    std::vector<Record> records;
    for (TopicPartition p = 0; p < 3; ++p) ASSERT_TRUE(reader->Poll(p, 1000, &records).ok());
    for (const Record& record : records) {
      const int number = std::stoi(record.value.substr(1));
      const auto [at, fresh] = last.emplace(record.value[0] + record.key, number);
      if (!fresh) {
        EXPECT_EQ(number, at->second + 7);
        at->second = number;
      }
    }
    seen += records.size();
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(seen, static_cast<size_t>(2 * kRecords));
}

INSTANTIATE_TEST_SUITE_P(Every, TopicConformanceTest, testing::ValuesIn(kKinds),
                         [](const auto& test) {
                           return test.param.scheme +
                                  std::string(test.param.shares_feed ? "WithAFeed" : "");
                         });

}  // namespace
}  // namespace catena::topic

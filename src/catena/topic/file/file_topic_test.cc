// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/file/file_topic.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "catena/base/file.h"
#include "catena/base/random.h"
#include "catena/topic/file/frame.h"

namespace catena::topic {
namespace {

namespace fs = std::filesystem;

class FileTopicTest : public testing::Test {
 protected:
  FileTopicTest() {
    static std::atomic<int> counter{0};
    root_ = testing::TempDir() + "catena_file_topic_" + std::to_string(getpid()) + "_" +
            std::to_string(counter++);
    fs::create_directories(root_);
  }
  ~FileTopicTest() override { fs::remove_all(root_); }

  void Create(TopicPartition partitions) {
    ASSERT_TRUE(CreateFileTopic(root_, "t", partitions).ok());
  }
  std::unique_ptr<TopicWriter> Writer(const FileTopicOptions& options = {}) {
    return OpenFileTopicWriter(root_, "t", clock_, options).value();
  }
  std::unique_ptr<TopicReader> Reader() { return OpenFileTopicReader(root_, "t").value(); }
  std::string Segment(int64_t base = 0) {
    std::string digits = std::to_string(base);
    return root_ + "/t/0/" + std::string(20 - digits.size(), '0') + digits + ".log";
  }
  // Overwrites the segment in place, as damage and dead writers do.
  void SetSegment(const std::string& bytes) {
    std::fstream(Segment(), std::ios::binary | std::ios::in | std::ios::out) << bytes;
    fs::resize_file(Segment(), bytes.size());
  }
  std::vector<std::string> Values() {
    std::vector<Record> records;
    EXPECT_TRUE(Reader()->Poll(0, 1'000'000, &records).ok());
    std::vector<std::string> values;
    for (const Record& record : records) values.push_back(record.value);
    return values;
  }

  std::string root_;
  SimulatedClock clock_{FromMillis(1'700'000'000'000)};
};

std::vector<OutRecord> Numbered(int from, int count) {
  std::vector<OutRecord> records;
  for (int i = from; i < from + count; ++i) records.push_back({"key", "value" + std::to_string(i)});
  return records;
}

TEST_F(FileTopicTest, BytesOfVersionOne) {
  Create(1);
  ASSERT_TRUE(
      Writer()->Append({{"k", "v1", FromMillis(0x0102030405)}, {"", "", FromMillis(-1)}}).ok());
  EXPECT_EQ(ReadFile(root_ + "/t/topic.json").value(), R"({"partitions":1,"version":1})");
  const unsigned char golden[] = {0x0c, 0,    0, 0, 0xd7, 0x3e, 0x77, 0x48, 5, 4, 3, 2,    1,
                                  0,    0,    0, 1, 'k',  'v',  '1',  0x09, 0, 0, 0, 0x82, 0x44,
                                  0x91, 0xeb, 5, 4, 3,    2,    1,    0,    0, 0, 0};
  EXPECT_EQ(ReadFile(Segment()).value(),
            std::string(reinterpret_cast<const char*>(golden), sizeof(golden)));
}

TEST_F(FileTopicTest, TornTailAtEveryByteIsTheEndAndIsCutOff) {
  Create(1);
  ASSERT_TRUE(Writer()->Append(Numbered(0, 3)).ok());
  const std::string whole = ReadFile(Segment()).value();
  const size_t last = ReadFrame(whole)->bytes;  // All three are equally long.
  for (size_t size = whole.size() - last; size < whole.size(); ++size) {
    SCOPED_TRACE("segment cut to " + std::to_string(size) + " bytes");
    SetSegment(whole.substr(0, size));
    const auto reader = Reader();
    EXPECT_EQ(reader->EndOffset(0).value(), 2);
    EXPECT_EQ(Values(), (std::vector<std::string>{"value0", "value1"}));
    EXPECT_TRUE(reader->Seek(0, 2).ok());
    ASSERT_TRUE(reader->Wait(Millis{1}).ok());  // A torn tail is no growth.
    EXPECT_EQ(Writer()->Append({{"key", "again"}}).value().at(0).second, 2);
    std::vector<Record> records;
    ASSERT_TRUE(reader->Poll(0, 10, &records).ok());
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].value, "again");
    EXPECT_EQ(records[0].offset, 2);
  }
}

TEST_F(FileTopicTest, OpeningToAppendCutsTheTornTail) {
  Create(1);
  ASSERT_TRUE(Writer()->Append(Numbered(0, 2)).ok());
  const std::string whole = ReadFile(Segment()).value();
  for (const std::string& tail :
       {std::string("\x07"), std::string(5000, '\0'), whole.substr(0, 30) + std::string(9, 'x')}) {
    SetSegment(whole + (tail.size() == 39 ? tail.substr(0, 20) : tail));
    Writer();
    EXPECT_EQ(ReadFile(Segment()).value(), whole);
  }
}

TEST_F(FileTopicTest, EveryFlippedBitBeforeTheLastRecordIsCorruption) {
  Create(1);
  ASSERT_TRUE(Writer()->Append(Numbered(0, 4)).ok());
  const std::string whole = ReadFile(Segment()).value();
  const size_t frame = ReadFrame(whole)->bytes;
  for (size_t bit = 0; bit < 3 * frame * 8; ++bit) {
    std::string damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    SetSegment(damaged);
    const std::string offset = std::to_string(bit / 8 / frame);
    std::vector<Record> records;
    const Status status = Reader()->Poll(0, 100, &records);
    ASSERT_FALSE(status.ok()) << "bit " << bit;
    EXPECT_EQ(status.error().code, ErrorCode::kCorruption);
    EXPECT_NE(
        status.error().message.find("topic t partition 0 offset " + offset + " file " + Segment()),
        std::string::npos)
        << status.error().message;
    EXPECT_EQ(std::to_string(records.size()), offset);  // What precedes the damage is answered.
    EXPECT_EQ(Reader()->EndOffset(0).error().code, ErrorCode::kCorruption);
    EXPECT_EQ(OpenFileTopicWriter(root_, "t", clock_).error().code, ErrorCode::kCorruption);
    EXPECT_EQ(ReadFile(Segment()).value(), damaged);  // The evidence stays.
  }
}

TEST_F(FileTopicTest, DamageAtTheEndOfAnOlderSegmentIsCorruption) {
  Create(1);
  const auto writer = Writer({.segment_bytes_max = 64});
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(writer->Append(Numbered(i, 1)).ok());
  fs::resize_file(Segment(), fs::file_size(Segment()) - 1);
  std::vector<Record> records;
  EXPECT_EQ(Reader()->Poll(0, 100, &records).error().code, ErrorCode::kCorruption);
  EXPECT_EQ(records.size(), 1u);
}

// What a crash of the machine may leave: the newer segment was written back and the older one's end
// was not. What looks like the end of the log is none.
TEST_F(FileTopicTest, AnOlderSegmentThatEndsEarlyIsCorruption) {
  Create(1);
  const auto writer = Writer({.segment_bytes_max = 64});
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(writer->Append(Numbered(i, 1)).ok());
  fs::resize_file(Segment(), ReadFrame(ReadFile(Segment()).value())->bytes);
  std::vector<Record> records;
  const auto reader = Reader();
  Status status;
  for (int i = 0; i < 3 && status.ok(); ++i) status = reader->Poll(0, 100, &records);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kCorruption) << status.error().message;
  EXPECT_EQ(records.size(), 1u);
}

// The same before anything of the newer segment was written back: it is the log's end that is lost.
TEST_F(FileTopicTest, WhatACrashOfTheMachineLeftOfASegmentIsGrownOver) {
  for (const bool is_torn : {false, true}) {
    SCOPED_TRACE(is_torn);
    Create(1);
    const FileTopicOptions small{.segment_bytes_max = 150};
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(Writer(small)->Append(Numbered(i, 1)).ok());
    const size_t frame = ReadFrame(ReadFile(Segment()).value())->bytes;
    fs::resize_file(Segment(), 2 * frame + (is_torn ? 3 : 0));
    for (const Offset lost : {3, 5}) std::ofstream{Segment(lost)};
    EXPECT_EQ(Reader()->EndOffset(0).value(), 2);
    EXPECT_EQ(Values().size(), 2u);
    // Each time past a place where one had begun.
    for (int i = 2; i < 20; i += 2) ASSERT_TRUE(Writer(small)->Append(Numbered(i, 2)).ok());
    const std::vector<std::string> values = Values();
    ASSERT_EQ(values.size(), 20u);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(values[i], "value" + std::to_string(i));
    fs::remove_all(root_ + "/t");
  }
}

TEST_F(FileTopicTest, SegmentsRollAndReadAsOneLog) {
  Create(1);
  const FileTopicOptions small{.segment_bytes_max = 200};
  const auto live = Reader();
  auto writer = Writer(small);
  std::vector<Record> seen;
  for (int i = 0; i < 100; ++i) {
    if (i % 10 == 0) writer = Writer(small);
    clock_.Advance(Millis{1000});
    ASSERT_TRUE(writer->Append(Numbered(i * 2, 2)).ok());
    ASSERT_TRUE(live->Poll(0, 1000, &seen).ok());
    ASSERT_EQ(seen.size(), static_cast<size_t>(2 * (i + 1)));
    ASSERT_EQ(live->EndOffset(0).value(), 2 * (i + 1));
  }
  EXPECT_GT(std::distance(fs::directory_iterator(root_ + "/t/0"), {}), 20);
  for (int offset = 0; offset < 200; ++offset) {
    ASSERT_TRUE(live->Seek(0, offset).ok());
    std::vector<Record> records;
    ASSERT_TRUE(live->Poll(0, 1, &records).ok());
    EXPECT_EQ(records.at(0).value, "value" + std::to_string(offset));
    EXPECT_EQ(live->OffsetAt(0, records[0].append_time).value(), offset / 2 * 2);
    EXPECT_EQ(Reader()->OffsetAt(0, records[0].append_time).value(), offset / 2 * 2);
  }
}

TEST_F(FileTopicTest, TrimmedTopicBeginsWhereItsOldestSegmentDoes) {
  Create(1);
  const auto writer = Writer({.segment_bytes_max = 1});
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(writer->Append(Numbered(i, 1)).ok());
  fs::remove(Segment(0));
  fs::remove(Segment(1));
  const auto reader = Reader();
  EXPECT_EQ(reader->BeginOffset(0).value(), 2);
  const Status before = reader->Seek(0, 1);
  EXPECT_EQ(before.error().code, ErrorCode::kNotFound);
  EXPECT_NE(before.error().message.find("seek within [2, 5]"), std::string::npos);
  std::vector<Record> records;
  ASSERT_TRUE(reader->Poll(0, 10, &records).ok());
  EXPECT_EQ(records.at(0).offset, 2);
}

TEST_F(FileTopicTest, WhoIsTrimmedPastWhileItReadsIsTold) {
  Create(1);
  const auto writer = Writer({.segment_bytes_max = 1});
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(writer->Append(Numbered(i, 1)).ok());
  const auto reader = Reader();
  std::vector<Record> records;
  ASSERT_TRUE(reader->Poll(0, 1, &records).ok());
  for (int i = 0; i < 3; ++i) fs::remove(Segment(i));
  records.clear();
  const Status polled = reader->Poll(0, 10, &records);
  ASSERT_FALSE(polled.ok()) << records.size() << " records, at " << reader->Position(0);
  EXPECT_EQ(polled.error().code, ErrorCode::kNotFound);
  EXPECT_NE(polled.error().message.find("seek within [3, 5]"), std::string::npos)
      << polled.error().message;
  ASSERT_TRUE(reader->Seek(0, 3).ok());
  ASSERT_TRUE(reader->Poll(0, 10, &records).ok());
  EXPECT_EQ(records.size(), 2u);
}

TEST_F(FileTopicTest, TheEndIsFoundAgainWhereItsSegmentIsTrimmed) {
  Create(1);
  const auto writer = Writer({.segment_bytes_max = 1});
  ASSERT_TRUE(writer->Append(Numbered(0, 1)).ok());
  const auto reader = Reader();
  ASSERT_EQ(reader->EndOffset(0).value(), 1);
  for (int i = 1; i < 5; ++i) ASSERT_TRUE(writer->Append(Numbered(i, 1)).ok());
  for (int i = 0; i < 3; ++i) fs::remove(Segment(i));
  EXPECT_EQ(reader->EndOffset(0).value(), 5);
}

// Nobody is trimmed past who has read all that was removed.
TEST_F(FileTopicTest, WhoHasReadWhatIsTrimmedGoesOn) {
  Create(1);
  const auto writer = Writer({.segment_bytes_max = 1});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(writer->Append(Numbered(i, 1)).ok());
  const auto reader = Reader();
  std::vector<Record> records;
  ASSERT_TRUE(reader->Poll(0, 2, &records).ok());
  for (int i = 0; i < 2; ++i) fs::remove(Segment(i));
  ASSERT_TRUE(reader->Poll(0, 10, &records).ok());
  EXPECT_EQ(records.size(), 3u);
  ASSERT_TRUE(reader->Poll(0, 10, &records).ok());
  ASSERT_TRUE(writer->Append(Numbered(3, 1)).ok());
  ASSERT_TRUE(reader->Poll(0, 10, &records).ok());
  EXPECT_EQ(records.size(), 4u);
}

TEST_F(FileTopicTest, WriterThatDiedAfterStartingASegmentLeavesAnEmptyOne) {
  Create(1);
  ASSERT_TRUE(Writer()->Append({{"key", "a", FromMillis(9)}}).ok());
  std::ofstream{Segment(1)};
  EXPECT_EQ(Reader()->EndOffset(0).value(), 1);
  EXPECT_EQ(Writer()->Append({{"key", "b", FromMillis(3)}}).value().at(0).second, 1);
  EXPECT_GT(fs::file_size(Segment(1)), 0u);
  EXPECT_EQ(Reader()->OffsetAt(0, FromMillis(9)).value(), 0);
  std::vector<Record> records;
  ASSERT_TRUE(Reader()->Poll(0, 10, &records).ok());
  EXPECT_EQ(records.at(1).append_time, FromMillis(9));  // Not before the record of the old segment.
}

// 40 MB of records: positions beyond one buffer, sparse index, records larger than the buffer.
TEST_F(FileTopicTest, LargeRecordsAndManyBuffers) {
  Create(1);
  const auto writer = Writer({.segment_bytes_max = int64_t{8} << 20});
  Random random(7);
  std::vector<size_t> sizes;
  for (int i = 0; i < 120; ++i) {
    sizes.push_back(random.OneIn(4) ? random.Below(1'500'000) : random.Below(200'000));
    const std::string value(sizes.back(), static_cast<char>('a' + i % 26));
    ASSERT_TRUE(writer->Append({{"key", value, FromMillis(i)}}).ok());
  }
  const auto reader = Reader();
  std::vector<Record> records;
  for (size_t before = 1; before != records.size();) {  // A few megabytes at a time.
    before = records.size();
    ASSERT_TRUE(reader->Poll(0, 1000, &records).ok());
  }
  ASSERT_EQ(records.size(), sizes.size());
  for (size_t i = 0; i < sizes.size(); ++i) EXPECT_EQ(records[i].value.size(), sizes[i]);
  for (int i = 119; i >= 0; i -= 7) {
    EXPECT_EQ(reader->OffsetAt(0, FromMillis(i)).value(), i);
    ASSERT_TRUE(reader->Seek(0, i).ok());
    records.clear();
    ASSERT_TRUE(reader->Poll(0, 1, &records).ok());
    EXPECT_EQ(records.at(0).offset, i);
    EXPECT_EQ(records.at(0).value.size(), sizes[static_cast<size_t>(i)]);
  }
}

// A reader may see the remains of a dead writer, their removal and the next record at once; none of
// that is corruption.
TEST_F(FileTopicTest, ReaderFollowsThroughRecoveries) {
  Create(1);
  constexpr int kRounds = 1000;
  std::jthread dying([&] {
    const auto writer = Writer({.segment_bytes_max = 2000});
    Random random(5);
    std::string newest;
    for (int i = 0; i < kRounds; ++i) {
      const std::string value(random.Below(2000), 'x');
      ASSERT_TRUE(writer->Append({{"key", std::to_string(i) + "." + value}}).ok());
      const auto lock = FileLock::Acquire(root_ + "/t/0/lock", true);
      std::string torn;
      // Each of another letter: bytes of two of them, read at two moments, never check as one.
      AppendFrame(clock_.Now(), "key",
                  std::string(random.Below(9000), static_cast<char>('a' + i % 20)), &torn);
      if (fs::exists(Segment(i))) newest = Segment(i);
      torn.resize(random.Below(torn.size()));
      std::ofstream(newest, std::ios::binary | std::ios::app) << torn;
    }
  });
  const auto reader = Reader();
  const auto watcher = Reader();
  int next = 0;
  while (next < kRounds) {
    std::vector<Record> records;
    const Status status = reader->Poll(0, 100, &records);
    if (!status.ok()) {
      ADD_FAILURE() << status.error().message;
      break;
    }
    for (const Record& record : records) EXPECT_EQ(std::stoi(record.value), next++);
    const auto end = watcher->EndOffset(0);
    if (!end.ok() || *end < next) {
      ADD_FAILURE() << (end.ok() ? "the end went back" : end.error().message);
      break;
    }
  }
  dying.join();
}

TEST_F(FileTopicTest, DamagedTopicJsonIsCorruption) {
  Create(1);
  for (const char* json : {"", "[]", "{\"partitions\":0,\"version\":1}", "{\"version\":1}"}) {
    ASSERT_TRUE(ReplaceFile(root_ + "/t/topic.json", json).ok());
    EXPECT_EQ(OpenFileTopicReader(root_, "t").error().code, ErrorCode::kCorruption) << json;
  }
  ASSERT_TRUE(ReplaceFile(root_ + "/t/topic.json", "{\"partitions\":1,\"version\":2}").ok());
  EXPECT_EQ(OpenFileTopicReader(root_, "t").error().code, ErrorCode::kUnsupported);
}

TEST_F(FileTopicTest, CreateDoesNotTakeAFolderOfSomethingElse) {
  fs::create_directories(root_ + "/t/mine");
  EXPECT_EQ(CreateFileTopic(root_, "t", 1).error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(fs::exists(root_ + "/t/mine"));
  EXPECT_EQ(std::distance(fs::directory_iterator(root_), {}), 1);  // Nothing left beside it.
}

TEST_F(FileTopicTest, CreateAtOnceFromManyThreadsMakesOneTopic) {
  std::vector<std::thread> threads;
  std::atomic<int> made{0};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { made += CreateFileTopic(root_, "t", 4).ok() ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(made, 8);
  EXPECT_EQ(Reader()->partitions(), 4);
}

TEST_F(FileTopicTest, SyncedAppendsReadLikeOthers) {
  Create(1);
  const auto writer = Writer({.segment_bytes_max = 50, .sync = true});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(writer->Append(Numbered(i, 1)).ok());
  EXPECT_EQ(Values(), (std::vector<std::string>{"value0", "value1", "value2"}));
}

}  // namespace
}  // namespace catena::topic

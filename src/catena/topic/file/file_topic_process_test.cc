// SPDX-License-Identifier: Apache-2.0
// The file topic between processes: writers side by side, and writers killed at random moments.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "catena/base/random.h"
#include "catena/topic/file/file_topic.h"

namespace catena::topic {
namespace {

namespace fs = std::filesystem;

constexpr FileTopicOptions kSmallSegments{.segment_bytes_max = 100'000};

class FileTopicProcessTest : public testing::Test {
 protected:
  FileTopicProcessTest()
      : root_(testing::TempDir() + "catena_file_process_" + std::to_string(getpid())) {
    EXPECT_TRUE(CreateFileTopic(root_, "t", 2).ok());
  }
  ~FileTopicProcessTest() override { fs::remove_all(root_); }

  // Appends batches of records "<name><number>" in ascending numbers, `count` or for ever.
  [[noreturn]] void WriteInChild(const std::string& name, int count, uint64_t seed) {
    Random random(seed);
    auto writer = OpenFileTopicWriter(root_, "t", SystemClock(), kSmallSegments);
    if (!writer.ok()) _exit(3);
    for (int number = 0; count < 0 || number < count;) {
      std::vector<OutRecord> records;
      for (uint64_t i = 1 + random.Below(20); i > 0 && number != count; --i, ++number) {
        records.push_back(
            {name + std::to_string(number % 5),
             name + std::to_string(number) + "." + std::string(random.Below(300), 'x')});
      }
      if (!(*writer)->Append(records).ok()) _exit(4);
    }
    _exit(0);
  }
  pid_t Fork(const std::string& name, int count, uint64_t seed) {
    const pid_t child = fork();
    if (child == 0) WriteInChild(name, count, seed);
    return child;
  }

  std::string root_;
};

// Follows the topic; every record must continue its writer's numbers for that key.
class Follower {
 public:
  explicit Follower(std::unique_ptr<TopicReader> reader) : reader_(std::move(reader)) {}

  void Poll() {
    std::vector<Record> records;
    for (TopicPartition p = 0; p < reader_->partitions(); ++p) {
      for (size_t before = SIZE_MAX; before != records.size();) {  // Some megabytes at a time.
        before = records.size();
        const Status status = reader_->Poll(p, 1'000'000, &records);
        ASSERT_TRUE(status.ok()) << status.error().message;
      }
    }
    for (const Record& record : records) {
      const int number = std::stoi(record.value.substr(1));
      const auto [at, fresh] = last_.emplace(record.key, number);
      if (!fresh) {
        ASSERT_EQ(number, at->second + 5) << record.key;
        at->second = number;
      } else {
        ASSERT_LT(number, 5);
      }
      ASSERT_GE(record.append_time, newest_[record.partition]);
      newest_[record.partition] = record.append_time;
      ASSERT_EQ(record.offset, next_[record.partition]++);
    }
    seen_ += records.size();
  }
  void Wait(Millis wait) { ASSERT_TRUE(reader_->Wait(wait).ok()); }
  size_t seen() const { return seen_; }
  Offset next(TopicPartition partition) { return next_[partition]; }

 private:
  std::unique_ptr<TopicReader> reader_;
  std::map<std::string, int> last_;
  std::map<TopicPartition, Offset> next_;
  std::map<TopicPartition, Timestamp> newest_{{0, Timestamp::min()}, {1, Timestamp::min()}};
  size_t seen_ = 0;
};

TEST_F(FileTopicProcessTest, TwoWritingProcessesAndAReaderLoseNothing) {
  constexpr int kRecords = 4000;
  const pid_t one = Fork("a", kRecords, 1);
  const pid_t two = Fork("b", kRecords, 2);
  Follower follower(OpenFileTopicReader(root_, "t").value());
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  while (follower.seen() < 2 * kRecords && std::chrono::steady_clock::now() < give_up) {
    follower.Poll();
    if (HasFatalFailure()) break;
    follower.Wait(Millis{50});
  }
  for (const pid_t child : {one, two}) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(follower.seen(), static_cast<size_t>(2 * kRecords));
}

// What a killed writer leaves is a prefix of what it appended, per partition; the next writer goes
// on behind it, and a reader that followed all the time saw the same records.
TEST_F(FileTopicProcessTest, KilledWriterLeavesAPrefix) {
  const uint64_t seed = std::chrono::steady_clock::now().time_since_epoch().count();
  SCOPED_TRACE("seed " + std::to_string(seed));
  RecordProperty("seed", std::to_string(seed));
  Random random(seed);
  Follower live(OpenFileTopicReader(root_, "t").value());
  for (int round = 0; round < 25; ++round) {
    const std::string name(1, static_cast<char>('a' + round));
    const pid_t child = Fork(name, -1, random.Next());
    usleep(static_cast<useconds_t>(random.Below(20'000)));
    live.Poll();
    ASSERT_EQ(kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer failed by itself: " << status;
    ASSERT_TRUE(OpenFileTopicWriter(root_, "t", SystemClock(), kSmallSegments).ok());
    live.Poll();
    Follower again(OpenFileTopicReader(root_, "t").value());
    again.Poll();
    ASSERT_EQ(again.seen(), live.seen());
    const auto reader = OpenFileTopicReader(root_, "t").value();
    for (TopicPartition p = 0; p < 2; ++p) ASSERT_EQ(reader->EndOffset(p).value(), live.next(p));
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(live.seen(), 1000u);
}

}  // namespace
}  // namespace catena::topic

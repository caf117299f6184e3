// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/file/file_topic.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "catena/base/file.h"
#include "catena/base/hash.h"
#include "catena/base/json.h"
#include "catena/topic/file/frame.h"
#include "catena/topic/file/growth_watch.h"
#include "catena/topic/file/log_cursor.h"
#include "catena/topic/file/log_place.h"

namespace catena::topic {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kVersion = 1;
constexpr Millis kWaitMax = kDay;  // Longer ones would overflow the clock.
constexpr size_t kPollBufferBytes = size_t{256} << 10;
constexpr size_t kReservedMax = 4096;  // Records of one poll.
constexpr size_t kTailBufferBytes = size_t{64} << 10;

std::string TopicFolder(const std::string& root, const std::string& name) {
  return root + "/" + name;
}

Result<TopicPartition> ReadPartitions(const std::string& root, const std::string& name) {
  const std::string path = TopicFolder(root, name) + "/topic.json";
  const Result<std::string> text = ReadFile(path);
  if (!text.ok()) {
    if (text.error().code != ErrorCode::kNotFound) return text.error();
    return NotFound(
        fmt::format("no such topic; run `catena topic create {} --partitions N`: {} (looked in {})",
                    name, name, root));
  }
  const Result<Json> json = ParseJson(*text, path);
  if (!json.ok()) return Corruption(json.error().message);
  const auto number = [&](const char* field) -> int64_t {
    const auto at = json->is_object() ? json->find(field) : json->end();
    return at != json->end() && at->is_number_integer() ? at->get<int64_t>() : 0;
  };
  if (number("version") > kVersion) {
    return Unsupported("topic was made by a later catena; upgrade this one: " + path);
  }
  const int64_t partitions = number("partitions");
  if (number("version") != kVersion || partitions < 1 || partitions > 65535) {
    return Corruption("topic.json does not hold {\"partitions\":N,\"version\":1}: " + path);
  }
  return static_cast<TopicPartition>(partitions);
}

LogPlace PlaceOf(const std::string& root, const std::string& name, TopicPartition partition) {
  return LogPlace{.topic = name,
                  .partition = partition,
                  .folder = TopicFolder(root, name) + "/" + std::to_string(partition)};
}

Status RequireSamePartitions(const std::string& root, const std::string& name,
                             TopicPartition partitions) {
  CATENA_TRY(const TopicPartition existing, ReadPartitions(root, name));
  if (existing == partitions) return Status();
  return InvalidConf(fmt::format(
      "topic exists with another number of partitions, which cannot change; use {} or another "
      "name: topic {} in {}, asked for {}",
      existing, name, root, partitions));
}

class FilePartition {
 public:
  explicit FilePartition(LogPlace place)
      : place_(std::move(place)),
        poll_(&place_, &index_, LogCursor::Access::kRead, kPollBufferBytes),
        tail_(&place_, &index_, LogCursor::Access::kRead, kTailBufferBytes) {}
  FilePartition(const FilePartition&) = delete;
  FilePartition& operator=(const FilePartition&) = delete;

  const std::string& folder() const { return place_.folder; }

  // Whether this partition was ever polled or sought: whether its growth concerns the reader.
  bool is_read() const { return is_read_; }

  Offset position() const { return poll_.offset(); }
  Status Poll(size_t records_max, std::vector<Record>* into) {
    is_read_ = true;
    CATENA_RETURN_IF_ERROR(Start());
    size_t bytes = 0;
    if (into->empty()) into->reserve(std::min(records_max, kReservedMax));
    for (size_t i = 0; i < records_max && bytes < kPollBytesMax; ++i) {
      CATENA_TRY(const Frame* frame, poll_.Peek());
      if (frame == nullptr) {
        if (i == 0) CATENA_RETURN_IF_ERROR(RequireKept());
        break;
      }
      bytes += frame->bytes;
      Record& record = into->emplace_back();
      record.partition = place_.partition;
      record.offset = poll_.offset();
      record.append_time = frame->append_time;
      record.key = frame->key;
      record.value = frame->value;
      poll_.Pop();
    }
    return Status();
  }

  Result<bool> HasMore() {
    CATENA_RETURN_IF_ERROR(Start());
    CATENA_TRY(const Frame* frame, poll_.Peek());
    return frame != nullptr;
  }

  // The tail stays where the last call left it, so that a call costs what was appended since.
  Result<Offset> End() {
    if (!tail_started_) CATENA_RETURN_IF_ERROR(tail_.ToNewestSegment());
    tail_started_ = true;
    if (poll_.offset() > tail_.offset()) {
      CATENA_TRY(const bool removed, poll_.IsRemoved());
      if (!removed) CATENA_RETURN_IF_ERROR(tail_.ToCursor(poll_));
    }
    CATENA_RETURN_IF_ERROR(tail_.ToEnd());
    CATENA_TRY(const bool removed, tail_.IsRemoved());
    if (!removed) return tail_.offset();
    CATENA_RETURN_IF_ERROR(tail_.ToNewestSegment());
    CATENA_RETURN_IF_ERROR(tail_.ToEnd());
    return tail_.offset();
  }

  Result<Offset> Begin() const {
    CATENA_TRY(const std::vector<Offset> bases, ListSegments(place_));
    return bases.empty() ? Offset{0} : bases[0];
  }

  Status Seek(Offset offset) {
    is_read_ = true;
    CATENA_RETURN_IF_ERROR(RequireHeld(offset));
    started_ = true;
    return poll_.ToOffset(offset);
  }

  Result<Offset> At(Timestamp time) {
    LogCursor search(&place_, &index_, LogCursor::Access::kRead, kTailBufferBytes);
    CATENA_RETURN_IF_ERROR(search.ToTime(time));
    return search.offset();
  }

 private:
  Status Start() {
    if (started_) return Status();
    started_ = true;
    return poll_.ToBegin();
  }

  Status RequireHeld(Offset offset) {
    CATENA_TRY(const Offset begin, Begin());
    Offset end = begin;  // Looked for where it matters: that reads a whole segment.
    if (offset != begin) {
      CATENA_TRY(end, End());
    }
    if (offset >= begin && offset <= end) return Status();
    return NotFound(fmt::format(
        "topic partition does not hold this offset; seek within [{}, {}]: topic {} partition {} "
        "offset {}",
        begin, end, place_.topic, place_.partition, offset));
  }

  // Trimmed past what was read next, a log looks as if it ended there.
  Status RequireKept() {
    CATENA_TRY(const bool removed, poll_.IsRemoved());
    return removed ? RequireHeld(poll_.offset()) : Status();
  }

  LogPlace place_;
  LogIndex index_;
  LogCursor poll_;
  LogCursor tail_;
  bool started_ = false;
  bool tail_started_ = false;
  bool is_read_ = false;
};

class FileTopicReader : public TopicReader {
 public:
  FileTopicReader(const std::string& root, const std::string& name, TopicPartition partitions) {
    for (TopicPartition i = 0; i < partitions; ++i) {
      partitions_.push_back(std::make_unique<FilePartition>(PlaceOf(root, name, i)));
    }
  }

  TopicPartition partitions() const override {
    return static_cast<TopicPartition>(partitions_.size());
  }
  Status Seek(TopicPartition partition, Offset offset) override {
    return At(partition).Seek(offset);
  }
  Status Poll(TopicPartition partition, size_t records_max, std::vector<Record>* into) override {
    return At(partition).Poll(records_max, into);
  }
  Offset Position(TopicPartition partition) const override {
    return partitions_[static_cast<size_t>(partition)]->position();
  }
  Result<Offset> EndOffset(TopicPartition partition) override { return At(partition).End(); }
  Result<Offset> BeginOffset(TopicPartition partition) override { return At(partition).Begin(); }
  Result<Offset> OffsetAt(TopicPartition partition, Timestamp time) override {
    return At(partition).At(time);
  }

  Status Wait(Millis wait) override {
    using Steady = std::chrono::steady_clock;
    const Steady::time_point until = Steady::now() + std::min(wait, kWaitMax);
    if (!watch_) Watch();
    const bool all = std::none_of(partitions_.begin(), partitions_.end(),
                                  [](const auto& partition) { return partition->is_read(); });
    while (true) {
      for (const auto& partition : partitions_) {
        if (!all && !partition->is_read()) continue;
        CATENA_TRY(const bool more, partition->HasMore());
        if (more) return Status();
      }
      const auto left = std::chrono::ceil<Millis>(until - Steady::now());
      if (left <= Millis{0}) return Status();
      if (watch_->Sleep(left) == GrowthWatch::Wake::kSignal) return Status();
    }
  }

 private:
  FilePartition& At(TopicPartition partition) {
    CATENA_CHECK(partition >= 0 && partition < partitions(), "no such topic partition");
    return *partitions_[static_cast<size_t>(partition)];
  }
  void Watch() {
    std::vector<std::string> folders;
    for (const auto& partition : partitions_) folders.push_back(partition->folder());
    watch_.emplace(folders);
  }

  std::vector<std::unique_ptr<FilePartition>> partitions_;
  std::optional<GrowthWatch> watch_;  // Made by the first Wait.
};

class FileTopicWriter : public TopicWriter {
 public:
  FileTopicWriter(const std::string& root, const std::string& name, TopicPartition partitions,
                  const Clock& clock, const FileTopicOptions& options)
      : clock_(clock), records_(static_cast<size_t>(partitions)) {
    for (TopicPartition i = 0; i < partitions; ++i) {
      appenders_.push_back(std::make_unique<LogAppender>(PlaceOf(root, name, i), options));
    }
  }

  Status Recover() {
    for (const auto& appender : appenders_) CATENA_RETURN_IF_ERROR(appender->Recover());
    return Status();
  }

  TopicPartition partitions() const override {
    return static_cast<TopicPartition>(appenders_.size());
  }

  Result<std::vector<std::pair<TopicPartition, Offset>>> Append(
      const std::vector<OutRecord>& records) override {
    for (auto& of_partition : records_) of_partition.clear();
    std::vector<std::pair<TopicPartition, Offset>> places(records.size());
    for (size_t i = 0; i < records.size(); ++i) {
      if (std::string why = WhyNoFrame(records[i].key, records[i].value); !why.empty()) {
        return InvalidData(std::move(why));
      }
      const size_t partition = HashBytes(records[i].key) % appenders_.size();
      // Until the partition is written, the offset counts from its first record of this call.
      places[i] = {static_cast<TopicPartition>(partition),
                   static_cast<Offset>(records_[partition].size())};
      records_[partition].push_back(&records[i]);
    }
    const Timestamp now = clock_.Now();
    std::vector<Offset> firsts(appenders_.size(), 0);
    for (size_t i = 0; i < appenders_.size(); ++i) {
      if (records_[i].empty()) continue;
      CATENA_TRY(firsts[i], appenders_[i]->Append(records_[i], now));
    }
    for (auto& [partition, offset] : places) offset += firsts[static_cast<size_t>(partition)];
    return places;
  }

 private:
  const Clock& clock_;
  std::vector<std::unique_ptr<LogAppender>> appenders_;
  std::vector<std::vector<const OutRecord*>> records_;  // Per partition; kept for their capacity.
};

}  // namespace

Status CreateFileTopic(const std::string& root, const std::string& name,
                       TopicPartition partitions) {
  static std::atomic<uint64_t> counter{0};
  const std::string folder = TopicFolder(root, name);
  std::error_code error;
  if (fs::exists(folder + "/topic.json", error)) {
    return RequireSamePartitions(root, name, partitions);
  }
  // '#' is in no topic name, so what a crash leaves here is never taken for a topic.
  const std::string beside = fmt::format("{}/#{}-{}-{}", root, name, getpid(), counter++);
  const auto refused = [&](const std::error_code& why) {
    return Unavailable("cannot create topic: " + folder + ": " + why.message());
  };
  for (TopicPartition i = 0; i < partitions; ++i) {
    if (fs::create_directories(beside + "/" + std::to_string(i), error); error) {
      return refused(error);
    }
  }
  const Json json = {{"partitions", partitions}, {"version", kVersion}};
  CATENA_RETURN_IF_ERROR(ReplaceFile(beside + "/topic.json", PrintJson(json)));
  fs::rename(beside, folder, error);
  if (!error) return SyncPath(root);
  std::error_code ignored;
  fs::remove_all(beside, ignored);
  const bool lost_race = fs::exists(folder + "/topic.json", ignored);
  return lost_race ? RequireSamePartitions(root, name, partitions) : refused(error);
}

Result<std::unique_ptr<TopicReader>> OpenFileTopicReader(const std::string& root,
                                                         const std::string& name) {
  CATENA_TRY(const TopicPartition partitions, ReadPartitions(root, name));
  return std::unique_ptr<TopicReader>(new FileTopicReader(root, name, partitions));
}

Result<std::unique_ptr<TopicWriter>> OpenFileTopicWriter(const std::string& root,
                                                         const std::string& name,
                                                         const Clock& clock,
                                                         const FileTopicOptions& options) {
  CATENA_TRY(const TopicPartition partitions, ReadPartitions(root, name));
  auto writer = std::make_unique<FileTopicWriter>(root, name, partitions, clock, options);
  CATENA_RETURN_IF_ERROR(writer->Recover());
  return std::unique_ptr<TopicWriter>(std::move(writer));
}

}  // namespace catena::topic

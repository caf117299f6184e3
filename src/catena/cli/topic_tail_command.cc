// SPDX-License-Identifier: Apache-2.0
// `catena topic tail`: the records of a topic as JSON lines.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "catena/cli/commands.h"
#include "catena/cli/record_json.h"
#include "catena/cli/stop_signals.h"
#include "catena/cli/storage.h"

namespace catena::cli {
namespace {

constexpr topic::Offset kLastRecords = 10;
constexpr size_t kPollRecords = 1000;
constexpr Millis kWait{200};

struct TailFlags {
  std::string name;
  bool from_beginning = false;
  bool follow = false;
  std::optional<int64_t> offset;
  std::optional<int64_t> partition;
  std::optional<int64_t> limit;
};

struct Part {  // Of a topic, to be shown.
  topic::TopicPartition partition = 0;
  topic::Offset until = INT64_MAX;  // On a busy topic the end moves on as fast as it is shown.
};

// Records of all partitions by append time, as far as what was polled tells.
class Merged {
 public:
  Merged(topic::TopicReader* reader, std::vector<Part> parts)
      : reader_(reader), parts_(std::move(parts)), waiting_(parts_.size()) {}

  // False at the ends of all parts.
  Result<bool> Next(topic::Record* record) {
    std::vector<topic::Record>* oldest = nullptr;
    for (size_t i = 0; i < parts_.size(); ++i) {
      auto& waiting = waiting_[i];
      const auto& [partition, until] = parts_[i];
      if (waiting.empty() && reader_->Position(partition) < until) {
        CATENA_RETURN_IF_ERROR(reader_->Poll(partition, kPollRecords, &waiting));
        std::erase_if(waiting, [until](const auto& polled) { return polled.offset >= until; });
        std::reverse(waiting.begin(), waiting.end());
      }
      if (waiting.empty()) continue;
      if (oldest == nullptr || waiting.back().append_time < oldest->back().append_time) {
        oldest = &waiting;
      }
    }
    if (oldest == nullptr) return false;
    *record = std::move(oldest->back());
    oldest->pop_back();
    return true;
  }

 private:
  topic::TopicReader* reader_;
  std::vector<Part> parts_;
  std::vector<std::vector<topic::Record>> waiting_;  // Newest first.
};

Result<std::vector<Part>> SeekAll(const TailFlags& given, topic::TopicReader* reader) {
  std::vector<Part> parts;
  if (given.partition && (*given.partition < 0 || *given.partition >= reader->partitions())) {
    return InvalidConf("--partition is between 0 and " + std::to_string(reader->partitions() - 1) +
                       ": " + std::to_string(*given.partition));
  }
  for (topic::TopicPartition p = 0; p < reader->partitions(); ++p) {
    if (given.partition && *given.partition != p) continue;
    CATENA_TRY(const topic::Offset begin, reader->BeginOffset(p));
    CATENA_TRY(const topic::Offset end, reader->EndOffset(p));
    topic::Offset from = std::max(begin, end - kLastRecords);
    if (given.from_beginning) from = begin;
    if (given.offset) {
      // Of all partitions, a shorter one has nothing to show; of one alone it is a slip.
      if (given.partition && (*given.offset < begin || *given.offset > end)) {
        return InvalidConf("--offset is between " + std::to_string(begin) + " and " +
                           std::to_string(end) + " here: " + std::to_string(*given.offset));
      }
      from = std::clamp<topic::Offset>(*given.offset, begin, end);
    }
    CATENA_RETURN_IF_ERROR(reader->Seek(p, from));
    parts.push_back({p, given.follow ? INT64_MAX : end});
  }
  return parts;
}

Result<int> Tail(const TailFlags& given, const CommonFlags& common) {
  if (given.from_beginning && given.offset) {
    return InvalidConf("give --from-beginning or --offset, not both");
  }
  CATENA_TRY(const Settings settings, common.Load());
  CATENA_TRY(const auto address, AddressOf(settings, given.name));
  StopSignals signals;
  CATENA_TRY(const auto text, topic::RecordText::Open(address));
  CATENA_TRY(const auto reader, topic::OpenTopicReader(address));
  CATENA_TRY(auto parts, SeekAll(given, reader.get()));
  Merged merged(reader.get(), std::move(parts));
  const int64_t limit = given.limit.value_or(INT64_MAX);
  topic::Record record;
  for (int64_t printed = 0; printed < limit && !signals.asked();) {
    CATENA_TRY(const bool is_there, merged.Next(&record));
    if (is_there) {
      CATENA_TRY(const Json line, RecordJson(record, text.get()));
      fmt::print("{}\n", PrintJson(line));
      ++printed;
      continue;
    }
    if (std::fflush(stdout) != 0 || !given.follow) break;
    CATENA_RETURN_IF_ERROR(reader->Wait(kWait));
  }
  return signals.ExitCode(0);
}

}  // namespace

Command TopicTailCommand() {
  return {"topic tail",
          "Topics and streams",
          "Print a topic's records as JSON lines.",
          "The last ten of each partition when nothing else is asked. Each line has _partition, "
          "_offset and _append_time. Avro records are shown by the schema that the topic's URL or "
          "`kafka:` names. A record that is no object of the topic's format shows as _raw, with "
          "_reason.",
          "  catena topic tail payment-events\n"
          "  catena topic tail payment-events --follow\n"
          "  catena topic tail payment-events --partition 2 --offset 500 --limit 3\n"
          "  catena topic tail payment-events/serde=avro/schema=schemas%2Fpayment.avsc\n",
          [](Flags* flags, const CommonFlags* common) -> Run {
            auto given = std::make_shared<TailFlags>();
            flags->Text("NAME", &given->name, "The topic.", Need::kRequired);
            flags->Switch("--from-beginning", &given->from_beginning, "From the earliest record.");
            flags->Whole("--offset N", &given->offset, "From this offset on.");
            flags->Whole("--partition P", &given->partition, "Of this partition only.");
            flags->Switch("--follow", &given->follow, "Go on until interrupted.");
            flags->Whole("--limit N", &given->limit, "At most so many records.");
            return [given, common] { return Tail(*given, *common); };
          }};
}

}  // namespace catena::cli

// SPDX-License-Identifier: Apache-2.0
// `catena topic create`, `catena topic describe`.
#include <fmt/format.h>

#include <memory>

#include "catena/cli/commands.h"
#include "catena/cli/storage.h"

namespace catena::cli {
namespace {

constexpr int64_t kDefaultPartitions = 4;

struct TopicFlags {
  std::string name;
  std::optional<int64_t> partitions;
  bool json = false;
};

Result<int> Create(const TopicFlags& given, const CommonFlags& common) {
  CATENA_TRY(const Settings settings, common.Load());
  CATENA_TRY(const auto address, AddressOf(settings, given.name));
  const int64_t partitions = given.partitions.value_or(kDefaultPartitions);
  if (partitions < 1 || partitions > 65535) {
    return InvalidConf("--partitions is between 1 and 65535: " + std::to_string(partitions));
  }
  CATENA_RETURN_IF_ERROR(
      topic::CreateTopic(address, static_cast<topic::TopicPartition>(partitions)));
  fmt::print("topic {} has {} partitions\n", given.name, partitions);
  return 0;
}

Result<int> Describe(const TopicFlags& given, const CommonFlags& common) {
  CATENA_TRY(const Settings settings, common.Load());
  CATENA_TRY(const auto address, AddressOf(settings, given.name));
  CATENA_TRY(const auto reader, topic::OpenTopicReader(address));
  Json partitions = Json::array();
  int64_t records = 0;
  for (topic::TopicPartition p = 0; p < reader->partitions(); ++p) {
    CATENA_TRY(const topic::Offset begin, reader->BeginOffset(p));
    CATENA_TRY(const topic::Offset end, reader->EndOffset(p));
    Json one = {{"partition", p}, {"begin_offset", begin}, {"end_offset", end}};
    if (end > begin) {
      std::vector<topic::Record> ends;
      CATENA_RETURN_IF_ERROR(reader->Poll(p, 1, &ends));
      CATENA_RETURN_IF_ERROR(reader->Seek(p, end - 1));
      CATENA_RETURN_IF_ERROR(reader->Poll(p, 1, &ends));
      one["first_append_time"] = FormatTimestamp(ends.front().append_time);
      one["last_append_time"] = FormatTimestamp(ends.back().append_time);
    }
    records += end - begin;
    partitions.push_back(std::move(one));
  }
  if (given.json) {
    fmt::print("{}\n", PrintJson(Json{{"topic", given.name},
                                      {"records", records},
                                      {"partitions", std::move(partitions)}}));
    return 0;
  }
  fmt::print("{}: {} records in {} partitions\n", given.name, records, partitions.size());
  for (const Json& one : partitions) {
    fmt::print("  {:>5}  offsets {}..{}  {} .. {}\n", one["partition"].get<int>(),
               one["begin_offset"].get<int64_t>(), one["end_offset"].get<int64_t>(),
               one.value("first_append_time", "-"), one.value("last_append_time", "-"));
  }
  return 0;
}

}  // namespace

Command TopicCreateCommand() {
  return {"topic create",
          "Topics and streams",
          "Make a topic; nothing happens when it is there.",
          "A bare name takes `topics: {default:}` of catena.yaml; file:///dir/name says where.",
          "  catena topic create payment-events --partitions 4\n",
          [](Flags* flags, const CommonFlags* common) -> Run {
            auto given = std::make_shared<TopicFlags>();
            flags->Text("NAME", &given->name, "The topic.", Need::kRequired);
            flags->Whole("--partitions N", &given->partitions, "For good; 4 when absent.");
            return [given, common] { return Create(*given, *common); };
          }};
}

Command TopicDescribeCommand() {
  return {"topic describe",
          "Topics and streams",
          "Print a topic's partitions and offsets.",
          "",
          "  catena topic describe payment-events\n",
          [](Flags* flags, const CommonFlags* common) -> Run {
            auto given = std::make_shared<TopicFlags>();
            flags->Text("NAME", &given->name, "The topic.", Need::kRequired);
            flags->Switch("--json", &given->json, "Print JSON.");
            return [given, common] { return Describe(*given, *common); };
          }};
}

}  // namespace catena::cli

// SPDX-License-Identifier: Apache-2.0
// `catena state reset`: what was streamed is forgotten, and streamed anew.
#include <fmt/format.h>

#include <charconv>
#include <memory>
#include <set>

#include "catena/base/clock.h"
#include "catena/cli/commands.h"
#include "catena/cli/storage.h"
#include "catena/plan/streaming_plan.h"
#include "catena/streaming/reset.h"

namespace catena::cli {
namespace {

struct ResetFlags {
  std::vector<std::string> confs;
  std::vector<std::string> to_offset;
  std::optional<int64_t> to_millis;
  bool only = false;
  bool dry_run = false;
};

Result<streaming::ResetTo> ReadResetTo(const ResetFlags& given) {
  streaming::ResetTo to;
  if (given.to_millis) {
    if (!given.to_offset.empty()) return InvalidConf("give --to-millis or --to-offset, not both");
    if (*given.to_millis > ToMillis(SystemClock().Now())) {
      return InvalidConf("--to-millis is milliseconds since 1970, and this lies ahead: " +
                         std::to_string(*given.to_millis));
    }
    to.appended_at = FromMillis(*given.to_millis);
  }
  for (const std::string& text : given.to_offset) {
    const auto read = [](std::string_view part, auto* number) {
      const auto [end, code] = std::from_chars(part.data(), part.data() + part.size(), *number);
      return code == std::errc() && end == part.data() + part.size();
    };
    const size_t colon = text.find(':');
    topic::TopicPartition partition = 0;
    topic::Offset offset = 0;
    const std::string_view all = text;
    const bool has_partition = colon != std::string::npos;
    if (!read(has_partition ? all.substr(colon + 1) : all, &offset) ||
        (has_partition && !read(all.substr(0, colon), &partition))) {
      return InvalidConf("--to-offset is an offset, or PARTITION:OFFSET: " + text);
    }
    if (has_partition) {
      to.offset[partition] = offset;
    } else {
      to.every_offset = offset;
    }
  }
  return to;
}

// The GroupBys that `group-by-streaming` of these confs streams, with their topics.
struct Streamed {
  std::shared_ptr<const conf::GroupBy> group_by;
  topic::TopicAddress topic;
};
Result<std::vector<Streamed>> StreamedBy(const Settings& settings, const ResetFlags& given,
                                         const std::vector<conf::Conf>& confs) {
  std::set<std::string> named;
  for (const conf::Conf& conf : confs) {
    if (conf.group_by() != nullptr) named.insert(conf.group_by()->metadata.name);
    if (conf.join() == nullptr) continue;
    for (const conf::JoinPart& part : conf.join()->join_parts) {
      named.insert(part.group_by->metadata.name);
    }
  }
  CATENA_TRY(const plan::StreamingPlan plan, plan::PlanStreaming(confs));
  std::vector<Streamed> streamed;
  std::set<std::string> topics;
  for (const plan::StreamTask& task : plan.tasks) {
    CATENA_TRY(const topic::TopicAddress topic, AddressOf(settings, task.topic));
    for (const auto& group_by : task.group_bys) {
      if (given.only && !named.contains(group_by->metadata.name)) continue;
      streamed.push_back({group_by, topic});
      topics.insert(topic::TopicURL(topic));
    }
  }
  if (!given.to_offset.empty() && topics.size() > 1) {
    return InvalidConf(
        "an offset is of one topic and these GroupBys read several; give --only, or --to-millis");
  }
  return streamed;
}

void PrintPlan(const streaming::ResetPlan& plan) {
  fmt::print("{}: forget about {:.1f} MiB in {} datasets, read topic {} again\n", plan.group_by,
             static_cast<double>(plan.approximate_bytes) / (1 << 20), plan.datasets.size(),
             plan.topic);
  for (const auto& partition : plan.partitions) {
    fmt::print("  partition {}: read up to {}, then from {}\n", partition.partition,
               partition.read_up_to ? std::to_string(*partition.read_up_to) : "-",
               partition.from ? std::to_string(*partition.from) : "where a new stream begins");
  }
}

Result<int> Reset(const ResetFlags& given, const CommonFlags& common) {
  CATENA_TRY(const Settings settings, common.Load());
  CATENA_TRY(const streaming::ResetTo to, ReadResetTo(given));
  CATENA_TRY(const auto confs, OpenConfs(settings, given.confs));
  CATENA_TRY(const auto streamed, StreamedBy(settings, given, confs));
  std::vector<std::shared_ptr<const conf::GroupBy>> group_bys;
  for (const Streamed& each : streamed) group_bys.push_back(each.group_by);
  CATENA_TRY(const auto parameters, streaming::StreamParametersOf(settings, group_bys));
  CATENA_TRY(const auto options, streaming::ReadStreamOptions(parameters));
  CATENA_TRY(const auto store, given.dry_run ? OpenStore(settings, kv::OpenMode::kReadOnly)
                                             : OwnExistingStore(settings));
  std::vector<streaming::ResetPlan> plans;
  for (const Streamed& each : streamed) {
    CATENA_TRY(streaming::ResetPlan plan,
               streaming::PlanReset(each.group_by->metadata.name, each.topic, to, options,
                                    SystemClock(), store.get()));
    PrintPlan(plan);
    plans.push_back(std::move(plan));
  }
  if (given.dry_run) return 0;
  for (const streaming::ResetPlan& plan : plans) {
    CATENA_RETURN_IF_ERROR(streaming::RunReset(plan, store.get()));
  }
  fmt::print("reset {} GroupBys; `catena group-by-streaming` streams them anew\n", plans.size());
  return 0;
}

}  // namespace

Command StateResetCommand() {
  return {
      "state reset",
      "Serve",
      "Forget what was streamed of GroupBys, so that it is streamed anew.",
      "For a topic that was repaired, or a bound that was wrong. Tiles, rows and offsets go; "
      "uploads and dead letters stay. Without a place to begin, the next stream begins where one "
      "that never ran does. What the GroupBys look up is reset with them: rows of long ago are "
      "enriched anew from what was known then. Whatever streams into the store must be stopped. "
      "Interrupted, it is run again; no stream begins before it is done.",
      "  catena state reset --conf-path production/group_bys/fraud/user_risk.v1 --dry-run\n"
      "  catena state reset --conf-path production/group_bys/fraud/user_risk.v1 --to-millis "
      "1763640000000\n"
      "  catena state reset --conf-path production/group_bys/fraud/risk_scores.v1 --only "
      "--to-offset 0:1200 --to-offset 1:1180\n",
      [](Flags* flags, const CommonFlags* common) -> Run {
        auto given = std::make_shared<ResetFlags>();
        flags->Texts("--conf-path,CONF FILE", &given->confs,
                     "Compiled GroupBys, or Joins whose parts are meant.", Need::kRequired);
        flags->Whole("--to-millis MILLIS", &given->to_millis,
                     "Begin at the first record that was appended at this time or later.");
        flags->Repeated("--to-offset [PARTITION:]OFFSET", &given->to_offset,
                        "Begin at this offset, of one partition or of all; partitions that are "
                        "not named begin at their first record.");
        flags->Switch("--only", &given->only, "Not what the GroupBys look up.");
        flags->Switch("--dry-run", &given->dry_run, "Print what would be done, and do nothing.");
        return [given, common] { return Reset(*given, *common); };
      }};
}

}  // namespace catena::cli

// SPDX-License-Identifier: Apache-2.0
// `catena state ls`, `verify`, `snapshot`, `restore`, `compact`: the online store as a whole.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <memory>
#include <set>

#include "catena/cli/commands.h"
#include "catena/cli/storage.h"
#include "catena/fetch/online_state.h"
#include "catena/fetch/retained.h"
#include "catena/fetch/state_check.h"
#include "catena/kv/snapshot.h"

namespace catena::cli {
namespace {

struct StateFlags {
  std::vector<std::string> confs;
  std::string file;
  bool json = false;
};

std::string Mebibytes(uint64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

std::string TimeOrDash(int64_t millis) {
  return millis == INT64_MIN || millis == INT64_MAX ? "-" : FormatTimestamp(FromMillis(millis));
}

Result<Json> DescribeGroup(kv::KVStore* store, const std::string& group,
                           const std::vector<std::string>& datasets) {
  Json described = {{"group_by", group}, {"datasets", Json::array()}};
  uint64_t total = 0;
  for (const std::string& dataset : datasets) {
    CATENA_TRY(const uint64_t bytes, store->ApproximateBytes(dataset));
    described["datasets"].push_back({{"name", dataset}, {"approximate_bytes", bytes}});
    total += bytes;
  }
  described["approximate_bytes"] = total;
  CATENA_TRY(const auto generations, fetch::ReadGenerations(store, group));
  described["uploads"] = Json::array();
  for (const fetch::Generation& generation : generations) {
    described["uploads"].push_back(FormatTimestamp(generation.batch_end));
  }
  CATENA_TRY(const auto retention, fetch::ReadRetention(store, group));
  if (retention) {
    described["retention"] = {{"tiles_answer_from", TimeOrDash(retention->as_of_floor)},
                              {"rows_kept_from", TimeOrDash(retention->raw_floor)}};
  }
  CATENA_TRY(const auto checkpoints, fetch::ReadCheckpoints(store, group));
  described["partitions"] = Json::array();
  for (const auto& [partition, checkpoint] : checkpoints) {
    described["partitions"].push_back({{"partition", partition},
                                       {"next_offset", checkpoint.next_offset},
                                       {"consumed", checkpoint.Consumed()},
                                       {"watermark", TimeOrDash(checkpoint.watermark)}});
  }
  return described;
}

void PrintGroup(const Json& group) {
  fmt::print("{}: about {}\n", group["group_by"].get<std::string>(),
             Mebibytes(group["approximate_bytes"].get<uint64_t>()));
  for (const Json& dataset : group["datasets"]) {
    fmt::print("  {:>12}  {}\n", Mebibytes(dataset["approximate_bytes"].get<uint64_t>()),
               dataset["name"].get<std::string>());
  }
  for (const Json& upload : group["uploads"]) {
    fmt::print("  upload up to {}\n", upload.get<std::string>());
  }
  if (const auto retention = group.find("retention"); retention != group.end()) {
    fmt::print("  answers from {} on, rows kept from {} on\n",
               (*retention)["tiles_answer_from"].get<std::string>(),
               (*retention)["rows_kept_from"].get<std::string>());
  }
  for (const Json& partition : group["partitions"]) {
    fmt::print("  topic partition {}: read up to offset {}, watermark {}\n",
               partition["partition"].get<int>(), partition["next_offset"].get<int64_t>(),
               partition["watermark"].get<std::string>());
  }
}

Result<int> List(const StateFlags& given, const CommonFlags& common) {
  CATENA_TRY(const Settings settings, common.Load());
  CATENA_TRY(const auto store, OpenStore(settings, kv::OpenMode::kReadOnly));
  CATENA_TRY(const auto datasets, store->ListDatasets());
  std::map<std::string, std::vector<std::string>> groups;
  for (const std::string& dataset : datasets) {
    const std::string group_by = fetch::GroupByOfDataset(dataset);
    groups[group_by.empty() ? dataset : group_by].push_back(dataset);
  }
  Json all = Json::array();
  for (const auto& [group, of_group] : groups) {
    CATENA_TRY(Json described, DescribeGroup(store.get(), group, of_group));
    if (given.json) {
      all.push_back(std::move(described));
    } else {
      PrintGroup(described);
    }
  }
  if (given.json) fmt::print("{}\n", PrintJson(all));
  return 0;
}

// The GroupBys that the confs serve, of Joins those of their parts.
std::map<std::string, std::shared_ptr<const conf::GroupBy>> GroupBysOf(
    const std::vector<conf::Conf>& confs) {
  std::map<std::string, std::shared_ptr<const conf::GroupBy>> group_bys;
  const auto add = [&](const std::shared_ptr<const conf::GroupBy>& group_by) {
    group_bys.emplace(conf::CleanName(group_by->metadata.name), group_by);
  };
  for (const conf::Conf& conf : confs) {
    if (const auto* group_by =
            std::get_if<std::shared_ptr<const conf::GroupBy>>(&conf.definition)) {
      add(*group_by);
    } else if (const auto* join =
                   std::get_if<std::shared_ptr<const conf::Join>>(&conf.definition)) {
      for (const conf::JoinPart& part : (*join)->join_parts) add(part.group_by);
    }
  }
  return group_bys;
}

Result<std::set<std::string>> StoredGroupBys(kv::KVStore* store) {
  CATENA_TRY(const auto datasets, store->ListDatasets());
  std::set<std::string> stored;
  for (const std::string& dataset : datasets) stored.insert(fetch::GroupByOfDataset(dataset));
  stored.erase("");  // Of what is no GroupBy's.
  return stored;
}

Result<int> Verify(const StateFlags& given, const CommonFlags& common) {
  CATENA_TRY(const Settings settings, common.Load());
  CATENA_TRY(const auto confs, GivenOrRepositoryConfs(settings, given.confs));
  CATENA_TRY(const auto store, OpenStore(settings, kv::OpenMode::kReadOnly));
  CATENA_TRY(const std::set<std::string> stored, StoredGroupBys(store.get()));
  const auto group_bys = GroupBysOf(confs);
  uint64_t problems = 0;
  for (const std::string& name : stored) {
    const auto group_by = group_bys.find(name);
    if (group_by == group_bys.end()) {
      fmt::print("{}: not looked at: no conf defines it\n", name);
      continue;
    }
    CATENA_TRY(const fetch::StateCheck check, fetch::CheckState(store.get(), group_by->second));
    problems += check.problems;
    fmt::print("{}: {}\n", name, check.problems == 0 ? "sound" : "BROKEN");
    for (const fetch::DatasetState& dataset : check.datasets) {
      fmt::print("  {:>10} keys {:>12} values {:>14} bytes  {}\n", dataset.keys, dataset.values,
                 dataset.bytes, dataset.name);
    }
    for (const std::string& problem : check.first_problems) fmt::print("  {}\n", problem);
    if (check.problems > check.first_problems.size()) {
      fmt::print("  and {} more\n", check.problems - check.first_problems.size());
    }
  }
  if (problems == 0) return 0;
  return Corruption(std::to_string(problems) +
                    " values cannot be read or do not add up: restore a snapshot, or remove the "
                    "state, upload and stream again");
}

// One line that is drawn anew, on a terminal.
kv::SnapshotProgress ProgressOf(const char* what) {
  if (isatty(fileno(stderr)) == 0) return {};
  return [what](const kv::SnapshotCounts& counts) {
    fmt::print(stderr, "\r{} {} values, {}", what, counts.values, Mebibytes(counts.bytes));
    std::fflush(stderr);
  };
}

Result<int> Snapshot(const StateFlags& given, const CommonFlags& common) {
  CATENA_TRY(const Settings settings, common.Load());
  CATENA_TRY(const auto store, OwnExistingStore(settings));
  const kv::SnapshotProgress progress = ProgressOf("copied");
  CATENA_TRY(const auto counts, kv::WriteSnapshot(store.get(), given.file, progress));
  if (progress) fmt::print(stderr, "\n");
  fmt::print("{}: {} values, {} marks, {}\n", given.file, counts.values, counts.marks,
             Mebibytes(counts.bytes));
  return 0;
}

Result<int> Restore(const StateFlags& given, const CommonFlags& common) {
  CATENA_TRY(const Settings settings, common.Load());
  // An embedded store is made by who owns it.
  CATENA_TRY(const auto store, kv::HasOneOwner(settings.kv_url)
                                   ? OpenStore(settings, kv::OpenMode::kOwn)
                                   : OwnExistingStore(settings));
  const kv::SnapshotProgress progress = ProgressOf("restored");
  CATENA_TRY(const auto counts, kv::RestoreSnapshot(given.file, store.get(), progress));
  if (progress) fmt::print(stderr, "\n");
  fmt::print("restored {} values and {} marks from {}\n", counts.values, counts.marks, given.file);
  return 0;
}

// What is no longer asked for goes only where a conf says what is asked for.
Status ForgetWhatIsNotAskedFor(kv::KVStore* store, const std::vector<conf::Conf>& confs) {
  CATENA_TRY(const std::set<std::string> stored, StoredGroupBys(store));
  const auto group_bys = GroupBysOf(confs);
  for (const std::string& name : stored) {
    const auto group_by = group_bys.find(name);
    if (group_by == group_bys.end()) {
      fmt::print("{}: kept whole: no conf defines it\n", name);
      continue;
    }
    const auto horizons = fetch::ReadHorizons(store, group_by->second);
    if (!horizons.ok()) {
      fmt::print("{}: kept whole: {}\n", name, horizons.error().message);
      continue;
    }
    for (const fetch::Horizon& horizon : *horizons) {
      CATENA_RETURN_IF_ERROR(store->SetHorizon(horizon.dataset, horizon.time));
    }
  }
  return Status();
}

Result<int> Compact(const StateFlags& given, const CommonFlags& common) {
  CATENA_TRY(const Settings settings, common.Load());
  CATENA_TRY(const auto confs, GivenOrRepositoryConfs(settings, given.confs));
  CATENA_TRY(const auto store, OwnExistingStore(settings));
  const auto bytes_of_all = [&]() -> Result<uint64_t> {
    CATENA_TRY(const auto datasets, store->ListDatasets());
    uint64_t total = 0;
    for (const std::string& dataset : datasets) {
      CATENA_TRY(const uint64_t bytes, store->ApproximateBytes(dataset));
      total += bytes;
    }
    return total;
  };
  CATENA_TRY(const uint64_t before, bytes_of_all());
  CATENA_RETURN_IF_ERROR(ForgetWhatIsNotAskedFor(store.get(), confs));
  CATENA_RETURN_IF_ERROR(store->Compact());
  CATENA_TRY(const uint64_t after, bytes_of_all());
  fmt::print("compacted: about {} before, {} now\n", Mebibytes(before), Mebibytes(after));
  return 0;
}

constexpr char kGroup[] = "Serve";

}  // namespace

Command StateLsCommand() {
  return {
      "state ls",
      kGroup,
      "List what the online store holds, by GroupBy.",
      "Its datasets with their sizes, its uploads, from when on it answers, and how far its stream "
      "has read. Sizes are estimates.",
      "  catena state ls\n",
      [](Flags* flags, const CommonFlags* common) -> Run {
        auto given = std::make_shared<StateFlags>();
        flags->Switch("--json", &given->json, "Print JSON.");
        return [given, common] { return List(*given, *common); };
      }};
}

Command StateVerifyCommand() {
  return {
      "state verify",
      kGroup,
      "Read everything in the online store and say what is broken.",
      "Every key, tile, row and upload must decode by its GroupBy's conf, and what was consumed "
      "of each topic partition must be accounted for. Works beside a running stream.",
      "  catena state verify\n"
      "  catena state verify --conf-path production/joins/fraud/user_merchant_join\n",
      [](Flags* flags, const CommonFlags* common) -> Run {
        auto given = std::make_shared<StateFlags>();
        flags->Texts("--conf-path,CONF FILE", &given->confs,
                     "GroupBys and Joins to look at; all of the repository when absent.");
        return [given, common] { return Verify(*given, *common); };
      }};
}

Command StateSnapshotCommand() {
  return {"state snapshot",
          kGroup,
          "Copy the online store into one file.",
          "For a backup, or to move to another kind of store. Whatever streams or uploads into the "
          "store must be stopped.",
          "  catena state snapshot backup.snapshot\n",
          [](Flags* flags, const CommonFlags* common) -> Run {
            auto given = std::make_shared<StateFlags>();
            flags->Text("FILE", &given->file, "Written whole or not at all.", Need::kRequired);
            return [given, common] { return Snapshot(*given, *common); };
          }};
}

Command StateRestoreCommand() {
  return {"state restore",
          kGroup,
          "Fill an empty online store from a snapshot.",
          "The file is checked to its end before anything is written. Streams then go on where the "
          "snapshot stood, as long as the topics still hold what came after.",
          "  catena state restore backup.snapshot\n"
          "  catena -Z kv.url=redis://localhost:6379 state restore backup.snapshot\n",
          [](Flags* flags, const CommonFlags* common) -> Run {
            auto given = std::make_shared<StateFlags>();
            flags->Text("FILE", &given->file, "What `catena state snapshot` wrote.",
                        Need::kRequired);
            return [given, common] { return Restore(*given, *common); };
          }};
}

Command StateCompactCommand() {
  return {"state compact",
          kGroup,
          "Give back the space of what the online store no longer needs.",
          "Tiles, rows and uploads that no read asks for any more go, by the windows of the confs "
          "and by how far the streams have come; the rest is written anew as small as it gets. An "
          "embedded store does this by itself while it is written to; this is for one that is at "
          "rest.",
          "  catena state compact\n",
          [](Flags* flags, const CommonFlags* common) -> Run {
            auto given = std::make_shared<StateFlags>();
            flags->Texts("--conf-path,CONF FILE", &given->confs,
                         "GroupBys and Joins to go by; all of the repository when absent.");
            return [given, common] { return Compact(*given, *common); };
          }};
}

}  // namespace catena::cli

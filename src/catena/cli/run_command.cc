// SPDX-License-Identifier: Apache-2.0
// `catena run`: the verbs by Chronon's run.py: a mode, a conf, days.
#include <memory>

#include "catena/cli/commands.h"
#include "catena/cli/storage.h"

namespace catena::cli {
namespace {

struct RunFlags {
  std::string mode;
  std::string conf;
  std::string ds;
  std::string start_ds;
  std::string end_ds;
  std::vector<std::string> more;
};

struct Mode {
  const char* name;
  const char* of_join;      // The verb, or null: not for a Join.
  const char* of_group_by;  // The same for a GroupBy.
  bool by_day;              // Takes --end-date.
};

constexpr Mode kModes[] = {
    {"backfill", "join", "group-by-backfill", true},
    {"label-join", "label-join", nullptr, true},
    {"upload", nullptr, "group-by-upload", true},
    {"streaming", nullptr, "group-by-streaming", false},
    {"fetch", "fetch", "fetch", false},
    {"analyze", "analyze", "analyze", true},
    // Chronon's halves of a backfill; here the second finds done what the first did.
    {"backfill-left", "join", nullptr, true},
    {"backfill-final", "join", nullptr, true},
};

std::vector<std::string> ModeNames() {
  std::vector<std::string> names;
  for (const Mode& mode : kModes) names.emplace_back(mode.name);
  return names;
}

Result<int> RunMode(const RunFlags& given, const CommonFlags& common) {
  CATENA_TRY(const Settings settings, common.Load());
  if (given.mode.empty()) return InvalidConf("--mode is required: backfill, upload, ...");
  const Mode* mode = nullptr;
  for (const Mode& known : kModes) {
    if (given.mode == known.name) mode = &known;
  }
  CATENA_CHECK(mode != nullptr, "the flag admits the modes of the table only");
  CATENA_TRY(const conf::Conf conf, OpenConf(settings, given.conf));
  const char* verb = conf.join() != nullptr ? mode->of_join : mode->of_group_by;
  if (verb == nullptr) {
    return InvalidConf("--mode " + given.mode +
                       (conf.join() != nullptr ? " is of a GroupBy, this conf is a Join: "
                                               : " is of a Join, this conf is a GroupBy: ") +
                       given.conf);
  }
  if (!mode->by_day && !(given.ds + given.start_ds + given.end_ds).empty()) {
    return InvalidConf("--mode " + given.mode + " takes no --ds, --start-ds, --end-ds");
  }
  std::vector<std::string> arguments = {verb, given.conf};
  if (given.mode != "analyze") arguments.insert(arguments.begin() + 1, "--conf-path");
  const auto add = [&](const char* flag, const std::string& value) {
    if (!value.empty()) arguments.insert(arguments.end(), {flag, value});
  };
  add("--end-date", given.end_ds.empty() ? given.ds : given.end_ds);
  add("--start-partition-override", given.start_ds);
  add("--repo", common.repository);
  for (const std::string& assignment : common.overrides) add("-Z", assignment);
  if (given.mode == "fetch") {
    add("--type", conf.join() != nullptr ? "join" : "group-by");
    add("--name", conf.metadata().name);
  }
  arguments.insert(arguments.end(), given.more.begin(), given.more.end());
  return RunCommandLine(*common.commands, arguments);
}

}  // namespace

Command RunCommand() {
  return {"run",
          "Tables",
          "Run a verb the way Chronon's run.py is called: by mode and conf.",
          "Calls join, label-join, group-by-backfill, group-by-upload, group-by-streaming, fetch "
          "or analyze, whichever the mode and the conf mean; what stands after -- goes to that "
          "verb as it is. backfill-left and backfill-final are both join: one job does what "
          "Chronon does in two, and the second reuses what the first computed.",
          "  catena run --mode backfill --conf production/joins/fraud/final.v1 --ds 2026-11-20\n"
          "  catena run --mode backfill --conf joins/fraud/final.v1 --start-ds 2026-11-01 --end-ds "
          "2026-11-20 -- --step-days 5\n"
          "  catena run --mode upload --conf group_bys/fraud/user_risk.v1 --ds 2026-11-20\n",
          [](Flags* flags, const CommonFlags* common) -> Run {
            auto given = std::make_shared<RunFlags>();
            flags->Choice("--mode MODE", &given->mode, ModeNames(), "What to do with the conf.");
            flags->Text("--conf,--conf-path FILE", &given->conf,
                        "Compiled conf: a path, or one below <repo>/production.", Need::kRequired);
            flags->Text("--ds DATE", &given->ds,
                        "Last day, included, YYYY-MM-DD; yesterday (UTC) when absent.");
            flags->Text("--start-ds DATE", &given->start_ds, "First day of a range.");
            flags->Text("--end-ds DATE", &given->end_ds, "Last day of a range; before --ds.");
            flags->Texts("ARGUMENT", &given->more, "After --: further flags of the verb.");
            return [given, common] { return RunMode(*given, *common); };
          }};
}

}  // namespace catena::cli

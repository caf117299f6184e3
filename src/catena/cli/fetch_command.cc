// SPDX-License-Identifier: Apache-2.0
// `catena fetch`: features now, or as of a time, as JSON.
#include <fmt/format.h>

#include <memory>

#include "catena/cli/commands.h"
#include "catena/cli/storage.h"
#include "catena/fetch/enriched_row.h"
#include "catena/serve/features.h"

namespace catena::cli {
namespace {

constexpr char kEnriched[] = "enriched";

struct FetchFlags {
  std::string type = "join";
  std::string name;
  std::string key_json;
  std::string key_json_file;
  std::optional<int64_t> at_millis;
  bool list = false;
  std::vector<std::string> conf_paths;
};

void PrintList(const fetch::Fetcher& fetcher) {
  for (const std::string& name : fetcher.JoinNames()) fmt::print("join      {}\n", name);
  for (const std::string& name : fetcher.GroupByNames()) fmt::print("group-by  {}\n", name);
}

// One key map stands for a list of one.
Result<Json> ReadKeys(const FetchFlags& given) {
  if (given.key_json.empty() == given.key_json_file.empty()) {
    return InvalidConf("give the keys with --key-json '{\"user_id\": 7}' or --key-json-file FILE");
  }
  std::string text = given.key_json;
  if (text.empty()) {
    CATENA_TRY(text, ReadTextOrStdin(given.key_json_file));
  }
  const std::string what = given.key_json.empty() ? given.key_json_file : "--key-json";
  CATENA_TRY(Json keys, ParseJson(text, what));
  if (keys.is_object() && !keys.contains("requests")) return Json::array({keys});
  return keys;
}

// Rows as a stream published them last, whatever the time.
Result<int> FetchEnriched(const Settings& settings, const std::string& join, const Json& keys) {
  CATENA_TRY(const auto store, OpenStore(settings, kv::OpenMode::kReadOnly));
  CATENA_TRY(const auto rows, fetch::ReadEnrichedRows(store.get(), join, keys));
  fmt::print("{}\n", PrettyJson(Json{{"results", rows}}));
  return 0;
}

Result<int> Fetch(const FetchFlags& given, const CommonFlags& common) {
  CATENA_TRY(const Settings settings, common.Load());
  CATENA_TRY(const auto confs, GivenOrRepositoryConfs(settings, given.conf_paths));
  if (given.list) {
    fetch::Fetcher fetcher(nullptr);
    for (const conf::Conf& conf : confs) fetcher.AddConf(conf);
    PrintList(fetcher);
    return 0;
  }
  if (given.name.empty()) {
    return InvalidConf("--name is required; `catena fetch --list` prints the names");
  }
  CATENA_TRY(const Json keys, ReadKeys(given));
  if (given.type == kEnriched) return FetchEnriched(settings, given.name, keys);
  serve::FeaturesCall call{given.name, given.type == "join", std::nullopt};
  if (given.at_millis) call.as_of = FromMillis(*given.at_millis);
  {
    // A misspelt name is told before the store is opened.
    fetch::Fetcher names(nullptr);
    for (const conf::Conf& conf : confs) names.AddConf(conf);
    const serve::Features known(&names, nullptr, &SystemClock());
    const auto resolved = known.ResolveName(call.name, call.is_join);
    if (!resolved.ok() && known.ResolveName(call.name, !call.is_join).ok()) {
      return InvalidConf(std::string(call.is_join ? "this is a GroupBy; say --type group-by: "
                                                  : "this is a Join; say --type join: ") +
                         call.name);
    }
    if (!resolved.ok()) return InvalidConf(resolved.error().message);
  }
  CATENA_TRY(const auto store, OpenStore(settings, kv::OpenMode::kReadOnly));
  fetch::Fetcher fetcher(store.get());
  for (const conf::Conf& conf : confs) fetcher.AddConf(conf);
  serve::Features features(&fetcher, store.get(), &SystemClock());
  CATENA_TRY(const serve::FeaturesAnswer answer, features.Fetch(call, keys));
  fmt::print("{}\n", PrettyJson(answer.document));
  return answer.failures == 0 ? 0 : 1;
}

}  // namespace

Command FetchCommand() {
  return {"fetch",
          "Serve",
          "Print the features of keys, now or as of a time, as JSON.",
          "Answers what `catena serve` would. A value that may differ from the backfill's at that "
          "time is listed under `incomplete` with the reason; a key that cannot be answered has "
          "status Failure, and the exit code is 1.",
          "  catena fetch --list\n"
          "  catena fetch --type join --name fraud.final.v1 --key-json '{\"user_id\": 7, "
          "\"merchant_id\": 3}'\n"
          "  catena fetch --type group-by --name fraud.user_risk.v1 --key-json '[{\"user_id\": 7}, "
          "{\"user_id\": 8}]'\n"
          "  catena fetch --type join --name fraud.final.v1 --key-json-file keys.json --at-millis "
          "1763640000000\n"
          "  catena fetch --type enriched --name fraud.enriched.v1 --key-json '{\"user_id\": 7}'\n",
          [](Flags* flags, const CommonFlags* common) -> Run {
            auto given = std::make_shared<FetchFlags>();
            flags->Choice("--type KIND", &given->type, {"join", "group-by", kEnriched},
                          "What --name names, join when absent; enriched: a parent Join, of which "
                          "the newest rows that publish_kv keeps are printed.");
            flags->Text("--name NAME", &given->name, "Of the Join or GroupBy: team.file.variable.");
            flags->Text("--key-json JSON", &given->key_json,
                        "A key map, or an array of them; numbers may be strings.");
            flags->Text("--key-json-file FILE", &given->key_json_file,
                        "The same from a file; - is standard input.");
            flags->Whole("--at-millis MILLIS", &given->at_millis,
                         "As of when, exclusive, in milliseconds since 1970 UTC; now when absent.");
            flags->Switch("--list", &given->list, "Print what can be fetched, and stop.");
            flags->Texts("--conf-path,CONF FILE", &given->conf_paths,
                         "Compiled confs; those of <repo>/production when absent.");
            return [given, common] { return Fetch(*given, *common); };
          }};
}

}  // namespace catena::cli

// SPDX-License-Identifier: Apache-2.0
// `catena dlq ls`, `catena dlq show`, `catena dlq replay`: records that no stream could take.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "catena/cli/commands.h"
#include "catena/cli/record_json.h"
#include "catena/cli/storage.h"
#include "catena/streaming/dead_letter.h"
#include "catena/topic/record_text.h"

namespace catena::cli {
namespace {

using streaming::DeadLetter;

struct DlqFlags {
  std::string topic;
  std::string into;
  std::optional<int64_t> limit;
  bool json = false;
};

// The letters of one topic.
struct Pile {
  streaming::ReplayedOffsets replayed_offsets;
  int64_t letters = 0;
  int64_t replayed = 0;
  Timestamp oldest;
  Timestamp newest;
  std::map<std::string, int64_t> reasons;
};

Json JsonOf(const std::string& topic, const Pile& pile) {
  Json reasons = Json::object();
  for (const auto& [reason, letters] : pile.reasons) reasons[reason] = letters;
  return {{"topic", topic},
          {"letters", pile.letters},
          {"replayed", pile.replayed},
          {"oldest", FormatTimestamp(pile.oldest)},
          {"newest", FormatTimestamp(pile.newest)},
          {"reasons", std::move(reasons)}};
}

Result<std::map<std::string, Pile>> PilesOf(kv::KVStore* store) {
  std::map<std::string, Pile> piles;
  Status read;
  CATENA_RETURN_IF_ERROR(streaming::VisitDeadLetters(
      store, "", [&](const std::string& topic, const DeadLetter& letter) {
        const auto [at, is_new] = piles.try_emplace(topic);
        Pile& pile = at->second;
        if (is_new) {
          auto offsets = streaming::ReplayedLetters(store, topic);
          if (!offsets.ok()) {
            read = offsets.error();
            return false;
          }
          pile.replayed_offsets = std::move(*offsets);
          pile.oldest = letter.record.append_time;
        }
        pile.replayed += streaming::IsReplayed(pile.replayed_offsets, letter);
        pile.newest = letter.record.append_time;
        ++pile.letters;
        ++pile.reasons[letter.reason];
        return true;
      }));
  CATENA_RETURN_IF_ERROR(read);
  return piles;
}

Result<int> List(const DlqFlags& given, const CommonFlags& common) {
  CATENA_TRY(const Settings settings, common.Load());
  CATENA_TRY(const auto store, OpenStore(settings, kv::OpenMode::kReadOnly));
  CATENA_TRY(const auto piles, PilesOf(store.get()));
  if (given.json) {
    Json topics = Json::array();
    for (const auto& [topic, pile] : piles) topics.push_back(JsonOf(topic, pile));
    fmt::print("{}\n", PrintJson(topics));
    return 0;
  }
  if (piles.empty()) fmt::print("no dead letters\n");
  for (const auto& [topic, pile] : piles) {
    fmt::print("{}: {} dead letters, {} of them replayed, appended {} .. {}\n", topic, pile.letters,
               pile.replayed, FormatTimestamp(pile.oldest), FormatTimestamp(pile.newest));
    std::vector<std::pair<int64_t, std::string>> reasons;
    for (const auto& [reason, letters] : pile.reasons) reasons.emplace_back(letters, reason);
    std::ranges::sort(reasons, std::greater<>());
    for (const auto& [letters, reason] : reasons) fmt::print("  {:>8}  {}\n", letters, reason);
  }
  return 0;
}

Result<int> Show(const DlqFlags& given, const CommonFlags& common) {
  CATENA_TRY(const Settings settings, common.Load());
  CATENA_TRY(const auto address, AddressOf(settings, given.topic));
  int64_t left = given.limit.value_or(INT64_MAX);
  if (left < 1) return InvalidConf("--limit is at least 1: " + std::to_string(left));
  CATENA_TRY(const auto text, topic::RecordText::Open(address));
  CATENA_TRY(const auto store, OpenStore(settings, kv::OpenMode::kReadOnly));
  bool any = false;
  Status shown;
  CATENA_RETURN_IF_ERROR(streaming::VisitDeadLetters(
      store.get(), address.name, [&](const std::string&, const DeadLetter& letter) {
        any = true;
        auto line = RecordJson(letter.record, text.get());
        if (!line.ok()) {
          shown = line.error();
          return false;
        }
        (*line)["_reason"] = letter.reason;
        fmt::print("{}\n", PrintJson(*line));
        return --left > 0;
      }));
  CATENA_RETURN_IF_ERROR(shown);
  if (!any)
    fmt::print(stderr, "no dead letters of {}; `catena dlq ls` lists those there are\n",
               address.name);
  return 0;
}

Result<int> Replay(const DlqFlags& given, const CommonFlags& common) {
  CATENA_TRY(const Settings settings, common.Load());
  CATENA_TRY(const auto from, AddressOf(settings, given.topic));
  CATENA_TRY(const auto into, AddressOf(settings, given.into.empty() ? given.topic : given.into));
  CATENA_TRY(const auto store, OpenStore(settings, kv::OpenMode::kJoin));
  CATENA_TRY(const auto replay,
             streaming::ReplayDeadLetters(store.get(), from.name, into, SystemClock()));
  fmt::print("replayed {} dead letters of {} into {}", replay.records, from.name, into.name);
  if (replay.resumed > 0) {
    fmt::print("; an interrupted replay had already sent {}", replay.resumed);
  }
  fmt::print("\n");
  return 0;
}

}  // namespace

Command DlqLsCommand() {
  return {
      "dlq ls",
      "Topics and streams",
      "List dead letters by topic and reason.",
      "A dead letter is a record that a stream could not take: it did not decode, an expression "
      "of its Query failed, or its event time is null or too far ahead. It is kept with its "
      "reason, and the stream goes on.",
      "  catena dlq ls\n",
      [](Flags* flags, const CommonFlags* common) -> Run {
        auto given = std::make_shared<DlqFlags>();
        flags->Switch("--json", &given->json, "Print JSON.");
        return [given, common] { return List(*given, *common); };
      }};
}

Command DlqShowCommand() {
  return {"dlq show",
          "Topics and streams",
          "Print a topic's dead letters as JSON lines.",
          "The oldest first. Each line has _partition, _offset, _append_time and _reason; a record "
          "that is no object of the topic's format shows as _raw.",
          "  catena dlq show payment-events --limit 5\n",
          [](Flags* flags, const CommonFlags* common) -> Run {
            auto given = std::make_shared<DlqFlags>();
            flags->Text("TOPIC", &given->topic, "The topic.", Need::kRequired);
            flags->Whole("--limit N", &given->limit, "At most so many.");
            return [given, common] { return Show(*given, *common); };
          }};
}

Command DlqReplayCommand() {
  return {"dlq replay",
          "Topics and streams",
          "Send a topic's dead letters again.",
          "For when what refused them is repaired: a conf, a schema, a bound. Appends the records "
          "of all letters that were not replayed yet, each once, also when it is interrupted and "
          "run again; the letters stay to be seen. What refuses a record again keeps it as a new "
          "letter.\n\nEvery reader of the topic sees the records again, also one that took them "
          "the first time and now counts them twice. Where there are such readers, replay into a "
          "topic that only the repaired one reads.",
          "  catena dlq replay payment-events\n"
          "  catena dlq replay payment-events --into payment-events-repaired\n",
          [](Flags* flags, const CommonFlags* common) -> Run {
            auto given = std::make_shared<DlqFlags>();
            flags->Text("TOPIC", &given->topic, "Whose letters.", Need::kRequired);
            flags->Text("--into TOPIC", &given->into, "Where they go; the same topic when absent.");
            return [given, common] { return Replay(*given, *common); };
          }};
}

}  // namespace catena::cli

// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/publish/publish_options.h"

#include <algorithm>

namespace catena::streaming {
namespace {

constexpr char kTopic[] = "publish_topic";
constexpr char kKey[] = "publish_key";
constexpr char kToKv[] = "publish_kv";

const std::string* Find(const StreamParameters& parameters, const std::string& name) {
  const auto at = parameters.find(name);
  return at == parameters.end() ? nullptr : &at->second;
}

Result<std::string> ValueOf(const Settings& settings, const plan::StreamTask& task,
                            const std::string& name) {
  if (const std::string* value = Find(settings.stream_overrides, name)) return *value;
  const conf::MetaData& join = task.stages.back().join->metadata;
  if (const std::string* value = Find(join.stream, name)) return *value;
  const conf::MetaData* said_by = nullptr;
  for (const auto& group_by : task.group_bys) {
    const conf::MetaData& metadata = group_by->metadata;
    if (Find(metadata.stream, name) == nullptr) continue;
    if (said_by != nullptr && *Find(said_by->stream, name) != *Find(metadata.stream, name)) {
      return InvalidConf("one Join publishes one way; say " + name + " in its own conf: " +
                         join.name + " is read by " + said_by->name + " and " + metadata.name);
    }
    said_by = &metadata;
  }
  if (said_by != nullptr) return *Find(said_by->stream, name);
  const std::string* value = Find(settings.stream, name);
  return value == nullptr ? "" : *value;
}

// "user_id" or "user_id,merchant_id", or the array that a conf writes.
Result<std::vector<std::string>> ColumnsOf(const std::string& text) {
  std::vector<std::string> columns;
  if (text.starts_with('[')) {
    const auto json = ParseJson(text, kKey);
    const bool is_texts =
        json.ok() && json->is_array() &&
        std::all_of(json->begin(), json->end(), [](const Json& each) { return each.is_string(); });
    if (!is_texts) {
      return InvalidConf("stream parameter publish_key takes names of columns: " + text);
    }
    return json->get<std::vector<std::string>>();
  }
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    columns.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return columns;
}

}  // namespace

bool IsPublishParameter(const std::string& name) {
  return name == kTopic || name == kKey || name == kToKv;
}

Result<PublishedJoins> PublishedJoinsOf(const Settings& settings, const plan::StreamingPlan& plan) {
  PublishedJoins joins;
  std::map<std::string, std::string> join_of_topic;
  for (const plan::StreamTask& task : plan.tasks) {
    if (task.stages.empty()) continue;
    const std::string& join = task.stages.back().join->metadata.name;
    PublishOptions options;
    CATENA_TRY(options.topic, ValueOf(settings, task, kTopic));
    CATENA_TRY(const std::string key, ValueOf(settings, task, kKey));
    CATENA_TRY(options.key, ColumnsOf(key));
    CATENA_TRY(const std::string to_kv, ValueOf(settings, task, kToKv));
    if (!to_kv.empty() && to_kv != "true" && to_kv != "false") {
      return InvalidConf("stream parameter publish_kv takes true or false: " + to_kv);
    }
    options.to_kv = to_kv == "true";
    if (!options.any()) continue;
    if (!options.topic.empty()) {
      const auto [at, is_new] = join_of_topic.emplace(options.topic, join);
      if (!is_new) {
        return InvalidConf(
            "each Join publishes to a topic of its own, say publish_topic in their "
            "confs: " +
            at->second + " and " + join + " to " + options.topic);
      }
    }
    joins.emplace(join, std::move(options));
  }
  return joins;
}

}  // namespace catena::streaming

// SPDX-License-Identifier: Apache-2.0
#include "catena/base/settings.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "catena/base/file.h"

namespace catena {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kTopKeys = {"warehouse", "kv",     "topics", "memory_limit",
                                           "monitor",   "stream", "kafka"};
const std::vector<std::string> kStreamKeys = {"event_time_query",
                                              "query_shift_ms",
                                              "query_delay_ms",
                                              "time_percentile",
                                              "lag_millis",
                                              "batch_interval_millis",
                                              "batch_duration",
                                              "checkpoint_interval",
                                              "parallelism",
                                              "timeout_millis",
                                              "processing_engine",
                                              "gate",
                                              "out_of_orderness_ms",
                                              "max_future_skew_ms",
                                              "raw_retention_ms",
                                              "state_cache_mb",
                                              "as_of_retention_ms",
                                              "on_error",
                                              "debug",
                                              "snapshot_wait_ms",
                                              "publish_topic",
                                              "publish_key",
                                              "publish_kv"};

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row[b.size()];
}

Error UnknownKey(const std::string& where, const std::string& key,
                 const std::vector<std::string>& known) {
  const std::vector<std::string> near = NearestNames(key, known);
  std::string message = where + ": unknown key: " + key;
  if (!near.empty()) message += "; did you mean " + near[0] + "?";
  return InvalidConf(message);
}

std::string PlaceOf(const std::string& path, const YAML::Node& node) {
  return path + ":" + std::to_string(node.Mark().line + 1);
}

// "file:x", "rocksdb:x?cache_mb=1" and plain paths become absolute against `base`.
std::string Absolute(const std::string& base, const std::string& url) {
  for (const std::string scheme : {"file://", "file:", "rocksdb://", "rocksdb:"}) {
    if (url.starts_with(scheme)) {
      const std::string path = url.substr(scheme.size());
      return scheme.substr(0, scheme.find(':') + 1) +
             (fs::path(base) / path).lexically_normal().string();
    }
  }
  if (url.find(':') != std::string::npos) return url;
  return (fs::path(base) / url).lexically_normal().string();
}

// `kafka` alone is Kafka's bare scheme; everything else may name a folder.
std::string TopicsDefault(const std::string& base, const std::string& value) {
  return value == "kafka" ? "kafka:" : Absolute(base, value);
}

std::string StreamName(std::string_view name) {
  if (name.starts_with(kStreamPrefix)) name.remove_prefix(kStreamPrefix.size());
  std::string flat(name);
  std::replace(flat.begin(), flat.end(), '.', '_');
  return flat;
}

Status ReadMillis(const std::string& place, const std::string& text, int64_t* into) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), *into);
  if (code != std::errc() || end != text.data() + text.size() || *into <= 0) {
    return InvalidConf(place + ": must be a positive whole number: " + text);
  }
  return Status();
}

class YamlFile {
 public:
  YamlFile(std::string path, Settings* settings)
      : path_(std::move(path)),
        base_(fs::path(path_).parent_path().string()),
        settings_(settings) {}

  Status Read() {
    YAML::Node root = YAML::LoadFile(path_);
    if (root.IsNull()) return Status();
    if (!root.IsMap()) return InvalidConf(path_ + ": must be a mapping of keys to values");
    for (const auto& entry : root) {
      CATENA_RETURN_IF_ERROR(ReadTop(entry.first.as<std::string>(), entry.second));
    }
    return Status();
  }

 private:
  Status ReadTop(const std::string& key, const YAML::Node& node) {
    if (key == "warehouse") return Scalar(node, &settings_->warehouse, true);
    if (key == "memory_limit") return Scalar(node, &settings_->memory_limit, false);
    if (key == "kv") {
      return Each(node, [&](const std::string& name, const YAML::Node& value) -> Status {
        if (name == "url") return Scalar(value, &settings_->kv_url, true);
        return UnknownKey(PlaceOf(path_, value) + ": kv", name, {"url"});
      });
    }
    if (key == "topics") {
      return Each(node, [&](const std::string& name, const YAML::Node& value) -> Status {
        if (name == "default") {
          CATENA_RETURN_IF_ERROR(Scalar(value, &settings_->topics_default, false));
          settings_->topics_default = TopicsDefault(base_, settings_->topics_default);
          return Status();
        }
        return UnknownKey(PlaceOf(path_, value) + ": topics", name, {"default"});
      });
    }
    if (key == "monitor") {
      return Each(node, [&](const std::string& name, const YAML::Node& value) -> Status {
        int64_t* into = name == "lag_alert_millis"       ? &settings_->lag_alert_millis
                        : name == "latency_alert_millis" ? &settings_->latency_alert_millis
                                                         : nullptr;
        if (into == nullptr) {
          return UnknownKey(PlaceOf(path_, value) + ": monitor", name,
                            {"lag_alert_millis", "latency_alert_millis"});
        }
        return ReadMillis(PlaceOf(path_, value) + ": " + name, value.as<std::string>(), into);
      });
    }
    if (key == "stream") {
      StreamParameters said;
      CATENA_RETURN_IF_ERROR(
          Each(node, [&](const std::string& name, const YAML::Node& value) -> Status {
            if (said.contains(StreamName(name))) return SaidTwice(value, StreamName(name));
            std::string text;
            CATENA_RETURN_IF_ERROR(Scalar(value, &text, false));
            return SetStreamParameter(PlaceOf(path_, value) + ": stream", name, text, &said);
          }));
      for (auto& [name, value] : said) settings_->stream[name] = std::move(value);
      return Status();
    }
    if (key == "kafka") {
      return Each(node, [&](const std::string& name, const YAML::Node& value) {
        return Scalar(value, &settings_->kafka[name], false);
      });
    }
    return UnknownKey(PlaceOf(path_, node), key, kTopKeys);
  }

  template <typename Visit>
  Status Each(const YAML::Node& node, Visit visit) {
    if (!node.IsMap()) return InvalidConf(PlaceOf(path_, node) + ": must be a mapping");
    std::set<std::string> said;
    for (const auto& entry : node) {
      const auto name = entry.first.as<std::string>();
      if (!said.insert(name).second) return SaidTwice(entry.second, name);
      CATENA_RETURN_IF_ERROR(visit(name, entry.second));
    }
    return Status();
  }

  // Which of both counts nobody could tell by looking.
  Status SaidTwice(const YAML::Node& node, const std::string& name) {
    return InvalidConf(PlaceOf(path_, node) + ": said twice, take one out: " + name);
  }

  Status Scalar(const YAML::Node& node, std::string* into, bool is_path) {
    if (!node.IsScalar()) return InvalidConf(PlaceOf(path_, node) + ": must be a single value");
    *into = is_path ? Absolute(base_, node.as<std::string>()) : node.as<std::string>();
    return Status();
  }

  std::string path_;
  std::string base_;
  Settings* settings_;
};

Status ReadYaml(const std::string& path, Settings* settings) {
  try {
    return YamlFile(path, settings).Read();
  } catch (const YAML::Exception& error) {
    return InvalidConf(path + ":" + std::to_string(error.mark.line + 1) +
                       ": not valid YAML: " + error.msg);
  }
}

void ReadEnvironment(const std::string& cwd, Settings* settings) {
  const auto read = [&](const char* name, std::string* into, bool is_path) {
    if (const char* value = std::getenv(name)) *into = is_path ? Absolute(cwd, value) : value;
  };
  read("CATENA_WAREHOUSE", &settings->warehouse, true);
  read("CATENA_KV_URL", &settings->kv_url, true);
  if (const char* value = std::getenv("CATENA_TOPICS_DEFAULT")) {
    settings->topics_default = TopicsDefault(cwd, value);
  }
  read("CATENA_MEMORY_LIMIT", &settings->memory_limit, false);
}

}  // namespace

bool IsStreamParameter(std::string_view name) {
  return std::find(kStreamKeys.begin(), kStreamKeys.end(), StreamName(name)) != kStreamKeys.end();
}

Status SetStreamParameter(const std::string& where, std::string_view name, const std::string& value,
                          StreamParameters* into) {
  if (IsStreamParameter(name)) {
    (*into)[StreamName(name)] = value;
    return Status();
  }
  if (name.starts_with("spark.") && !name.starts_with(kStreamPrefix)) {
    return InvalidConf(where +
                       ": a property of Spark, and nothing here runs on Spark; leave it out: " +
                       std::string(name));
  }
  return UnknownKey(where, StreamName(name), kStreamKeys);
}

std::vector<std::string> NearestNames(std::string_view name,
                                      const std::vector<std::string>& known) {
  std::vector<std::pair<size_t, std::string>> near;
  for (const std::string& candidate : known) {
    const size_t distance = EditDistance(name, candidate);
    if (distance <= std::max<size_t>(2, name.size() / 3)) near.emplace_back(distance, candidate);
  }
  std::sort(near.begin(), near.end());
  std::vector<std::string> names;
  for (auto& [distance, candidate] : near) names.push_back(std::move(candidate));
  return names;
}

Result<Settings> LoadSettings(const std::string& start) {
  Settings settings;
  std::error_code code;
  const fs::path from = fs::absolute(start, code).lexically_normal();
  settings.repository = from.string();
  if (const char* home = std::getenv("HOME")) {
    const std::string user = std::string(home) + "/.config/catena/catena.yaml";
    if (fs::exists(user, code)) CATENA_RETURN_IF_ERROR(ReadYaml(user, &settings));
  }
  for (fs::path folder = from;; folder = folder.parent_path()) {
    const fs::path file = folder / "catena.yaml";
    if (fs::exists(file, code)) {
      settings.repository = folder.string();
      CATENA_RETURN_IF_ERROR(ReadYaml(file.string(), &settings));
      break;
    }
    if (folder == folder.parent_path()) break;
  }
  ReadEnvironment(fs::current_path(code).string(), &settings);
  settings.warehouse = Absolute(settings.repository, settings.warehouse);
  settings.kv_url = Absolute(settings.repository, settings.kv_url);
  settings.topics_default = TopicsDefault(settings.repository, settings.topics_default);
  return settings;
}

Status ApplyOverride(std::string_view assignment, Settings* settings) {
  const size_t equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return InvalidConf("-Z wants key=value: " + std::string(assignment));
  }
  const std::string name(assignment.substr(0, equals));
  const std::string value(assignment.substr(equals + 1));
  if (name == "warehouse") {
    settings->warehouse = Absolute(settings->repository, value);
  } else if (name == "kv.url") {
    settings->kv_url = Absolute(settings->repository, value);
  } else if (name == "topics.default") {
    settings->topics_default = TopicsDefault(settings->repository, value);
  } else if (name.starts_with("kafka.")) {
    settings->kafka[name.substr(6)] = value;
  } else {
    return SetStreamParameter("-Z", name, value, &settings->stream_overrides);
  }
  return Status();
}

}  // namespace catena

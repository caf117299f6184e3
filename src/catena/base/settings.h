// SPDX-License-Identifier: Apache-2.0
// Settings: what `catena.yaml`, the environment and `-Z` say about where things are.
//
// Precedence: flags > CATENA_* environment > <repo>/catena.yaml > ~/.config/catena/catena.yaml >
// defaults. Relative paths are relative to the file that says them. `kafka:` is passed through.
//
//   errors  kInvalidConf with file, line and "did you mean" for an unknown key or a wrong type
//   source  yaml-cpp, whose only home is here

#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "catena/base/result.h"

namespace catena {

// Parameters of a stream (docs/reference/parameters.md) by their flat names: "lag_millis".
using StreamParameters = std::map<std::string, std::string>;

struct Settings {
  std::string repository;                            // Absolute folder of catena.yaml, or the cwd.
  std::string warehouse = "build/warehouse";         // `warehouse:`, absolute once loaded.
  std::string kv_url = "rocksdb:build/state";        // `kv: {url:}`
  std::string topics_default = "file:build/topics";  // `topics: {default:}`
  std::string memory_limit = "2GB";                  // `memory_limit:`, DuckDB's and the kernels'.
  int64_t lag_alert_millis = 60000;                  // `monitor: {lag_alert_millis:}`
  int64_t latency_alert_millis = 30000;              // `monitor: {latency_alert_millis:}`
  // `stream: {lag_millis: …}` and every `spark.chronon.stream.chain.<name>`, dots as underscores.
  StreamParameters stream;
  StreamParameters stream_overrides;  // The same of `-Z` and flags, above what a conf says.
  std::map<std::string, std::string> kafka;
};

// Looks for catena.yaml in `start` and its parents; defaults relative to `start` without one.
Result<Settings> LoadSettings(const std::string& start);

// One `key=value` of `-Z`, e.g. "spark.chronon.stream.chain.lag.millis=500", "lag_millis=500".
Status ApplyOverride(std::string_view assignment, Settings* settings);

// Whether that is one, in any spelling.
bool IsStreamParameter(std::string_view name);
inline constexpr std::string_view kStreamPrefix = "spark.chronon.stream.chain.";
// kInvalidConf for an unknown name, with `where` it stands and what it may have meant.
Status SetStreamParameter(const std::string& where, std::string_view name, const std::string& value,
                          StreamParameters* into);

// The names that a misspelt one may have meant, nearest first; empty when none is near.
std::vector<std::string> NearestNames(std::string_view name, const std::vector<std::string>& known);

}  // namespace catena

// SPDX-License-Identifier: Apache-2.0
// Alert: a metric above its threshold, told once until it has clearly fallen again.
//
//     value   ____/^^^^^^\__ threshold
//     alert       |firing    \_| cleared below nine tenths of the threshold
//
// The gap keeps an alert from flapping when its metric hovers at the threshold.
//
//   threads  values; each AlertState belongs to one thread at a time
//   source   ChainMonitor of the seed, texts included

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "catena/base/time.h"

namespace catena::monitor {

struct AlertRule {
  std::string_view metric;  // "groupby.input.lag".
  std::string_view text;    // "Chain broken: GroupBy falling behind".
  double threshold = 0;     // Milliseconds.
};

inline constexpr std::string_view kBehindText = "Chain broken: GroupBy falling behind";
inline constexpr std::string_view kSlowText = "Chain slow: High end-to-end latency";
// Ours beside the seed's two.
inline constexpr std::string_view kStalledText = "Chain stalled: what it needs does not answer";
inline constexpr double kClearRatio = 0.9;

struct Alert {
  std::string metric;
  std::string text;
  double value = 0;
  double threshold = 0;
  Timestamp since;
};

class AlertState {
 public:
  // What fires now. With `log`, the moment it begins and the moment it ends are log lines.
  std::optional<Alert> Update(const AlertRule& rule, const std::string& group_by, double value,
                              Timestamp now, bool log);

 private:
  std::optional<Timestamp> since_;
};

}  // namespace catena::monitor

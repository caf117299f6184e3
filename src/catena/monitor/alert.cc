// SPDX-License-Identifier: Apache-2.0
#include "catena/monitor/alert.h"

#include "catena/base/log.h"

namespace catena::monitor {

std::optional<Alert> AlertState::Update(const AlertRule& rule, const std::string& group_by,
                                        double value, Timestamp now, bool log) {
  if (!since_ && value > rule.threshold) {
    since_ = now;
    if (log) {
      CATENA_LOG_WARN("alert", "{} group_by={} {}={:.0f} threshold={:.0f}", rule.text, group_by,
                      rule.metric, value, rule.threshold);
    }
  } else if (since_ && value <= rule.threshold * kClearRatio) {
    if (log) {
      CATENA_LOG_INFO("alert", "cleared: {} group_by={} {}={:.0f} since={}", rule.text, group_by,
                      rule.metric, value, FormatTimestamp(*since_));
    }
    since_.reset();
  }
  if (!since_) return std::nullopt;
  return Alert{std::string(rule.metric), std::string(rule.text), value, rule.threshold, *since_};
}

}  // namespace catena::monitor

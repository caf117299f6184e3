// SPDX-License-Identifier: Apache-2.0
// Schedule: which payment is due when; the plan that producer, floor and freshness share.
//
//     payment i is due at begin + i / rate; every stride-th is a probe, of a user of its own
//
// All latencies count from when a payment was due, not from when a busy producer got to it: no one
// who is late makes another one look early (no coordinated omission).

#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "catena/base/json.h"

namespace catena::bench {

using Steady = std::chrono::steady_clock;

inline constexpr int64_t kProbeUsersFrom = 900'000'000;
inline constexpr int64_t kProbesPerSecond = 200;

struct Schedule {
  Steady::time_point begin;
  int64_t begin_millis = 0;  // Of the wall clock, at `begin`.
  int64_t rate = 0;
  int64_t count = 0;
  int64_t stride = 1;
  int64_t warm_up = 0;  // Probes at the beginning that are not counted.

  Schedule(int64_t per_second, double seconds, double warm_up_seconds)
      : rate(per_second),
        count(static_cast<int64_t>(static_cast<double>(per_second) * seconds)),
        stride(std::max<int64_t>(1, per_second / kProbesPerSecond)),
        warm_up(static_cast<int64_t>(static_cast<double>(per_second) * warm_up_seconds) / stride) {}

  void BeginNow() {
    begin = Steady::now();
    begin_millis = std::chrono::duration_cast<std::chrono::milliseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  }
  std::chrono::nanoseconds After(int64_t payment) const {
    return std::chrono::nanoseconds(payment * 1'000'000'000 / rate);
  }
  Steady::time_point DueAt(int64_t payment) const { return begin + After(payment); }
  int64_t MillisOf(int64_t payment) const { return begin_millis + payment * 1000 / rate; }
  bool IsProbe(int64_t payment) const { return payment % stride == 0; }
  int64_t probes() const { return (count + stride - 1) / stride; }
  Steady::time_point ProbeDueAt(int64_t probe) const { return DueAt(probe * stride); }
};

// Of the probes of one run, in the order in which they were seen.
class Latencies {
 public:
  explicit Latencies(const Schedule& schedule) : schedule_(schedule) {}

  void Note(int64_t probe, Steady::time_point seen) {
    ++seen_;
    last_ = std::max(last_, seen);
    if (probe >= schedule_.warm_up) millis_.push_back(Millis(seen - schedule_.ProbeDueAt(probe)));
  }
  int64_t seen() const { return seen_; }
  // behind_ms: how long after the last probe was due all of them had been seen.
  Json Told() {
    std::sort(millis_.begin(), millis_.end());
    const auto at = [&](double q) {
      return millis_[static_cast<size_t>(q * static_cast<double>(millis_.size() - 1))];
    };
    return {{"probes", millis_.size()},
            {"p50", at(0.5)},
            {"p99", at(0.99)},
            {"p99.9", at(0.999)},
            {"behind_ms", Millis(last_ - schedule_.ProbeDueAt(schedule_.probes() - 1))}};
  }

 private:
  static double Millis(Steady::duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
  }
  const Schedule& schedule_;
  Steady::time_point last_;
  int64_t seen_ = 0;
  std::vector<double> millis_;
};

}  // namespace catena::bench

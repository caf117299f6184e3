// SPDX-License-Identifier: Apache-2.0
// Metrics: counters, gauges and histograms by name and labels, as Prometheus text.
//
// Every name stands in one table (metrics.cc) with its help; an unknown name is a bug. Callers pay
// a lock and a look-up, so they report once a micro-batch or request, not once a row.
//
//   units    base units in the name: _seconds, _bytes, _total
//   threads  every call may run concurrently
//   source   prometheus-cpp, whose only home is here

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace catena {

using Labels = std::map<std::string, std::string>;

class Metrics {
 public:
  // The process's own.
  static Metrics& Global();
  Metrics();
  ~Metrics();

  void Count(const std::string& name, const Labels& labels, double by = 1);
  void Set(const std::string& name, const Labels& labels, double value);
  void Observe(const std::string& name, const Labels& labels, double value);
  // Values, and how many times each was seen.
  void Observe(const std::string& name, const Labels& labels,
               std::span<const std::pair<double, uint64_t>> seen);
  // Text exposition format 0.0.4.
  std::string Text() const;
  // "| name | type | help |" lines for docs/reference/metrics.md.
  static std::string Markdown();

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace catena

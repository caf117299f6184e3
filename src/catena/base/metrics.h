// SPDX-License-Identifier: Apache-2.0
// Metrics: counters, gauges and histograms by name and labels, as Prometheus text.
//
// Every name stands in one table (metrics.cc) with its help; an unknown name is a bug. A report by
// name and labels pays a lock and look-ups; who reports with every micro-batch keeps its series.
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

namespace prometheus {
class Counter;
class Histogram;
}  // namespace prometheus

namespace catena {

using Labels = std::map<std::string, std::string>;

class Metrics {
 public:
  // One series each, for as long as the metrics live; there is text of it from the first on.
  class Counter {
   public:
    void Add(double by = 1) const;

   private:
    friend Metrics;
    explicit Counter(prometheus::Counter* of) : of_(of) {}
    prometheus::Counter* of_;
  };
  class Histogram {
   public:
    void Observe(double value) const;
    // Values, and how many times each was seen.
    void Observe(std::span<const std::pair<double, uint64_t>> seen) const;

   private:
    friend Metrics;
    explicit Histogram(prometheus::Histogram* of) : of_(of) {}
    prometheus::Histogram* of_;
  };

  // The process's own.
  static Metrics& Global();
  Metrics();
  ~Metrics();

  void Count(const std::string& name, const Labels& labels, double by = 1);
  void Set(const std::string& name, const Labels& labels, double value);
  void Observe(const std::string& name, const Labels& labels, double value);
  Counter CounterOf(const std::string& name, const Labels& labels);
  Histogram HistogramOf(const std::string& name, const Labels& labels);
  // Text exposition format 0.0.4.
  std::string Text() const;
  // "| name | type | help |" lines for docs/reference/metrics.md.
  static std::string Markdown();

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace catena

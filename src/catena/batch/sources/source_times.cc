// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/sources/source_times.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "catena/batch/source_rows.h"

namespace catena::batch {
namespace {

constexpr size_t kSampleOfDay = 100;
const int64_t k1971 = ToMillis(ParseDate("1971-01-01")->Start());

struct Unit {
  const char* name;
  const char* to_millis;  // Behind the time column, with a place for it.
  int64_t (*convert)(int64_t);
};
constexpr Unit kUnits[] = {
    {"seconds", "{} * 1000", [](int64_t time) { return time * 1000; }},
    {"microseconds", "CAST({} / 1000 AS BIGINT)", [](int64_t time) { return time / 1000; }},
    {"nanoseconds", "CAST({} / 1000000 AS BIGINT)", [](int64_t time) { return time / 1000000; }},
};

// What the times of a table may be: 1900 to 2500, in days since 1970.
constexpr int64_t kDaysLeast = -25567;
constexpr int64_t kDaysMost = 193'575;

// Null: none makes sense of it.
const Unit* UnitOf(int64_t time, Date day) {
  for (const Unit& unit : kUnits) {
    if (&unit == kUnits && std::abs(time) > kDaysMost * 86'400) continue;  // Too far for seconds.
    const int64_t days = unit.convert(time) / kDay.count();
    if (days < kDaysLeast || days > kDaysMost) continue;
    if (std::abs(days - day.days) <= 2) return &unit;
  }
  return nullptr;
}

}  // namespace

void SourceTimes::Add(const conf::EventSource& source, std::span<const int64_t> times,
                      std::span<const Date> days) {
  std::map<Date, OfDay> found;
  for (size_t begin = 0, end = 0; begin < days.size(); begin = end) {
    const Date day = days[begin];
    const int64_t first = ToMillis(day.Start());
    const int64_t past = ToMillis(day.End());
    OfDay& of_day = found[day];
    for (end = begin; end < days.size() && days[end] == day; ++end) {
      const int64_t time = times[end];
      if ((first <= time && time < past) || time == kNoTime) continue;
      ++of_day.outside;
      of_day.ancient += time < k1971;
      if (of_day.sample.size() < kSampleOfDay) of_day.sample.push_back(time);
    }
    of_day.rows += end - begin;
  }
  const std::lock_guard lock(mutex_);
  Source& of_source = sources_[source.table + "\n" + source.query.time_column.spark];
  of_source.table = source.table;
  of_source.time_column = source.query.time_column.spark;
  for (auto& [day, of_day] : found) of_source.days[day] = std::move(of_day);
}

SourceTimes::Finding SourceTimes::FindingOf(const Source& source) {
  OfDay all;
  std::vector<std::pair<int64_t, Date>> sample;
  for (const auto& [day, of_day] : source.days) {
    all.rows += of_day.rows;
    all.outside += of_day.outside;
    all.ancient += of_day.ancient;
    for (const int64_t time : of_day.sample) sample.emplace_back(time, day);
  }
  if (all.outside == 0) return {};
  Finding finding;
  finding.sentence = fmt::format(
      "{} of {} rows have a time outside the day of their partition, {} of them before "
      "1971: {}",
      all.outside, all.rows, all.ancient, source.table);
  const auto middle = sample.begin() + static_cast<std::ptrdiff_t>(sample.size() / 2);
  std::nth_element(sample.begin(), middle, sample.end());
  const Unit* unit = UnitOf(middle->first, middle->second);
  if (unit == nullptr) return finding;
  finding.wrong_unit = true;
  finding.sentence += fmt::format(
      "; times look like {}: the median is {} in the partition {}; say "
      "Query(time_column=\"{}\")",
      unit->name, middle->first, FormatDate(middle->second),
      fmt::format(fmt::runtime(unit->to_millis), source.time_column));
  return finding;
}

std::vector<SourceTimes::Finding> SourceTimes::Findings() const {
  const std::lock_guard lock(mutex_);
  std::vector<Finding> findings;
  for (const auto& [key, source] : sources_) {
    Finding finding = FindingOf(source);
    if (!finding.sentence.empty()) findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace catena::batch

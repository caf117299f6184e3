// SPDX-License-Identifier: Apache-2.0
// BackfillPlan: which tables need which partitions computed, parents first, and why.
//
//     asked: final [03-05, 03-10]        final   compute 03-05..03-10 (missing)
//       part user_risk, 7d window   =>   parent  compute 02-24..03-10, reuse what is there
//
// A parent Join is materialised through the last day its child reads, that day included. How far
// back: the longest window before the child's first day, and two days for tails that round down and
// for rows that landed a day late; everything when a GroupBy is unwindowed.
//
//   input    a conf, the days asked for (both included), and what the tables hold (Inventory)
//   output   a value: printable, comparable in tests
//   errors   kNotFound names every table that is not there and would be read now, or lists the days
//            that a left table lacks between the first and the last day
//            needed, and the holes of a right side's table within what is read of it: a hole is
//            refused, or noted when it was allowed, never skipped silently; kInvalidConf: an empty
//            range
//   order    steps parents first; days ascending

#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "catena/base/json.h"
#include "catena/base/time.h"
#include "catena/conf/conf.h"
#include "catena/plan/freshness.h"

namespace catena::plan {

// Every table whose state a plan for `conf` looks at: sources and outputs, each once.
Result<std::vector<std::string>> TablesOf(const conf::Conf& conf);

enum class StepKind : uint8_t { kJoin, kGroupBy, kUpload, kStagingQuery, kLabels };
struct PlannedDay {
  Date day;
  Why why = Why::kMissing;
  std::vector<std::string> changed = {};  // Of kInputsChanged: the tables.
  bool operator==(const PlannedDay&) const = default;
};

// What a step will read and write, about: files are counted whole, whatever columns are read.
struct StepEstimate {
  uint64_t rows_read = 0;
  uint64_t bytes_read = 0;
  uint64_t rows_written = 0;
  uint64_t bytes_written = 0;
};

struct Step {
  StepKind kind = StepKind::kJoin;
  std::string name;                               // Of the Join or GroupBy.
  std::string table;                              // Written; empty for an upload.
  std::shared_ptr<const conf::Join> join;         // Of kJoin, else null.
  std::shared_ptr<const conf::GroupBy> group_by;  // Of the others, else null.
  std::string meaning;
  Date through;  // Right sides are read up to this day.
  std::vector<PlannedDay> compute;
  std::vector<Date> reuse;
  std::map<Date, DayMark> marks;   // Of the days that are computed.
  std::string because;             // "asked for", "JoinSource of <name>".
  std::vector<std::string> notes;  // Sentences: what the tables lack and the plan puts up with.
  std::optional<StepEstimate> estimate;  // Absent unless asked for (batch/preview/plan_estimate.h).
};

struct BackfillPlan {
  std::vector<Step> steps;
  // By table: days that are taken as made from today's inputs, because nobody recorded theirs.
  std::map<std::string, std::map<Date, DayMark>> adopted = {};
};

// `start` absent: the conf's own start, else the first day its left or source tables have.
struct DaysAsked {
  std::optional<Date> start;
  Date end;
  bool allow_holes = false;  // Days that tables lack have no rows; each is noted.
  // Days are computed whatever is there, those of parents too, but for those that this job made.
  bool recompute = false;
  std::map<std::string, std::set<Date>> made = {};  // By table.
};

// A Join's table, or a GroupBy's daily SNAPSHOT table.
Result<BackfillPlan> PlanBackfill(const conf::Conf& conf, const DaysAsked& asked,
                                  const Inventory& inventory);
// An upload of a GroupBy with all events through `end`, as far as its windows reach.
Result<BackfillPlan> PlanUpload(const conf::Conf& conf, Date end, const Inventory& inventory,
                                bool allow_holes = false);

// The work of several plans, one a conf, in runs of at most `step_days` of the days that their last
// steps were asked for, in order; one run where there are no such days. Days of parents follow from
// each run's own plans.
struct Run {
  DaysAsked asked;
  std::vector<size_t> plans;  // Those that have days in it.
};
std::vector<Run> RunsOf(std::span<const BackfillPlan> plans, const DaysAsked& asked,
                        int32_t step_days);

// Takes every day of the tables that `conf` writes for made by the definition of today, from the
// right sides of today, and from the left partitions of today where that was not recorded
// (Chronon's unset-semantic-hash).
Status TakeForOwn(const conf::Conf& conf, Inventory* inventory);

// "2026-03-01..2026-03-04, 2026-03-07": at most `runs_max` runs, then how many more days.
std::string PrintDays(const std::vector<Date>& days, size_t runs_max = 8);

std::string_view StepKindName(StepKind kind);  // "join", "group_by", "upload", ...
// "missing", "stale", "left_changed", "left_unknown", "inputs_changed", "asked".
std::string_view WhyName(Why why);
// "a, b" of names.
std::string PrintNames(const std::vector<std::string>& names);
// "812 bytes", "1.2 KB", "3.4 GB": powers of 1000, rounded down.
std::string PrintBytes(uint64_t bytes);
std::string PrintPlan(const BackfillPlan& plan);
Json PlanToJson(const BackfillPlan& plan);

}  // namespace catena::plan

// SPDX-License-Identifier: Apache-2.0
#include "catena/plan/backfill_plan.h"

#include <algorithm>
#include <set>

#include "catena/conf/output_names.h"
#include "catena/conf/semantic_hash.h"
#include "catena/plan/left_print.h"

namespace catena::plan {
namespace {

// A tail rounds down by less than a day, and a row may land a day after its event time.
constexpr int32_t kSlackDays = 2;
constexpr Date kBeginning{INT32_MIN / 2};

struct Demand {
  Date first;
  Date last;
  std::string because;
  bool by_name = false;  // `first` was asked for by name: days before the table's own are missing.
};

bool Within(Date day, const conf::Query& query) {
  const auto start = ParseDate(query.start_partition);
  const auto end = ParseDate(query.end_partition);
  return (!start.ok() || *start <= day) && (!end.ok() || day <= *end);
}

std::vector<Date> Cut(const std::vector<Date>& days, Date first, Date last) {
  std::vector<Date> inside;
  for (const Date day : days) {
    if (first <= day && day <= last) inside.push_back(day);
  }
  return inside;
}

std::vector<Date> Merge(const std::vector<std::vector<Date>>& lists) {
  std::set<Date> all;
  for (const auto& list : lists) all.insert(list.begin(), list.end());
  return {all.begin(), all.end()};
}

std::string TablesText(const std::vector<conf::Source>& sources) {
  std::string text;
  for (const conf::Source& source : sources) {
    const auto* chain = std::get_if<conf::JoinSource>(&source);
    text += (text.empty() ? "" : ", ") +
            (chain == nullptr ? conf::TableOf(source) : conf::TableOf(chain->join->left));
  }
  return text;
}

std::map<Date, Why> MissingOrStale(const std::string& table, const std::string& meaning,
                                   const std::vector<Date>& days, const Inventory& inventory) {
  std::map<Date, Why> compute;
  const auto state = inventory.find(table);
  for (const Date day : days) {
    if (state == inventory.end() ||
        !std::binary_search(state->second.days.begin(), state->second.days.end(), day)) {
      compute[day] = Why::kMissing;
      continue;
    }
    const auto mark = state->second.marks.find(day);
    if (mark == state->second.marks.end() || mark->second.meaning != meaning) {
      compute[day] = Why::kStale;
    }
  }
  return compute;
}

// "" when the table has no such day.
std::string PrintOf(const std::string& table, Date day, const Inventory& inventory) {
  const auto state = inventory.find(table);
  if (state == inventory.end()) return "";
  const auto print = state->second.prints.find(day);
  return print == state->second.prints.end() ? "" : print->second;
}

std::string PrintOfLeft(const conf::Join& join, Date day, const Inventory& inventory) {
  return LeftPrint(join, [&](const std::string& table) { return PrintOf(table, day, inventory); });
}

// Walks from what was asked for to its parents; a Join's demand is complete when its turn comes,
// because all of its children came before.
class Planner {
 public:
  Planner(const conf::Conf& conf, const Inventory& inventory, bool allow_holes)
      : conf_(conf), inventory_(inventory), allow_holes_(allow_holes) {}

  Result<BackfillPlan> Backfill(const DaysAsked& asked) {
    CATENA_TRY(conf::Lineage lineage, conf::LineageOf(conf_));
    if (const conf::Join* join = conf_.join()) {
      const bool one_day = !asked.start && !join->metadata.historical_backfill;
      const Date first = asked.start.value_or(one_day ? asked.end : kBeginning);
      demands_[join->metadata.name] =
          Demand{first, asked.end, "asked for", asked.start.has_value() || one_day};
    } else {
      CATENA_RETURN_IF_ERROR(AddGroupBy(asked));
    }
    return Parents(lineage);
  }

  Result<BackfillPlan> Upload(Date end) {
    CATENA_TRY(conf::Lineage lineage, conf::LineageOf(conf_));
    auto group_by = std::get<std::shared_ptr<const conf::GroupBy>>(conf_.definition);
    if (group_by->exact_windows) {
      return Unsupported(
          "windows that are exact are answered by backfills only, because what is uploaded is kept "
          "by hops: drop exact_windows of the GroupBy: " +
          group_by->metadata.name);
    }
    Step step = StepOf(*group_by, StepKind::kUpload, end);
    step.group_by = group_by;
    std::vector<std::vector<Date>> days;
    for (const conf::Source& source : group_by->sources) days.push_back(DaysOf(source, inventory_));
    // Whatever the windows, an upload promises that all events before its end were seen.
    CATENA_RETURN_IF_ERROR(
        RequireDays(Merge(days), {end, end}, TablesText(group_by->sources), &step.notes));
    step.compute.push_back(PlannedDay{end, Why::kMissing});
    DemandSources(*group_by, end + 1, end);
    last_steps_.push_back(std::move(step));
    return Parents(lineage);
  }

 private:
  Step StepOf(const conf::GroupBy& group_by, StepKind kind, Date through) const {
    Step step;
    step.kind = kind;
    step.name = group_by.metadata.name;
    step.meaning = conf::MeaningOf(group_by);
    step.through = through;
    step.because = "asked for";
    return step;
  }

  Status AddGroupBy(const DaysAsked& asked) {
    auto group_by = std::get<std::shared_ptr<const conf::GroupBy>>(conf_.definition);
    Step step = StepOf(*group_by, StepKind::kGroupBy, asked.end);
    step.group_by = group_by;
    step.table = conf::OutputTable(group_by->metadata);
    std::vector<std::vector<Date>> lists;
    for (const conf::Source& source : group_by->sources) {
      lists.push_back(DaysOf(source, inventory_));
    }
    const std::vector<Date> days = Merge(lists);
    Date first = days.empty() ? asked.end : days.front();
    if (const auto own = ParseDate(group_by->backfill_start_date); own.ok()) first = *own;
    if (!group_by->metadata.historical_backfill) first = asked.end;
    if (asked.start) first = *asked.start;
    const std::string tables = TablesText(group_by->sources);
    CATENA_RETURN_IF_ERROR(RequireDays(days, {first, asked.end}, tables, &step.notes));
    const std::vector<Date> needed = Cut(days, first, asked.end);
    Split(needed, MissingOrStale(step.table, step.meaning, needed, inventory_), &step);
    if (!step.compute.empty()) {
      const Date from = step.compute.front().day;
      CATENA_RETURN_IF_ERROR(
          CheckSources(*group_by, {from, step.compute.back().day}, AskedAt::kDayEnds, &step));
      DemandSources(*group_by, from, asked.end);
    }
    last_steps_.push_back(std::move(step));
    return Status();
  }

  Result<BackfillPlan> Parents(const conf::Lineage& lineage) {
    BackfillPlan plan;
    for (auto join = lineage.joins.rbegin(); join != lineage.joins.rend(); ++join) {
      const auto demand = demands_.find((*join)->metadata.name);
      if (demand == demands_.end()) continue;
      CATENA_TRY(Step step, JoinStep(*join, demand->second));
      plan.steps.push_back(std::move(step));
    }
    std::reverse(plan.steps.begin(), plan.steps.end());
    for (Step& step : last_steps_) plan.steps.push_back(std::move(step));
    return plan;
  }

  Result<Step> JoinStep(const std::shared_ptr<const conf::Join>& join, const Demand& demand) {
    Step step;
    step.kind = StepKind::kJoin;
    step.name = join->metadata.name;
    step.table = conf::OutputTable(join->metadata);
    step.join = join;
    step.meaning = conf::MeaningOf(*join);
    step.through = demand.last;
    step.because = demand.because;
    const std::vector<Date> days = DaysOf(join->left, inventory_);
    const conf::Query& query = conf::QueryOf(join->left);
    Date first = demand.first;
    // What lies before the left's first day can not be a hole, unless it was asked for by name.
    const auto own = ParseDate(query.start_partition);
    if (own.ok()) first = std::max(first, *own);
    if (!demand.by_name && !days.empty()) first = std::max(first, days.front());
    Date last = demand.last;
    if (const auto end = ParseDate(query.end_partition); end.ok()) last = std::min(last, *end);
    CATENA_RETURN_IF_ERROR(RequireDays(days, {first, last}, TablesText({join->left}), &step.notes)
                               .WithContext(step.name));
    const std::vector<Date> needed = Cut(days, first, last);
    Split(needed, DaysToCompute(*join, needed, inventory_), &step);
    if (step.compute.empty()) return step;
    const Date from = step.compute.front().day;
    if (const auto* chain = std::get_if<conf::JoinSource>(&join->left)) {
      AddDemand(*chain->join, Demand{from, demand.last, "left of " + step.name});
    }
    const bool entities = std::holds_alternative<conf::EntitySource>(join->left);
    for (const conf::JoinPart& part : join->join_parts) {
      CATENA_RETURN_IF_ERROR(CheckSources(*part.group_by, {from, step.compute.back().day},
                                          entities ? AskedAt::kDayEnds : AskedAt::kTimes, &step)
                                 .WithContext(step.name));
      DemandSources(*part.group_by, from, demand.last);
    }
    return step;
  }

  // Holes in what values of `days` read. Where a table begins and ends is its own affair, but
  // said when days that are asked for lie behind its end. A parent Join is a demand instead.
  Status CheckSources(const conf::GroupBy& group_by, const DayRange& days, AskedAt at,
                      Step* step) const {
    const DayRange reach = ReachOf(group_by, days, at);
    for (const conf::Source& source : group_by.sources) {
      const std::vector<Date> present = DaysOf(source, inventory_);
      if (std::holds_alternative<conf::JoinSource>(source) || present.empty()) continue;
      const DayRange read{std::max(reach.first, present.front()),
                          std::min(reach.last, present.back())};
      if (read.first <= read.last) {
        CATENA_RETURN_IF_ERROR(RequireDays(present, read, conf::TableOf(source), &step->notes));
      }
      const auto end = ParseDate(conf::QueryOf(source).end_partition);
      if (present.back() < reach.last && !(end.ok() && *end <= present.back())) {
        step->notes.push_back("the table ends " + FormatDate(present.back()) + ", " +
                              FormatDate(reach.last) +
                              " would be read too: " + conf::TableOf(source));
      }
    }
    return Status();
  }

  // `from`: the first day with a query time.
  void DemandSources(const conf::GroupBy& group_by, Date from, Date last) {
    const std::optional<Millis> window = LongestWindow(group_by);
    for (const conf::Source& source : group_by.sources) {
      const auto* chain = std::get_if<conf::JoinSource>(&source);
      if (chain == nullptr) continue;
      Demand demand{kBeginning, last, "JoinSource of " + group_by.metadata.name};
      if (window) demand.first = Date::Of(from.Start() - *window) - kSlackDays;
      if (const auto start = ParseDate(chain->query.start_partition); start.ok()) {
        demand.first = std::max(demand.first, *start);
      }
      if (const auto end = ParseDate(chain->query.end_partition); end.ok()) {
        demand.last = std::min(demand.last, *end);
      }
      if (demand.first <= demand.last) AddDemand(*chain->join, demand);
    }
  }

  void AddDemand(const conf::Join& join, const Demand& demand) {
    const auto [at, inserted] = demands_.emplace(join.metadata.name, demand);
    if (inserted) return;
    at->second.first = std::min(at->second.first, demand.first);
    at->second.last = std::max(at->second.last, demand.last);
    if (at->second.because.find(demand.because) == std::string::npos) {
      at->second.because += ", " + demand.because;
    }
  }

  // Every day of `range` must be there, unless holes are allowed.
  Status RequireDays(const std::vector<Date>& days, const DayRange& range, const std::string& table,
                     std::vector<std::string>* notes) const {
    const auto& [first, last] = range;
    if (days.empty()) {
      return NotFound(
          "the table has no partition that the conf may read; load it, or check its "
          "name and startPartition: " +
          table);
    }
    if (last < first) {
      return InvalidConf("the range is empty: it starts " + FormatDate(first) + " and ends " +
                         FormatDate(last));
    }
    if (last < days.front() || days.back() < first) {
      return NotFound("the table has no partition in the range " + FormatDate(first) + ".." +
                      FormatDate(last) + "; it has " + PrintDays(days) + ": " + table);
    }
    std::vector<Date> missing;
    for (Date day = first; day <= last; day = day + 1) {
      if (!std::binary_search(days.begin(), days.end(), day)) missing.push_back(day);
    }
    if (missing.empty()) return Status();
    if (allow_holes_) {
      std::string note = "the table lacks days, which count as days without rows: " + table + ": " +
                         PrintDays(missing);
      if (std::find(notes->begin(), notes->end(), note) == notes->end()) {
        notes->push_back(std::move(note));
      }
      return Status();
    }
    return NotFound(
        "the table lacks partitions of the range; load them, choose another range, or say "
        "--allow-holes when those days have no rows: " +
        table + ": " + PrintDays(missing));
  }

  static void Split(const std::vector<Date>& days, const std::map<Date, Why>& compute, Step* step) {
    for (const Date day : days) {
      const auto why = compute.find(day);
      if (why == compute.end()) {
        step->reuse.push_back(day);
      } else {
        step->compute.push_back(PlannedDay{day, why->second});
      }
    }
  }

  const conf::Conf& conf_;
  const Inventory& inventory_;
  const bool allow_holes_;
  std::map<std::string, Demand> demands_;  // By name of the Join.
  std::vector<Step> last_steps_;
};

void AddTables(const conf::Source& source, std::set<std::string>* tables) {
  tables->insert(conf::TableOf(source));
}

}  // namespace

Result<std::vector<std::string>> TablesOf(const conf::Conf& conf) {
  CATENA_TRY(conf::Lineage lineage, conf::LineageOf(conf));
  std::set<std::string> tables;
  for (const auto& group_by : lineage.group_bys) {
    for (const conf::Source& source : group_by->sources) AddTables(source, &tables);
  }
  for (const auto& join : lineage.joins) {
    AddTables(join->left, &tables);
    for (const conf::BootstrapPart& part : join->bootstraps) tables.insert(part.table);
    tables.insert(conf::OutputTable(join->metadata));
  }
  if (conf.group_by() != nullptr) tables.insert(conf::OutputTable(conf.metadata()));
  return std::vector<std::string>(tables.begin(), tables.end());
}

std::optional<Millis> LongestWindow(const conf::GroupBy& group_by) {
  Millis longest{0};
  for (const conf::Aggregation& aggregation : group_by.aggregations) {
    if (aggregation.windows.empty()) return std::nullopt;
    for (const conf::Window& window : aggregation.windows) {
      longest = std::max(longest, window.Length());
    }
  }
  return longest;
}

namespace {

// The newest partition tells of every day before it, since the Query's start or the first
// partition.
std::vector<Date> CumulativeDays(const std::vector<Date>& partitions, const conf::Query& query) {
  if (partitions.empty()) return {};
  const auto start = ParseDate(query.start_partition);
  std::vector<Date> days;
  for (Date day = start.ok() ? *start : partitions.front(); day <= partitions.back();
       day = day + 1) {
    days.push_back(day);
  }
  return days;
}

}  // namespace

std::vector<Date> DaysOf(const conf::Source& source, const Inventory& inventory) {
  std::vector<Date> days;
  if (const auto* chain = std::get_if<conf::JoinSource>(&source)) {
    days = DaysOf(chain->join->left, inventory);
  } else if (const auto at = inventory.find(conf::TableOf(source)); at != inventory.end()) {
    days = at->second.days;
    const auto* events = std::get_if<conf::EventSource>(&source);
    if (events != nullptr && events->is_cumulative) days = CumulativeDays(days, events->query);
  }
  std::erase_if(days, [&](Date day) { return !Within(day, conf::QueryOf(source)); });
  return days;
}

std::map<Date, Why> DaysToCompute(const conf::Join& join, const std::vector<Date>& days,
                                  const Inventory& inventory) {
  std::map<Date, Why> of_parent;
  if (const auto* chain = std::get_if<conf::JoinSource>(&join.left)) {
    of_parent = DaysToCompute(*chain->join, days, inventory);
  }
  const std::string table = conf::OutputTable(join.metadata);
  std::map<Date, Why> compute = MissingOrStale(table, conf::MeaningOf(join), days, inventory);
  for (const Date day : days) {
    if (compute.contains(day)) continue;
    const std::string& made_from = inventory.at(table).marks.at(day).left;
    if (made_from.empty()) {
      compute[day] = Why::kLeftUnknown;
    } else if (of_parent.contains(day) || made_from != PrintOfLeft(join, day, inventory)) {
      compute[day] = Why::kLeftChanged;
    }
  }
  return compute;
}

Result<BackfillPlan> PlanBackfill(const conf::Conf& conf, const DaysAsked& asked,
                                  const Inventory& inventory) {
  if (asked.start && asked.end < *asked.start) {
    return InvalidConf("the range is empty: it starts " + FormatDate(*asked.start) + " and ends " +
                       FormatDate(asked.end));
  }
  return Planner(conf, inventory, asked.allow_holes).Backfill(asked);
}

Result<BackfillPlan> PlanUpload(const conf::Conf& conf, Date end, const Inventory& inventory) {
  if (conf.group_by() == nullptr) {
    return InvalidConf("only a GroupBy is uploaded; this is a Join: " + conf.metadata().name);
  }
  return Planner(conf, inventory, false).Upload(end);
}

std::vector<DaysAsked> RunsOf(const BackfillPlan& plan, const DaysAsked& asked,
                              std::optional<int32_t> step_days) {
  std::set<Date> days;
  if (!plan.steps.empty()) {
    const Step& last = plan.steps.back();
    days.insert(last.reuse.begin(), last.reuse.end());
    for (const PlannedDay& planned : last.compute) days.insert(planned.day);
  }
  if (!step_days || days.empty()) return {asked};
  std::vector<DaysAsked> runs;
  for (Date start = *days.begin(); start <= *days.rbegin(); start = start + *step_days) {
    runs.push_back({start, std::min(*days.rbegin(), start + (*step_days - 1)), asked.allow_holes});
  }
  return runs;
}

Status TakeForOwn(const conf::Conf& conf, Inventory* inventory) {
  CATENA_TRY(const conf::Lineage lineage, conf::LineageOf(conf));
  const auto take = [&](const std::string& table, const std::string& meaning,
                        const conf::Join* join) {
    const auto state = inventory->find(table);
    if (state == inventory->end()) return;
    for (const Date day : state->second.days) {
      DayMark& mark = state->second.marks[day];
      mark.meaning = meaning;
      if (mark.left.empty() && join != nullptr) mark.left = PrintOfLeft(*join, day, *inventory);
    }
  };
  for (const auto& join : lineage.joins) {
    take(conf::OutputTable(join->metadata), conf::MeaningOf(*join), join.get());
  }
  if (const conf::GroupBy* group_by = conf.group_by()) {
    take(conf::OutputTable(group_by->metadata), conf::MeaningOf(*group_by), nullptr);
  }
  return Status();
}

DayRange ReachOf(const conf::GroupBy& group_by, const DayRange& days, AskedAt at) {
  const bool at_ends = at == AskedAt::kDayEnds;
  if (std::holds_alternative<conf::EntitySource>(group_by.sources.front())) {
    return at_ends ? days : DayRange{days.first - 1, days.last - 1};
  }
  DayRange reach{kBeginning, days.last};
  if (const auto window = LongestWindow(group_by)) {
    const Timestamp earliest = at_ends ? days.first.End() : days.first.Start();
    reach.first = Date::Of(earliest - *window) - 1;  // Tails round down by less than a day.
  }
  if (group_by.accuracy == conf::Accuracy::kSnapshot && !at_ends) reach.last = days.last - 1;
  return reach;
}

}  // namespace catena::plan

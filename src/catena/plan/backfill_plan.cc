// SPDX-License-Identifier: Apache-2.0
#include "catena/plan/backfill_plan.h"

#include <algorithm>
#include <set>

#include "catena/conf/output_names.h"
#include "catena/conf/semantic_hash.h"
#include "catena/plan/reach.h"

namespace catena::plan {
namespace {

// A tail rounds down by less than a day, and a row may land a day after its event time.
constexpr int32_t kSlackDays = 2;

struct Demand {
  Date first;
  Date last;
  std::string because;
  bool by_name = false;  // `first` was asked for by name: days before the table's own are missing.
};

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

// At the end of a day nobody looks at its mutations.
void AddTables(const conf::Source& source, AskedAt at, std::set<std::string>* tables) {
  tables->insert(conf::TableOf(source));
  const auto* entities = std::get_if<conf::EntitySource>(&source);
  if (at == AskedAt::kTimes && entities != nullptr && !entities->mutation_table.empty()) {
    tables->insert(entities->mutation_table);
  }
}

// Walks from what was asked for to its parents; a Join's demand is complete when its turn comes,
// because all of its children came before.
class Planner {
 public:
  Planner(const conf::Conf& conf, const DaysAsked& asked, const Inventory& inventory)
      : conf_(conf), asked_(asked), inventory_(inventory), freshness_(inventory) {}

  Result<BackfillPlan> Backfill() {
    CATENA_TRY(conf::Lineage lineage, conf::LineageOf(conf_));
    if (const conf::Join* join = conf_.join()) {
      const bool one_day = !asked_.start && !join->metadata.historical_backfill;
      const Date first = asked_.start.value_or(one_day ? asked_.end : kBeginning);
      demands_[join->metadata.name] =
          Demand{first, asked_.end, "asked for", asked_.start.has_value() || one_day};
    } else {
      CATENA_RETURN_IF_ERROR(AddGroupBy());
    }
    return Parents(lineage);
  }

  Result<BackfillPlan> Upload() {
    const Date end = asked_.end;
    CATENA_TRY(conf::Lineage lineage, conf::LineageOf(conf_));
    auto group_by = std::get<std::shared_ptr<const conf::GroupBy>>(conf_.definition);
    if (group_by->exact_windows) {
      return Unsupported(
          "windows that are exact are answered by backfills only, because what is uploaded is kept "
          "by hops: drop exact_windows of the GroupBy: " +
          group_by->metadata.name);
    }
    if (LacksTables(group_by->sources, AskedAt::kDayEnds)) return Absent();
    Step step = StepOf(*group_by, StepKind::kUpload, end);
    step.group_by = group_by;
    std::vector<std::vector<Date>> days;
    for (const conf::Source& source : group_by->sources) days.push_back(DaysOf(source, inventory_));
    // Whatever the windows, an upload promises that all events before its end were seen.
    CATENA_RETURN_IF_ERROR(
        RequireDays(Merge(days), {end, end}, TablesText(group_by->sources), &step.notes));
    CATENA_RETURN_IF_ERROR(CheckSources(*group_by, {end, end}, AskedAt::kDayEnds, &step));
    step.compute.push_back(PlannedDay{end, Why::kMissing});
    DemandSources(*group_by, {end, end}, AskedAt::kDayEnds);
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

  Status AddGroupBy() {
    auto group_by = std::get<std::shared_ptr<const conf::GroupBy>>(conf_.definition);
    Step step = StepOf(*group_by, StepKind::kGroupBy, asked_.end);
    step.group_by = group_by;
    step.table = conf::OutputTable(group_by->metadata);
    if (LacksTables(group_by->sources, AskedAt::kDayEnds)) return Absent();
    std::vector<std::vector<Date>> lists;
    for (const conf::Source& source : group_by->sources) {
      lists.push_back(DaysOf(source, inventory_));
    }
    const std::vector<Date> days = Merge(lists);
    Date first = days.empty() ? asked_.end : days.front();
    if (const auto own = ParseDate(group_by->backfill_start_date); own.ok()) first = *own;
    if (!group_by->metadata.historical_backfill) first = asked_.end;
    if (asked_.start) first = *asked_.start;
    const std::string tables = TablesText(group_by->sources);
    CATENA_RETURN_IF_ERROR(RequireDays(days, {first, asked_.end}, tables, &step.notes));
    const std::vector<Date> needed = Cut(days, first, asked_.end);
    Split(*group_by, needed, &step);
    if (!step.compute.empty()) {
      const Date from = step.compute.front().day;
      CATENA_RETURN_IF_ERROR(
          CheckSources(*group_by, {from, step.compute.back().day}, AskedAt::kDayEnds, &step));
      DemandSources(*group_by, {from, asked_.end}, AskedAt::kDayEnds);
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
    if (!absent_.empty()) return Absent();
    std::reverse(plan.steps.begin(), plan.steps.end());
    for (Step& step : last_steps_) plan.steps.push_back(std::move(step));
    plan.adopted = freshness_.adopted();
    for (const auto& [table, marks] : plan.adopted) {
      std::vector<Date> days;
      for (const auto& [day, mark] : marks) days.push_back(day);
      plan.steps.back().notes.push_back(
          "nobody recorded what right sides these days were made from; they are taken as made from "
          "today's, --recompute makes them anew: " +
          table + ": " + PrintDays(days));
    }
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
    const AskedAt at = AskedBy(join->left);
    if (LacksTables({join->left}, AskedAt::kDayEnds)) {
      for (const conf::JoinPart& part : join->join_parts) LacksTables(part.group_by->sources, at);
      return step;
    }
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
    Split(*join, needed, &step);
    if (step.compute.empty()) return step;
    const Date from = step.compute.front().day;
    if (const auto* chain = std::get_if<conf::JoinSource>(&join->left)) {
      AddDemand(*chain->join, Demand{from, demand.last, "left of " + step.name});
    }
    for (const conf::JoinPart& part : join->join_parts) {
      CATENA_RETURN_IF_ERROR(
          CheckSources(*part.group_by, {from, step.compute.back().day}, at, &step)
              .WithContext(step.name));
      DemandSources(*part.group_by, {from, demand.last}, at);
    }
    return step;
  }

  // Notes those that are not there at all.
  bool LacksTables(const std::vector<conf::Source>& sources, AskedAt at) {
    const size_t before = absent_.size();
    for (const conf::Source& source : sources) {
      std::set<std::string> tables;
      if (!std::holds_alternative<conf::JoinSource>(source)) AddTables(source, at, &tables);
      for (const std::string& table : tables) {
        if (!inventory_.contains(table)) absent_.insert(table);
      }
    }
    return absent_.size() > before;
  }

  Error Absent() const {
    return NotFound(
        "there are no such tables; load them with `catena table load FILE NS.TABLE`, `catena topic "
        "archive` or `catena import`, or check their names in the conf: " +
        PrintNames({absent_.begin(), absent_.end()}));
  }

  // Holes in what values of `days` read. Where a table begins and ends is its own affair, but
  // said when days that are asked for lie behind its end. A parent Join is a demand instead.
  Status CheckSources(const conf::GroupBy& group_by, const DayRange& days, AskedAt at, Step* step) {
    if (LacksTables(group_by.sources, at)) return Status();  // All of them are told at the end.
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

  void DemandSources(const conf::GroupBy& group_by, const DayRange& days, AskedAt at) {
    const DayRange reach = ReachOf(group_by, days, at);
    const Timestamp earliest = at == AskedAt::kDayEnds ? days.first.End() : days.first.Start();
    const std::optional<Millis> window = LongestWindow(group_by);
    for (const conf::Source& source : group_by.sources) {
      const auto* chain = std::get_if<conf::JoinSource>(&source);
      if (chain == nullptr) continue;
      Demand demand{kBeginning, days.last, "JoinSource of " + group_by.metadata.name};
      if (window) demand.first = Date::Of(earliest - *window) - kSlackDays;
      // Each day of entities is whole, so that only the days themselves are looked at.
      if (conf::IsEntity(group_by)) {
        demand.first = reach.first;
        demand.last = reach.last;
      }
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
    if (asked_.allow_holes) {
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

  // Which of `days` are computed, and which can be reused.
  template <typename Definition>
  void Split(const Definition& definition, const std::vector<Date>& days, Step* step) {
    const auto made = asked_.made.find(step->table);
    std::map<std::string, std::vector<Date>> gone;
    for (const Date day : days) {
      const Verdict& verdict = freshness_.Of(definition, day);
      const bool again =
          asked_.recompute && (made == asked_.made.end() || !made->second.contains(day));
      if (verdict.compute || again) {
        step->compute.push_back({day, verdict.compute.value_or(Why::kAsked)});
        if (verdict.compute == Why::kInputsChanged) step->compute.back().changed = verdict.changed;
        step->marks[day] = verdict.expected;
        continue;
      }
      step->reuse.push_back(day);
      for (const std::string& table : verdict.gone) gone[table].push_back(day);
    }
    for (const auto& [table, kept] : gone) {
      step->notes.push_back(
          "days are kept as they are, because the table no longer has all partitions that they "
          "were made from; --recompute makes them from those that it has: " +
          table + ": " + PrintDays(kept));
    }
  }

  const conf::Conf& conf_;
  const DaysAsked asked_;
  const Inventory& inventory_;
  Freshness freshness_;
  std::map<std::string, Demand> demands_;  // By name of the Join.
  std::set<std::string> absent_;           // Tables.
  std::vector<Step> last_steps_;
};

}  // namespace

Result<std::vector<std::string>> TablesOf(const conf::Conf& conf) {
  CATENA_TRY(conf::Lineage lineage, conf::LineageOf(conf));
  std::set<std::string> tables;
  for (const auto& group_by : lineage.group_bys) {
    for (const conf::Source& source : group_by->sources)
      AddTables(source, AskedAt::kTimes, &tables);
  }
  for (const auto& join : lineage.joins) {
    AddTables(join->left, AskedAt::kTimes, &tables);
    for (const conf::BootstrapPart& part : join->bootstraps) tables.insert(part.table);
    tables.insert(conf::OutputTable(join->metadata));
  }
  if (conf.group_by() != nullptr) tables.insert(conf::OutputTable(conf.metadata()));
  return std::vector<std::string>(tables.begin(), tables.end());
}

Result<BackfillPlan> PlanBackfill(const conf::Conf& conf, const DaysAsked& asked,
                                  const Inventory& inventory) {
  if (asked.start && asked.end < *asked.start) {
    return InvalidConf("the range is empty: it starts " + FormatDate(*asked.start) + " and ends " +
                       FormatDate(asked.end));
  }
  return Planner(conf, asked, inventory).Backfill();
}

Result<BackfillPlan> PlanUpload(const conf::Conf& conf, Date end, const Inventory& inventory,
                                bool allow_holes) {
  if (conf.group_by() == nullptr) {
    return InvalidConf("only a GroupBy is uploaded; this is a Join: " + conf.metadata().name);
  }
  return Planner(conf, {std::nullopt, end, allow_holes}, inventory).Upload();
}

std::vector<Run> RunsOf(std::span<const BackfillPlan> plans, const DaysAsked& asked,
                        int32_t step_days) {
  std::vector<std::set<Date>> days;  // By plan.
  std::set<Date> all;
  for (const BackfillPlan& plan : plans) {
    std::set<Date>& mine = days.emplace_back();
    if (plan.steps.empty()) continue;
    const Step& last = plan.steps.back();
    mine.insert(last.reuse.begin(), last.reuse.end());
    for (const PlannedDay& planned : last.compute) mine.insert(planned.day);
    all.insert(mine.begin(), mine.end());
  }
  std::vector<Run> runs;
  if (all.empty() && !plans.empty()) {
    Run& whole = runs.emplace_back(Run{asked, {}});
    for (size_t i = 0; i < plans.size(); ++i) whole.plans.push_back(i);
  }
  if (all.empty()) return runs;
  for (Date start = *all.begin(); start <= *all.rbegin(); start = start + step_days) {
    Run run{asked, {}};
    run.asked.start = start;
    run.asked.end = std::min(*all.rbegin(), start + (step_days - 1));
    for (size_t i = 0; i < days.size(); ++i) {
      const auto first = days[i].lower_bound(start);
      if (first != days[i].end() && *first <= run.asked.end) run.plans.push_back(i);
    }
    if (!run.plans.empty()) runs.push_back(std::move(run));
  }
  return runs;
}

namespace {

template <typename Definition>
void TakeTable(const Definition& definition, bool is_left_a_join, Freshness* freshness,
               Inventory* inventory) {
  const auto state = inventory->find(conf::OutputTable(definition.metadata));
  if (state == inventory->end()) return;
  for (const Date day : state->second.days) {
    const Verdict& verdict = freshness->Of(definition, day);
    if (verdict.compute != Why::kStale && verdict.compute != Why::kLeftUnknown) continue;
    DayMark& mark = state->second.marks[day];
    // Prints of parents say what made them, so no inputs of another definition can be compared.
    const bool knows_left = !mark.left.empty() && (mark.inputs || !is_left_a_join);
    std::string left = knows_left ? mark.left : verdict.expected.left;
    mark = verdict.expected;
    mark.left = std::move(left);
  }
}

}  // namespace

Status TakeForOwn(const conf::Conf& conf, Inventory* inventory) {
  CATENA_TRY(const conf::Lineage lineage, conf::LineageOf(conf));
  const Inventory before = *inventory;
  Freshness freshness(before);
  for (const auto& join : lineage.joins) {
    TakeTable(*join, std::holds_alternative<conf::JoinSource>(join->left), &freshness, inventory);
  }
  if (const conf::GroupBy* group_by = conf.group_by()) {
    TakeTable(*group_by, false, &freshness, inventory);
  }
  return Status();
}

}  // namespace catena::plan

// SPDX-License-Identifier: Apache-2.0
#include "catena/plan/freshness.h"

#include <algorithm>
#include <cstdio>

#include "catena/base/hash.h"
#include "catena/conf/output_names.h"
#include "catena/conf/semantic_hash.h"
#include "catena/plan/left_print.h"

namespace catena::plan {
namespace {

// Left rows may lie in the partition of the day after their time.
constexpr int32_t kLateDays = 1;

std::string Hex(uint64_t hash) {
  char text[17];
  snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

uint64_t HashOfDay(Date day, const std::string& print) {
  return HashBytes(FormatDate(day) + " " + print);
}

// Of a day of a Join's table, for those who read it.
std::string PrintOfMark(const DayMark& mark) {
  std::string text = mark.meaning + " " + mark.left;
  if (mark.inputs) {
    for (const auto& [table, input] : *mark.inputs) {
      text += "\n" + table + " " + FormatDate(input.first) + " " + FormatDate(input.last) + " " +
              input.print;
    }
  }
  return Hex(HashBytes(text));
}

DayRange CutTo(const DayRange& range, const conf::Query& query) {
  DayRange cut = range;
  if (const auto start = ParseDate(query.start_partition); start.ok()) {
    cut.first = std::max(cut.first, *start);
  }
  if (const auto end = ParseDate(query.end_partition); end.ok()) {
    cut.last = std::min(cut.last, *end);
  }
  return cut;
}

// The one partition of cumulative events that holds all of a range.
DayRange NewestOf(const std::string& table, const DayRange& range, const Inventory& inventory) {
  const auto state = inventory.find(table);
  if (state == inventory.end() || state->second.days.empty()) return range;
  const std::vector<Date>& days = state->second.days;
  const auto after = std::upper_bound(days.begin(), days.end(), range.last);
  const Date newest = after == days.begin() ? days.front() : *(after - 1);
  return {newest, newest};
}

// Null when nobody marked the day.
const DayMark* MarkOf(const std::string& table, Date day, const Inventory& inventory) {
  const auto state = inventory.find(table);
  if (state == inventory.end()) return nullptr;
  const auto mark = state->second.marks.find(day);
  return mark == state->second.marks.end() ? nullptr : &mark->second;
}

}  // namespace

const Freshness::Sums& Freshness::SumsOf(const std::string& table, const conf::Join* parent) {
  const std::pair key(table, parent != nullptr);
  const auto known = sums_.find(key);
  if (known != sums_.end()) return known->second;
  Sums sums;
  const auto add = [&](Date day, const std::string& print, bool remade) {
    sums.days.push_back(day);
    sums.prints.push_back(sums.prints.back() + HashOfDay(day, print));
    sums.remade.push_back(sums.remade.back() + (remade ? 1 : 0));
  };
  if (parent != nullptr) {
    for (const Date day : DaysOf(parent->left, inventory_)) {
      const Verdict& verdict = Of(*parent, day);
      add(day, PrintOfMark(verdict.mark()), verdict.compute && *verdict.compute != Why::kMissing);
    }
  } else if (const auto state = inventory_.find(table); state != inventory_.end()) {
    for (const Date day : state->second.days) add(day, PrintOf(table, day, inventory_), false);
  }
  return sums_.emplace(key, std::move(sums)).first->second;
}

InputPrint Freshness::PrintOfInput(const std::string& table, const Input& input) {
  const Sums& sums = SumsOf(table, input.parent);
  const auto first = std::lower_bound(sums.days.begin(), sums.days.end(), input.days.first);
  const auto last = std::upper_bound(first, sums.days.end(), input.days.last);
  if (first == last) return {};
  const auto at = [&](auto day) { return sums.prints[day - sums.days.begin()]; };
  return {*first, *(last - 1), Hex(MixHash(at(last) - at(first)))};
}

bool Freshness::WillBeRemade(const std::string& table, const Input& input) {
  const Sums& sums = SumsOf(table, input.parent);
  const auto first = std::lower_bound(sums.days.begin(), sums.days.end(), input.days.first);
  const auto last = std::upper_bound(first, sums.days.end(), input.days.last);
  return sums.remade[last - sums.days.begin()] > sums.remade[first - sums.days.begin()];
}

void Freshness::AddInputs(const conf::GroupBy& group_by, Date day, AskedAt at,
                          Inputs* inputs) const {
  const auto add = [&](const std::string& table, const DayRange& days, const conf::Join* parent) {
    if (days.last < days.first) return;
    const auto [known, inserted] = inputs->emplace(table, Input{days, parent});
    known->second.days.first = std::min(known->second.days.first, days.first);
    known->second.days.last = std::max(known->second.days.last, days.last);
    if (parent != nullptr) known->second.parent = parent;
  };
  const bool times = at == AskedAt::kTimes;
  DayRange reach = ReachOf(group_by, {day, day}, at);
  if (times && reach.first > kBeginning) reach.first = reach.first - kLateDays;
  for (const conf::Source& source : group_by.sources) {
    DayRange days = CutTo(reach, conf::QueryOf(source));
    if (const auto* events = std::get_if<conf::EventSource>(&source)) {
      if (events->is_cumulative) days = NewestOf(events->table, days, inventory_);
    }
    if (const auto* entities = std::get_if<conf::EntitySource>(&source)) {
      // The snapshot of a day has its mutations, so only times within days look at them.
      if (times && !entities->mutation_table.empty()) {
        add(entities->mutation_table, {day - kLateDays, day}, nullptr);
      }
    }
    const auto* chain = std::get_if<conf::JoinSource>(&source);
    add(conf::TableOf(source), days, chain == nullptr ? nullptr : chain->join.get());
  }
}

Freshness::Inputs Freshness::InputsOf(const conf::Join& join, Date day) const {
  Inputs inputs;
  for (const conf::JoinPart& part : join.join_parts) {
    AddInputs(*part.group_by, day, AskedBy(join.left), &inputs);
  }
  return inputs;
}

Freshness::Inputs Freshness::InputsOf(const conf::GroupBy& group_by, Date day) const {
  Inputs inputs;
  AddInputs(group_by, day, AskedAt::kDayEnds, &inputs);
  return inputs;
}

Freshness::Inputs Freshness::InputsOf(const conf::StagingQuery& staging_query, Date day) {
  Inputs inputs;
  for (const std::string& table : staging_query.tables) inputs[table] = {{kBeginning, day}};
  for (const std::string& table : staging_query.own_day) inputs[table] = {{day, day}};
  return inputs;
}

std::map<std::string, InputPrint> Freshness::PrintsOf(const Inputs& inputs) {
  std::map<std::string, InputPrint> prints;
  for (const auto& [table, input] : inputs) prints[table] = PrintOfInput(table, input);
  return prints;
}

std::string Freshness::PrintOfLeft(const conf::Join& join, Date day) {
  const auto* chain = std::get_if<conf::JoinSource>(&join.left);
  const std::string left = conf::TableOf(join.left);
  return LeftPrint(join, [&](const std::string& table) {
    if (chain != nullptr && table == left) return PrintOfMark(Of(*chain->join, day).mark());
    return PrintOf(table, day, inventory_);
  });
}

template <typename Definition>
const std::string& Freshness::MeaningOf(const Definition& definition) {
  std::string& meaning = meanings_[conf::OutputTable(definition.metadata)];
  if (meaning.empty()) meaning = conf::MeaningOf(definition);
  return meaning;
}

std::optional<Verdict> Freshness::WithoutInputs(const std::string& table, Date day,
                                                const DayMark& expected,
                                                const std::optional<std::string>& left_then) const {
  const DayMark* mark = MarkOf(table, day, inventory_);
  const auto compute = [&](Why why) { return Verdict{why, {}, {}, expected, {}}; };
  if (PrintOf(table, day, inventory_).empty()) return compute(Why::kMissing);
  if (mark == nullptr || mark->meaning != expected.meaning) return compute(Why::kStale);
  if (!left_then) return std::nullopt;
  if (mark->left.empty()) return compute(Why::kLeftUnknown);
  if (mark->left == (mark->inputs ? expected.left : *left_then)) return std::nullopt;
  return compute(Why::kLeftChanged);
}

Verdict Freshness::Judge(const std::string& table, Date day, const Inputs& inputs, DayMark expected,
                         const std::optional<std::string>& left_then) {
  if (const auto verdict = WithoutInputs(table, day, expected, left_then)) return *verdict;
  const DayMark& mark = *MarkOf(table, day, inventory_);
  Verdict verdict;
  for (const auto& [name, input] : inputs) {
    if (!mark.inputs) {
      if (WillBeRemade(name, input)) verdict.changed.push_back(name);
      continue;
    }
    const auto then = mark.inputs->find(name);
    const InputPrint& now = expected.inputs->at(name);
    if (then != mark.inputs->end() && then->second == now) continue;
    const bool lost = then != mark.inputs->end() && !then->second.print.empty() &&
                      (now.print.empty() || then->second.first < now.first);
    (lost ? verdict.gone : verdict.changed).push_back(name);
  }
  verdict.expected = std::move(expected);
  if (verdict.gone.empty() && !verdict.changed.empty()) {
    verdict.compute = Why::kInputsChanged;
  } else if (!mark.inputs && (!inputs.empty() || mark.left != verdict.expected.left)) {
    adopted_[table][day] = verdict.expected;
  } else {
    verdict.kept = mark;
  }
  return verdict;
}

const Verdict& Freshness::Of(const conf::Join& join, Date day) {
  const std::string table = conf::OutputTable(join.metadata);
  const auto known = verdicts_.find({table, day});
  if (known != verdicts_.end()) return known->second;
  std::string left_then =
      LeftPrint(join, [&](const std::string& name) { return PrintOf(name, day, inventory_); });
  if (const auto* chain = std::get_if<conf::JoinSource>(&join.left)) {
    if (Of(*chain->join, day).compute) left_then = "";
  }
  const Inputs inputs = InputsOf(join, day);
  DayMark expected{MeaningOf(join), PrintOfLeft(join, day), PrintsOf(inputs)};
  Verdict verdict = Judge(table, day, inputs, std::move(expected), left_then);
  return verdicts_.emplace(std::pair(table, day), std::move(verdict)).first->second;
}

template <typename Definition>
const Verdict& Freshness::WithoutLeft(const Definition& definition, Date day) {
  const std::string table = conf::OutputTable(definition.metadata);
  const auto known = verdicts_.find({table, day});
  if (known != verdicts_.end()) return known->second;
  const Inputs inputs = InputsOf(definition, day);
  DayMark expected{MeaningOf(definition), "", PrintsOf(inputs)};
  Verdict verdict = Judge(table, day, inputs, std::move(expected), std::nullopt);
  return verdicts_.emplace(std::pair(table, day), std::move(verdict)).first->second;
}

const Verdict& Freshness::Of(const conf::GroupBy& group_by, Date day) {
  return WithoutLeft(group_by, day);
}

const Verdict& Freshness::Of(const conf::StagingQuery& staging_query, Date day) {
  return WithoutLeft(staging_query, day);
}

}  // namespace catena::plan

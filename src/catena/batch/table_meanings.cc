// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/table_meanings.h"

#include <filesystem>

#include "catena/base/file.h"
#include "catena/base/json.h"
#include "catena/batch/partition_facts.h"

namespace catena::batch {
namespace {

std::string PathOf(const table::Table& table) { return table.directory() + "/_catena.json"; }

std::string TextOf(const Json& json, const char* name) {
  const auto at = json.find(name);
  return at != json.end() && at->is_string() ? at->get<std::string>() : "";
}

plan::InputPrint InputOf(const Json& json) {
  if (!json.is_object() || json.empty()) return {};
  const auto first = ParseDate(TextOf(json, "first"));
  const auto last = ParseDate(TextOf(json, "last"));
  return {first.ok() ? *first : Date{}, last.ok() ? *last : Date{}, TextOf(json, "print")};
}

// Empty where the mark can not be read: such a day is computed again.
plan::DayMark MarkOf(const Json& json) {
  if (json.is_string()) return {json.get<std::string>(), ""};
  if (!json.is_object()) return {};
  plan::DayMark mark{TextOf(json, "meaning"), TextOf(json, "left")};
  const auto inputs = json.find("inputs");
  if (inputs == json.end() || !inputs->is_object()) return mark;
  mark.inputs.emplace();
  for (const auto& [table, input] : inputs->items()) (*mark.inputs)[table] = InputOf(input);
  return mark;
}

Json ToJson(const plan::DayMark& mark) {
  Json json = {{"left", mark.left}, {"meaning", mark.meaning}};
  if (!mark.inputs) return json;
  Json& inputs = json["inputs"] = Json::object();
  for (const auto& [table, input] : *mark.inputs) {
    Json& one = inputs[table] = Json::object();
    if (input.print.empty()) continue;
    one = {{"first", FormatDate(input.first)},
           {"last", FormatDate(input.last)},
           {"print", input.print}};
  }
  return json;
}

}  // namespace

Result<std::map<Date, plan::DayMark>> ReadMarks(const table::Table& table) {
  std::map<Date, plan::DayMark> marks;
  const auto text = ReadFile(PathOf(table));
  if (!text.ok()) {
    if (text.error().code == ErrorCode::kNotFound) return marks;
    return text.error();
  }
  const auto json = ParseJson(*text, PathOf(table));
  if (!json.ok()) return Corruption(json.error().message);
  const auto days = json->find("days");
  if (days == json->end() || !days->is_object()) {
    return Corruption("file does not decode; remove it to compute its table again: " +
                      PathOf(table));
  }
  for (const auto& [day, mark] : days->items()) {
    const auto date = ParseDate(day);
    if (date.ok()) marks[*date] = MarkOf(mark);
  }
  return marks;
}

Status MarkDay(const table::Table& table, Date day, const plan::DayMark& mark) {
  CATENA_TRY(auto marks, ReadMarks(table));
  marks[day] = mark;
  return WriteMarks(table, marks);
}

Status WriteMarks(const table::Table& table, const std::map<Date, plan::DayMark>& marks) {
  Json days = Json::object();
  for (const auto& [date, mark] : marks) days[FormatDate(date)] = ToJson(mark);
  return ReplaceFile(PathOf(table), PrettyJson({{"days", days}, {"version", 3}}) + "\n");
}

Status Adopt(const BatchContext& context,
             const std::map<std::string, std::map<Date, plan::DayMark>>& adopted) {
  for (const auto& [name, days] : adopted) {
    CATENA_TRY(const table::Table table, context.warehouse->Find(name));
    CATENA_TRY(auto marks, ReadMarks(table));
    for (const auto& [day, mark] : days) marks[day] = mark;
    CATENA_RETURN_IF_ERROR(WriteMarks(table, marks));
  }
  return Status();
}

Status RemoveHalfWrittenMarks(const table::Table& table) {
  namespace fs = std::filesystem;
  const std::string prefix = fs::path(PathOf(table)).filename().string() + ".tmp-";
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(table.directory(), error)) {
    if (entry.path().filename().string().starts_with(prefix)) fs::remove(entry.path(), error);
  }
  if (error) {
    return Unavailable("cannot clean the table: " + table.directory() + ": " + error.message());
  }
  return Status();
}

Result<plan::Inventory> ReadInventory(const BatchContext& context,
                                      const std::vector<std::string>& tables) {
  plan::Inventory inventory;
  for (const std::string& name : tables) {
    CATENA_TRY(const table::Table table, context.warehouse->Find(name));
    if (!table.Exists()) continue;
    plan::TableState state;
    CATENA_TRY(const auto facts, FactsOf(table, table::PartitionRange::All()));
    for (const auto& [day, fact] : facts) {
      state.days.push_back(day);
      state.prints[day] = fact.print;
    }
    CATENA_TRY(state.marks, ReadMarks(table));
    inventory[name] = std::move(state);
  }
  return inventory;
}

}  // namespace catena::batch

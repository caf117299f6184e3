// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/table_meanings.h"

#include "catena/base/file.h"
#include "catena/base/json.h"

namespace catena::batch {
namespace {

std::string PathOf(const table::Table& table) { return table.directory() + "/_catena.json"; }

}  // namespace

Result<std::map<Date, std::string>> ReadMeanings(const table::Table& table) {
  std::map<Date, std::string> meanings;
  const auto text = ReadFile(PathOf(table));
  if (!text.ok()) {
    if (text.error().code == ErrorCode::kNotFound) return meanings;
    return text.error();
  }
  const auto json = ParseJson(*text, PathOf(table));
  if (!json.ok()) return Corruption(json.error().message);
  const auto days = json->find("days");
  if (days == json->end() || !days->is_object()) {
    return Corruption("file does not decode; remove it to compute its table again: " +
                      PathOf(table));
  }
  for (const auto& [day, meaning] : days->items()) {
    const auto date = ParseDate(day);
    if (date.ok() && meaning.is_string()) meanings[*date] = meaning.get<std::string>();
  }
  return meanings;
}

Status MarkDay(const table::Table& table, Date day, const std::string& meaning) {
  CATENA_TRY(auto meanings, ReadMeanings(table));
  meanings[day] = meaning;
  Json days = Json::object();
  for (const auto& [date, text] : meanings) days[FormatDate(date)] = text;
  return ReplaceFile(PathOf(table), PrettyJson({{"days", days}, {"version", 1}}) + "\n");
}

Result<plan::Inventory> ReadInventory(const BatchContext& context,
                                      const std::vector<std::string>& tables) {
  plan::Inventory inventory;
  for (const std::string& name : tables) {
    CATENA_TRY(const table::Table table, context.warehouse->Find(name));
    if (!table.Exists()) continue;
    plan::TableState state;
    CATENA_TRY(state.days, table.Partitions());
    CATENA_TRY(state.meanings, ReadMeanings(table));
    inventory[name] = std::move(state);
  }
  return inventory;
}

}  // namespace catena::batch

// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/kept_rows.h"

#include <utility>

#include "catena/batch/rows/batch_pieces.h"
#include "catena/batch/sorted_events.h"

namespace catena::batch {

KeptRows::KeptRows(uint64_t bytes_most)
    : room_(bytes_most), events_(std::make_shared<KeptEvents>()) {}

void KeptRows::BeginStep(Columns later, const std::set<std::string>& now) {
  const std::lock_guard lock(mutex_);
  later_ = std::move(later);
  std::erase_if(tables_, [&](const auto& entry) {
    if (now.contains(entry.first) || later_.contains(entry.first)) return false;
    for (const auto& [date, day] : entry.second) LetGo(day.rows);
    return true;
  });
}

void KeptRows::Keep(const std::string& table, Date day, const types::Batch& rows,
                    const std::string& print) {
  const std::lock_guard lock(mutex_);
  const auto wanted = later_.find(table);
  // A day that is made again is never found as it was.
  if (const auto of_table = tables_.find(table); of_table != tables_.end()) {
    if (const auto before = of_table->second.find(day); before != of_table->second.end()) {
      LetGo(before->second.rows);
      of_table->second.erase(before);
    }
  }
  if (wanted == later_.end()) return;
  types::Batch kept;
  for (size_t i = 0; i < rows.width(); ++i) {
    const std::string& name = rows.schema().fields[i].name;
    if (wanted->second.contains(name)) kept.AddColumn(name, rows.shared(i));
  }
  if (kept.width() != wanted->second.size() || RoomFor(kept) > room_) return;
  Hold(kept);
  tables_[table][day] = {std::move(kept), print};
}

std::optional<types::Batch> KeptRows::Find(const std::string& table, Date day,
                                           const std::string& print) const {
  const std::lock_guard lock(mutex_);
  const auto found = tables_.find(table);
  if (found == tables_.end()) return std::nullopt;
  const auto kept = found->second.find(day);
  if (kept == found->second.end() || kept->second.print != print) return std::nullopt;
  return kept->second.rows;
}

bool KeptRows::Wants(const std::string& table) const {
  const std::lock_guard lock(mutex_);
  return later_.contains(table);
}

bool KeptRows::Has(const std::string& table) const {
  const std::lock_guard lock(mutex_);
  const auto found = tables_.find(table);
  return found != tables_.end() && !found->second.empty();
}

uint64_t KeptRows::RoomFor(const types::Batch& rows) const {
  uint64_t bytes = 0;
  for (size_t i = 0; i < rows.width(); ++i) {
    if (!holders_.contains(&rows.column(i))) bytes += BytesOf(rows.column(i));
  }
  return bytes;
}

void KeptRows::Hold(const types::Batch& rows) {
  room_ -= RoomFor(rows);
  for (size_t i = 0; i < rows.width(); ++i) ++holders_[&rows.column(i)];
}

void KeptRows::LetGo(const types::Batch& rows) {
  for (size_t i = 0; i < rows.width(); ++i) {
    const auto held = holders_.find(&rows.column(i));
    if (--held->second > 0) continue;
    holders_.erase(held);
    room_ += BytesOf(rows.column(i));
  }
}

}  // namespace catena::batch

// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/rows/kept_rows.h"

#include "catena/batch/rows/batch_pieces.h"
#include "catena/batch/sorted_events.h"

namespace catena::batch {

KeptRows::KeptRows(uint64_t bytes_most)
    : room_(bytes_most), events_(std::make_shared<KeptEvents>()) {}

void KeptRows::Want(const std::string& table, const std::set<std::string>& columns) {
  const std::lock_guard lock(mutex_);
  tables_[table].columns.insert(columns.begin(), columns.end());
}

void KeptRows::Keep(const std::string& table, Date day, const types::Batch& rows) {
  const std::lock_guard lock(mutex_);
  const auto found = tables_.find(table);
  if (found == tables_.end()) return;
  types::Batch kept;
  for (size_t i = 0; i < rows.width(); ++i) {
    const std::string& name = rows.schema().fields[i].name;
    if (found->second.columns.contains(name)) kept.AddColumn(name, rows.shared(i));
  }
  // A day that is made again is never found as it was.
  if (const auto before = found->second.days.find(day); before != found->second.days.end()) {
    room_ += BytesOf(before->second);
    found->second.days.erase(before);
  }
  const uint64_t bytes = BytesOf(kept);
  if (bytes > room_ || kept.width() != found->second.columns.size()) return;
  room_ -= bytes;
  found->second.days[day] = std::move(kept);
}

std::optional<types::Batch> KeptRows::Find(const std::string& table, Date day) const {
  const std::lock_guard lock(mutex_);
  const auto found = tables_.find(table);
  if (found == tables_.end()) return std::nullopt;
  const auto rows = found->second.days.find(day);
  if (rows == found->second.days.end()) return std::nullopt;
  return rows->second;
}

bool KeptRows::Has(const std::string& table) const {
  const std::lock_guard lock(mutex_);
  const auto found = tables_.find(table);
  return found != tables_.end() && !found->second.days.empty();
}

void KeptRows::ForgetOthers(const std::set<std::string>& needed) {
  const std::lock_guard lock(mutex_);
  std::erase_if(tables_, [&](const auto& entry) {
    if (needed.contains(entry.first)) return false;
    for (const auto& [day, rows] : entry.second.days) room_ += BytesOf(rows);
    return true;
  });
}

}  // namespace catena::batch

// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/file/log_place.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <string_view>

namespace catena::topic {
namespace {

constexpr size_t kBaseDigits = 20;
constexpr std::string_view kSegmentSuffix = ".log";

bool ParseSegmentName(std::string_view name, Offset* base) {
  if (name.size() != kBaseDigits + kSegmentSuffix.size()) return false;
  if (!name.ends_with(kSegmentSuffix)) return false;
  const char* end = name.data() + kBaseDigits;
  const auto [stop, code] = std::from_chars(name.data(), end, *base);
  return code == std::errc() && stop == end && *base >= 0;
}

bool OffsetLess(const LogIndex::Entry& entry, Offset offset) { return entry.offset < offset; }

}  // namespace

std::string LogPlace::SegmentPath(Offset base) const {
  return fmt::format("{}/{:020}{}", folder, base, kSegmentSuffix);
}

Result<std::vector<Offset>> ListSegments(const LogPlace& place) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir(place.folder.c_str()), closedir);
  if (folder == nullptr) {
    return Unavailable("cannot list topic partition: " + place.folder + ": " +
                       std::strerror(errno));
  }
  std::vector<Offset> bases;
  while (const dirent* entry = readdir(folder.get())) {
    Offset base = 0;
    if (ParseSegmentName(entry->d_name, &base)) bases.push_back(base);
  }
  std::sort(bases.begin(), bases.end());
  return bases;
}

Result<bool> HoldsBehind(const LogPlace& place, Offset offset) {
  CATENA_TRY(const std::vector<Offset> bases, ListSegments(place));
  return std::any_of(bases.begin(), bases.end(), [&](Offset base) {
    struct stat status;
    return base > offset && stat(place.SegmentPath(base).c_str(), &status) == 0 &&
           status.st_size > 0;
  });
}

void LogIndex::Note(const Entry& entry) {
  const auto after = std::lower_bound(entries_.begin(), entries_.end(), entry.offset, OffsetLess);
  if (after != entries_.end() && after->offset == entry.offset) return;
  if (after != entries_.begin()) {
    const Entry& before = *(after - 1);
    if (before.base == entry.base && entry.position - before.position < kStepBytes) return;
  }
  entries_.insert(after, entry);
}

const LogIndex::Entry* LogIndex::AtOrBefore(Offset base, Offset offset) const {
  const auto after = std::lower_bound(entries_.begin(), entries_.end(), offset + 1, OffsetLess);
  if (after == entries_.begin() || (after - 1)->base != base) return nullptr;
  return &*(after - 1);
}

const LogIndex::Entry* LogIndex::Before(Offset base, Timestamp time) const {
  // Append times ascend with offsets, so both orders search the same vector.
  const auto in_segment = std::lower_bound(entries_.begin(), entries_.end(), base, OffsetLess);
  const auto after = std::partition_point(in_segment, entries_.end(), [&](const Entry& entry) {
    return entry.base == base && entry.append_time < time;
  });
  return after == in_segment ? nullptr : &*(after - 1);
}

}  // namespace catena::topic

// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/partition_facts.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "catena/base/hash.h"
#include "catena/table/partition_files.h"

namespace catena::batch {
namespace {

// Absent when a file was replaced since it was listed.
Result<std::optional<PartitionFacts>> Look(const table::PartitionFiles& partition) {
  PartitionFacts facts{"", Timestamp::min()};
  std::string text;
  for (const std::string& file : partition.files) {
    struct stat found = {};
    if (stat(file.c_str(), &found) != 0) {
      if (errno == ENOENT) return std::optional<PartitionFacts>();
      return Unavailable("cannot look at a data file: " + file + ": " + std::strerror(errno));
    }
    text += fmt::format("{} {} {}.{:09}\n", file.substr(file.rfind('/') + 1), found.st_size,
                        found.st_mtim.tv_sec, found.st_mtim.tv_nsec);
    const int64_t millis =
        int64_t{found.st_mtim.tv_sec} * 1000 + int64_t{found.st_mtim.tv_nsec} / 1000000;
    facts.newest = std::max(facts.newest, FromMillis(millis));
  }
  facts.print = fmt::format("{:016x}", HashBytes(text));
  return std::optional<PartitionFacts>(std::move(facts));
}

}  // namespace

Result<std::map<Date, PartitionFacts>> FactsOf(const table::Table& table,
                                               const table::PartitionRange& range) {
  constexpr int kAttempts = 5;
  for (int attempt = 1; attempt <= kAttempts; ++attempt) {
    CATENA_TRY(const auto partitions, table.Files(range));
    std::map<Date, PartitionFacts> facts;
    for (const table::PartitionFiles& partition : partitions) {
      CATENA_TRY(auto found, Look(partition));
      if (!found) break;
      facts[partition.ds] = std::move(*found);
    }
    if (facts.size() == partitions.size()) return facts;
  }
  return Unavailable(
      "partitions are replaced while they are looked at; run again when the job that "
      "writes them is done: " +
      table.name());
}

}  // namespace catena::batch

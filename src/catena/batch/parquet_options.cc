// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/parquet_options.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace catena::batch {
namespace {

// The value of the first name that is there, in small letters.
std::optional<std::string> Property(const Json& properties,
                                    std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (!properties.is_object() || !properties.contains(name)) continue;
    std::string value = properties.at(name).get<std::string>();
    for (char& c : value) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return value;
  }
  return std::nullopt;
}

// Where Chronon, Spark and Iceberg are told of another format than files of Parquet in folders.
Status RequireParquet(const Json& properties) {
  struct Asked {
    const char* name;
    std::initializer_list<const char*> means_ours;
  };
  const Asked all[] = {{"spark.chronon.table_write.format", {"hive", "parquet"}},
                       {"spark.chronon.table_write.iceberg", {"false"}},
                       {"provider", {"hive", "parquet"}},
                       {"table_type", {"hive", "parquet", "managed_table", "external_table"}},
                       {"write.format.default", {"parquet"}}};
  for (const Asked& asked : all) {
    const auto value = Property(properties, {asked.name});
    if (!value || std::find(asked.means_ours.begin(), asked.means_ours.end(), *value) !=
                      asked.means_ours.end()) {
      continue;
    }
    return Unsupported(
        "a table is written as Parquet in Hive's layout and in no other format, neither Iceberg "
        "nor Delta; take out what asks for one, and other engines read the folders: " +
        std::string(asked.name) + " = " + *value);
  }
  return Status();
}

}  // namespace

Result<table::ParquetOptions> ParquetOptionsOf(const Json& table_properties) {
  CATENA_RETURN_IF_ERROR(RequireParquet(table_properties));
  table::ParquetOptions options;
  if (const auto codec =
          Property(table_properties, {"parquet.compression", "write.parquet.compression-codec"})) {
    options.compression = *codec == "none" ? "uncompressed" : *codec;
  }
  if (const auto level = Property(table_properties, {"parquet.compression.codec.zstd.level",
                                                     "write.parquet.compression-level"})) {
    const char* end = level->data() + level->size();
    const auto [at, failed] = std::from_chars(level->data(), end, options.zstd_level);
    if (failed != std::errc() || at != end) {
      return InvalidConf("a level of zstd is a number between 1 and 22: " + *level);
    }
  }
  if (const auto version = Property(table_properties, {"parquet.writer.version"})) {
    const bool second = *version == "v2" || *version == "parquet_2_0";
    if (!second && *version != "v1" && *version != "parquet_1_0") {
      return InvalidConf("a version of Parquet's writer is v1 or v2: " + *version);
    }
    options.version = second ? 2 : 1;
  }
  CATENA_RETURN_IF_ERROR(table::CheckParquetOptions(options));
  return options;
}

}  // namespace catena::batch

// SPDX-License-Identifier: Apache-2.0
#include "catena/batch/parquet_options.h"

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

}  // namespace

Result<sql::ParquetOptions> ParquetOptionsOf(const Json& table_properties) {
  sql::ParquetOptions options;
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
  CATENA_RETURN_IF_ERROR(sql::CheckParquetOptions(options));
  return options;
}

}  // namespace catena::batch

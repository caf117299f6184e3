// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/rocksdb_options.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <charconv>
#include <cstdarg>
#include <cstdio>
#include <memory>
#include <vector>

#include "catena/base/log.h"
#include "catena/kv/stored_format.h"

namespace catena::kv {
namespace {

constexpr uint64_t kMegabyte = 1 << 20;
constexpr uint64_t kMegabytesMax = 1 << 20;

// What all values of one key share; marks and names have no prefix and are read in total order.
class ValuePrefix : public rocksdb::SliceTransform {
 public:
  const char* Name() const override { return "catena.ValuePrefix.1"; }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override {
    return {key.data(), key.size() - kInstantBytes};
  }
  bool InDomain(const rocksdb::Slice& key) const override {
    return key.size() >= kValueKeyBytesMin && key[0] == kValueTag;
  }
};

// A commit comes sorted: what of a dataset is inserted next lies beside what was inserted last.
class DatasetOfKey : public rocksdb::SliceTransform {
 public:
  const char* Name() const override { return "catena.DatasetOfKey.1"; }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override {
    return {key.data(), kDatasetPrefixBytes};
  }
  bool InDomain(const rocksdb::Slice& key) const override {
    return key.size() >= kValueKeyBytesMin && key[0] == kValueTag;
  }
};

// RocksDB's own log lines, among ours instead of in files beside the data.
class LogLines : public rocksdb::Logger {
 public:
  LogLines() : rocksdb::Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {}
  using rocksdb::Logger::Logv;
  void Logv(const rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
    if (level < GetInfoLogLevel()) return;
    char line[1024];
    std::vsnprintf(line, sizeof(line), format, arguments);
    if (level >= rocksdb::InfoLogLevel::ERROR_LEVEL) {
      CATENA_LOG_WARN("rocksdb", "{}", line);
    } else {
      CATENA_LOG_DEBUG("rocksdb", "{}", line);
    }
  }
  void Logv(const char* format, va_list arguments) override {
    Logv(rocksdb::InfoLogLevel::INFO_LEVEL, format, arguments);
  }
};

// RocksDB alone looks for space every five seconds, and until then refuses to be asked to: whoever
// writes asks sooner.
class ResumedByUs : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }
};

bool IsCompiledIn(rocksdb::CompressionType type) {
  const std::vector<rocksdb::CompressionType> known = rocksdb::GetSupportedCompressions();
  return std::find(known.begin(), known.end(), type) != known.end();
}

Status ParseMegabytes(const std::string& text, uint64_t* megabytes) {
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, *megabytes);
  if (parsed.ec != std::errc() || parsed.ptr != end || *megabytes == 0 ||
      *megabytes > kMegabytesMax) {
    return InvalidConf("not a number of megabytes from 1 to " + std::to_string(kMegabytesMax) +
                       ": `" + text + "`");
  }
  return Status();
}

}  // namespace

Result<RocksDBPlace> ParseRocksDBPlace(const std::string& text) {
  RocksDBPlace place;
  const size_t question = text.find('?');
  place.path = text.substr(0, question);
  while (place.path.size() > 1 && place.path.ends_with('/')) place.path.pop_back();
  if (place.path.empty()) return InvalidConf("no folder: write rocksdb:PATH");
  if (place.path.starts_with("//") && !place.path.starts_with("///")) {
    return InvalidConf(
        "a host has no place in rocksdb: write rocksdb:PATH, absolute or "
        "relative: rocksdb:" +
        text);
  }
  std::string rest = question == std::string::npos ? "" : text.substr(question + 1);
  while (!rest.empty()) {
    const std::string pair = rest.substr(0, rest.find('&'));
    rest.erase(0, std::min(rest.size(), pair.size() + 1));
    const size_t equals = pair.find('=');
    const std::string name = pair.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : pair.substr(equals + 1);
    if (name == "cache_mb") {
      CATENA_RETURN_IF_ERROR(ParseMegabytes(value, &place.cache_mb).WithContext(name));
    } else if (name == "write_buffer_mb") {
      CATENA_RETURN_IF_ERROR(ParseMegabytes(value, &place.write_buffer_mb).WithContext(name));
    } else {
      return InvalidConf("unknown option: rocksdb knows cache_mb and write_buffer_mb, not `" +
                         name + "`");
    }
  }
  return place;
}

rocksdb::Options RocksDBOptions(const RocksDBPlace& place) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(place.cache_mb * kMegabyte, -1, false, 0.5);
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  // Half of it would be read in 10 us where this takes 17, and take a twentieth more on disk.
  table.block_size = 16 << 10;
  // Where a restart stands a key stands whole; 16 would take a seventieth more on disk.
  table.block_restart_interval = 64;
  table.format_version = 5;
  // A third smaller than Bloom's, which is quicker to make and stays where files are young. One key
  // in thirty that a file lacks is looked for in vain.
  table.filter_policy.reset(rocksdb::NewRibbonFilterPolicy(7, 0));
  table.whole_key_filtering = false;

  rocksdb::Options options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.prefix_extractor = std::make_shared<ValuePrefix>();
  options.memtable_prefix_bloom_size_ratio = 0.05;
  options.memtable_insert_with_hint_prefix_extractor = std::make_shared<DatasetOfKey>();
  options.db_write_buffer_size = place.write_buffer_mb * kMegabyte;
  options.write_buffer_size = std::max(place.write_buffer_mb * kMegabyte / 2, kMegabyte);
  options.max_write_buffer_number = 4;
  options.max_total_wal_size = 4 * place.write_buffer_mb * kMegabyte;
  options.level_compaction_dynamic_level_bytes = true;
  // A stream commits every few seconds, and each merge rewrites most of what there is.
  options.level0_file_num_compaction_trigger = 12;
  options.level0_slowdown_writes_trigger = 36;
  options.level0_stop_writes_trigger = 48;
  options.max_background_jobs = 2;
  options.bytes_per_sync = kMegabyte;
  // Values that nobody rewrites must meet the horizon filter too.
  options.periodic_compaction_seconds = 12 * 60 * 60;
  options.compression =
      IsCompiledIn(rocksdb::kLZ4Compression) ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
  if (IsCompiledIn(rocksdb::kZSTD)) options.bottommost_compression = rocksdb::kZSTD;
  options.max_open_files = 512;
  options.stats_dump_period_sec = 0;
  options.info_log = std::make_shared<LogLines>();
  options.listeners = {std::make_shared<ResumedByUs>()};
  return options;
}

Error RocksDBError(const rocksdb::Status& status, const char* doing) {
  const std::string message = std::string(doing) + ": " + status.ToString();
  if (status.IsCorruption()) {
    return Corruption("stored bytes are damaged, keep a copy of the folder: " + message);
  }
  if (status.IsNoSpace()) return Unavailable("disk is full, free some space: " + message);
  if (status.IsNotSupported() || status.IsInvalidArgument()) return Unsupported(message);
  return Unavailable(message);
}

}  // namespace catena::kv

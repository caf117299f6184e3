// SPDX-License-Identifier: Apache-2.0
#include "catena/table/parquet_file.h"

#include <dlfcn.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "catena/base/hash.h"
#include "catena/table/plugin/parquet_plugin.h"

namespace catena::table {
namespace {

constexpr const char* kCodecs[] = {"zstd", "gzip", "snappy", "lz4_raw", "uncompressed"};

// A file that is written from front to back, and the checksum of what went into it.
class ChecksummedFile : public ParquetSink {
 public:
  ChecksummedFile(const std::string& path, uint32_t before)
      : file_(std::fopen(path.c_str(), "wb")), checksum_(before) {}
  ~ChecksummedFile() override { static_cast<void>(Close()); }

  uint32_t checksum() const { return checksum_; }
  bool is_open() const { return file_ != nullptr; }
  int Write(std::string_view bytes) override {
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) return errno;
    checksum_ = Crc32c(bytes, checksum_);
    return 0;
  }
  int Close() {
    std::FILE* file = std::exchange(file_, nullptr);
    return file == nullptr || std::fclose(file) == 0 ? 0 : errno;
  }

 private:
  std::FILE* file_;
  uint32_t checksum_;
};

// What the library looks for it finds in the libraries that came with it, before the program's.
// The sanitizers forbid that; of what the program has by the same names no writer asks.
#ifdef CATENA_PLUGIN_FOLDER
constexpr int kLoading = RTLD_NOW | RTLD_LOCAL;
constexpr char kFolder[] = CATENA_PLUGIN_FOLDER;
#else
constexpr int kLoading = RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND;
constexpr char kFolder[] = "";  // Where the program looks for its libraries.
#endif

Result<ParquetPluginEntry*> LoadPlugin() {
  void* library = dlopen((kFolder + std::string(kParquetPlugin)).c_str(), kLoading);
  void* entry = library == nullptr ? nullptr : dlsym(library, kParquetPluginEntry);
  if (entry != nullptr) return reinterpret_cast<ParquetPluginEntry*>(entry);
  return Unsupported("cannot write Parquet without " + std::string(kParquetPlugin) +
                     ", which lies in lib/ beside the program's bin/: " + dlerror());
}

const Result<ParquetPluginEntry*>& Plugin() {
  static const auto* plugin = new Result<ParquetPluginEntry*>(LoadPlugin());
  return *plugin;
}

}  // namespace

Status CheckParquetOptions(const ParquetOptions& options) {
  if (options.zstd_level < 1 || options.zstd_level > 22) {
    return InvalidConf("a level of zstd is between 1 and 22: " +
                       std::to_string(options.zstd_level));
  }
  if (options.version != 1 && options.version != 2) {
    return InvalidConf("a version of Parquet is 1 or 2: " + std::to_string(options.version));
  }
  if (std::ranges::count(kCodecs, options.compression) > 0) return Status();
  return InvalidConf(
      "unknown Parquet compression, use zstd, gzip, snappy, lz4_raw or uncompressed: " +
      options.compression);
}

Result<uint32_t> WriteParquet(const types::Schema& schema, std::span<const types::Batch> batches,
                              const std::string& path, const ParquetOptions& options,
                              uint32_t before) {
  CATENA_RETURN_IF_ERROR(CheckParquetOptions(options));
  for (const types::Batch& batch : batches) {
    CATENA_CHECK(batch.schema() == schema, "the batches of a file have one schema");
  }
  CATENA_TRY(ParquetPluginEntry* const write, Plugin());
  const auto failed = [&path](int error) {
    return Unavailable("cannot write: " + path + ": " + std::strerror(error));
  };
  ChecksummedFile file(path, before);
  if (!file.is_open()) return failed(errno);
  Status written;
  write(schema, batches, options, &file, &written);
  if (!written.ok() && written.error().code == ErrorCode::kUnavailable) {
    return written.error().WithContext("cannot write: " + path);
  }
  CATENA_RETURN_IF_ERROR(written);
  if (const int error = file.Close(); error != 0) return failed(error);
  return file.checksum();
}

}  // namespace catena::table

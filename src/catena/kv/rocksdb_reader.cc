// SPDX-License-Identifier: Apache-2.0
// The reader of rocksdb_store.h: a secondary instance, which needs neither the lock nor the owner.

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <thread>
#include <utility>

#include "catena/kv/rocksdb_reads.h"
#include "catena/kv/rocksdb_store.h"
#include "catena/kv/store_folder.h"

namespace catena::kv {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

// The owner may remove a file between our reading its name and opening it; then its newer list of
// files is there already.
constexpr int kAttempts = 5;
constexpr milliseconds kBetweenAttempts{20};

Status OnlyReads() {
  return Unsupported("the store is open for reading only: open it to own or to join it");
}

// As long as these stay, nothing new was written.
struct Written {
  bool operator==(const Written&) const = default;
  std::string logs, lists;  // Names and sizes of the logs, and of the lists of files.
};

Written WrittenSoFar(const std::string& path) {
  std::vector<std::string> logs, lists;
  std::error_code error;
  for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    std::string name = at->path().filename().string();
    const bool is_list = name.starts_with("MANIFEST-");
    if (!is_list && !name.ends_with(".log")) continue;
    std::error_code vanished;  // The next look will not find its name either.
    (is_list ? lists : logs).push_back(name + "=" + std::to_string(at->file_size(vanished)));
  }
  Written all{error.message(), error.message()};
  for (auto [files, text] : {std::pair(&logs, &all.logs), std::pair(&lists, &all.lists)}) {
    std::sort(files->begin(), files->end());
    for (const std::string& file : *files) *text += file + " ";
  }
  return all;
}

class RocksDBReader : public KVStore {
 public:
  explicit RocksDBReader(RocksDBPlace place) : place_(std::move(place)) {}

  Status Reopen();

  std::vector<Result<std::vector<TimedValue>>> MultiGet(
      std::span<const GetRequest> requests) override {
    const auto files = Newest();
    if (files.ok()) return (*files)->reads.MultiGet(requests);
    return std::vector<Result<std::vector<TimedValue>>>(requests.size(), files.error());
  }
  Result<std::optional<std::string>> GetMark(std::string_view dataset,
                                             std::string_view name) override {
    CATENA_TRY(const auto files, Newest());
    return files->reads.GetMark(dataset, name);
  }
  Result<std::vector<Mark>> ListMarks(std::string_view dataset, std::string_view prefix) override {
    CATENA_TRY(const auto files, Newest());
    return files->reads.ListMarks(dataset, prefix);
  }
  Status Apply(const WriteBatch& /*batch*/, bool /*durable*/) override { return OnlyReads(); }
  Status SetHorizon(std::string_view /*dataset*/, Timestamp /*horizon*/) override {
    return OnlyReads();
  }
  Status Scan(std::string_view dataset,
              const std::function<bool(std::string_view, const TimedValue&)>& visit) override {
    CATENA_TRY(const auto files, Newest());
    return files->reads.Scan(dataset, visit);
  }
  Result<std::vector<std::string>> ListDatasets() override {
    CATENA_TRY(const auto files, Newest());
    return files->reads.ListDatasets();
  }
  Result<uint64_t> ApproximateBytes(std::string_view dataset) override {
    CATENA_TRY(const auto files, Newest());
    return files->reads.ApproximateBytes(dataset);
  }
  Status DropDataset(std::string_view /*dataset*/) override { return OnlyReads(); }
  Status Sync() override { return OnlyReads(); }

 private:
  struct Files {
    explicit Files(rocksdb::DB* opened) : db(opened), reads(opened) {}
    std::unique_ptr<rocksdb::DB> db;
    RocksDBReads reads;
  };

  // What the owner has written up to now. A read that is under way keeps the files it began with.
  Result<std::shared_ptr<Files>> Newest();

  RocksDBPlace place_;
  std::mutex mutex_;
  std::shared_ptr<Files> files_;
  Written caught_up_with_;
};

Status RocksDBReader::Reopen() {
  rocksdb::Options options = RocksDBOptions(place_);
  // Files that the owner removes stay readable for whoever has them open.
  options.max_open_files = -1;
  // Otherwise every catching up starts and ends sixteen threads.
  options.max_file_opening_threads = 1;
  rocksdb::Status status;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(kBetweenAttempts);
    rocksdb::DB* db = nullptr;
    status = rocksdb::DB::OpenAsSecondary(options, place_.path, place_.path + "/reader", &db);
    if (status.ok()) {
      files_ = std::make_shared<Files>(db);
      return Status();
    }
  }
  return RocksDBError(status, "cannot open the store for reading").WithContext(place_.path);
}

Result<std::shared_ptr<RocksDBReader::Files>> RocksDBReader::Newest() {
  std::lock_guard lock(mutex_);
  // Before catching up: what comes in between is caught up with twice, not never.
  Written written = WrittenSoFar(place_.path);
  if (written == caught_up_with_) return files_;
  // Where files came or went all is opened anew: catching up with a file that was taken in as it is
  // (rocksdb/commit_file.h), RocksDB may go on showing what it has replaced.
  bool is_caught_up = false;
  const int attempts = written.lists == caught_up_with_.lists ? kAttempts : 0;
  for (int attempt = 0; attempt < attempts && !is_caught_up; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(kBetweenAttempts);
    is_caught_up = files_->db->TryCatchUpWithPrimary().ok();
  }
  if (!is_caught_up) CATENA_RETURN_IF_ERROR(Reopen());
  caught_up_with_ = std::move(written);
  return files_;
}

}  // namespace

Result<std::unique_ptr<KVStore>> OpenRocksDBReader(const RocksDBPlace& place) {
  CATENA_RETURN_IF_ERROR(CheckStoreFolder(place.path));
  auto reader = std::make_unique<RocksDBReader>(place);
  CATENA_RETURN_IF_ERROR(reader->Reopen());
  return std::unique_ptr<KVStore>(std::move(reader));
}

}  // namespace catena::kv

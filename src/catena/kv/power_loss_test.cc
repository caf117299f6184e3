// SPDX-License-Identifier: Apache-2.0
// What is left of a store when the machine stops: of each file the bytes that were synced, and
// nothing more. This program's fsync and fdatasync, RocksDB's too, are noted on their way.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <random>
#include <set>

#include "catena/base/file.h"
#include "catena/base/random.h"
#include "catena/kv/rocksdb_store.h"
#include "catena/kv/snapshot.h"
#include "catena/kv/stores_under_test.h"

namespace {

struct Synced {
  uint64_t bytes = 0;  // As of the last sync.
  int times = 0;
};
std::mutex synced_mutex;
std::map<ino_t, Synced>& SyncedByInode() {
  static std::map<ino_t, Synced> synced;
  return synced;
}

void NoteSync(int descriptor) {
  struct stat status;
  if (fstat(descriptor, &status) != 0) return;
  const std::lock_guard lock(synced_mutex);
  Synced& synced = SyncedByInode()[status.st_ino];
  synced.bytes = static_cast<uint64_t>(status.st_size);
  ++synced.times;
}

Synced SyncedOf(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) return {};
  const std::lock_guard lock(synced_mutex);
  return SyncedByInode()[status.st_ino];
}

}  // namespace

extern "C" int fsync(int descriptor) {
  NoteSync(descriptor);
  return static_cast<int>(syscall(SYS_fsync, descriptor));
}
extern "C" int fdatasync(int descriptor) {
  NoteSync(descriptor);
  return static_cast<int>(syscall(SYS_fdatasync, descriptor));
}

namespace catena::kv {
namespace {

namespace fs = std::filesystem;

// Of each file there is now, by name, the bytes that were synced.
std::map<std::string, uint64_t> SyncedBytesIn(const std::string& folder) {
  std::map<std::string, uint64_t> synced;
  for (const auto& file : fs::directory_iterator(folder)) {
    const std::string path = file.path().string();
    if (file.is_regular_file()) synced[file.path().filename().string()] = SyncedOf(path).bytes;
  }
  return synced;
}

// The folder as a machine that stops now has it afterwards. A machine stops at one moment, and
// RocksDB's threads go on while files are read one after the other: a copy counts when no file
// came, went or was synced meanwhile.
void CopyWhatWasSynced(const std::string& from, const std::string& to) {
  for (std::map<std::string, uint64_t> before, after = SyncedBytesIn(from); before != after;
       after = SyncedBytesIn(from)) {
    before = after;
    fs::remove_all(to);
    fs::create_directories(to);
    for (const auto& [name, synced] : before) {
      Result<std::string> bytes = ReadFile(from + "/" + name);
      if (!bytes.ok()) break;  // It went.
      bytes->resize(std::min<uint64_t>(bytes->size(), synced));
      std::ofstream(to + "/" + name, std::ios::binary) << *bytes;
    }
  }
}

size_t Count(KVStore* store, const std::string& dataset) {
  size_t count = 0;
  EXPECT_TRUE(store
                  ->Scan(dataset,
                         [&count](std::string_view, const TimedValue&) {
                           ++count;
                           return true;
                         })
                  .ok());
  return count;
}

class PowerLossTest : public testing::Test {
 protected:
  std::unique_ptr<KVStore> AfterPowerLoss() {
    after_ += "+";
    CopyWhatWasSynced(folder_.path + "/state", after_);
    auto owner = OpenRocksDBOwner({after_, 4, 1});
    EXPECT_TRUE(owner.ok()) << owner.error().message;
    return owner.ok() ? std::move(*owner) : nullptr;
  }

  ScratchFolder folder_;
  std::string after_ = folder_.path + "/after";
  std::unique_ptr<KVStore> owner_ = OpenRocksDBOwner({folder_.path + "/state", 4, 1}).value();
};

TEST_F(PowerLossTest, WhatWasDurableIsThere) {
  ASSERT_TRUE(owner_->Apply({{{"D", "k", {FromMillis(1), 0, "v"}}}, {}}, /*durable=*/true).ok());
  const auto after = AfterPowerLoss();
  ASSERT_NE(after, nullptr);
  EXPECT_EQ(Count(after.get(), "D"), 1u);
}

// A dataset whose name is in the log alone, and its values in a file.
TEST_F(PowerLossTest, AFileOutlivesNoNameOfItsDatasets) {
  ASSERT_TRUE(owner_->Sync().ok());
  ASSERT_TRUE(owner_->SetHorizon("D", FromMillis(0)).ok());
  const WriteBatch large{{{"D", "k", {FromMillis(1), 0, std::string(200'000, 'v')}}}, {}};
  ASSERT_TRUE(owner_->ApplySorted(SortedBatch(large), {}).ok());
  const auto after = AfterPowerLoss();
  ASSERT_NE(after, nullptr);
  EXPECT_EQ(Count(after.get(), "D"), 1u);
  ASSERT_TRUE(after->Apply({{{"another", "k", {FromMillis(2), 0, "v"}}}, {}}).ok());
  EXPECT_EQ(Count(after.get(), "another"), 1u);
}

// Writes by the log and by files, any of them durable or synced: what is left is what there was
// after one of them, none before the last that was promised to be there.
TEST_F(PowerLossTest, WhatIsLeftIsWhatThereWasOnce) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  int64_t promised = 0;
  for (int64_t i = 1; i <= 60; ++i) {
    const bool is_large = random.OneIn(3);
    const bool is_durable = random.OneIn(6);
    // Some begin a dataset, by a horizon or by a value.
    const std::string dataset = "D" + std::to_string(random.OneIn(4) ? i : random.Below(5));
    if (random.OneIn(3)) {
      ASSERT_TRUE(owner_->SetHorizon(dataset, FromMillis(0)).ok());
    }
    WriteBatch batch;
    batch.puts.push_back(
        {dataset, "k", {FromMillis(i), 0, std::string(is_large ? 200'000 : 9, 'v')}});
    if (random.OneIn(2)) batch.marks.push_back({"D0", "m", "v"});
    ASSERT_TRUE((is_large ? owner_->ApplySorted(SortedBatch(batch), batch.marks)
                          : owner_->Apply(batch, is_durable))
                    .ok());
    if (is_large || is_durable) promised = i;
    if (!random.OneIn(8)) continue;
    const auto after = AfterPowerLoss();
    ASSERT_NE(after, nullptr);
    std::set<int64_t> left;
    for (const std::string& each : after->ListDatasets().value()) {
      ASSERT_TRUE(after
                      ->Scan(each,
                             [&left](std::string_view, const TimedValue& value) {
                               left.insert(ToMillis(value.time));
                               return true;
                             })
                      .ok());
    }
    const auto last = static_cast<int64_t>(left.size());
    ASSERT_GE(last, promised);
    ASSERT_TRUE(left.empty() || *left.rbegin() == last) << "there are holes";
  }
}

TEST_F(PowerLossTest, ASnapshotIsThereWithItsName) {
  ASSERT_TRUE(owner_->Apply({{{"D", "k", {FromMillis(1), 0, "v"}}}, {}}).ok());
  const std::string path = folder_.path + "/state.snapshot";
  const int before = SyncedOf(folder_.path).times;
  ASSERT_TRUE(WriteSnapshot(owner_.get(), path).ok());
  EXPECT_EQ(SyncedOf(path).bytes, fs::file_size(path));
  EXPECT_GT(SyncedOf(folder_.path).times, before);
}

}  // namespace
}  // namespace catena::kv

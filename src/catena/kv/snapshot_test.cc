// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/snapshot.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "catena/base/file.h"
#include "catena/base/random.h"
#include "catena/kv/stores_under_test.h"

namespace {

std::atomic<bool> has_streams = true;  // Memory for one, in this program.

}  // namespace

extern "C" FILE* fdopen(int descriptor, const char* mode) noexcept {
  static const auto real = reinterpret_cast<decltype(&fdopen)>(dlsym(RTLD_NEXT, "fdopen"));
  if (has_streams) return real(descriptor, mode);
  errno = ENOMEM;
  return nullptr;
}

namespace catena::kv {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class SnapshotTest : public testing::Test {
 protected:
  SnapshotTest() {
    std::string pattern = (fs::temp_directory_path() / "snapshot-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    path_ = folder_ + "/state.snapshot";
  }
  ~SnapshotTest() override { fs::remove_all(folder_); }

  static void Fill(KVStore* store, uint64_t seed) {
    Random random(seed);
    WriteBatch batch;
    for (int i = 0; i < 3000; ++i) {
      std::string value(random.Below(900), static_cast<char>(random.Below(256)));
      batch.puts.push_back(
          {"D" + std::to_string(random.Below(4)),
           "k" + std::to_string(random.Below(300)),
           {FromMillis(random.Between(-5, 5)), random.Below(1000), std::move(value)}});
    }
    for (const char* dataset : {"D1", "only marks"}) {
      batch.marks.push_back({dataset, "m", "of " + std::string(dataset)});
    }
    ASSERT_TRUE(store->Apply(batch).ok());
  }

  static std::vector<std::string> Dump(KVStore* store) {
    std::vector<std::string> lines;
    for (const std::string& dataset : *store->ListDatasets()) {
      EXPECT_TRUE(store
                      ->Scan(dataset,
                             [&](std::string_view key, const TimedValue& value) {
                               lines.push_back(dataset + "/" + std::string(key) + "@" +
                                               std::to_string(ToMillis(value.time)) + "." +
                                               std::to_string(value.sequence) + "=" + value.value);
                               return true;
                             })
                      .ok());
      for (const Mark& mark : *store->ListMarks(dataset, "")) {
        lines.push_back(dataset + "#" + mark.name + "=" + mark.value);
      }
    }
    return lines;
  }

  std::string folder_;
  std::string path_;
};

class EveryStoreSnapshotTest : public SnapshotTest,
                               public testing::WithParamInterface<StoreKind> {};

TEST_P(EveryStoreSnapshotTest, RestoresEverythingIntoAnyStore) {
  StoreUnderTest from(GetParam());
  Fill(from.store.get(), 1);
  const Result<SnapshotCounts> written = WriteSnapshot(from.store.get(), path_);
  ASSERT_TRUE(written.ok()) << written.error().message;
  EXPECT_EQ(written->marks, 2u);
  EXPECT_EQ(written->bytes, fs::file_size(path_));
  const auto into = *OpenKVStore("memory:", OpenMode::kOwn);
  ASSERT_TRUE(RestoreSnapshot(path_, into.get()).ok());
  EXPECT_EQ(Dump(into.get()), Dump(from.store.get()));
  EXPECT_THAT(RestoreSnapshot(path_, into.get()).error().message, HasSubstr("in use"));
  // And back.
  ASSERT_TRUE(WriteSnapshot(into.get(), path_).ok());
  StoreUnderTest again(GetParam());
  ASSERT_TRUE(RestoreSnapshot(path_, again.store.get()).ok());
  EXPECT_EQ(Dump(again.store.get()), Dump(into.get()));
}

TEST_F(SnapshotTest, WithoutMemoryForTheFileItIsRefused) {
  const auto store = OpenKVStore("memory:", OpenMode::kOwn).value();
  has_streams = false;
  const auto refused = WriteSnapshot(store.get(), path_);
  has_streams = true;
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(refused.error().message, HasSubstr(path_));
  EXPECT_TRUE(WriteSnapshot(store.get(), path_).ok());
}

TEST_F(SnapshotTest, AChangedOrCutFileIsRefusedBeforeAnythingIsApplied) {
  const auto from = *OpenKVStore("memory:", OpenMode::kOwn);
  Fill(from.get(), 2);
  ASSERT_TRUE(WriteSnapshot(from.get(), path_).ok());
  const std::string bytes = *ReadFile(path_);
  Random random(7);
  for (int i = 0; i < 200; ++i) {
    std::string broken = bytes;
    if (i % 2 == 0) {
      broken.resize(random.Below(bytes.size()));
    } else {
      broken[random.Below(bytes.size())] ^= static_cast<char>(1 << random.Below(8));
    }
    std::ofstream(path_, std::ios::binary) << broken;
    const auto into = *OpenKVStore("memory:", OpenMode::kOwn);
    EXPECT_FALSE(RestoreSnapshot(path_, into.get()).ok());
    EXPECT_TRUE(into->ListDatasets()->empty());
  }
}

TEST_F(SnapshotTest, AnInterruptedRestoreIsRunAgain) {
  const auto from = *OpenKVStore("memory:", OpenMode::kOwn);
  Fill(from.get(), 3);
  ASSERT_TRUE(WriteSnapshot(from.get(), path_).ok());
  const auto into = *OpenKVStore("memory:", OpenMode::kOwn);
  // What one that was killed leaves: some of the values, no mark.
  ASSERT_TRUE(from->Scan("D1",
                         [&](std::string_view key, const TimedValue& value) {
                           EXPECT_TRUE(into->Apply({{{"D1", std::string(key), value}}, {}}).ok());
                           return value.sequence > 100;
                         })
                  .ok());
  ASSERT_TRUE(RestoreSnapshot(path_, into.get()).ok());
  EXPECT_EQ(Dump(into.get()), Dump(from.get()));
}

// Values of two snapshots in one store would be counted into each other.
TEST_F(SnapshotTest, OfAnInterruptedRestoreNothingIsLeftInAnother) {
  const auto later = *OpenKVStore("memory:", OpenMode::kOwn);
  Fill(later.get(), 6);
  const auto into = *OpenKVStore("memory:", OpenMode::kOwn);
  ASSERT_TRUE(later
                  ->Scan("D1",
                         [&](std::string_view key, const TimedValue& value) {
                           EXPECT_TRUE(into->Apply({{{"D1", std::string(key), value}}, {}}).ok());
                           return true;
                         })
                  .ok());
  const auto from = *OpenKVStore("memory:", OpenMode::kOwn);
  Fill(from.get(), 7);
  ASSERT_TRUE(WriteSnapshot(from.get(), path_).ok());
  ASSERT_TRUE(RestoreSnapshot(path_, into.get()).ok());
  EXPECT_EQ(Dump(into.get()), Dump(from.get()));
}

TEST_F(SnapshotTest, TwoAtOnceDoNotWriteOneFile) {
  const auto store = *OpenKVStore("memory:", OpenMode::kOwn);
  Fill(store.get(), 8);
  WriteBatch many;
  for (uint64_t i = 0; i < 70'000; ++i) many.puts.push_back({"D9", "k", {FromMillis(0), i, "v"}});
  ASSERT_TRUE(store->Apply(many).ok());
  Status other;
  const auto meanwhile = [&](const SnapshotCounts&) {
    other = WriteSnapshot(store.get(), path_).status();
  };
  ASSERT_TRUE(WriteSnapshot(store.get(), path_, meanwhile).ok());
  ASSERT_FALSE(other.ok());
  EXPECT_THAT(other.error().message, HasSubstr("another process writes"));
  const auto into = *OpenKVStore("memory:", OpenMode::kOwn);
  ASSERT_TRUE(RestoreSnapshot(path_, into.get()).ok());
  EXPECT_EQ(Dump(into.get()), Dump(store.get()));
}

TEST_F(SnapshotTest, AStoreThatIsWrittenToGivesNone) {
  const auto store = *OpenKVStore("memory:", OpenMode::kOwn);
  Fill(store.get(), 4);
  ASSERT_TRUE(WriteSnapshot(store.get(), path_).ok());
  const std::string before = *ReadFile(path_);
  Fill(store.get(), 5);
  const auto writes = [&](const SnapshotCounts&) {
    ASSERT_TRUE(store->Apply({{}, {{"D1", "m", "new"}}}).ok());
  };
  WriteBatch many;
  for (uint64_t i = 0; i < 70'000; ++i) many.puts.push_back({"D9", "k", {FromMillis(0), i, "v"}});
  ASSERT_TRUE(store->Apply(many).ok());
  EXPECT_THAT(WriteSnapshot(store.get(), path_, writes).error().message, HasSubstr("written to"));
  EXPECT_EQ(*ReadFile(path_), before);
  EXPECT_FALSE(fs::exists(path_ + ".writing"));
}

TEST_F(SnapshotTest, FilesThatAreNotThereOrNoneAreSaid) {
  const auto store = *OpenKVStore("memory:", OpenMode::kOwn);
  EXPECT_THAT(RestoreSnapshot(path_, store.get()).error().message, HasSubstr("no such file"));
  std::ofstream(path_) << "hello";
  EXPECT_THAT(RestoreSnapshot(path_, store.get()).error().message, HasSubstr("no snapshot"));
  EXPECT_THAT(WriteSnapshot(store.get(), folder_ + "/absent/x").error().message,
              HasSubstr("cannot write"));
}

INSTANTIATE_TEST_SUITE_P(EveryStore, EveryStoreSnapshotTest, testing::ValuesIn(kStoreKinds),
                         [](const auto& info) { return StoreKindName(info.param); });

}  // namespace
}  // namespace catena::kv

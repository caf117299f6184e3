// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/embedded_store.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <list>
#include <thread>

#include "catena/base/file.h"
#include "catena/kv/child_process.h"
#include "catena/kv/stores_under_test.h"

namespace catena::kv {
namespace {

namespace fs = std::filesystem;

std::string Url(const std::string& path) { return "rocksdb:" + path; }

Status PutMark(KVStore* store, const std::string& name, const std::string& value) {
  return store->Apply({{}, {{"D", name, value}}});
}

std::string MarkOf(KVStore* store, const std::string& name) {
  const auto mark = store->GetMark("D", name);
  return mark.ok() ? mark->value_or("absent") : mark.error().message;
}

// Owns the store, says so, and counts in the mark "count" until it is killed.
int OwnAndCount(const std::string& path) {
  const auto store = OpenKVStore(Url(path), OpenMode::kOwn).value();
  for (int i = 1;; ++i) {
    if (!PutMark(store.get(), "count", std::to_string(i)).ok()) return 1;
    if (i == 1 && !TellParent("owning")) return 1;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

constexpr int kJoins = 8;
constexpr int kBatchesPerJoin = 20;

// Joins again and again, whoever owns the store by then, and writes something of its own each time.
int JoinAndWrite(const std::string& path) {
  for (int join = 0; join < kJoins; ++join) {
    auto store = OpenKVStore(Url(path), OpenMode::kJoin);
    if (!store.ok()) {
      std::fprintf(stderr, "join: %s\n", store.error().message.c_str());
      return 1;
    }
    for (int i = 0; i < kBatchesPerJoin; ++i) {
      const std::string key = std::to_string(getpid());
      const Status applied =
          (*store)->Apply({{{"D", key, {FromMillis(join * kBatchesPerJoin + i), 0, "x"}}}, {}});
      if (!applied.ok()) {
        std::fprintf(stderr, "apply: %s\n", applied.error().message.c_str());
        return 1;
      }
    }
  }
  return 0;
}

const bool kRegistered = RegisterChildRole("own and count", OwnAndCount) &&
                         RegisterChildRole("join and write", JoinAndWrite);

class EmbeddedStoreTest : public testing::Test {
 protected:
  std::string path() const { return folder_.path + "/state"; }
  Result<std::unique_ptr<KVStore>> Open(OpenMode mode) { return OpenKVStore(Url(path()), mode); }

 private:
  ScratchFolder folder_;
};

TEST_F(EmbeddedStoreTest, ThereIsOneOwnerAndASecondLearnsItsPid) {
  const auto owner = Open(OpenMode::kOwn).value();
  const auto second = Open(OpenMode::kOwn);
  EXPECT_TRUE(HasOneOwner(Url(path())));
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(second.error().message.find("pid " + std::to_string(getpid())), std::string::npos)
      << second.error().message;
}

TEST_F(EmbeddedStoreTest, WhatIsWrittenOutlivesItsOwner) {
  ASSERT_TRUE(PutMark(Open(OpenMode::kOwn).value().get(), "m", "kept").ok());
  EXPECT_FALSE(fs::exists(path() + "/owner"));
  EXPECT_FALSE(fs::exists(path() + "/owner.sock"));
  EXPECT_EQ(MarkOf(Open(OpenMode::kOwn).value().get(), "m"), "kept");
}

TEST_F(EmbeddedStoreTest, CompactingForgetsWhatLiesBeforeTheHorizon) {
  const auto store = Open(OpenMode::kOwn).value();
  for (int64_t millis : {1, 2, 3}) {
    ASSERT_TRUE(store->Apply({{{"D", "k", {FromMillis(millis), 0, "x"}}}, {}}).ok());
  }
  ASSERT_TRUE(store->SetHorizon("D", FromMillis(3)).ok());
  ASSERT_TRUE(store->Compact().ok());
  int left = 0;
  ASSERT_TRUE(store->Scan("D", [&](auto, auto&) { return ++left > 0; }).ok());
  EXPECT_EQ(left, 1);
}

TEST_F(EmbeddedStoreTest, AReaderOfNothingLearnsHowStateComesToBe) {
  const auto reader = Open(OpenMode::kReadOnly);
  ASSERT_FALSE(reader.ok());
  EXPECT_EQ(reader.error().code, ErrorCode::kNotFound);
  EXPECT_NE(reader.error().message.find("group-by-upload"), std::string::npos);
  EXPECT_FALSE(fs::exists(path()));
}

TEST_F(EmbeddedStoreTest, AReaderWithoutAnOwnerReadsTheFilesAndLeavesThemAlone) {
  ASSERT_TRUE(PutMark(Open(OpenMode::kOwn).value().get(), "m", "1").ok());
  const auto reader = Open(OpenMode::kReadOnly).value();
  EXPECT_EQ(MarkOf(reader.get(), "m"), "1");
  EXPECT_EQ(PutMark(reader.get(), "m", "2").error().code, ErrorCode::kUnsupported);
  // It holds no lock: an owner may come, and what it writes is seen at once.
  const auto owner = Open(OpenMode::kOwn).value();
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(PutMark(owner.get(), "m", std::to_string(i)).ok());
    ASSERT_EQ(MarkOf(reader.get(), "m"), std::to_string(i));
  }
}

TEST_F(EmbeddedStoreTest, AFolderOfOtherThingsIsNoStore) {
  fs::create_directories(path());
  ASSERT_TRUE(ReplaceFile(path() + "/thesis.tex", "precious").ok());
  EXPECT_EQ(Open(OpenMode::kOwn).error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(Open(OpenMode::kReadOnly).error().code, ErrorCode::kNotFound);
}

TEST_F(EmbeddedStoreTest, AnotherFormatIsNamedWithItsRemedy) {
  ASSERT_TRUE(Open(OpenMode::kOwn).ok());
  ASSERT_EQ(ReadFile(path() + "/CATENA_STORE").value(), "catena store 1\n");
  ASSERT_TRUE(ReplaceFile(path() + "/CATENA_STORE", "catena store 7\n").ok());
  for (const OpenMode mode : {OpenMode::kOwn, OpenMode::kJoin, OpenMode::kReadOnly}) {
    const auto store = Open(mode);
    ASSERT_FALSE(store.ok());
    EXPECT_EQ(store.error().code, ErrorCode::kUnsupported);
    EXPECT_NE(store.error().message.find("format 7"), std::string::npos);
  }
  ASSERT_TRUE(ReplaceFile(path() + "/CATENA_STORE", "?").ok());
  EXPECT_EQ(Open(OpenMode::kOwn).error().code, ErrorCode::kCorruption);
}

TEST_F(EmbeddedStoreTest, ADamagedFileIsCorruption) {
  Open(OpenMode::kOwn).value().reset();
  ASSERT_TRUE(ReplaceFile(path() + "/CURRENT", "MANIFEST-000000").ok());
  EXPECT_EQ(Open(OpenMode::kOwn).error().code, ErrorCode::kCorruption);
}

TEST_F(EmbeddedStoreTest, UrlsThatCannotBeAreRefused) {
  for (const char* url :
       {"", "redis", "mongo:x", "rocksdb:", "rocksdb://host/path", "memory:x",
        "rocksdb:/tmp/x?cache_mb=0", "rocksdb:/tmp/x?cache_mb=1x", "rocksdb:/tmp/x?cash_mb=1"}) {
    EXPECT_EQ(OpenKVStore(url, OpenMode::kOwn).error().code, ErrorCode::kInvalidConf) << url;
  }
  EXPECT_NE(OpenKVStore("mongo:x", OpenMode::kOwn).error().message.find("memory:, rocksdb:"),
            std::string::npos);
}

TEST_F(EmbeddedStoreTest, TheSocketIsForTheOwnersUserAndAnyLengthOfPath) {
  ScratchFolder folder;
  const std::string deep = folder.path + "/" + std::string(200, 'd') + "/" + std::string(200, 'e');
  const auto owner = OpenKVStore(Url(deep), OpenMode::kOwn).value();
  EXPECT_EQ(fs::status(deep + "/owner.sock").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  const auto joined = OpenKVStore(Url(deep), OpenMode::kJoin).value();
  ASSERT_TRUE(PutMark(joined.get(), "m", "1").ok());
  EXPECT_EQ(MarkOf(owner.get(), "m"), "1");
}

TEST_F(EmbeddedStoreTest, AKilledOwnerLeavesTheStoreToTheNext) {
  {
    ChildProcess child("own and count", path());
    ASSERT_EQ(child.ReadLine(), "owning");
    const auto owner = Open(OpenMode::kOwn);
    ASSERT_FALSE(owner.ok());
    EXPECT_NE(owner.error().message.find("pid " + std::to_string(child.pid())), std::string::npos);
  }
  ASSERT_TRUE(fs::exists(path() + "/owner.sock"));  // Stale: nobody listens.
  EXPECT_NE(MarkOf(Open(OpenMode::kReadOnly).value().get(), "count"), "absent");
  EXPECT_TRUE(PutMark(Open(OpenMode::kJoin).value().get(), "m", "1").ok());
  EXPECT_EQ(MarkOf(Open(OpenMode::kOwn).value().get(), "m"), "1");
}

TEST_F(EmbeddedStoreTest, AJoinerTakesThePlaceOfAKilledOwner) {
  ChildProcess child("own and count", path());
  ASSERT_EQ(child.ReadLine(), "owning");
  const auto joined = Open(OpenMode::kJoin).value();
  ASSERT_TRUE(PutMark(joined.get(), "m", "1").ok());
  child.Signal(SIGKILL);
  child.Wait();
  ASSERT_TRUE(PutMark(joined.get(), "n", "2").ok());
  EXPECT_EQ(MarkOf(joined.get(), "m") + MarkOf(joined.get(), "n"), "12");
  EXPECT_EQ(Open(OpenMode::kOwn).error().code, ErrorCode::kUnavailable);  // It owns it now.
}

TEST_F(EmbeddedStoreTest, AReaderOutlivesItsOwnerAndFindsTheNext) {
  auto owner = Open(OpenMode::kOwn).value();
  ASSERT_TRUE(PutMark(owner.get(), "m", "1").ok());
  const auto reader = Open(OpenMode::kReadOnly).value();
  EXPECT_EQ(MarkOf(reader.get(), "m"), "1");
  owner.reset();
  EXPECT_EQ(MarkOf(reader.get(), "m"), "1");
  for (int i = 0; i < 3; ++i) {
    owner = Open(OpenMode::kOwn).value();
    ASSERT_TRUE(PutMark(owner.get(), "m", std::to_string(i)).ok());
    EXPECT_EQ(MarkOf(reader.get(), "m"), std::to_string(i));
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // It looks for owners again.
    EXPECT_EQ(MarkOf(reader.get(), "m"), std::to_string(i));
    owner.reset();
    EXPECT_EQ(MarkOf(reader.get(), "m"), std::to_string(i));
  }
}

TEST_F(EmbeddedStoreTest, AStoppedOwnerCanBeReadPastButNotJoined) {
  ChildProcess child("own and count", path());
  ASSERT_EQ(child.ReadLine(), "owning");
  const auto early_reader = Open(OpenMode::kReadOnly).value();
  std::string before, early, late;
  Result<std::unique_ptr<KVStore>> joined = Unavailable("not yet");
  do {  // Who freezes and thaws all processes of a machine lets this one run on, too.
    joined = Unavailable("not yet");
    before = MarkOf(early_reader.get(), "count");
    child.Signal(SIGSTOP);
    late = MarkOf(Open(OpenMode::kReadOnly).value().get(), "count");
    early = MarkOf(early_reader.get(), "count");
    joined = Open(OpenMode::kJoin);
  } while (child.WasContinued());
  EXPECT_GE(std::stoi(late), std::stoi(before));
  EXPECT_EQ(early, late);
  ASSERT_FALSE(joined.ok());
  EXPECT_EQ(joined.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(joined.error().message.find("pid " + std::to_string(child.pid())), std::string::npos);

  child.Signal(SIGCONT);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (MarkOf(early_reader.get(), "count") == late &&
         std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_NE(MarkOf(early_reader.get(), "count"), late);
}

TEST_F(EmbeddedStoreTest, ManyJoinersAtOnceLoseNothing) {
  ASSERT_TRUE(kRegistered);
  constexpr int kChildren = 4;
  {
    std::list<ChildProcess> children;
    for (int i = 0; i < kChildren; ++i) children.emplace_back("join and write", path());
    for (ChildProcess& child : children) EXPECT_EQ(child.Wait(), 0);
  }
  int values = 0;
  ASSERT_TRUE(Open(OpenMode::kReadOnly)
                  .value()
                  ->Scan("D",
                         [&values](auto, auto&) {
                           ++values;
                           return true;
                         })
                  .ok());
  EXPECT_EQ(values, kChildren * kJoins * kBatchesPerJoin);
}

}  // namespace
}  // namespace catena::kv

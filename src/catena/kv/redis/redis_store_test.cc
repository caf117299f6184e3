// SPDX-License-Identifier: Apache-2.0
// What is Redis's own: URLs, owners that replace each other, lost answers, a server that forgot.

#include "catena/kv/redis/redis_store.h"

#include <gtest/gtest.h>

#include "catena/kv/stores_under_test.h"

namespace catena::kv {
namespace {

WriteBatch PutOf(const std::string& value) {
  return {{{"D", "k", {FromMillis(1), 0, value}}}, {{"D", "offset", value}}};
}

class RedisStoreTest : public testing::Test {
 protected:
  std::unique_ptr<KVStore> Open(OpenMode mode) { return OpenKVStore(url_, mode).value(); }
  std::string Value(KVStore* store) {
    const GetRequest request{"D", "k"};
    const auto values = store->MultiGet({&request, 1})[0].value();
    return values.empty() ? "" : values.back().value;
  }
  // The server, as something else than catena sees it.
  std::unique_ptr<RedisConnection> Server() {
    return RedisConnection::Open(ParseRedisPlace(url_.substr(url_.find(':') + 1)).value()).value();
  }
  std::string OwnersKey() const {
    return "{" + std::filesystem::path(folder_.path).filename().string() + "}:w";
  }

  // What a test does to the server itself must not reach the tests beside it.
  void UseOwnServer(const std::string& options) {
    url_ = "redis://" + StartOwnServer("redis") + options;
  }

  ScratchFolder folder_;
  std::string url_ = RedisURL(folder_);
};

TEST(RedisPlaceTest, ReadsEveryPart) {
  const RedisPlace place =
      ParseRedisPlace("//me:s3:cret@h.example:7001/4?prefix=p&timeout_ms=300").value();
  EXPECT_EQ(place.user, "me");
  EXPECT_EQ(place.password, "s3:cret");
  EXPECT_EQ(place.host, "h.example");
  EXPECT_EQ(place.port, 7001);
  EXPECT_EQ(place.database, 4u);
  EXPECT_EQ(place.prefix, "p");
  EXPECT_EQ(place.timeout, Millis{300});
  const RedisPlace plain = ParseRedisPlace("//").value();
  EXPECT_EQ(plain.host, "localhost");
  EXPECT_EQ(plain.port, 6379);
}

TEST(RedisPlaceTest, RefusesWhatItCannotRead) {
  for (const char* text : {"localhost:1", "//h:port", "//h:70000", "//h/x", "//h?cache_mb=1"}) {
    EXPECT_EQ(ParseRedisPlace(text).error().code, ErrorCode::kInvalidConf) << text;
  }
  EXPECT_EQ(OpenKVStore("rediss://h", OpenMode::kOwn).error().code, ErrorCode::kUnsupported);
}

TEST(RedisPlaceTest, PasswordsAreNotShown) {
  const Error error = OpenKVStore("redis://me:hunter2@127.0.0.1:1", OpenMode::kOwn).error();
  EXPECT_EQ(error.code, ErrorCode::kUnavailable);
  EXPECT_EQ(error.message.find("hunter2"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("127.0.0.1:1"), std::string::npos) << error.message;
}

TEST_F(RedisStoreTest, AWrongPasswordIsTheConfsFault) {
  const std::string host = url_.substr(8);
  const Error error = OpenKVStore("redis://:wrong@" + host, OpenMode::kOwn).error();
  EXPECT_EQ(error.code, ErrorCode::kInvalidConf) << error.message;
}

TEST_F(RedisStoreTest, TheLastOwnerWritesAndTheOneBeforeIsRefused) {
  const auto first = Open(OpenMode::kOwn);
  ASSERT_TRUE(first->Apply(PutOf("1")).ok());
  const auto second = Open(OpenMode::kOwn);
  EXPECT_EQ(first->Apply(PutOf("2")).error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(first->Resume().error().code, ErrorCode::kUnsupported);
  ASSERT_TRUE(second->Apply(PutOf("3")).ok());
  EXPECT_EQ(Value(first.get()), "3");
}

TEST_F(RedisStoreTest, JoinersWriteBesideTheOwnerAndReadersNever) {
  const auto owner = Open(OpenMode::kOwn);
  const auto joiner = Open(OpenMode::kJoin);
  ASSERT_TRUE(owner->Apply(PutOf("1")).ok());
  ASSERT_TRUE(joiner->Apply({{{"U", "k", {FromMillis(1), 0, "uploaded"}}}, {}}).ok());
  ASSERT_TRUE(owner->Apply(PutOf("2")).ok());
  const auto reader = Open(OpenMode::kReadOnly);
  EXPECT_EQ(reader->Apply(PutOf("3")).error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(Value(reader.get()), "2");
}

// A server that came back without its last seconds: writes that build on them are refused until
// the writer has begun anew.
TEST_F(RedisStoreTest, WhatAServerForgotIsNotBuiltOn) {
  const auto owner = Open(OpenMode::kOwn);
  ASSERT_TRUE(owner->Apply(PutOf("1")).ok());
  const auto before = Server()->Run({"GET", OwnersKey()}).value();
  ASSERT_TRUE(owner->Apply(PutOf("2")).ok());
  ASSERT_TRUE(Server()->Run({"SET", OwnersKey(), TextOf(*before)}).ok());
  EXPECT_EQ(owner->Apply(PutOf("3")).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(owner->Apply(PutOf("4")).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(Value(owner.get()), "2");
  ASSERT_TRUE(owner->Resume().ok());
  ASSERT_TRUE(owner->Apply(PutOf("5")).ok());
  EXPECT_EQ(Value(owner.get()), "5");
  ASSERT_TRUE(Server()->Run({"DEL", OwnersKey()}).ok());  // It forgot everything.
  EXPECT_EQ(owner->Apply(PutOf("6")).error().code, ErrorCode::kUnavailable);
  ASSERT_TRUE(owner->Resume().ok());
  ASSERT_TRUE(owner->Apply(PutOf("7")).ok());
}

// A paused server answers too late: whether it did what it was asked is told by nothing but Resume.
TEST_F(RedisStoreTest, ALostAnswerStopsTheWriterUntilItBeginsAnew) {
  UseOwnServer("?timeout_ms=200");
  const auto owner = Open(OpenMode::kOwn);
  ASSERT_TRUE(owner->Apply(PutOf("1")).ok());
  ASSERT_TRUE(Server()->Run({"CLIENT", "PAUSE", "1000", "ALL"}).ok());
  EXPECT_EQ(owner->Apply(PutOf("2")).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(owner->Apply(PutOf("3")).error().code, ErrorCode::kUnavailable);
  while (!owner->Resume().ok()) {
  }
  // The delayed write came first or finds another one in its place; it never comes later.
  const std::string seen = Value(owner.get());
  EXPECT_TRUE(seen == "1" || seen == "2") << seen;
  ASSERT_TRUE(owner->Apply(PutOf("4")).ok());
  EXPECT_EQ(Value(owner.get()), "4");
}

TEST_F(RedisStoreTest, ReadsFindTheServerAgain) {
  UseOwnServer("");
  const auto owner = Open(OpenMode::kOwn);
  ASSERT_TRUE(owner->Apply(PutOf("1")).ok());
  EXPECT_EQ(Value(owner.get()), "1");
  ASSERT_TRUE(Server()->Run({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}).ok());
  EXPECT_EQ(Value(owner.get()), "1");
}

TEST_F(RedisStoreTest, WhatIsOlderThanTheHorizonIsForgotten) {
  const auto owner = Open(OpenMode::kOwn);
  for (int i = 0; i < 3000; ++i) {
    ASSERT_TRUE(owner->Apply({{{"D", "k" + std::to_string(i), {FromMillis(i), 0, "v"}}}, {}}).ok());
  }
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(owner->SetHorizon("D", FromMillis(2500)).ok());
  int left = 0;
  ASSERT_TRUE(owner
                  ->Scan("D",
                         [&left](auto, const TimedValue& value) {
                           ++left;
                           EXPECT_GE(value.time, FromMillis(2500));
                           return true;
                         })
                  .ok());
  EXPECT_EQ(left, 500);
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(owner->SetHorizon("D", FromMillis(9999)).ok());
  EXPECT_TRUE(owner->ListDatasets().value().empty());
}

}  // namespace
}  // namespace catena::kv

// SPDX-License-Identifier: Apache-2.0
// What is Redis's own: URLs, owners that replace each other, lost answers, a server that forgot.

#include "catena/kv/redis/redis_store.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

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
  EXPECT_FALSE(HasOneOwner(url_));
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

// A full memory refuses a whole write or none, whoever writes.
TEST_F(RedisStoreTest, WhereMemoryIsFullNothingIsWritten) {
  UseOwnServer("");
  const auto owner = Open(OpenMode::kOwn);
  const auto joiner = Open(OpenMode::kJoin);
  const auto limit = [this](std::string_view bytes) {
    ASSERT_TRUE(Server()->Run({"CONFIG", "SET", "maxmemory", bytes}).ok());
  };
  ASSERT_TRUE(owner->Apply(PutOf("1")).ok());
  for (KVStore* store : {joiner.get(), owner.get()}) {
    limit("1");
    const Status refused = store->Apply(PutOf("2"));
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable) << refused.error().message;
    limit("0");
    EXPECT_EQ(Value(owner.get()), "1");
  }
  ASSERT_TRUE(owner->Resume().ok());
  ASSERT_TRUE(owner->Apply(PutOf("3")).ok());
  EXPECT_EQ(Value(owner.get()), "3");
}

TEST_F(RedisStoreTest, AServerThatEvictsKeysIsRefused) {
  UseOwnServer("");
  const auto set = [this](std::string_view name, std::string_view value) {
    ASSERT_TRUE(Server()->Run({"CONFIG", "SET", name, value}).ok());
  };
  set("maxmemory-policy", "allkeys-lru");
  EXPECT_NE(Open(OpenMode::kOwn), nullptr) << "nothing is evicted where there is no limit";
  set("maxmemory", "1gb");
  const auto refused = OpenKVStore(url_, OpenMode::kOwn);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidConf);
  EXPECT_NE(refused.error().message.find("noeviction"), std::string::npos);
  set("maxmemory-policy", "volatile-lru");
  EXPECT_NE(Open(OpenMode::kOwn), nullptr);
}

TEST_F(RedisStoreTest, AUserWithoutAPasswordIsNobodyElse) {
  const std::string host = url_.substr(8);
  EXPECT_EQ(OpenKVStore("redis://nobody@" + host, OpenMode::kOwn).error().code,
            ErrorCode::kInvalidConf);
}

// Says the same whatever it is asked.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer)
      : answer_(std::move(answer)), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    CATENA_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     listen(listener_, 8) == 0 &&
                     getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0,
                 "no port");
    url_ = "redis://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] { Serve(); });
  }
  ~OneAnswer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  const std::string& url() const { return url_; }

 private:
  void Serve() {
    for (int client = 0; (client = accept(listener_, nullptr, nullptr)) >= 0; close(client)) {
      char asked[4096];
      while (recv(client, asked, sizeof(asked), 0) > 0) {
        send(client, answer_.data(), answer_.size(), MSG_NOSIGNAL);
      }
    }
  }

  std::string answer_, url_;
  int listener_;
  std::thread thread_;
};

TEST_F(RedisStoreTest, AnotherNodeOfAClusterIsToBeNamedTheRestIsWaitedFor) {
  const OneAnswer moved("-MOVED 866 10.0.0.7:6379\r\n");
  const Error error = OpenKVStore(moved.url(), OpenMode::kOwn).error();
  EXPECT_EQ(error.code, ErrorCode::kInvalidConf);
  EXPECT_NE(error.message.find("another node of the cluster"), std::string::npos);
  EXPECT_NE(error.message.find("10.0.0.7:6379"), std::string::npos) << error.message;
  for (const char* answer : {"-LOADING Redis is loading the dataset in memory\r\n",
                             "-READONLY You can't write against a read only replica.\r\n",
                             "-CLUSTERDOWN The cluster is down\r\n", "-BUSY a script\r\n"}) {
    const OneAnswer later(answer);
    EXPECT_EQ(OpenKVStore(later.url(), OpenMode::kOwn).error().code, ErrorCode::kUnavailable);
  }
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

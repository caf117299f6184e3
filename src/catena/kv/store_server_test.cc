// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/store_server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <new>
#include <random>

#include "catena/base/random.h"
#include "catena/kv/memory_store.h"
#include "catena/kv/remote_store.h"
#include "catena/kv/stores_under_test.h"
#include "catena/kv/wire.h"

namespace catena::kv {
namespace {

using std::chrono::milliseconds;

class StoreServerTest : public testing::Test {
 protected:
  void Start() { server_ = StoreServer::Start(folder_.path, &store_).value(); }
  OwnerSocket Connect() { return OwnerSocket::Connect(folder_.path, milliseconds(5000)).value(); }
  static std::string Frame(Call call, const std::string& rest) {
    return std::string(kFrameHeaderBytes, '\0') + BeginRequest(call) + rest;
  }
  void ExpectAnswers() {
    EXPECT_EQ(OpenRemoteStore(folder_.path).value()->GetMark("D", "m").value(), "1");
  }

  struct ForgetfulStore : MemoryKVStore {
    std::vector<GetAnswer> MultiGet(std::span<const GetRequest> requests) override {
      if (!has_memory) throw std::bad_alloc();
      return MemoryKVStore::MultiGet(requests);
    }
    Status Scan(std::string_view dataset,
                const std::function<bool(std::string_view, const TimedValue&)>& visit) override {
      return MemoryKVStore::Scan(dataset, [&](std::string_view key, const TimedValue& value) {
        if (!has_memory) throw std::bad_alloc();
        return visit(key, value);
      });
    }
    std::atomic<bool> has_memory = true;
  };

  ScratchFolder folder_;
  ForgetfulStore store_;
  std::unique_ptr<StoreServer> server_;
};

TEST_F(StoreServerTest, HostileBytesNeverHarmTheOwner) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  ASSERT_TRUE(store_.Apply({{}, {{"D", "m", "1"}}}).ok());
  Start();
  for (int i = 0; i < 600; ++i) {
    OwnerSocket socket = Connect();
    std::string bytes(random.Below(200), '\0');
    for (char& byte : bytes)
      byte = static_cast<char>(random.OneIn(2) ? random.Below(4) : random.Next());
    if (random.OneIn(3)) {  // Anything at all, header included.
      send(socket.descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      continue;
    }
    // A proper frame around arguments that are none. Not Apply or SetHorizon: they might decode.
    static constexpr Call kReads[] = {
        Call::kPing, Call::kMultiGet,     Call::kGetMark,          Call::kListMarks,
        Call::kScan, Call::kListDatasets, Call::kApproximateBytes, Call::kSync};
    std::string frame = Frame(kReads[random.Below(std::size(kReads))], bytes);
    ASSERT_EQ(socket.WriteFrame(&frame), SocketOutcome::kDone);
    if (random.OneIn(2)) socket.ReadFrame(&bytes);
  }
  ExpectAnswers();
}

TEST_F(StoreServerTest, GarbledWritesChangeNothing) {
  Start();
  OwnerSocket socket = Connect();
  WriteBatch batch{{{"D", "k", {FromMillis(1), 0, "value"}}}, {{"D", "m", "1"}}};
  std::string whole(1, '\0');
  AppendWriteBatch(&whole, batch);
  for (size_t size = 0; size < whole.size(); ++size) {
    std::string frame = Frame(Call::kApply, whole.substr(0, size));
    std::string answer;
    ASSERT_EQ(socket.WriteFrame(&frame), SocketOutcome::kDone);
    ASSERT_EQ(socket.ReadFrame(&answer), SocketOutcome::kDone);
    ByteReader reader(answer);
    ASSERT_EQ(ReadError(reader.Byte(), &reader)->code, ErrorCode::kInvalidData) << size;
  }
  EXPECT_TRUE(store_.ListDatasets().value().empty());
}

TEST_F(StoreServerTest, AnAnnouncedGiantIsRefusedUnread) {
  Start();
  OwnerSocket socket = Connect();
  const std::string header = "\xff\xff\xff\xff";
  ASSERT_EQ(send(socket.descriptor(), header.data(), 4, MSG_NOSIGNAL), 4);
  std::string answer;
  ASSERT_EQ(socket.ReadFrame(&answer), SocketOutcome::kDone);
  ByteReader reader(answer);
  EXPECT_EQ(ReadError(reader.Byte(), &reader)->code, ErrorCode::kInvalidData);
  EXPECT_EQ(socket.ReadFrame(&answer), SocketOutcome::kClosed);
}

TEST_F(StoreServerTest, AnotherVersionIsToldSo) {
  Start();
  OwnerSocket socket = Connect();
  std::string frame(kFrameHeaderBytes, '\0');
  frame += "\x09\x01";
  ASSERT_EQ(socket.WriteFrame(&frame), SocketOutcome::kDone);
  std::string answer;
  ASSERT_EQ(socket.ReadFrame(&answer), SocketOutcome::kDone);
  ByteReader reader(answer);
  EXPECT_EQ(ReadError(reader.Byte(), &reader)->code, ErrorCode::kUnsupported);
}

TEST_F(StoreServerTest, TooManyConnectionsAreClosedAndLaterOnesServed) {
  ASSERT_TRUE(store_.Apply({{}, {{"D", "m", "1"}}}).ok());
  Start();
  {
    std::vector<OwnerSocket> sockets;
    for (size_t i = 0; i < StoreServer::kConnectionsMax; ++i) sockets.push_back(Connect());
    OwnerSocket one_more = Connect();
    std::string answer;
    EXPECT_EQ(one_more.ReadFrame(&answer), SocketOutcome::kClosed);
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!OpenRemoteStore(folder_.path).ok() && std::chrono::steady_clock::now() < deadline) {
  }
  ExpectAnswers();
}

TEST_F(StoreServerTest, WhatExceedsAFrameIsRefusedWithARemedy) {
  Start();
  const auto remote = OpenRemoteStore(folder_.path).value();
  WriteBatch batch;
  for (int i = 0; i < 9; ++i) {
    batch.puts.push_back({"D", "k", {FromMillis(i), 0, std::string(8 << 20, 'x')}});
  }
  const Status applied = remote->Apply(batch);
  EXPECT_EQ(applied.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(applied.error().message.find("split it"), std::string::npos);
  ASSERT_TRUE(store_.Apply(batch).ok());
  const GetRequest all{"D", "k"};
  EXPECT_EQ(remote->MultiGet({&all, 1})[0].error().code, ErrorCode::kUnsupported);
  const GetRequest some{.dataset = "D", .key = "k", .limit = 7};
  EXPECT_EQ(remote->MultiGet({&some, 1})[0].value().size(), 7u);
  int scanned = 0;
  ASSERT_TRUE(remote->Scan("D", [&scanned](auto, auto&) { return ++scanned > 0; }).ok());
  EXPECT_EQ(scanned, 9);
}

TEST_F(StoreServerTest, WhatACallThrowsEndsItsConnectionAlone) {
  ASSERT_TRUE(store_.Apply({{{"D", "k", {FromMillis(1), 0, "v"}}}, {{"D", "m", "1"}}}).ok());
  Start();
  const auto early = OpenRemoteStore(folder_.path).value();
  const GetRequest request{"D", "k"};
  const auto expect_told = [](const Status& told) {
    ASSERT_FALSE(told.ok());
    EXPECT_EQ(told.error().code, ErrorCode::kUnavailable);
    EXPECT_NE(told.error().message.find("bad_alloc"), std::string::npos) << told.error().message;
  };
  for (int i = 0; i < 3; ++i) {
    store_.has_memory = false;
    expect_told(early->MultiGet({&request, 1})[0].status());
    expect_told(early->Scan("D", [](auto, auto&) { return true; }));
    ExpectAnswers();
    store_.has_memory = true;
    EXPECT_EQ(early->MultiGet({&request, 1})[0].value().size(), 1u);
  }
}

TEST_F(StoreServerTest, AClientSurvivesARestartOfItsServer) {
  ASSERT_TRUE(store_.Apply({{}, {{"D", "m", "1"}}}).ok());
  Start();
  const auto remote = OpenRemoteStore(folder_.path).value();
  EXPECT_EQ(remote->GetMark("D", "m").value(), "1");
  server_.reset();
  EXPECT_EQ(remote->GetMark("D", "m").error().code, ErrorCode::kUnavailable);
  Start();
  EXPECT_EQ(remote->GetMark("D", "m").value(), "1");
}

TEST_F(StoreServerTest, ASilentOwnerIsUnavailableInTime) {
  // Bound and listening, but nobody accepts: what a stopped process looks like.
  const OwnerSocket listener = OwnerSocket::Listen(folder_.path).value();
  const auto begin = std::chrono::steady_clock::now();
  const auto remote = OpenRemoteStore(folder_.path, milliseconds(200), milliseconds(200));
  EXPECT_EQ(remote.error().code, ErrorCode::kUnavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(1500));
}

}  // namespace
}  // namespace catena::kv

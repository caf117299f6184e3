// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/embedded_store.h"

#include <chrono>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>

#include "catena/base/log.h"
#include "catena/kv/cache/fronted_store.h"
#include "catena/kv/remote_store.h"
#include "catena/kv/rocksdb_store.h"
#include "catena/kv/store_server.h"

namespace catena::kv {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kCallTimeout{2000};
// Less than a call may take: who opens has another way, or asks again.
constexpr milliseconds kOpenTimeout{1000};
constexpr milliseconds kProbeTimeout{50};
constexpr milliseconds kProbeInterval{1000};
// How long a joiner waits for an owner that is starting or stopping.
constexpr milliseconds kJoinPatience{5000};
constexpr milliseconds kJoinPause{20};
constexpr int kOwnersLostMax = 5;  // In one call.

enum class Way : uint8_t { kOwner, kThroughOwner, kReader };

struct Session {
  Way way;
  std::unique_ptr<KVStore> store;
  std::unique_ptr<StoreServer> server;  // After `store`, so that it stops before.
};
using SharedSession = std::shared_ptr<Session>;

SharedSession MakeSession(Way way, std::unique_ptr<KVStore> store) {
  return std::make_shared<Session>(Session{way, std::move(store), nullptr});
}

Result<SharedSession> Own(const RocksDBPlace& place) {
  CATENA_TRY(std::unique_ptr<KVStore> store, OpenRocksDBOwner(place));
  SharedSession session =
      MakeSession(Way::kOwner, std::make_unique<FrontedStore>(std::move(store)));
  CATENA_TRY(session->server, StoreServer::Start(place.path, session->store.get()));
  return session;
}

Result<SharedSession> GoThroughOwner(const RocksDBPlace& place, milliseconds ping_timeout) {
  CATENA_TRY(std::unique_ptr<KVStore> store,
             OpenRemoteStore(place.path, kCallTimeout, ping_timeout));
  return MakeSession(Way::kThroughOwner, std::move(store));
}

// Neither look decides alone: an owner may come between the first and the second, and go between
// the second and the next first.
Result<SharedSession> Join(const RocksDBPlace& place) {
  const auto deadline = steady_clock::now() + kJoinPatience;
  while (true) {
    Result<SharedSession> through = GoThroughOwner(place, kOpenTimeout);
    if (through.ok() || through.error().code != ErrorCode::kUnavailable) return through;
    Result<SharedSession> owned = Own(place);
    if (owned.ok() || owned.error().code != ErrorCode::kUnavailable) return owned;
    if (steady_clock::now() >= deadline) return owned;
    std::this_thread::sleep_for(kJoinPause);
  }
}

Result<SharedSession> Read(const RocksDBPlace& place) {
  Result<SharedSession> through = GoThroughOwner(place, kOpenTimeout);
  if (through.ok() || through.error().code != ErrorCode::kUnavailable) return through;
  CATENA_TRY(std::unique_ptr<KVStore> store, OpenRocksDBReader(place));
  return MakeSession(Way::kReader, std::move(store));
}

Result<SharedSession> OpenSession(const RocksDBPlace& place, OpenMode mode) {
  if (mode == OpenMode::kOwn) return Own(place);
  return mode == OpenMode::kJoin ? Join(place) : Read(place);
}

template <typename T>
bool IsUnavailable(const Result<T>& result) {
  return !result.ok() && result.error().code == ErrorCode::kUnavailable;
}
bool IsUnavailable(const Status& status) {
  return !status.ok() && status.error().code == ErrorCode::kUnavailable;
}
bool IsUnavailable(const std::vector<Result<std::vector<TimedValue>>>& answers) {
  return !answers.empty() && IsUnavailable(answers[0]);
}

Status OnlyReads() {
  return Unsupported("the store is open for reading only: open it to own or to join it");
}

class EmbeddedStore : public KVStore {
 public:
  EmbeddedStore(RocksDBPlace place, OpenMode mode, SharedSession session)
      : place_(std::move(place)), mode_(mode), session_(std::move(session)) {}

  std::vector<Result<std::vector<TimedValue>>> MultiGet(
      std::span<const GetRequest> requests) override {
    return Run([&](KVStore* store) { return store->MultiGet(requests); });
  }
  Result<std::optional<std::string>> GetMark(std::string_view dataset,
                                             std::string_view name) override {
    return Run([&](KVStore* store) { return store->GetMark(dataset, name); });
  }
  Result<std::vector<Mark>> ListMarks(std::string_view dataset, std::string_view prefix) override {
    return Run([&](KVStore* store) { return store->ListMarks(dataset, prefix); });
  }
  Status Apply(const WriteBatch& batch, bool durable) override {
    if (mode_ == OpenMode::kReadOnly) return OnlyReads();
    return Run([&](KVStore* store) { return store->Apply(batch, durable); });
  }
  Status SetHorizon(std::string_view dataset, Timestamp horizon) override {
    if (mode_ == OpenMode::kReadOnly) return OnlyReads();
    return Run([&](KVStore* store) { return store->SetHorizon(dataset, horizon); });
  }
  Status Scan(std::string_view dataset,
              const std::function<bool(std::string_view, const TimedValue&)>& visit) override {
    bool has_visited = false;
    Status broken;
    const Status scanned = Run([&](KVStore* store) -> Status {
      if (has_visited) return broken;  // Starting over would visit values twice.
      broken = store->Scan(dataset, [&](std::string_view key, const TimedValue& value) {
        has_visited = true;
        return visit(key, value);
      });
      return broken;
    });
    return scanned;
  }
  Result<std::vector<std::string>> ListDatasets() override {
    return Run([](KVStore* store) { return store->ListDatasets(); });
  }
  Result<uint64_t> ApproximateBytes(std::string_view dataset) override {
    return Run([&](KVStore* store) { return store->ApproximateBytes(dataset); });
  }
  Status DropDataset(std::string_view dataset) override {
    if (mode_ == OpenMode::kReadOnly) return OnlyReads();
    return Run([&](KVStore* store) { return store->DropDataset(dataset); });
  }
  Status Sync() override {
    if (mode_ == OpenMode::kReadOnly) return OnlyReads();
    return Run([](KVStore* store) { return store->Sync(); });
  }
  Status Compact() override {
    if (mode_ == OpenMode::kReadOnly) return OnlyReads();
    return Run([](KVStore* store) { return store->Compact(); });
  }
  Status Resume() override {
    return Run([](KVStore* store) { return store->Resume(); });
  }
  KVStore* AnswerThrough(Front* front) override {
    const SharedSession session = Current();
    return session->way == Way::kOwner ? session->store->AnswerThrough(front) : nullptr;
  }
  void StopAnswering(Front* front) override { Current()->store->StopAnswering(front); }

 private:
  // Calls, and again on a new session when the owner that we went through is gone: a few times,
  // since the next one may be about to go, too.
  template <typename CallStore>
  std::invoke_result_t<const CallStore&, KVStore*> Run(const CallStore& call) {
    SharedSession session = Current();
    auto answer = call(session->store.get());
    for (int lost = 0; lost < kOwnersLostMax; ++lost) {
      if (session->way != Way::kThroughOwner || !IsUnavailable(answer)) break;
      if (lost > 0) std::this_thread::sleep_for(kJoinPause);
      session = Replace(session);
      if (session == nullptr) break;
      answer = call(session->store.get());
    }
    return answer;
  }

  SharedSession Current();
  // The session after `lost`; null when there is none to be had.
  SharedSession Replace(const SharedSession& lost);

  RocksDBPlace place_;
  OpenMode mode_;
  std::mutex mutex_;  // Guards session_ and probed_.
  SharedSession session_;
  steady_clock::time_point probed_ = steady_clock::now();
  std::mutex replacing_;  // Held while opening, which takes long; one opens for all.
};

SharedSession EmbeddedStore::Current() {
  {
    std::lock_guard lock(mutex_);
    const auto now = steady_clock::now();
    if (session_->way != Way::kReader || now - probed_ < kProbeInterval) return session_;
    probed_ = now;
  }
  // A reader of files looks for an owner now and then: its answers cost less.
  Result<SharedSession> through = GoThroughOwner(place_, kProbeTimeout);
  std::lock_guard lock(mutex_);
  if (through.ok() && session_->way == Way::kReader) {
    CATENA_LOG_INFO("kv.session", "way=owner path={}", place_.path);
    session_ = *through;
  }
  return session_;
}

SharedSession EmbeddedStore::Replace(const SharedSession& lost) {
  std::lock_guard replacing(replacing_);
  {
    std::lock_guard lock(mutex_);
    if (session_ != lost) return session_;
  }
  Result<SharedSession> next = OpenSession(place_, mode_);
  if (!next.ok()) {
    CATENA_LOG_WARN("kv.session", "way=none path={} reason={}", place_.path, next.error().message);
    return nullptr;
  }
  CATENA_LOG_WARN("kv.session", "way={} path={} reason=the owner does not answer",
                  (*next)->way == Way::kOwner    ? "own"
                  : (*next)->way == Way::kReader ? "files"
                                                 : "owner",
                  place_.path);
  std::lock_guard lock(mutex_);
  session_ = *next;
  return session_;
}

}  // namespace

Result<std::unique_ptr<KVStore>> OpenEmbeddedStore(const RocksDBPlace& place, OpenMode mode) {
  CATENA_TRY(SharedSession session, OpenSession(place, mode));
  return std::unique_ptr<KVStore>(std::make_unique<EmbeddedStore>(place, mode, std::move(session)));
}

}  // namespace catena::kv

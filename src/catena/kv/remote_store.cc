// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/remote_store.h"

#include <condition_variable>
#include <mutex>
#include <utility>

#include "catena/kv/owner_socket.h"
#include "catena/kv/store_folder.h"
#include "catena/kv/wire.h"

namespace catena::kv {
namespace {

using std::chrono::milliseconds;

constexpr size_t kConnectionsMax = 16;

class RemoteStore : public KVStore {
 public:
  RemoteStore(std::string folder, milliseconds timeout)
      : folder_(std::move(folder)), timeout_(timeout) {}

  Status Ping(milliseconds timeout);

  std::vector<GetAnswer> MultiGet(std::span<const GetRequest> requests) override;
  Result<std::optional<std::string>> GetMark(std::string_view dataset,
                                             std::string_view name) override;
  Result<std::vector<Mark>> ListMarks(std::string_view dataset, std::string_view prefix) override;
  Status Apply(const WriteBatch& batch, bool durable) override;
  Status SetHorizon(std::string_view dataset, Timestamp horizon) override;
  Status Scan(std::string_view dataset,
              const std::function<bool(std::string_view, const TimedValue&)>& visit) override;
  Result<std::vector<std::string>> ListDatasets() override;
  Result<uint64_t> ApproximateBytes(std::string_view dataset) override;
  Status DropDataset(std::string_view dataset) override;
  Status Sync() override;

 private:
  // A connection that goes back to the idle ones when it was left in a known state.
  class Lease;

  static std::string Begin(Call call) {
    return std::string(kFrameHeaderBytes, '\0') + BeginRequest(call);
  }
  Error Silent(SocketOutcome outcome) const;
  Error Garbled() const;
  // Sends the request on a connection, a new one when the kept one broke, and reads one answer.
  Status Exchange(std::string* request, Lease* lease, std::string* answer);
  // Exchange, then what follows kOkAnswer in *answer; `read` says whether it decodes.
  Status Ask(std::string* request, const std::function<bool(ByteReader*)>& read);

  std::string folder_;
  milliseconds timeout_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<OwnerSocket> idle_;
  size_t leased_ = 0;
};

class RemoteStore::Lease {
 public:
  explicit Lease(RemoteStore* store) : store_(store) {
    std::unique_lock lock(store_->mutex_);
    store_->returned_.wait(lock, [this] { return store_->leased_ < kConnectionsMax; });
    ++store_->leased_;
    if (!store_->idle_.empty()) {
      socket_ = std::move(store_->idle_.back());
      store_->idle_.pop_back();
    }
  }
  ~Lease() {
    {
      std::lock_guard lock(store_->mutex_);
      --store_->leased_;
      if (is_reusable_) store_->idle_.push_back(std::move(socket_));
    }
    store_->returned_.notify_one();
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  bool is_connected() const { return socket_.descriptor() >= 0; }
  Status Connect() {
    CATENA_TRY(socket_, OwnerSocket::Connect(store_->folder_, store_->timeout_));
    return Status();
  }
  OwnerSocket* socket() { return &socket_; }
  void KeepConnection() { is_reusable_ = true; }

 private:
  RemoteStore* store_;
  OwnerSocket socket_;
  bool is_reusable_ = false;
};

Error RemoteStore::Silent(SocketOutcome outcome) const {
  const std::optional<int> owner = ReadOwner(folder_);
  const std::string who = folder_ + ": pid " + (owner ? std::to_string(*owner) : "unknown");
  if (outcome == SocketOutcome::kClosed) {
    return Unavailable("the store's owner hung up: try again: " + who);
  }
  return Unavailable("the store's owner does not answer within " +
                     std::to_string(timeout_.count()) + " ms: see why it hangs: " + who);
}

Error RemoteStore::Garbled() const {
  return Corruption(
      "the store's owner answers what does not decode: use the same catena for both: " + folder_);
}

Status RemoteStore::Exchange(std::string* request, Lease* lease, std::string* answer) {
  if (request->size() - kFrameHeaderBytes > kFrameBytesMax) {
    return Unsupported("too large for the way through the store's owner: split it: " +
                       std::to_string(request->size()) + " bytes of at most " +
                       std::to_string(kFrameBytesMax));
  }
  SocketOutcome outcome = SocketOutcome::kClosed;
  for (int attempt = 0; attempt < 2 && outcome == SocketOutcome::kClosed; ++attempt) {
    if (attempt > 0 || !lease->is_connected()) CATENA_RETURN_IF_ERROR(lease->Connect());
    outcome = lease->socket()->WriteFrame(request);
    if (outcome == SocketOutcome::kDone) outcome = lease->socket()->ReadFrame(answer);
  }
  return outcome == SocketOutcome::kDone ? Status() : Silent(outcome);
}

Status RemoteStore::Ask(std::string* request, const std::function<bool(ByteReader*)>& read) {
  Lease lease(this);
  std::string answer;
  CATENA_RETURN_IF_ERROR(Exchange(request, &lease, &answer));
  ByteReader reader(answer);
  const uint8_t first = reader.Byte();
  if (!reader.ok() || first == kMoreAnswer) return Garbled();
  std::optional<Error> error;
  if (first != kOkAnswer) error = ReadError(first, &reader);
  if (first == kOkAnswer ? !read(&reader) : !error) return Garbled();
  lease.KeepConnection();
  return error ? Status(*std::move(error)) : Status();
}

Status RemoteStore::Ping(milliseconds timeout) {
  const milliseconds usual = std::exchange(timeout_, timeout);
  std::string request = Begin(Call::kPing);
  Status answered;
  {
    Lease lease(this);
    std::string answer;
    answered = Exchange(&request, &lease, &answer);
    if (answered.ok() && answer != std::string(1, static_cast<char>(kOkAnswer))) {
      ByteReader reader(answer);
      std::optional<Error> error = ReadError(reader.Byte(), &reader);
      answered = error ? *std::move(error) : Garbled();
    }
  }
  timeout_ = usual;
  return answered;
}

std::vector<GetAnswer> RemoteStore::MultiGet(std::span<const GetRequest> requests) {
  std::string request = Begin(Call::kMultiGet);
  AppendGetRequests(&request, requests);
  std::vector<GetAnswer> answers;
  const Status asked = Ask(&request, [&](ByteReader* reader) {
    return ReadGetAnswers(reader, &answers) && answers.size() == requests.size();
  });
  if (!asked.ok()) return std::vector<GetAnswer>(requests.size(), asked.error());
  return answers;
}

Result<std::optional<std::string>> RemoteStore::GetMark(std::string_view dataset,
                                                        std::string_view name) {
  std::string request = Begin(Call::kGetMark);
  AppendSized(&request, dataset);
  AppendSized(&request, name);
  std::optional<std::string> mark;
  CATENA_RETURN_IF_ERROR(Ask(&request, [&mark](ByteReader* reader) {
    if (reader->Byte() != 0) mark = reader->Sized();
    return reader->ok();
  }));
  return mark;
}

Result<std::vector<Mark>> RemoteStore::ListMarks(std::string_view dataset,
                                                 std::string_view prefix) {
  std::string request = Begin(Call::kListMarks);
  AppendSized(&request, dataset);
  AppendSized(&request, prefix);
  std::vector<Mark> marks;
  CATENA_RETURN_IF_ERROR(
      Ask(&request, [&marks](ByteReader* reader) { return ReadMarks(reader, &marks); }));
  return marks;
}

Status RemoteStore::Apply(const WriteBatch& batch, bool durable) {
  std::string request = Begin(Call::kApply);
  request.push_back(durable ? 1 : 0);
  AppendWriteBatch(&request, batch);
  return Ask(&request, [](ByteReader* reader) { return reader->AtEnd(); });
}

Status RemoteStore::SetHorizon(std::string_view dataset, Timestamp horizon) {
  std::string request = Begin(Call::kSetHorizon);
  AppendSized(&request, dataset);
  AppendZigzag(&request, ToMillis(horizon));
  return Ask(&request, [](ByteReader* reader) { return reader->AtEnd(); });
}

Status RemoteStore::Scan(std::string_view dataset,
                         const std::function<bool(std::string_view, const TimedValue&)>& visit) {
  std::string request = Begin(Call::kScan);
  AppendSized(&request, dataset);
  Lease lease(this);
  std::string answer;
  CATENA_RETURN_IF_ERROR(Exchange(&request, &lease, &answer));
  while (true) {
    ByteReader reader(answer);
    const uint8_t first = reader.Byte();
    if (!reader.ok()) return Garbled();
    if (first != kMoreAnswer) {
      lease.KeepConnection();
      if (first == kOkAnswer) return Status();
      std::optional<Error> error = ReadError(first, &reader);
      return error ? *std::move(error) : Garbled();
    }
    while (!reader.AtEnd()) {
      const std::string_view key = reader.Sized();
      const TimedValue value = ReadTimedValue(&reader);
      if (!reader.ok()) return Garbled();
      // The rest of the answers is on its way: the connection goes with them.
      if (!visit(key, value)) return Status();
    }
    const SocketOutcome outcome = lease.socket()->ReadFrame(&answer);
    if (outcome != SocketOutcome::kDone) return Silent(outcome);
  }
}

Result<std::vector<std::string>> RemoteStore::ListDatasets() {
  std::string request = Begin(Call::kListDatasets);
  std::vector<std::string> names;
  CATENA_RETURN_IF_ERROR(Ask(&request, [&names](ByteReader* reader) {
    const uint64_t count = reader->Varint();
    for (uint64_t i = 0; i < count && reader->ok(); ++i) names.emplace_back(reader->Sized());
    return reader->ok();
  }));
  return names;
}

Result<uint64_t> RemoteStore::ApproximateBytes(std::string_view dataset) {
  std::string request = Begin(Call::kApproximateBytes);
  AppendSized(&request, dataset);
  uint64_t bytes = 0;
  CATENA_RETURN_IF_ERROR(Ask(&request, [&bytes](ByteReader* reader) {
    bytes = reader->Varint();
    return reader->ok();
  }));
  return bytes;
}

Status RemoteStore::DropDataset(std::string_view dataset) {
  std::string request = Begin(Call::kDropDataset);
  AppendSized(&request, dataset);
  return Ask(&request, [](ByteReader* reader) { return reader->AtEnd(); });
}

Status RemoteStore::Sync() {
  std::string request = Begin(Call::kSync);
  return Ask(&request, [](ByteReader* reader) { return reader->AtEnd(); });
}

}  // namespace

Result<std::unique_ptr<KVStore>> OpenRemoteStore(const std::string& folder, milliseconds timeout,
                                                 milliseconds first_timeout) {
  auto store = std::make_unique<RemoteStore>(folder, timeout);
  CATENA_RETURN_IF_ERROR(store->Ping(first_timeout));
  return std::unique_ptr<KVStore>(std::move(store));
}

}  // namespace catena::kv

// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/store_server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "catena/base/log.h"
#include "catena/base/parallel.h"
#include "catena/kv/store_folder.h"
#include "catena/kv/wire.h"

namespace catena::kv {
namespace {

using std::chrono::milliseconds;

// A peer that began a frame has to go on, and one that asked has to listen.
constexpr milliseconds kReadTimeout{10'000};
constexpr milliseconds kWriteTimeout{30'000};
constexpr size_t kScanFrameBytes = 256 << 10;
// A connection that sent one large request does not hold its memory for ever.
constexpr size_t kRequestBytesKept = 1 << 20;
constexpr char kWho[] = "a connection to the store";

std::string BeginFrame() { return std::string(kFrameHeaderBytes, '\0'); }

std::string ErrorFrame(const Error& error) {
  std::string frame = BeginFrame();
  AppendError(&frame, error);
  return frame;
}

void AppendStatus(std::string* frame, const Status& status) {
  if (status.ok()) {
    frame->push_back(static_cast<char>(kOkAnswer));
  } else {
    AppendError(frame, status.error());
  }
}

// Appends kOkAnswer and what `append` adds of the value, or the error.
template <typename T, typename AppendValue>
void AppendResult(std::string* frame, const Result<T>& result, AppendValue append) {
  AppendStatus(frame, result.status());
  if (result.ok()) append(frame, *result);
}

Error Garbled() { return InvalidData("request that does not decode"); }

// Every call but Scan. The strings that `reader` takes refer to the request.
std::string Answer(KVStore* store, Call call, ByteReader* reader) {
  std::string frame = BeginFrame();
  if (call == Call::kMultiGet) {
    std::vector<GetRequest> requests;
    if (!ReadGetRequests(reader, &requests)) return ErrorFrame(Garbled());
    frame.push_back(static_cast<char>(kOkAnswer));
    AppendGetAnswers(&frame, store->MultiGet(requests));
  } else if (call == Call::kApply) {
    const bool is_durable = reader->Byte() != 0;
    WriteBatch batch;
    if (!ReadWriteBatch(reader, &batch) || !reader->AtEnd()) return ErrorFrame(Garbled());
    AppendStatus(&frame, store->Apply(batch, is_durable));
  } else if (call == Call::kGetMark || call == Call::kListMarks) {
    const std::string_view dataset = reader->Sized();
    const std::string_view name = reader->Sized();
    if (!reader->ok()) return ErrorFrame(Garbled());
    if (call == Call::kGetMark) {
      AppendResult(&frame, store->GetMark(dataset, name), [](std::string* out, const auto& mark) {
        out->push_back(mark.has_value() ? 1 : 0);
        if (mark) AppendSized(out, *mark);
      });
    } else {
      AppendResult(&frame, store->ListMarks(dataset, name), AppendMarks);
    }
  } else if (call == Call::kSetHorizon) {
    const std::string_view dataset = reader->Sized();
    const Timestamp horizon = FromMillis(reader->Zigzag());
    if (!reader->ok()) return ErrorFrame(Garbled());
    AppendStatus(&frame, store->SetHorizon(dataset, horizon));
  } else if (call == Call::kDropDataset) {
    const std::string_view dataset = reader->Sized();
    if (!reader->ok() || !reader->AtEnd()) return ErrorFrame(Garbled());
    AppendStatus(&frame, store->DropDataset(dataset));
  } else if (call == Call::kListDatasets) {
    AppendResult(&frame, store->ListDatasets(), [](std::string* out, const auto& names) {
      AppendVarint(out, names.size());
      for (const std::string& name : names) AppendSized(out, name);
    });
  } else if (call == Call::kApproximateBytes) {
    const std::string_view dataset = reader->Sized();
    if (!reader->ok()) return ErrorFrame(Garbled());
    AppendResult(&frame, store->ApproximateBytes(dataset), AppendVarint);
  } else {
    AppendStatus(&frame, call == Call::kSync ? store->Sync() : Status());
  }
  return frame;
}

}  // namespace

Result<std::unique_ptr<StoreServer>> StoreServer::Start(const std::string& folder, KVStore* store) {
  CATENA_TRY(OwnerSocket listener, OwnerSocket::Listen(folder));
  const int stop_event = eventfd(0, EFD_CLOEXEC);
  if (stop_event < 0) {
    return Unavailable(std::string("cannot make an event: ") + std::strerror(errno));
  }
  std::unique_ptr<StoreServer> server(
      new StoreServer(folder, store, std::move(listener), stop_event));
  CATENA_RETURN_IF_ERROR(WriteOwner(folder));
  server->accept_thread_ = std::thread([raw = server.get()] { raw->Accept(); });
  return server;
}

StoreServer::~StoreServer() {
  const uint64_t one = 1;
  if (write(stop_event_, &one, sizeof(one)) != sizeof(one)) {
    CATENA_LOG_ERROR("kv.server", "cannot stop: {}", std::strerror(errno));
  }
  if (accept_thread_.joinable()) accept_thread_.join();
  // The next owner makes its own; while these are gone, others know to wait for the lock.
  unlink(OwnerSocketPath(folder_).c_str());
  RemoveOwner(folder_);
  {
    std::lock_guard lock(mutex_);
    for (Connection& connection : connections_) connection.socket.Shutdown();
  }
  for (Connection& connection : connections_) connection.thread.join();
  close(stop_event_);
}

void StoreServer::Accept() {
  pollfd waits[2] = {{listener_.descriptor(), POLLIN, 0}, {stop_event_, POLLIN, 0}};
  while (true) {
    if (poll(waits, 2, -1) < 0 && errno != EINTR) {
      CATENA_LOG_ERROR("kv.server", "cannot wait for connections: {}", std::strerror(errno));
      return;
    }
    if (waits[1].revents != 0) return;
    JoinDone();
    const int descriptor = accept4(listener_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC);
    if (descriptor >= 0) {
      Admit(descriptor);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
      CATENA_LOG_WARN("kv.server", "cannot accept a connection: {}", std::strerror(errno));
      std::this_thread::sleep_for(milliseconds(100));  // The connection stays in the queue.
    }
  }
}

void StoreServer::Admit(int descriptor) {
  OwnerSocket socket(descriptor);
  std::lock_guard lock(mutex_);
  if (connections_.size() >= kConnectionsMax) {
    CATENA_LOG_WARN("kv.server", "too many connections: {}", connections_.size());
    return;
  }
  socket.SetTimeouts(kReadTimeout, kWriteTimeout);
  const Status admitted = Contained(kWho, [&] {
    Connection& connection = connections_.emplace_back();
    connection.socket = std::move(socket);
    connection.thread = std::thread([this, &connection] { Serve(&connection); });
    return Status();
  });
  if (admitted.ok()) return;
  CATENA_LOG_WARN("kv.server", "{}", admitted.error().message);
  if (!connections_.empty() && !connections_.back().thread.joinable()) connections_.pop_back();
}

void StoreServer::JoinDone() {
  std::lock_guard lock(mutex_);
  connections_.remove_if([](Connection& connection) {
    if (connection.is_done) connection.thread.join();
    return connection.is_done;
  });
}

void StoreServer::Serve(Connection* connection) {
  const Status served = Contained(kWho, [&] { return ServeEach(&connection->socket); });
  if (!served.ok()) {
    CATENA_LOG_WARN("kv.server", "{}", served.error().message);
    static_cast<void>(Contained(kWho, [&] {
      std::string frame = ErrorFrame(served.error());
      connection->socket.WriteFrame(&frame);
      return Status();
    }));
  }
  connection->socket.Shutdown();
  std::lock_guard lock(mutex_);
  connection->is_done = true;
}

Status StoreServer::ServeEach(OwnerSocket* socket) {
  std::string request;
  while (true) {
    const SocketOutcome outcome = socket->ReadFrame(&request);
    if (outcome == SocketOutcome::kIdle) continue;
    if (outcome == SocketOutcome::kTooLarge) {
      std::string frame = ErrorFrame(InvalidData("request larger than a frame may be"));
      socket->WriteFrame(&frame);
    }
    if (outcome != SocketOutcome::kDone || !ServeOne(socket, request)) return Status();
    if (request.capacity() > kRequestBytesKept) request = std::string();
  }
}

bool StoreServer::ServeOne(OwnerSocket* socket, const std::string& request) {
  ByteReader reader(request);
  const Result<Call> call = ReadCall(&reader);
  if (!call.ok()) {
    std::string frame = ErrorFrame(call.error());
    socket->WriteFrame(&frame);
    return false;
  }
  if (*call == Call::kScan) {
    const std::string dataset(reader.Sized());
    return reader.ok() && ServeScan(socket, dataset);
  }
  std::string frame = Answer(store_, *call, &reader);
  if (frame.size() > kFrameHeaderBytes + kFrameBytesMax) {
    frame =
        ErrorFrame(Unsupported("answer too large for the way through the store's owner: ask "
                               "for less, or with a limit: " +
                               std::to_string(frame.size()) + " bytes"));
  }
  return socket->WriteFrame(&frame) == SocketOutcome::kDone;
}

bool StoreServer::ServeScan(OwnerSocket* socket, const std::string& dataset) {
  std::string frame = BeginFrame();
  frame.push_back(static_cast<char>(kMoreAnswer));
  const size_t empty = frame.size();
  bool is_heard = true;
  const Status scanned = store_->Scan(dataset, [&](std::string_view key, const TimedValue& value) {
    AppendSized(&frame, key);
    AppendTimedValue(&frame, value);
    if (frame.size() < kScanFrameBytes) return true;
    is_heard = socket->WriteFrame(&frame) == SocketOutcome::kDone;
    frame.resize(empty);
    return is_heard;
  });
  if (is_heard && frame.size() > empty) {
    is_heard = socket->WriteFrame(&frame) == SocketOutcome::kDone;
  }
  if (!is_heard) return false;
  frame = BeginFrame();
  AppendStatus(&frame, scanned);
  return socket->WriteFrame(&frame) == SocketOutcome::kDone;
}

}  // namespace catena::kv

// SPDX-License-Identifier: Apache-2.0
// StoreServer: lets other processes of this user call the store that this process owns.
//
//   threads  one for accepting and one per connection; the calls run concurrently
//   limits   kConnectionsMax connections (more are closed at once), frames of kFrameBytesMax
//   errors   bytes that are no request are answered with kInvalidData or kUnsupported; a frame that
//            is too large, or stays unfinished for 10 s, ends the connection. So does what a call
//            throws, where memory ran out; it is answered with kUnavailable

#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "catena/kv/kv_store.h"
#include "catena/kv/owner_socket.h"

namespace catena::kv {

class StoreServer {
 public:
  static constexpr size_t kConnectionsMax = 128;

  // `store` outlives the server. The caller holds the lock of the store in `folder`.
  static Result<std::unique_ptr<StoreServer>> Start(const std::string& folder, KVStore* store);
  // Ends every connection; calls that are under way finish first.
  ~StoreServer();

 private:
  struct Connection {
    OwnerSocket socket;
    std::thread thread;
    bool is_done = false;
  };

  StoreServer(std::string folder, KVStore* store, OwnerSocket listener, int stop_event)
      : folder_(std::move(folder)),
        store_(store),
        listener_(std::move(listener)),
        stop_event_(stop_event) {}

  void Accept();
  void Admit(int descriptor);
  void JoinDone();
  void Serve(Connection* connection);
  Status ServeEach(OwnerSocket* socket);
  bool ServeOne(OwnerSocket* socket, const std::string& request);
  bool ServeScan(OwnerSocket* socket, const std::string& dataset);

  std::string folder_;
  KVStore* store_;
  OwnerSocket listener_;
  int stop_event_;
  std::mutex mutex_;  // Guards connections_ and is_done of each.
  std::list<Connection> connections_;
  std::thread accept_thread_;
};

}  // namespace catena::kv

// SPDX-License-Identifier: Apache-2.0
// One connection of an HttpServer: reads requests, calls the handler, writes answers, in turn.
//
//   errors   as the server's contract says; everything else (resets, timeouts) ends the connection
//   threads  a connection runs on its own strand; ConnectionShared is safe from any thread and
//            outlives every connection

#pragma once

#include <atomic>
#include <boost/asio.hpp>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>

#include "catena/serve/http_server.h"

namespace catena::serve {

namespace net = boost::asio;

class Connection;

struct ConnectionShared {
  ConnectionShared(const HttpServerOptions& server_options, HttpHandler server_handler)
      : options(server_options), handler(std::move(server_handler)) {}

  const HttpServerOptions options;
  const HttpHandler handler;
  std::atomic<bool> draining = false;

  // False when the server is full; the connection is counted all the same until Remove.
  bool Add(Connection* connection, std::weak_ptr<Connection> weak);
  void Remove(Connection* connection);
  void CloseIdle();
  void WaitUntilNone(std::chrono::milliseconds patience);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<Connection*, std::weak_ptr<Connection>> open_;
};

void StartConnection(net::ip::tcp::socket socket, ConnectionShared* shared);

}  // namespace catena::serve

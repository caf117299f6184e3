// SPDX-License-Identifier: Apache-2.0
// HttpServer: HTTP/1.1 with keep-alive and pipelining around one handler.
//
//   input    a handler, called on the server's threads, at most `threads` calls at a time
//   errors   Start: kInvalidConf when the address cannot be bound (a busy port), with the remedy.
//            To clients: 400 no HTTP, 413 body, 431 header, 503 + Retry-After above
//            `connections_max`, 500 when the handler throws; a client that is slower than the
//            timeouts is disconnected
//   threads  Start and Stop from one thread; the handler must be safe to call concurrently
//   order    responses of one connection in the order of its requests
//   source   Boost.Beast, whose only home is this module

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "catena/base/result.h"
#include "catena/serve/http.h"

namespace catena::serve {

struct HttpServerOptions {
  std::string bind = "127.0.0.1";
  uint16_t port = 0;  // 0: any free one; see port().
  int threads = 4;
  int connections_max = 1024;
  uint64_t body_bytes_max = 8u << 20;
  std::chrono::milliseconds idle_timeout{75000};  // Between requests.
  std::chrono::milliseconds read_timeout{10000};  // From a request's first byte to its last.
  std::chrono::milliseconds write_timeout{10000};
  std::chrono::milliseconds drain_timeout{5000};  // What Stop waits for running requests.
};

class HttpServer {
 public:
  static Result<std::unique_ptr<HttpServer>> Start(const HttpServerOptions& options,
                                                   HttpHandler handler);
  // Stops.
  ~HttpServer();

  uint16_t port() const;
  // Refuses new connections, lets running requests finish, closes the rest.
  void Stop();

 private:
  struct State;
  explicit HttpServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace catena::serve

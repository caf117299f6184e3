// SPDX-License-Identifier: Apache-2.0
#include "catena/serve/http_server.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "catena/serve/http_connection.h"

namespace catena::serve {
namespace {

using tcp = net::ip::tcp;

Error CannotBind(const HttpServerOptions& options, const boost::system::error_code& code) {
  const std::string place = options.bind + ":" + std::to_string(options.port);
  if (code == net::error::address_in_use) {
    return InvalidConf(
        "the port is in use; choose another with --port, or stop what listens "
        "there: " +
        place);
  }
  if (code == net::error::access_denied) {
    return InvalidConf(
        "this user may not listen on that port; choose one above 1024 with --port: " + place);
  }
  return InvalidConf("cannot listen; --bind takes an address of this machine: " + place + ": " +
                     code.message());
}

}  // namespace

struct HttpServer::State {
  State(const HttpServerOptions& options, HttpHandler handler)
      : shared(options, std::move(handler)), acceptor(net::make_strand(io)) {}

  Status Listen();
  void Accept();

  ConnectionShared shared;
  net::io_context io;
  tcp::acceptor acceptor;
  std::vector<std::jthread> threads;
};

Status HttpServer::State::Listen() {
  boost::system::error_code code;
  const auto address = net::ip::make_address(shared.options.bind, code);
  if (code) return CannotBind(shared.options, code);
  const tcp::endpoint endpoint(address, shared.options.port);
  acceptor.open(endpoint.protocol(), code);
  if (!code) acceptor.set_option(net::socket_base::reuse_address(true), code);
  if (!code) acceptor.bind(endpoint, code);
  if (!code) acceptor.listen(net::socket_base::max_listen_connections, code);
  return code ? Status(CannotBind(shared.options, code)) : Status();
}

void HttpServer::State::Accept() {
  acceptor.async_accept(net::make_strand(io),
                        [this](boost::system::error_code code, tcp::socket socket) {
                          if (code == net::error::operation_aborted || shared.draining) return;
                          if (!code) {
                            StartConnection(std::move(socket), &shared);
                          } else {
                            // Out of descriptors, most likely: some connection has to end first.
                            std::this_thread::sleep_for(std::chrono::milliseconds(20));
                          }
                          Accept();
                        });
}

HttpServer::HttpServer(std::unique_ptr<State> state) : state_(std::move(state)) {}

HttpServer::~HttpServer() { Stop(); }

Result<std::unique_ptr<HttpServer>> HttpServer::Start(const HttpServerOptions& options,
                                                      HttpHandler handler) {
  auto state = std::make_unique<State>(options, std::move(handler));
  CATENA_RETURN_IF_ERROR(state->Listen());
  state->Accept();
  for (int i = 0; i < std::max(1, options.threads); ++i) {
    state->threads.emplace_back([io = &state->io] { io->run(); });
  }
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

uint16_t HttpServer::port() const { return state_->acceptor.local_endpoint().port(); }

void HttpServer::Stop() {
  if (state_ == nullptr || state_->threads.empty()) return;
  state_->shared.draining = true;
  net::post(state_->acceptor.get_executor(), [this] {
    boost::system::error_code ignored;
    state_->acceptor.close(ignored);
  });
  state_->shared.CloseIdle();
  state_->shared.WaitUntilNone(state_->shared.options.drain_timeout);
  state_->io.stop();
  state_->threads.clear();
}

}  // namespace catena::serve

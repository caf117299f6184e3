// SPDX-License-Identifier: Apache-2.0
#include "catena/serve/http_connection.h"

#include <array>
#include <boost/beast.hpp>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "catena/base/log.h"

namespace catena::serve {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using tcp = net::ip::tcp;

constexpr uint32_t kHeaderBytesMax = 64 << 10;
constexpr size_t kFirstReadBytes = 16 << 10;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
// How long a refused client may go on sending before its connection is cut.
constexpr std::chrono::seconds kLinger{1};

HttpResponse Call(const HttpHandler& handler, const HttpRequest& request) {
  try {
    return handler(request);
  } catch (const std::exception& error) {
    CATENA_LOG_ERROR("serve.handler", "path={} reason={}", request.path, error.what());
    return ErrorResponse(500, "internal", "the request could not be served; see the server's log");
  }
}

}  // namespace

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, ConnectionShared* shared)
      : stream_(std::move(socket)), shared_(shared) {}
  ~Connection() { shared_->Remove(this); }

  void Run() {
    const bool has_room = shared_->Add(this, weak_from_this());
    net::dispatch(stream_.get_executor(), [self = shared_from_this(), has_room] {
      error_code ignored;
      self->stream_.socket().set_option(tcp::no_delay(true), ignored);
      if (has_room) return self->AwaitRequest();
      self->Refuse(503, "overloaded", "the server has as many connections as it takes; try again");
    });
  }

  void CloseIfIdle() {
    net::post(stream_.get_executor(), [self = shared_from_this()] {
      if (self->idle_) self->stream_.close();
    });
  }

 private:
  // Until the first byte of the next request; pipelined requests are in the buffer already.
  void AwaitRequest() {
    if (buffer_.size() > 0) return ReadHeader();
    if (shared_->draining) return stream_.close();
    idle_ = true;
    stream_.expires_after(shared_->options.idle_timeout);
    stream_.async_read_some(buffer_.prepare(kFirstReadBytes),
                            [self = shared_from_this()](error_code code, size_t bytes) {
                              self->idle_ = false;
                              if (code) return;
                              self->buffer_.commit(bytes);
                              self->ReadHeader();
                            });
  }

  void ReadHeader() {
    parser_.emplace();
    parser_->header_limit(kHeaderBytesMax);
    parser_->body_limit(shared_->options.body_bytes_max);
    stream_.expires_after(shared_->options.read_timeout);
    http::async_read_header(stream_, buffer_, *parser_,
                            [self = shared_from_this()](error_code code, size_t) {
                              if (code) return self->OnReadError(code);
                              self->AllowBody();
                            });
  }

  void AllowBody() {
    if (!beast::iequals(parser_->get()[http::field::expect], "100-continue")) return ReadBody();
    net::async_write(stream_, net::buffer(kContinue),
                     [self = shared_from_this()](error_code code, size_t) {
                       if (!code) self->ReadBody();
                     });
  }

  void ReadBody() {
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](error_code code, size_t) {
                       if (code) return self->OnReadError(code);
                       self->Answer();
                     });
  }

  void OnReadError(error_code code) {
    if (code == http::error::body_limit) {
      return Refuse(413, "body too large",
                    "a body has at most " + std::to_string(shared_->options.body_bytes_max) +
                        " bytes; send fewer rows a request");
    }
    if (code == http::error::header_limit) {
      return Refuse(431, "header too large", "a request header has at most 65536 bytes");
    }
    if (code == http::error::end_of_stream || code == http::error::partial_message) return;
    if (code.category() == http::make_error_code(http::error::bad_method).category()) {
      return Refuse(400, "bad request", "not an HTTP/1.1 request: " + code.message());
    }
  }

  void Answer() {
    const auto& message = parser_->get();
    HttpRequest request;
    request.method = std::string(message.method_string());
    const Status target =
        ParseTarget(std::string_view(message.target().data(), message.target().size()), &request);
    request.body = std::move(parser_->get().body());
    const HttpResponse response =
        target.ok() ? Call(shared_->handler, request) : ErrorResponse(target.error());
    Write(response, message.keep_alive() && !shared_->draining, message.version());
  }

  void Refuse(int status, std::string_view code, std::string_view message) {
    Write(ErrorResponse(status, code, message), false, 11);
  }

  void Write(const HttpResponse& from, bool keep_alive, unsigned version) {
    response_ = {static_cast<http::status>(from.status), version};
    response_.set(http::field::content_type, from.content_type);
    for (const auto& [name, value] : from.headers) response_.set(name, value);
    response_.keep_alive(keep_alive);
    response_.body() = from.body;
    response_.prepare_payload();
    stream_.expires_after(shared_->options.write_timeout);
    http::async_write(stream_, response_,
                      [self = shared_from_this(), keep_alive](error_code code, size_t) {
                        if (code) return;
                        if (keep_alive) return self->AwaitRequest();
                        self->Linger();
                      });
  }

  // Closing while the client still sends would reset the connection and lose the answer.
  void Linger() {
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    stream_.expires_after(kLinger);
    Discard();
  }

  void Discard() {
    stream_.async_read_some(net::buffer(discarded_),
                            [self = shared_from_this()](error_code code, size_t) {
                              if (!code) self->Discard();
                            });
  }

  beast::tcp_stream stream_;
  ConnectionShared* shared_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
  std::array<char, 8192> discarded_;
  bool idle_ = false;
};

bool ConnectionShared::Add(Connection* connection, std::weak_ptr<Connection> weak) {
  const std::lock_guard lock(mutex_);
  open_[connection] = std::move(weak);
  return open_.size() <= static_cast<size_t>(options.connections_max);
}

void ConnectionShared::Remove(Connection* connection) {
  const std::lock_guard lock(mutex_);
  open_.erase(connection);
  changed_.notify_all();
}

void ConnectionShared::CloseIdle() {
  std::vector<std::shared_ptr<Connection>> open;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [connection, weak] : open_) {
      if (auto strong = weak.lock()) open.push_back(std::move(strong));
    }
  }
  for (const auto& connection : open) connection->CloseIfIdle();
}

void ConnectionShared::WaitUntilNone(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, patience, [this] { return open_.empty(); });
}

void StartConnection(tcp::socket socket, ConnectionShared* shared) {
  std::make_shared<Connection>(std::move(socket), shared)->Run();
}

}  // namespace catena::serve

// SPDX-License-Identifier: Apache-2.0
// RegistryUnderTest: a schema registry of one thread on a loopback port, with what a test puts in.
//
//   effect  answers one request a connection; Stop closes the port, as a server that is down

#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "catena/base/check.h"
#include "catena/base/json.h"

namespace catena::topic {

class RegistryUnderTest {
 public:
  RegistryUnderTest() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    CATENA_CHECK(bind(listener_, any, size) == 0 && listen(listener_, 16) == 0, "no free port");
    CATENA_CHECK(getsockname(listener_, any, &size) == 0, "no port");
    port_ = std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] { Serve(); });
  }
  ~RegistryUnderTest() { Stop(); }
  RegistryUnderTest(const RegistryUnderTest&) = delete;
  RegistryUnderTest& operator=(const RegistryUnderTest&) = delete;

  const std::string& port() const { return port_; }
  int asked() const { return asked_; }
  void Put(const std::string& path, int status, const Json& body) {
    const std::lock_guard lock(mutex_);
    answers_[path] = {status, body.dump()};
  }
  void Stop() {
    if (!thread_.joinable()) return;
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }

 private:
  void Serve() {
    while (true) {
      const int connection = accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      std::string request;
      char buffer[4096];
      while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t got = recv(connection, buffer, sizeof buffer, 0);
        if (got <= 0) break;
        request.append(buffer, static_cast<size_t>(got));
      }
      ++asked_;
      const size_t path = request.find(' ') + 1;
      const std::string answer = AnswerTo(request.substr(path, request.find(' ', path) - path));
      send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
      close(connection);
    }
  }

  std::string AnswerTo(const std::string& path) {
    const std::lock_guard lock(mutex_);
    const auto found = answers_.find(path);
    const auto& [status, body] = found != answers_.end()
                                     ? found->second
                                     : std::pair<int, std::string>(404, R"({"error_code": 40403})");
    return "HTTP/1.1 " + std::to_string(status) +
           " x\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
  }

  int listener_;
  std::string port_;
  std::atomic<int> asked_{0};
  std::mutex mutex_;
  std::map<std::string, std::pair<int, std::string>> answers_;
  std::thread thread_;
};

}  // namespace catena::topic

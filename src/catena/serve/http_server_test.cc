// SPDX-License-Identifier: Apache-2.0
#include "catena/serve/http_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "catena/serve/service_under_test.h"

namespace catena::serve {
namespace {

using std::chrono::milliseconds;

// A client that says exactly what it is told, byte by byte.
class RawClient {
 public:
  explicit RawClient(uint16_t port) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const timeval patience{10, 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~RawClient() { close(socket_); }
  RawClient(const RawClient&) = delete;

  // False when the server has hung up.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  // Until `count` responses have begun or the server hangs up.
  std::string Receive(int count = 1 << 20) {
    std::string text;
    char buffer[4096];
    while (Responses(text) < count || !text.ends_with('}')) {
      const ssize_t bytes = recv(socket_, buffer, sizeof buffer, 0);
      if (bytes <= 0) break;
      text.append(buffer, static_cast<size_t>(bytes));
    }
    return text;
  }
  static int Responses(const std::string& text) {
    int count = 0;
    for (size_t at = 0; (at = text.find("HTTP/1.1 ", at)) != std::string::npos; at += 9) ++count;
    return count;
  }

 private:
  int socket_;
};

class HttpServerTest : public testing::Test, protected ServiceUnderTest {
 protected:
  void StartServer(HttpServerOptions options = {}) {
    auto server = HttpServer::Start(options, MakeRoutes(service()));
    ASSERT_TRUE(server.ok()) << server.error().message;
    server_ = std::move(*server);
  }
  static std::string PostOf(const std::string& body) {
    return "POST /v1/features/groupby/shop.users.v1 HTTP/1.1\r\nHost: x\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  uint16_t port() const { return server_->port(); }

  std::unique_ptr<HttpServer> server_;
};

constexpr char kAnn[] = R"([{"user_id": 1}])";

TEST_F(HttpServerTest, KeepsAConnectionForManyRequests) {
  StartServer();
  RawClient client(port());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.Send(PostOf(kAnn)));
    const std::string answer = client.Receive(1);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer;
    EXPECT_NE(answer.find("\"ann\""), std::string::npos);
  }
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  StartServer();
  RawClient client(port());
  ASSERT_TRUE(client.Send(PostOf(kAnn) + PostOf("[") + PostOf(kAnn)));
  const std::string answers = client.Receive(3);
  EXPECT_EQ(RawClient::Responses(answers), 3);
  const size_t bad = answers.find("HTTP/1.1 400");
  EXPECT_LT(answers.find("HTTP/1.1 200"), bad);
  EXPECT_GT(answers.rfind("HTTP/1.1 200"), bad);
}

TEST_F(HttpServerTest, RefusesABodyThatIsTooLarge) {
  HttpServerOptions options;
  options.body_bytes_max = 1000;
  StartServer(options);
  RawClient client(port());
  client.Send(PostOf(std::string(100'000, ' ')));
  EXPECT_TRUE(client.Receive().starts_with("HTTP/1.1 413"));
}

TEST_F(HttpServerTest, RefusesAHugeHeaderAndWhatIsNoHttp) {
  StartServer();
  RawClient huge(port());
  huge.Send("GET / HTTP/1.1\r\nX: " + std::string(200'000, 'x') + "\r\n\r\n");
  EXPECT_TRUE(huge.Receive().starts_with("HTTP/1.1 431"));
  RawClient noise(port());
  noise.Send("\x16\x03\x01 hello\r\n\r\n");
  EXPECT_TRUE(noise.Receive().starts_with("HTTP/1.1 400"));
}

TEST_F(HttpServerTest, SaysContinueToAClientThatAsks) {
  StartServer();
  RawClient client(port());
  const std::string body = kAnn;
  client.Send(
      "POST /v1/features/groupby/shop.users.v1 HTTP/1.1\r\nHost: x\r\nExpect: "
      "100-continue\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n");
  std::this_thread::sleep_for(milliseconds(50));
  client.Send(body);
  const std::string answer = client.Receive(2);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 100")) << answer;
  EXPECT_NE(answer.find("HTTP/1.1 200"), std::string::npos);
}

TEST_F(HttpServerTest, DisconnectsAClientThatTrickles) {
  HttpServerOptions options;
  options.read_timeout = milliseconds(200);
  options.threads = 1;
  StartServer(options);
  RawClient slow(port());
  slow.Send("POST /v1/features/groupby/shop.users.v1 HTTP/1.1\r\n");
  // It does not keep others from being answered meanwhile.
  RawClient quick(port());
  quick.Send(PostOf(kAnn));
  EXPECT_TRUE(quick.Receive(1).starts_with("HTTP/1.1 200"));
  EXPECT_EQ(slow.Receive(), "");
}

TEST_F(HttpServerTest, ShedsAboveItsConnections) {
  HttpServerOptions options;
  options.connections_max = 1;
  StartServer(options);
  RawClient first(port());
  first.Send(PostOf(kAnn));
  EXPECT_TRUE(first.Receive(1).starts_with("HTTP/1.1 200"));
  RawClient second(port());
  const std::string answer = second.Receive();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503")) << answer;
  EXPECT_NE(answer.find("Retry-After: 1"), std::string::npos);
}

TEST_F(HttpServerTest, NamesABusyPortAndTheRemedy) {
  StartServer();
  HttpServerOptions options;
  options.port = port();
  const auto second = HttpServer::Start(options, MakeRoutes(service()));
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(ExitCodeOf(second.error().code), 2);
  EXPECT_NE(second.error().message.find("--port"), std::string::npos);
  options.bind = "not an address";
  EXPECT_FALSE(HttpServer::Start(options, MakeRoutes(service())).ok());
}

TEST_F(HttpServerTest, AHandlerThatThrowsIs500) {
  auto server = HttpServer::Start(
      {}, [](const HttpRequest&) -> HttpResponse { throw std::runtime_error("secret"); });
  ASSERT_TRUE(server.ok());
  RawClient client((*server)->port());
  client.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string answer = client.Receive(1);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 500"));
  EXPECT_EQ(answer.find("secret"), std::string::npos);
}

TEST_F(HttpServerTest, StopLetsARunningRequestFinish) {
  auto server = HttpServer::Start({}, [](const HttpRequest&) {
    std::this_thread::sleep_for(milliseconds(200));
    return JsonResponse(200, Json{{"done", true}});
  });
  ASSERT_TRUE(server.ok());
  RawClient idle((*server)->port());
  RawClient client((*server)->port());
  client.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  std::this_thread::sleep_for(milliseconds(50));
  const auto start = std::chrono::steady_clock::now();
  (*server)->Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(4000));
  EXPECT_NE(client.Receive().find("\"done\":true"), std::string::npos);
}

TEST_F(HttpServerTest, ManyClientsAtOnceGetTheirOwnAnswers) {
  StartServer();
  std::vector<std::jthread> clients;
  std::atomic<int> good = 0;
  for (int c = 0; c < 8; ++c) {
    clients.emplace_back([&, c] {
      RawClient client(port());
      for (int i = 0; i < 50; ++i) {
        client.Send(PostOf("[{\"user_id\": " + std::to_string(c * 1000 + i) + "}]"));
        const std::string own = "\"user_id\":" + std::to_string(c * 1000 + i) + "}";
        if (client.Receive(1).find(own) != std::string::npos) ++good;
      }
    });
  }
  clients.clear();
  EXPECT_EQ(good, 400);
}

}  // namespace
}  // namespace catena::serve

// SPDX-License-Identifier: Apache-2.0
#include "catena/base/http/http_client.h"

#include <curl/curl.h>

#include <string_view>
#include <utility>

namespace catena {
namespace {

struct Body {
  std::string bytes;
  size_t bytes_max = 0;
};

size_t Receive(char* bytes, size_t one, size_t count, void* into) {
  auto* body = static_cast<Body*>(into);
  if (body->bytes.size() + count > body->bytes_max) return 0;  // Ends the transfer.
  body->bytes.append(bytes, one * count);
  return one * count;
}

CURL* NewHandle() {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);  // Once, before threads ask.
  CURL* handle = ready == CURLE_OK ? curl_easy_init() : nullptr;
  CATENA_CHECK(handle != nullptr, "libcurl does not start");
  return handle;
}

}  // namespace

struct HttpClient::Connection {
  CURL* handle = NewHandle();
  curl_slist* headers = nullptr;
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    curl_slist_free_all(headers);
    curl_easy_cleanup(handle);
  }
};

HttpClient::HttpClient(HttpOptions options)
    : options_(std::move(options)), connection_(std::make_unique<Connection>()) {
  CURL* handle = connection_->handle;
  if (!options_.accept.empty()) {
    connection_->headers = curl_slist_append(nullptr, ("Accept: " + options_.accept).c_str());
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, connection_->headers);
  }
  if (!options_.user_and_password.empty()) {
    curl_easy_setopt(handle, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(handle, CURLOPT_USERPWD, options_.user_and_password.c_str());
  }
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(handle, CURLOPT_MAXREDIRS, 5L);
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);  // Signals are the process's, not a thread's.
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout.count()));
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, Receive);
}

HttpClient::~HttpClient() = default;

Result<HttpAnswer> HttpClient::Get(const std::string& url) {
  CURL* handle = connection_->handle;
  Body body{.bytes_max = options_.body_bytes_max};
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &body);
  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  const CURLcode code = curl_easy_perform(handle);
  if (code != CURLE_OK) {
    return Unavailable(std::string(curl_easy_strerror(code)) + ": GET " + url);
  }
  HttpAnswer answer;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &answer.status);
  answer.body = std::move(body.bytes);
  return answer;
}

std::string UrlSegment(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      escaped += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      (escaped += '%') += kHex[byte >> 4];
      escaped += kHex[byte & 15];
    }
  }
  return escaped;
}

}  // namespace catena

// SPDX-License-Identifier: Apache-2.0
// HttpClient: asks one server, over a connection that it keeps.
//
//   input    http:// and https:// only; redirects are followed, at most five
//   output   any answer of the server, whatever its status
//   errors   kUnavailable: no answer within the timeout, or none at all; the message names the URL
//            without what is secret
//   threads  one thread
//   source   libcurl, whose only home is here

#pragma once

#include <memory>
#include <string>

#include "catena/base/result.h"
#include "catena/base/time.h"

namespace catena {

struct HttpAnswer {
  long status = 0;
  std::string body;
};

struct HttpOptions {
  std::string user_and_password;  // "user:password" for basic authentication, or empty.
  std::string accept;             // The media type that is asked for.
  Millis timeout{5000};
  size_t body_bytes_max = size_t{16} << 20;  // More is no answer.
};

class HttpClient {
 public:
  explicit HttpClient(HttpOptions options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  Result<HttpAnswer> Get(const std::string& url);

 private:
  struct Connection;
  HttpOptions options_;
  std::unique_ptr<Connection> connection_;
};

// A segment of a path: everything but letters, digits and "-._~" as %XX.
std::string UrlSegment(std::string_view text);

}  // namespace catena

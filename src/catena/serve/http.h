// SPDX-License-Identifier: Apache-2.0
// HttpRequest, HttpResponse: one exchange, free of any HTTP library.
//
//   input    the path as it was sent (segments still percent-encoded), the query decoded; of a
//            repeated query parameter the last counts
//   errors   ParseTarget is kInvalidConf for a target that is not "/path?name=value&..."
//   source   RFC 9110, RFC 3986

#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catena/base/json.h"
#include "catena/base/result.h"

namespace catena::serve {

struct HttpRequest {
  std::string method;  // "GET", "POST".
  std::string path;
  std::map<std::string, std::string> query;
  std::string body;
};

struct HttpResponse {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
};

using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

// Fills `path` and `query`.
Status ParseTarget(std::string_view target, HttpRequest* request);
// "%2F" becomes "/"; kInvalidConf for "%" without two hex digits. `+` stays what it is.
Result<std::string> PercentDecode(std::string_view text);

// The one mapping of failures: 400, 404, 422, 500, 501, 503 (with Retry-After).
int HttpStatusOf(ErrorCode code);
HttpResponse JsonResponse(int status, const Json& document);
// {"error": message, "code": "not found"}.
HttpResponse ErrorResponse(const Error& error);
HttpResponse ErrorResponse(int status, std::string_view code, std::string_view message);

}  // namespace catena::serve

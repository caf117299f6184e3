// SPDX-License-Identifier: Apache-2.0
#include "catena/serve/http.h"

namespace catena::serve {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Result<std::string> PercentDecode(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? HexValue(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? HexValue(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return InvalidConf("a % in a URL is followed by two hex digits: " + std::string(text));
    }
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

Status ParseTarget(std::string_view target, HttpRequest* request) {
  if (!target.starts_with('/')) {
    return InvalidConf("a request target begins with /: " + std::string(target));
  }
  const size_t question = target.find('?');
  request->path = std::string(target.substr(0, question));
  std::string_view rest = question == std::string_view::npos ? "" : target.substr(question + 1);
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (pair.empty()) continue;
    const size_t equals = std::min(pair.find('='), pair.size());
    CATENA_TRY(std::string name, PercentDecode(pair.substr(0, equals)));
    CATENA_TRY(request->query[name], PercentDecode(pair.substr(std::min(equals + 1, pair.size()))));
  }
  return Status();
}

int HttpStatusOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidConf:
      return 400;
    case ErrorCode::kInvalidData:
      return 422;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kUnavailable:
      return 503;
    case ErrorCode::kCorruption:
      return 500;
    case ErrorCode::kUnsupported:
      return 501;
  }
  return 500;
}

HttpResponse JsonResponse(int status, const Json& document) {
  HttpResponse response;
  response.status = status;
  response.body = PrintJson(document);
  return response;
}

HttpResponse ErrorResponse(int status, std::string_view code, std::string_view message) {
  HttpResponse response = JsonResponse(status, Json{{"error", message}, {"code", code}});
  if (status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

HttpResponse ErrorResponse(const Error& error) {
  return ErrorResponse(HttpStatusOf(error.code), ErrorCodeName(error.code), error.message);
}

}  // namespace catena::serve

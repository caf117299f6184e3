// SPDX-License-Identifier: Apache-2.0
#include "catena/base/json.h"

#include <algorithm>

#include "catena/base/file.h"

namespace catena {
namespace {

constexpr int kConfDepthMax = 1024;

// Depth is checked before the parse, which builds the value by recursion-free code but would be
// destroyed recursively.
bool TooDeep(std::string_view text, int depth_max) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > depth_max) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

std::string PlaceOf(std::string_view text, size_t byte) {
  const size_t end = std::min(byte == 0 ? 0 : byte - 1, text.size());
  const std::string_view before = text.substr(0, end);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const size_t start = before.rfind('\n');
  const size_t column = end - (start == std::string_view::npos ? 0 : start + 1) + 1;
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

}  // namespace

Result<Json> ParseJson(std::string_view text, std::string_view what, int depth_max) {
  if (TooDeep(text, depth_max)) {
    return InvalidConf(std::string(what) + ": JSON nests deeper than " + std::to_string(depth_max) +
                       " levels");
  }
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    return InvalidConf(std::string(what) + ": not valid JSON at " + PlaceOf(text, error.byte));
  } catch (const std::exception& error) {
    return InvalidConf(std::string(what) + ": not valid JSON: " + error.what());
  }
}

Result<Json> ReadJsonFile(const std::string& path) {
  CATENA_TRY(std::string text, ReadFile(path));
  return ParseJson(text, path, kConfDepthMax);
}

std::string PrintJson(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string PrettyJson(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace catena

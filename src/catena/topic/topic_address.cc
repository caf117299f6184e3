// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "catena/topic/topic.h"

namespace catena::topic {
namespace {

constexpr size_t kNameBytesMax = 249;
constexpr std::string_view kDefaultBroker = "localhost";
constexpr std::string_view kDefaultBrokerPort = "9092";

bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

Status CheckName(std::string_view name) {
  const bool good = !name.empty() && name.size() <= kNameBytesMax && name != "." && name != ".." &&
                    std::all_of(name.begin(), name.end(), IsNameByte);
  if (good) return Status();
  return InvalidConf("a topic name has 1 to 249 letters, digits, '.', '_' or '-': \"" +
                     std::string(name) + "\"");
}

// "scheme:rest" when there is a colon before any slash or '='; an empty scheme otherwise.
std::pair<std::string_view, std::string_view> SplitScheme(std::string_view text) {
  const size_t end = text.find_first_of(":/=");
  if (end == std::string_view::npos || text[end] != ':') return {{}, text};
  return {text.substr(0, end), text.substr(end + 1)};
}

std::string_view WithoutSlashes(std::string_view text) {
  while (text.size() > 1 && text.ends_with('/')) text.remove_suffix(1);
  return text;
}

// "//" introduces a host in URLs; a file has none, so "file:///dir" and "file:/dir" are one.
Result<std::string_view> FilePath(std::string_view rest) {
  if (!rest.starts_with("//")) return WithoutSlashes(rest);
  if (!rest.starts_with("///")) {
    return InvalidConf("a file topic has no host; write file:///absolute or file:relative: \"" +
                       std::string(rest) + "\"");
  }
  return WithoutSlashes(rest.substr(2));
}

// "host=h/port=p/key=value": later ones win.
Status ReadParameters(std::string_view text, TopicAddress* address) {
  while (!text.empty()) {
    const size_t slash = std::min(text.find('/'), text.size());
    const std::string_view part = text.substr(0, slash);
    text.remove_prefix(std::min(slash + 1, text.size()));
    if (part.empty()) continue;
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return InvalidConf("a topic name has no '/'; what follows one is key=value: \"" +
                         std::string(part) + "\"");
    }
    address->parameters[std::string(part.substr(0, equals))] = part.substr(equals + 1);
  }
  return Status();
}

void TakeBroker(TopicAddress* address) {
  const auto take = [&](const char* key, std::string_view otherwise) {
    const auto found = address->parameters.find(key);
    if (found == address->parameters.end()) return std::string(otherwise);
    std::string value = std::move(found->second);
    address->parameters.erase(found);
    return value;
  };
  const std::string host = take("host", kDefaultBroker);
  const std::string port = take("port", kDefaultBrokerPort);
  address->root = host + ":" + port;
}

Result<TopicAddress> ParseFileURL(std::string_view rest) {
  CATENA_TRY(const std::string_view path, FilePath(rest));
  const size_t slash = path.rfind('/');
  TopicAddress address{.scheme = "file"};
  address.name = path.substr(slash == std::string_view::npos ? 0 : slash + 1);
  address.root = slash == std::string_view::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  return address;
}

Result<TopicAddress> ParseKafkaURL(std::string_view rest) {
  if (rest.starts_with("//")) rest.remove_prefix(2);
  const size_t slash = std::min(rest.find('/'), rest.size());
  TopicAddress address{.scheme = "kafka"};
  address.name = rest.substr(0, slash);
  CATENA_RETURN_IF_ERROR(ReadParameters(rest.substr(slash), &address));
  TakeBroker(&address);
  return address;
}

Result<TopicAddress> ParseURL(std::string_view scheme, std::string_view rest) {
  if (scheme == "file") return ParseFileURL(rest);
  if (scheme == "kafka") return ParseKafkaURL(rest);
  if (scheme == "memory") {
    return TopicAddress{.scheme = "memory", .name = std::string(rest)};
  }
  return InvalidConf("unknown kind of topic; write file:, memory: or kafka: before the name: \"" +
                     std::string(scheme) + "\"");
}

// A bare name, with parameters or without, in the place that the default names.
Result<TopicAddress> ParseBare(std::string_view text, std::string_view default_url) {
  const auto [scheme, rest] = SplitScheme(default_url);
  if (scheme.empty()) {
    return InvalidConf(
        "a bare topic name needs a default; set topics.default in catena.yaml to "
        "file:///dir, or write file:///dir/" +
        std::string(text));
  }
  const size_t slash = std::min(text.find('/'), text.size());
  TopicAddress address{.scheme = std::string(scheme)};
  address.name = text.substr(0, slash);
  if (scheme == "file") {
    CATENA_TRY(const std::string_view path, FilePath(rest));
    address.root = path.empty() ? "." : path;
  } else if (scheme == "kafka") {
    CATENA_RETURN_IF_ERROR(ReadParameters(rest, &address));
  } else if (scheme != "memory") {
    return ParseURL(scheme, rest);  // Says that it is unknown.
  }
  CATENA_RETURN_IF_ERROR(ReadParameters(text.substr(slash), &address));
  if (scheme == "kafka") {
    TakeBroker(&address);
  } else if (!address.parameters.empty()) {
    return InvalidConf("only kafka topics have parameters; write the name alone: \"" +
                       std::string(text) + "\"");
  }
  return address;
}

}  // namespace

Result<TopicAddress> ParseTopicAddress(std::string_view name, std::string_view default_url) {
  const auto [scheme, rest] = SplitScheme(name);
  CATENA_TRY(TopicAddress address,
             scheme.empty() ? ParseBare(name, default_url) : ParseURL(scheme, rest));
  CATENA_RETURN_IF_ERROR(
      CheckName(address.name).WithContext("topic \"" + std::string(name) + "\""));
  return address;
}

}  // namespace catena::topic

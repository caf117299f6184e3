// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <string_view>
#include <utility>

#include "catena/topic/kafka_client.h"
#include "catena/topic/topic.h"

namespace catena::topic {
namespace {

constexpr size_t kNameBytesMax = 249;
constexpr std::string_view kDefaultBrokerPort = "9092";
constexpr const char* kBrokers = "bootstrap.servers";
constexpr const char* kRegistryUser = "basic.auth.user.info";

// Of the records rather than of the topic; Chronon's and its flink job's words.
constexpr std::array kSerdeParameters = {"serde",
                                         "envelope",
                                         "schema",
                                         "message",
                                         "registry_host",
                                         "registry_port",
                                         "registry_scheme",
                                         "subject",
                                         "reader_schema_version",
                                         "schema_registry_wire_format",
                                         "basic.auth.credentials.source",
                                         kRegistryUser};

using Parameters = std::map<std::string, std::string>;

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

// "%2F" is a slash, which cannot stand in a parameter otherwise.
Result<std::string> Unescaped(const std::string& text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    const char* hex = text.data() + i + 1;
    if (text[i] != '%') {
      plain += text[i];
    } else if (i + 2 < text.size() && std::from_chars(hex, hex + 2, byte, 16).ptr == hex + 2) {
      plain += static_cast<char>(byte);
      i += 2;
    } else {
      return InvalidConf("after '%' come two hexadecimal digits: \"" + text + "\"");
    }
  }
  return plain;
}

// Takes those of the records out of the URL's parameters; those of `kafka` are below them.
Status TakeSerde(const Parameters& kafka, TopicAddress* address) {
  for (const char* name : kSerdeParameters) {
    if (const auto below = kafka.find(name); below != kafka.end()) address->serde.insert(*below);
    const auto node = address->parameters.extract(name);
    if (node.empty()) continue;
    CATENA_TRY(address->serde[name], Unescaped(node.mapped()));
  }
  return Status();
}

// A URL is shown and kept; what must be neither does not belong in one.
Status CheckSecrets(const Parameters& parameters) {
  for (const auto& [name, value] : parameters) {
    if (!IsSecretKafkaProperty(name) && name != kRegistryUser) continue;
    return InvalidConf(
        "a topic's URL is no place for a secret; set it under `kafka:` of "
        "catena.yaml: " +
        name);
  }
  return Status();
}

// The URL's parameters above those of `kafka`; the brokers become the root.
Status FillIn(const Parameters& kafka, TopicAddress* address) {
  CATENA_RETURN_IF_ERROR(CheckSecrets(address->parameters));
  CATENA_RETURN_IF_ERROR(TakeSerde(kafka, address));
  const auto take = [&](const std::string& key) {
    const auto node = address->parameters.extract(key);
    return node.empty() ? std::string() : node.mapped();
  };
  const std::string host = take("host");
  const std::string port = take("port");
  address->parameters.insert(kafka.begin(), kafka.end());
  for (const char* name : kSerdeParameters) address->parameters.erase(name);
  const std::string brokers = take(kBrokers);
  const bool names_broker = !host.empty() || !port.empty() || brokers.empty();
  address->root = names_broker ? (host.empty() ? "localhost" : host) + ":" +
                                     (port.empty() ? std::string(kDefaultBrokerPort) : port)
                               : brokers;
  return Status();
}

// A topic that is not Kafka's has no parameters but those of its records.
Status FillInRecords(std::string_view text, TopicAddress* address) {
  CATENA_RETURN_IF_ERROR(CheckSecrets(address->parameters));
  CATENA_RETURN_IF_ERROR(TakeSerde({}, address));
  if (address->parameters.empty()) return Status();
  return InvalidConf(
      "only kafka topics have parameters other than those of their records (serde, schema, "
      "registry_host, ...): \"" +
      std::string(text) + "\"");
}

// A name holds no '=', and each parameter behind it does.
size_t ParametersBegin(std::string_view path) {
  size_t begin = path.size();
  while (true) {
    const size_t slash = path.substr(0, begin).rfind('/');
    if (slash == std::string_view::npos) return begin;
    if (path.substr(slash, begin - slash).find('=') == std::string_view::npos) return begin;
    begin = slash;
  }
}

Result<TopicAddress> ParseFileURL(std::string_view rest) {
  TopicAddress address{.scheme = "file"};
  rest = WithoutSlashes(rest);
  const size_t name_end = ParametersBegin(rest);
  CATENA_RETURN_IF_ERROR(ReadParameters(rest.substr(name_end), &address));
  CATENA_RETURN_IF_ERROR(FillInRecords(rest, &address));
  CATENA_TRY(const std::string_view path, FilePath(rest.substr(0, name_end)));
  const size_t slash = path.rfind('/');
  address.name = path.substr(slash == std::string_view::npos ? 0 : slash + 1);
  address.root = slash == std::string_view::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  return address;
}

Result<TopicAddress> ParseKafkaURL(std::string_view rest, const Parameters& kafka) {
  if (rest.starts_with("//")) rest.remove_prefix(2);
  const size_t slash = std::min(rest.find('/'), rest.size());
  TopicAddress address{.scheme = "kafka"};
  address.name = rest.substr(0, slash);
  CATENA_RETURN_IF_ERROR(ReadParameters(rest.substr(slash), &address));
  CATENA_RETURN_IF_ERROR(FillIn(kafka, &address));
  return address;
}

Result<TopicAddress> ParseURL(std::string_view scheme, std::string_view rest,
                              const Parameters& kafka) {
  if (scheme == "file") return ParseFileURL(rest);
  if (scheme == "kafka") return ParseKafkaURL(rest, kafka);
  if (scheme == "memory") {
    const size_t slash = std::min(rest.find('/'), rest.size());
    TopicAddress address{.scheme = "memory", .name = std::string(rest.substr(0, slash))};
    CATENA_RETURN_IF_ERROR(ReadParameters(rest.substr(slash), &address));
    CATENA_RETURN_IF_ERROR(FillInRecords(rest, &address));
    return address;
  }
  return InvalidConf("unknown kind of topic; write file:, memory: or kafka: before the name: \"" +
                     std::string(scheme) + "\"");
}

// A bare name, with parameters or without, in the place that the default names.
Result<TopicAddress> ParseBare(std::string_view text, std::string_view default_url,
                               const Parameters& kafka) {
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
    return ParseURL(scheme, rest, kafka);  // Says that it is unknown.
  }
  CATENA_RETURN_IF_ERROR(ReadParameters(text.substr(slash), &address));
  CATENA_RETURN_IF_ERROR(scheme == "kafka" ? FillIn(kafka, &address)
                                           : FillInRecords(text, &address));
  return address;
}

}  // namespace

Result<TopicAddress> ParseTopicAddress(std::string_view name, std::string_view default_url,
                                       const Parameters& kafka) {
  const auto [scheme, rest] = SplitScheme(name);
  CATENA_TRY(TopicAddress address,
             scheme.empty() ? ParseBare(name, default_url, kafka) : ParseURL(scheme, rest, kafka));
  CATENA_RETURN_IF_ERROR(
      CheckName(address.name).WithContext("topic \"" + std::string(name) + "\""));
  return address;
}

std::string PlaceOf(const TopicAddress& address) {
  std::string place = address.scheme + ":" + address.root;
  for (const auto& [name, value] : address.parameters) place += "\n" + name + "=" + value;
  return place;
}

std::string TopicURL(const TopicAddress& address) {
  if (address.scheme == "kafka") {
    return "kafka://" + address.name + "/" + kBrokers + "=" + address.root;
  }
  return address.scheme + ":" + address.root + (address.root.empty() ? "" : "/") + address.name;
}

}  // namespace catena::topic

// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/redis/redis_connection.h"

#include <sys/time.h>

#include <algorithm>
#include <charconv>

namespace catena::kv {
namespace {

template <typename Number>
Status ReadNumber(std::string_view text, const char* what, Number* into) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), *into);
  if (code == std::errc() && end == text.data() + text.size()) return Status();
  return InvalidConf(std::string(what) + " is a whole number: `" + std::string(text) + "`");
}

Status ReadOptions(std::string_view text, RedisPlace* place) {
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    const size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view name = pair.substr(0, equals);
    const std::string_view value = pair.substr(std::min(equals + 1, pair.size()));
    if (name == "prefix" && !value.empty()) {
      place->prefix = value;
    } else if (name == "timeout_ms") {
      uint32_t millis = 0;
      CATENA_RETURN_IF_ERROR(ReadNumber(value, "timeout_ms", &millis));
      place->timeout = Millis{std::max<uint32_t>(millis, 1)};
    } else {
      return InvalidConf("unknown option: redis knows prefix and timeout_ms, not `" +
                         std::string(name) + "`");
    }
  }
  return Status();
}

Status ReadLogin(std::string_view text, RedisPlace* place) {
  const size_t colon = std::min(text.find(':'), text.size());
  place->user = text.substr(0, colon);
  place->password = text.substr(std::min(colon + 1, text.size()));
  return Status();
}

Error ErrorOf(std::string_view said, const std::string& at) {
  const std::string text = "redis at " + at + " answers: " + std::string(said);
  if (said.starts_with("MOVED")) {
    return InvalidConf("another node of the cluster has the store's keys, name that one: " + text);
  }
  for (const char* refusal : {"NOAUTH", "WRONGPASS", "NOPERM", "ERR invalid password", "ERR AUTH",
                              "ERR DB index", "ERR invalid DB"}) {
    if (said.starts_with(refusal)) return InvalidConf(text);
  }
  return Unavailable(text);
}

}  // namespace

Result<RedisPlace> ParseRedisPlace(const std::string& text) {
  if (!text.starts_with("//")) return InvalidConf("no host: write redis://HOST[:PORT]");
  RedisPlace place;
  std::string_view rest = std::string_view(text).substr(2);
  if (const size_t question = rest.find('?'); question != std::string_view::npos) {
    CATENA_RETURN_IF_ERROR(ReadOptions(rest.substr(question + 1), &place));
    rest = rest.substr(0, question);
  }
  if (const size_t at = rest.rfind('@'); at != std::string_view::npos) {
    CATENA_RETURN_IF_ERROR(ReadLogin(rest.substr(0, at), &place));
    rest.remove_prefix(at + 1);
  }
  if (const size_t slash = rest.find('/'); slash != std::string_view::npos) {
    if (slash + 1 < rest.size()) {
      CATENA_RETURN_IF_ERROR(ReadNumber(rest.substr(slash + 1), "the database", &place.database));
    }
    rest = rest.substr(0, slash);
  }
  if (const size_t colon = rest.rfind(':'); colon != std::string_view::npos) {
    CATENA_RETURN_IF_ERROR(ReadNumber(rest.substr(colon + 1), "the port", &place.port));
    rest = rest.substr(0, colon);
  }
  if (!rest.empty()) place.host = rest;
  return place;
}

std::string WithoutPassword(const std::string& url) {
  const size_t slashes = url.find("//");
  const size_t at = url.rfind('@');
  if (slashes == std::string::npos || at == std::string::npos || at < slashes) return url;
  return url.substr(0, slashes + 2) + "..." + url.substr(at);
}

Result<std::unique_ptr<RedisConnection>> RedisConnection::Open(const RedisPlace& place) {
  const std::string at = place.host + ":" + std::to_string(place.port);
  std::unique_ptr<RedisConnection> connection(new RedisConnection(at));
  const auto millis = place.timeout.count();
  const timeval timeout{.tv_sec = millis / 1000, .tv_usec = millis % 1000 * 1000};
  connection->context_.reset(redisConnectWithTimeout(place.host.c_str(), place.port, timeout));
  redisContext* context = connection->context_.get();
  if (context == nullptr || context->err != 0) return connection->Broken();
  if (redisSetTimeout(context, timeout) != REDIS_OK) return connection->Broken();
  if (!place.user.empty() || !place.password.empty()) {
    RedisCommand login = {"AUTH"};
    if (!place.user.empty()) login.push_back(place.user);
    login.push_back(place.password);
    CATENA_RETURN_IF_ERROR(connection->Run(login).status());
  }
  if (place.database != 0) {
    const std::string database = std::to_string(place.database);
    CATENA_RETURN_IF_ERROR(connection->Run({"SELECT", database}).status());
  }
  return connection;
}

Error RedisConnection::Broken() const {
  const char* why = context_ == nullptr ? "out of memory" : context_->errstr;
  return Unavailable("redis at " + at_ + " does not answer: " + why);
}

Result<std::vector<RedisReply>> RedisConnection::Run(std::span<const RedisCommand> commands) {
  for (const RedisCommand& command : commands) {
    std::vector<const char*> texts;
    std::vector<size_t> sizes;
    for (const std::string_view text : command) {
      texts.push_back(text.data());
      sizes.push_back(text.size());
    }
    if (redisAppendCommandArgv(context_.get(), static_cast<int>(texts.size()), texts.data(),
                               sizes.data()) != REDIS_OK) {
      return Broken();
    }
  }
  std::vector<RedisReply> replies;
  const redisReply* failed = nullptr;
  for (size_t i = 0; i < commands.size(); ++i) {
    void* reply = nullptr;
    if (redisGetReply(context_.get(), &reply) != REDIS_OK) return Broken();
    replies.emplace_back(static_cast<redisReply*>(reply));
    if (replies.back()->type == REDIS_REPLY_ERROR && failed == nullptr) {
      failed = replies.back().get();
    }
  }
  if (failed != nullptr) return ErrorOf(TextOf(*failed), at_);
  return replies;
}

Result<RedisReply> RedisConnection::Run(const RedisCommand& command) {
  CATENA_TRY(auto replies, Run(std::span<const RedisCommand>(&command, 1)));
  return std::move(replies.front());
}

}  // namespace catena::kv

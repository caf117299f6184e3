// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/redis/redis_store.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <utility>

#include "catena/base/log.h"
#include "catena/kv/redis/shared_reads.h"
#include "catena/kv/stored_format.h"

namespace catena::kv {
namespace {

constexpr size_t kKeysPerPage = 128;
constexpr const char* kKeysPerSweep = "1024";
constexpr size_t kIdleConnectionsMax = 16;

// KEYS[1] prefix; ARGV: the write expected before this one and this one ("" and "" of a joiner),
// puts as (dataset, key, member's instant, the least instant after it, value), marks as (dataset,
// name, value). Answers the write that stands there when it is another one. Its first write is one
// that Redis refuses when memory is full: those behind it are all done.
constexpr const char* kApply = R"(
local p = KEYS[1]
if ARGV[2] ~= '' then
  local last = redis.call('GET', p .. ':w')
  if last ~= ARGV[1] then return last or '' end
  redis.call('SET', p .. ':w', ARGV[2])
end
local puts, i = tonumber(ARGV[3]), 4
for _ = 1, puts do
  local dataset, key = ARGV[i], ARGV[i + 1]
  local values = p .. ':v:' .. #dataset .. ':' .. dataset .. ':' .. key
  redis.call('SADD', p .. ':d', dataset)
  redis.call('ZREMRANGEBYLEX', values, '[' .. ARGV[i + 2], ARGV[i + 3])
  redis.call('ZADD', values, 0, ARGV[i + 2] .. ARGV[i + 4])
  redis.call('ZADD', p .. ':k:' .. dataset, 0, key)
  i = i + 5
end
while i <= #ARGV do
  redis.call('HSET', p .. ':m:' .. ARGV[i], ARGV[i + 1], ARGV[i + 2])
  redis.call('SADD', p .. ':d', ARGV[i])
  i = i + 3
end
return false
)";

// KEYS[1] prefix; ARGV: owner, its next write. Answers the write of another owner that stands
// there.
constexpr const char* kResume = R"(
local last = redis.call('GET', KEYS[1] .. ':w')
if last and string.sub(last, 1, #ARGV[1] + 1) ~= ARGV[1] .. '/' then return last end
redis.call('SET', KEYS[1] .. ':w', ARGV[2])
return false
)";

// KEYS[1] prefix; ARGV: dataset, the range's end, the first key, how many. Answers the last key
// that it looked at, or nothing at the end of the keys.
constexpr const char* kSweep = R"(
local p, dataset = KEYS[1], ARGV[1]
local index = p .. ':k:' .. dataset
local keys = redis.call('ZRANGEBYLEX', index, ARGV[3], '+', 'LIMIT', 0, ARGV[4])
for _, key in ipairs(keys) do
  local values = p .. ':v:' .. #dataset .. ':' .. dataset .. ':' .. key
  redis.call('ZREMRANGEBYLEX', values, '-', ARGV[2])
  if redis.call('EXISTS', values) == 0 then redis.call('ZREM', index, key) end
end
if redis.call('EXISTS', index, p .. ':m:' .. dataset) == 0 then
  redis.call('SREM', p .. ':d', dataset)
end
return #keys == tonumber(ARGV[4]) and keys[#keys] or false
)";

// KEYS[1] prefix; ARGV: dataset, how many keys, the write that must stand there ("" of a joiner).
// Answers another write that stands there, or 1 while there are more keys.
constexpr const char* kDrop = R"(
local p, dataset = KEYS[1], ARGV[1]
if ARGV[3] ~= '' then
  local last = redis.call('GET', p .. ':w')
  if last ~= ARGV[3] then return last or '' end
end
local index = p .. ':k:' .. dataset
local keys = redis.call('ZRANGEBYLEX', index, '-', '+', 'LIMIT', 0, ARGV[2])
for _, key in ipairs(keys) do
  redis.call('DEL', p .. ':v:' .. #dataset .. ':' .. dataset .. ':' .. key)
  redis.call('ZREM', index, key)
end
if #keys == tonumber(ARGV[2]) then return 1 end
redis.call('DEL', p .. ':m:' .. dataset)
redis.call('SREM', p .. ':d', dataset)
return false
)";

// KEYS[1] prefix; ARGV: dataset. Some keys speak for all.
constexpr const char* kBytes = R"(
local p, dataset = KEYS[1], ARGV[1]
local index = p .. ':k:' .. dataset
local bytes = redis.call('MEMORY', 'USAGE', p .. ':m:' .. dataset) or 0
local keys = redis.call('ZCARD', index)
if keys == 0 then return bytes end
local sampled, sum = redis.call('ZRANDMEMBER', index, 16), 0
for _, key in ipairs(sampled) do
  local values = p .. ':v:' .. #dataset .. ':' .. dataset .. ':' .. key
  sum = sum + (redis.call('MEMORY', 'USAGE', values) or 0)
end
return bytes + redis.call('MEMORY', 'USAGE', index) + math.floor(sum / #sampled * keys)
)";

std::string InstantBytes(Timestamp time, uint64_t sequence) {
  std::string bytes;
  AppendInstant(&bytes, time, sequence);
  return bytes;
}

// Where a range that holds exactly the members beginning with `instant` ends.
std::string EndOfInstant(const std::string& instant) {
  const std::string after = AfterPrefix(instant);
  return after.empty() ? "+" : "(" + after;
}

TimedValue ValueOf(std::string_view member) {
  const Instant instant = ParseInstant(member.substr(0, kInstantBytes));
  return {instant.time, instant.sequence, std::string(member.substr(kInstantBytes))};
}

std::vector<TimedValue> ValuesIn(const redisReply& members, const GetRequest& read) {
  std::vector<TimedValue> values;
  values.reserve(members.elements);
  for (const redisReply* member : ElementsOf(members)) values.push_back(ValueOf(TextOf(*member)));
  if (read.limit != 0) std::reverse(values.begin(), values.end());
  return values;
}

std::string RandomName() {
  std::random_device device;
  std::string name;
  for (int i = 0; i < 4; ++i) name += std::to_string(device()) + (i < 3 ? "-" : "");
  return name;
}

class RedisStore : public KVStore {
 public:
  RedisStore(const RedisPlace& place, OpenMode mode)
      : place_(place), mode_(mode), prefix_("{" + place.prefix + "}"), owner_(RandomName()) {}

  Status Open() {
    CATENA_TRY(auto connection, RedisConnection::Open(place_));
    if (mode_ != OpenMode::kOwn) return Status();
    WarnOfForgetting(connection.get());
    CATENA_RETURN_IF_ERROR(RefuseEviction(connection.get()));
    const std::lock_guard lock(writer_mutex_);
    writer_ = std::move(connection);
    last_ = NextWrite();
    const Status owned = writer_->Run({"SET", prefix_ + ":w", last_}).status();
    if (owned.ok()) in_touch_ = true;
    return owned;
  }

  std::vector<Result<std::vector<TimedValue>>> MultiGet(
      std::span<const GetRequest> requests) override {
    std::vector<Result<std::vector<TimedValue>>> answers;
    if (requests.empty()) return answers;
    const SharedReads shared = ShareReads(requests);
    const auto replies = Read(CommandsOf(shared.reads));
    if (!replies.ok()) {
      answers.assign(requests.size(), replies.error());
      return answers;
    }
    const auto all = ElementsOf(*replies->back());  // EXEC's.
    std::vector<std::optional<std::vector<TimedValue>>> read;
    for (size_t i = 0; i < shared.reads.size(); ++i) {
      const bool is_answer = i < all.size() && all[i]->type == REDIS_REPLY_ARRAY;
      read.push_back(is_answer ? std::optional(ValuesIn(*all[i], shared.reads[i])) : std::nullopt);
    }
    for (size_t i = 0; i < requests.size(); ++i) {
      if (const auto& values = read[shared.read_of[i]]) {
        answers.emplace_back(PartOf(*values, requests[i]));
      } else {
        answers.emplace_back(Corruption("redis holds no sorted set of values for " +
                                        std::string(requests[i].dataset)));
      }
    }
    return answers;
  }

  Result<std::optional<std::string>> GetMark(std::string_view dataset,
                                             std::string_view name) override {
    const std::string marks = MarksOf(dataset);
    CATENA_TRY(const RedisReply reply, ReadOne({"HGET", marks, name}));
    std::optional<std::string> value;
    if (reply->type == REDIS_REPLY_STRING) value = TextOf(*reply);
    return value;
  }

  Result<std::vector<Mark>> ListMarks(std::string_view dataset, std::string_view prefix) override {
    const std::string of_dataset = MarksOf(dataset);
    CATENA_TRY(const RedisReply reply, ReadOne({"HGETALL", of_dataset}));
    std::vector<Mark> marks;
    const auto elements = ElementsOf(*reply);
    for (size_t i = 0; i + 1 < elements.size(); i += 2) {
      const std::string_view name = TextOf(*elements[i]);
      if (!name.starts_with(prefix)) continue;
      marks.push_back(
          {std::string(dataset), std::string(name), std::string(TextOf(*elements[i + 1]))});
    }
    std::sort(marks.begin(), marks.end(),
              [](const Mark& a, const Mark& b) { return a.name < b.name; });
    return marks;
  }

  Status Apply(const WriteBatch& batch, bool /*durable*/) override {
    if (mode_ == OpenMode::kReadOnly) return Unsupported("this store was opened to be read only");
    if (batch.puts.empty() && batch.marks.empty()) return Status();
    if (mode_ == OpenMode::kJoin) {
      Words words;
      return ReadOne(ApplyCommand(batch, "", "", &words)).status();
    }
    const std::lock_guard lock(writer_mutex_);
    if (!in_touch_) {
      return Unavailable("an answer of redis was lost, so what it holds is not known: begin again");
    }
    const std::string next = NextWrite();
    Words words;
    auto reply = writer_->Run(ApplyCommand(batch, last_, next, &words));
    in_touch_ = false;
    if (!reply.ok()) return reply.error();
    if ((*reply)->type != REDIS_REPLY_NIL) return NotTheLast(TextOf(**reply));
    in_touch_ = true;
    last_ = next;
    return Status();
  }

  Status Resume() override {
    if (mode_ != OpenMode::kOwn) return Status();
    const std::lock_guard lock(writer_mutex_);
    if (in_touch_) return Status();
    CATENA_TRY(writer_, RedisConnection::Open(place_));
    const std::string next = NextWrite();
    CATENA_TRY(const RedisReply reply, writer_->Run({"EVAL", kResume, "1", prefix_, owner_, next}));
    if (reply->type != REDIS_REPLY_NIL) return NotTheLast(TextOf(*reply));
    last_ = next;
    in_touch_ = true;
    return Status();
  }

  Status SetHorizon(std::string_view dataset, Timestamp horizon) override {
    const std::lock_guard lock(sweep_mutex_);
    Sweep& sweep = sweeps_[std::string(dataset)];
    sweep.horizon = std::max(sweep.horizon, horizon);
    const std::string end = "(" + InstantBytes(sweep.horizon, 0);
    CATENA_TRY(const RedisReply reply,
               ReadOne({"EVAL", kSweep, "1", prefix_, dataset, end, sweep.next, kKeysPerSweep}));
    const bool has_more = reply->type == REDIS_REPLY_STRING;
    sweep.next = has_more ? "(" + std::string(TextOf(*reply)) : "-";
    return Status();
  }

  Status Scan(std::string_view dataset,
              const std::function<bool(std::string_view, const TimedValue&)>& visit) override {
    const std::string index = prefix_ + ":k:" + std::string(dataset);
    const std::string page = std::to_string(kKeysPerPage);
    std::string from = "-";
    while (true) {
      CATENA_TRY(const RedisReply keys,
                 ReadOne({"ZRANGEBYLEX", index, from, "+", "LIMIT", "0", page}));
      for (const redisReply* key : ElementsOf(*keys)) {
        const std::string values = ValuesOf(dataset, TextOf(*key));
        CATENA_TRY(const RedisReply members, ReadOne({"ZRANGE", values, "0", "-1"}));
        for (const redisReply* member : ElementsOf(*members)) {
          if (!visit(TextOf(*key), ValueOf(TextOf(*member)))) return Status();
        }
      }
      if (keys->elements < kKeysPerPage) return Status();
      from = "(" + std::string(TextOf(*keys->element[keys->elements - 1]));
    }
  }

  Result<std::vector<std::string>> ListDatasets() override {
    CATENA_TRY(const RedisReply reply, ReadOne({"SMEMBERS", prefix_ + ":d"}));
    std::set<std::string> names;
    for (const redisReply* name : ElementsOf(*reply)) names.emplace(TextOf(*name));
    return std::vector<std::string>(names.begin(), names.end());
  }

  Result<uint64_t> ApproximateBytes(std::string_view dataset) override {
    CATENA_TRY(const RedisReply reply, ReadOne({"EVAL", kBytes, "1", prefix_, dataset}));
    return static_cast<uint64_t>(reply->integer);
  }

  Status DropDataset(std::string_view dataset) override {
    if (mode_ == OpenMode::kReadOnly) return Unsupported("this store was opened to be read only");
    {
      const std::lock_guard lock(sweep_mutex_);
      sweeps_.erase(std::string(dataset));
    }
    const std::lock_guard lock(writer_mutex_);
    const std::string last = mode_ == OpenMode::kOwn ? last_ : "";
    while (true) {
      CATENA_TRY(const RedisReply reply,
                 ReadOne({"EVAL", kDrop, "1", prefix_, dataset, kKeysPerSweep, last}));
      if (reply->type == REDIS_REPLY_NIL) return Status();
      if (reply->type != REDIS_REPLY_INTEGER) return NotTheLast(TextOf(*reply));
    }
  }

  Status Sync() override { return ReadOne({"PING"}).status(); }

 private:
  using Words = std::vector<std::string>;  // What a command's views look at.
  struct Sweep {
    Timestamp horizon = Timestamp::min();
    std::string next = "-";
  };

  std::string MarksOf(std::string_view dataset) const {
    return prefix_ + ":m:" + std::string(dataset);
  }
  std::string ValuesOf(std::string_view dataset, std::string_view key) const {
    std::string name = prefix_ + ":v:" + std::to_string(dataset.size()) + ":";
    return name.append(dataset).append(":").append(key);
  }
  std::string NextWrite() { return owner_ + "/" + std::to_string(++writes_); }

  Error NotTheLast(std::string_view last) const {
    if (!last.empty() && !last.starts_with(owner_ + "/")) {
      return Unsupported("another process streams into this redis since; one process owns a store");
    }
    return Unavailable("redis does not hold the last write, so what it holds is not known");
  }

  // Empty where Redis does not tell.
  static std::string ConfigOf(RedisConnection* connection, std::string_view name) {
    const auto reply = connection->Run({"CONFIG", "GET", name});
    const bool is_told = reply.ok() && (*reply)->elements == 2;
    return is_told ? std::string(TextOf(*(*reply)->element[1])) : "";
  }

  static void WarnOfForgetting(RedisConnection* connection) {
    if (ConfigOf(connection, "appendonly") != "no") return;
    CATENA_LOG_WARN("redis",
                    "appendonly is no: what was streamed since the last snapshot is read "
                    "again from the topic after a restart of redis");
  }

  // Keys of ours have no time to live.
  static Status RefuseEviction(RedisConnection* connection) {
    const std::string policy = ConfigOf(connection, "maxmemory-policy");
    const std::string memory = ConfigOf(connection, "maxmemory");
    if (!policy.starts_with("allkeys") || memory == "0") return Status();
    return InvalidConf("redis forgets features when its maxmemory (" + memory +
                       " bytes) is full: set its maxmemory-policy to noeviction, not " + policy);
  }

  RedisCommand ApplyCommand(const WriteBatch& batch, const std::string& last,
                            const std::string& next, Words* words) const {
    words->reserve(2 * batch.puts.size() + 3);
    const auto keep = [&](std::string word) -> std::string_view {
      return words->emplace_back(std::move(word));
    };
    RedisCommand command = {"EVAL",
                            kApply,
                            "1",
                            prefix_,
                            keep(last),
                            keep(next),
                            keep(std::to_string(batch.puts.size()))};
    for (const Put& put : batch.puts) {
      const std::string instant = InstantBytes(put.value.time, put.value.sequence);
      const std::string_view end = keep(EndOfInstant(instant));
      command.insert(command.end(), {put.dataset, put.key, keep(instant), end, put.value.value});
    }
    for (const Mark& mark : batch.marks) {
      command.insert(command.end(), {mark.dataset, mark.name, mark.value});
    }
    return command;
  }

  // One transaction, so that all of them see one state.
  std::vector<Words> CommandsOf(std::span<const GetRequest> requests) const {
    std::vector<Words> commands = {{"MULTI"}};
    for (const GetRequest& request : requests) {
      const std::string values = ValuesOf(request.dataset, request.key);
      const std::string low = "[" + InstantBytes(request.after, 0);
      const std::string high = "(" + InstantBytes(request.before, 0);
      if (request.limit == 0) {
        commands.push_back({"ZRANGEBYLEX", values, low, high});
      } else {
        commands.push_back(
            {"ZREVRANGEBYLEX", values, high, low, "LIMIT", "0", std::to_string(request.limit)});
      }
    }
    commands.push_back({"EXEC"});
    return commands;
  }

  Result<std::vector<RedisReply>> Read(const std::vector<Words>& commands) {
    std::vector<RedisCommand> views;
    for (const Words& words : commands) views.emplace_back(words.begin(), words.end());
    return ReadAll(views);
  }
  Result<RedisReply> ReadOne(const RedisCommand& command) {
    CATENA_TRY(auto replies, ReadAll({&command, 1}));
    return std::move(replies.front());
  }
  // What may be asked twice: an idle connection may have been closed meanwhile.
  Result<std::vector<RedisReply>> ReadAll(std::span<const RedisCommand> commands) {
    if (auto idle = TakeIdle()) {
      auto replies = idle->Run(commands);
      if (replies.ok()) {
        PutIdle(std::move(idle));
        return replies;
      }
      if (replies.error().code != ErrorCode::kUnavailable) return replies;
    }
    CATENA_TRY(auto fresh, RedisConnection::Open(place_));
    auto replies = fresh->Run(commands);
    if (replies.ok()) PutIdle(std::move(fresh));
    return replies;
  }

  std::unique_ptr<RedisConnection> TakeIdle() {
    const std::lock_guard lock(idle_mutex_);
    if (idle_.empty()) return nullptr;
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    return connection;
  }
  void PutIdle(std::unique_ptr<RedisConnection> connection) {
    const std::lock_guard lock(idle_mutex_);
    if (idle_.size() < kIdleConnectionsMax) idle_.push_back(std::move(connection));
  }

  const RedisPlace place_;
  const OpenMode mode_;
  const std::string prefix_;
  const std::string owner_;

  std::mutex writer_mutex_;  // Guards the four below: an owner's writes come one after another.
  std::unique_ptr<RedisConnection> writer_;
  uint64_t writes_ = 0;
  std::string last_;       // The write that the server was last known to hold.
  bool in_touch_ = false;  // Whether it is known.

  std::mutex sweep_mutex_;
  std::map<std::string, Sweep> sweeps_;  // By dataset.

  std::mutex idle_mutex_;
  std::vector<std::unique_ptr<RedisConnection>> idle_;
};

}  // namespace

Result<std::unique_ptr<KVStore>> OpenRedisStore(const RedisPlace& place, OpenMode mode) {
  auto store = std::make_unique<RedisStore>(place, mode);
  CATENA_RETURN_IF_ERROR(store->Open());
  return std::unique_ptr<KVStore>(std::move(store));
}

}  // namespace catena::kv

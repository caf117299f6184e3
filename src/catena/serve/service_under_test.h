// SPDX-License-Identifier: Apache-2.0
// A served repository of three GroupBys and a Join, with its state in memory, for tests.
//
//   shop.users.v1    SNAPSHOT, uploaded: user 1 is "ann", score 0.1; user 2 has nulls
//   shop.spend.v1    TEMPORAL, streamed: queries before `kKeptFrom` are out of retention
//   shop.absent.v1   never uploaded
//   shop.all.v1      the Join of the three

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "catena/base/check.h"
#include "catena/conf/conf.h"
#include "catena/conf/semantic_hash.h"
#include "catena/fetch/online_state.h"
#include "catena/serve/http_server.h"
#include "catena/serve/routes.h"
#include "catena/types/row_codec.h"

namespace catena::serve {

inline constexpr int64_t kNow = 1'763'683'200'000;  // 2025-11-21T00:00Z.
inline constexpr int64_t kKeptFrom = kNow - 7'200'000;

inline constexpr char kUsers[] = R"({"metaData": {"name": "shop.users.v1"},
  "keyColumns": ["user_id"], "accuracy": 1,
  "sources": [{"entities": {"snapshotTable": "shop.users", "query":
    {"selects": {"user_id": "user_id", "name": "name", "score": "score"}}}}]})";
inline constexpr char kSpend[] = R"({"metaData": {"name": "shop.spend.v1"},
  "keyColumns": ["user_id"], "accuracy": 0,
  "aggregations": [{"inputColumn": "amount", "operation": 7,
                    "windows": [{"length": 1, "timeUnit": 0}]}],
  "sources": [{"events": {"table": "shop.orders", "topic": "orders", "query":
    {"selects": {"user_id": "user_id", "amount": "amount"}, "timeColumn": "ts"}}}]})";
inline constexpr char kAbsent[] = R"({"metaData": {"name": "shop.absent.v1"},
  "keyColumns": ["user_id"], "accuracy": 1,
  "sources": [{"entities": {"snapshotTable": "shop.absent", "query":
    {"selects": {"user_id": "user_id", "x": "x"}}}}]})";

class ServiceUnderTest {
 protected:
  ServiceUnderTest()
      : store_(std::move(*kv::OpenKVStore("memory:", kv::OpenMode::kOwn))),
        clock_(FromMillis(kNow)),
        fetcher_(store_.get()),
        monitor_(store_.get(), {}, &clock_) {
    WriteState();
    const std::string join = std::string(R"({"metaData": {"name": "shop.all.v1"},
      "left": {"events": {"table": "shop.spine", "query": {"timeColumn": "ts"}}},
      "joinParts": [{"groupBy": )") +
                             kUsers + R"(}, {"groupBy": )" + kSpend + R"(}, {"groupBy": )" +
                             kAbsent + "}]}";
    auto conf = conf::ParseConf(*ParseJson(join, "join"), "join");
    CATENA_CHECK(conf.ok(), "the Join of the test is a conf");
    fetcher_.AddConf(*conf);
  }

  Service service() { return {&fetcher_, store_.get(), &monitor_, &clock_, nullptr}; }

  std::unique_ptr<kv::KVStore> store_;
  SimulatedClock clock_;
  fetch::Fetcher fetcher_;
  monitor::ChainMonitor monitor_;

 private:
  static std::string MeaningOf(const char* group_by) {
    const auto conf = conf::ParseConf(*ParseJson(group_by, "group by"), "group by");
    CATENA_CHECK(conf.ok(), "the GroupBy of the test is a conf");
    return conf::MeaningOf(*conf->group_by());
  }
  void WriteState() {
    using types::Kind;
    const types::Schema keys{{{"user_id", Kind::kLong}}};
    const types::Schema users{{{"name", Kind::kString}, {"score", Kind::kDouble}}};
    const types::Schema spend{{{"amount", Kind::kDouble}}};
    kv::WriteBatch batch;
    types::BatchBuilder rows(users);
    CATENA_CHECK(rows.AppendRow(std::vector<types::Value>{"ann", 0.1}).ok(),
                 "the row has the schema");
    CATENA_CHECK(rows.AppendRow(std::vector<types::Value>{{}, {}}).ok(), "the row has the schema");
    const types::Batch values = rows.Build();
    const std::vector<size_t> columns = {0, 1};
    for (size_t row = 0; row < 2; ++row) {
      std::string key;
      const types::Value id(static_cast<int64_t>(row + 1));
      types::EncodeKey(std::span(&id, 1), &key);
      std::string value;
      types::RowCodec(users).Encode(values, columns, row, &value);
      batch.puts.push_back(
          {fetch::UploadDataset("shop.users.v1"), key, {FromMillis(kNow), 0, value}});
    }
    batch.marks.push_back(
        fetch::ServingInfoMark("shop.users.v1", {keys, users, MeaningOf(kUsers)}));
    batch.marks.push_back(
        fetch::GenerationsMark("shop.users.v1", {{FromMillis(kNow), FromMillis(kNow), {}}}));
    batch.marks.push_back(
        fetch::ServingInfoMark("shop.spend.v1", {keys, spend, MeaningOf(kSpend)}));
    batch.marks.push_back(fetch::RetentionMark("shop.spend.v1", {INT64_MIN, kKeptFrom, kKeptFrom}));
    CATENA_CHECK(store_->Apply(batch).ok(), "memory takes it");
  }
};

}  // namespace catena::serve

// SPDX-License-Identifier: Apache-2.0
#include "bench/stream/freshness.h"

#include "catena/conf/conf.h"
#include "catena/fetch/fetcher.h"
#include "catena/kv/kv_store.h"

namespace catena::bench {
namespace {

constexpr std::chrono::microseconds kRest{1000};  // A look costs the stream as much as a payment.
constexpr int kRestShare = 20;
constexpr std::chrono::minutes kPatience{1};
constexpr size_t kAskedMax = 64;  // Of a stream that is far behind, the oldest.

types::Batch KeysOf(const types::Schema& schema, const std::vector<int64_t>& probes) {
  types::BatchBuilder keys(schema, probes.size());
  for (const int64_t probe : probes) keys.column(0)->Append(kProbeUsersFrom + probe);
  return keys.Build();
}

}  // namespace

Result<Json> WatchProbes(const Watched& watched, const Schedule& schedule) {
  CATENA_TRY(const conf::Conf conf, conf::ReadConf(watched.conf));
  CATENA_TRY(const auto store, kv::OpenKVStore(watched.store, kv::OpenMode::kReadOnly));
  fetch::Fetcher fetcher(store.get());
  fetcher.AddConf(conf);
  const std::string& name = conf.metadata().name;
  CATENA_TRY(const types::Schema key, fetcher.KeySchema(name, /*is_join=*/false));
  Latencies latencies(schedule);
  std::vector<int64_t> unseen;
  int64_t next = 0;
  auto seen_at = Steady::now();
  while (latencies.seen() < schedule.probes()) {
    for (; next < schedule.probes() && schedule.ProbeDueAt(next) <= Steady::now() &&
           unseen.size() < kAskedMax;
         ++next) {
      unseen.push_back(next);
    }
    if (unseen.empty()) {
      seen_at = Steady::now();
      std::this_thread::sleep_until(schedule.ProbeDueAt(next));
      continue;
    }
    // A payment of this very millisecond counts from the next one on.
    const std::vector<Timestamp> now(unseen.size(), SystemClock().Now() + Millis{1});
    CATENA_TRY(const fetch::FetchAnswer answer,
               fetcher.FetchGroupBy(name, KeysOf(key, unseen), now));
    const auto answered = Steady::now();
    const types::Column* feature = answer.features.Find(watched.feature);
    if (feature == nullptr) return NotFound("no such feature: " + watched.feature);
    std::vector<int64_t> left;
    for (size_t i = 0; i < unseen.size(); ++i) {
      if (feature->IsNull(i)) {
        left.push_back(unseen[i]);
      } else {
        latencies.Note(unseen[i], answered);
        seen_at = answered;
      }
    }
    unseen = std::move(left);
    if (answered - seen_at > kPatience) {
      return Unavailable("the stream shows no more payments; unseen of those that are due: " +
                         std::to_string(unseen.size()));
    }
    if (unseen.empty()) continue;
    const Steady::duration oldest = answered - schedule.ProbeDueAt(unseen.front());
    std::this_thread::sleep_for(std::max<Steady::duration>(kRest, oldest / kRestShare));
  }
  return latencies.Told();
}

}  // namespace catena::bench

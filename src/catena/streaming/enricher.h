// SPDX-License-Identifier: Apache-2.0
// Enricher: left rows of a chain through its Joins, each as of the row's time, by the Fetcher.
//
//     left rows -> Fetcher(join 1) -> query 1 -> Fetcher(join 2) -> ... -> rows of the last Join
//
//   input    rows of the left Query with their event times; complete_until: the right sides'
//            watermark sampled before the fetch
//   output   rows of the last Join's output, which left row each came from, and for each whether
//            something it was enriched from was missing
//   null     a part without a value is null; a part that failed as a whole is null and incomplete
//   errors   kUnavailable, kCorruption: the store; kInvalidConf: a stored definition differs
//   threads  one Enricher belongs to one worker
//   source   Chronon JoinSourceRunner, without the sleep

#pragma once

#include <map>
#include <string>
#include <vector>

#include "catena/fetch/fetcher.h"
#include "catena/fetch/schema_resolver.h"
#include "catena/plan/streaming_plan.h"
#include "catena/sql/derivations.h"
#include "catena/streaming/stream_options.h"

namespace catena::streaming {

struct EnrichedRows {
  types::Batch rows;
  std::vector<uint32_t> left_rows;                              // By row.
  std::vector<int64_t> event_times;                             // By row; 0 where `bad_time`.
  std::vector<uint8_t> incomplete;                              // By row.
  std::vector<std::pair<uint32_t, std::string>> bad_left_rows;  // Expressions that failed on them.
  std::map<std::string, int64_t> incomplete_reasons;            // Rows by reason.
};

class Enricher {
 public:
  // `fetcher`, `database` outlive it. `left` is the schema after the left Query.
  static Result<Enricher> Bind(const std::vector<plan::EnrichStage>& stages,
                               const types::Schema& left, const fetch::SchemaResolver& resolver,
                               const StreamOptions& options, fetch::Fetcher* fetcher,
                               sql::Database* database);

  const types::Schema& output() const { return stages_.back().output; }
  Result<EnrichedRows> Enrich(const types::Batch& left, std::span<const int64_t> event_times,
                              int64_t complete_until, bool forced, Timestamp now);

 private:
  struct Stage {
    std::string join;
    fetch::JoinShape shape;
    std::optional<sql::Derivations> derivations;  // Absent when the Join has none.
    types::Schema output;                         // Of the Join, after them.
    std::optional<sql::Projection> next_left;     // Absent at the last stage.
  };
  Status RunStage(Stage* stage, Timestamp now, EnrichedRows* rows);
  Status Derive(Stage* stage, EnrichedRows* rows, types::Batch* features);
  Status ProjectNext(Stage* stage, EnrichedRows* rows);

  StreamOptions options_;
  fetch::Fetcher* fetcher_ = nullptr;
  std::vector<Stage> stages_;
};

}  // namespace catena::streaming

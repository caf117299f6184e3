// SPDX-License-Identifier: Apache-2.0
// GroupByReader: one GroupBy's value for a key at a time, from its upload, tiles and raw rows.
//
// Reading is two steps around one multi-get that the caller may share between GroupBys: Plan names
// the ranges, Finish folds what came back.
//
//     upload generation (batchEnd <= t)  +  late rows that it missed
//       +  streamed tiles from batchEnd to t's five-minute floor  +  raw rows up to t
//     of TEMPORAL entities: rows of a snapshot (batchEnd <= t)  +  mutations from batchEnd up to t
//
//   input    encoded key (EncodeKey), instant t, exclusive
//   output   one row of output_schema(); null where nothing is
//   errors   kCorruption: stored bytes do not decode; from Open kNotFound: never served, and
//            kInvalidConf: what is stored was made by another definition
//   threads  const calls may run concurrently
//   source   Chronon GroupByFetcher; rules in docs/concepts/tiles.md and accuracy.md

#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "catena/aggregate/window/sawtooth_online.h"
#include "catena/conf/group_by.h"
#include "catena/fetch/online_state.h"
#include "catena/kv/kv_store.h"
#include "catena/types/row_codec.h"

namespace catena::fetch {

enum class Incomplete : uint8_t {
  kNone = 0,
  kUpstream,      // Something in the window was enriched from what was missing then.
  kUploadLate,    // SNAPSHOT: the generation of t's day is not there yet; an older one answered.
  kNoUpload,      // Nothing covers the window's beginning: no upload, and the stream began later.
  kUploadOld,     // t ran ahead of the newest upload's slack, and the stream does not reach back.
  kStreamBehind,  // t lies ahead of what the stream has folded: it is stopped, or catching up.
  kNoStream,      // The GroupBy has a topic that nobody streamed yet: the upload answered alone.
  kDerivation,    // A derivation failed on this row; what it computes is null.
};

// "upload_late", ...: as metrics, HTTP and logs spell it; "" for kNone.
std::string_view IncompleteName(Incomplete reason);

struct RowAnswer {
  Incomplete incomplete = Incomplete::kNone;
  // t is older than what is kept, or no time of this calendar: no value, all columns are null.
  bool out_of_retention = false;
};

class GroupByReader {
 public:
  // Reads what uploads and streams left in the store about this GroupBy.
  static Result<GroupByReader> Open(kv::KVStore* store,
                                    std::shared_ptr<const conf::GroupBy> group_by);

  const conf::GroupBy& group_by() const { return *group_by_; }
  const ServingInfo& serving_info() const { return info_; }
  // The GroupBy's outputs, no prefix.
  const types::Schema& output_schema() const { return output_schema_; }
  // Null when the GroupBy has no aggregations.
  const aggregate::WindowedAggregator* windowed() const {
    return windowed_ ? &*windowed_ : nullptr;
  }

  // Marks that one call of the Fetcher reads once.
  struct View {
    bool gated = false;  // The caller itself made sure that the stream is far enough.
    std::vector<Generation> generations;  // Oldest first.
    std::optional<Retention> retention;
  };
  Result<View> ReadView(kv::KVStore* store) const;

  // What to read for one key at one time. `key` and the view outlive the plan's use.
  struct RowPlan {
    std::string_view key;
    Timestamp as_of;
    RowAnswer answer;
    const Generation* generation = nullptr;
    bool nothing = false;  // No key, or out of retention: a row of nulls.
    bool snapshot = false;
    bool with_prefix = false;
    bool entities = false;
    bool shares = false;  // The requests of the plan before, and the windows as far as they go.
    std::shared_ptr<const aggregate::OnlineCover> cover;
    size_t request_begin = 0;  // In the caller's request list.
  };
  // An empty key (a null part) plans a row of nulls. `before` is the plan made last, null when
  // there is none: rows of one moment share what they need, and those of one key within five
  // minutes, when they come in order of time, what is read.
  RowPlan Plan(const View& view, std::string_view key, Timestamp as_of, const RowPlan* before,
               std::vector<kv::GetRequest>* requests) const;
  // `answers` line up with the request list that Plan filled; all plans, as they were made.
  Status Finish(std::span<RowPlan> plans, const kv::FlatAnswers& answers,
                std::span<types::Column* const> columns) const;

 private:
  // The raw rows of all plans, decoded together.
  struct RawRows {
    struct Range {  // Of a plan that shares: those since the plan before.
      uint32_t begin = 0;
      uint32_t end = 0;
      uint64_t incomplete = 0;
    };
    types::Batch rows;
    std::vector<int64_t> times;
    std::vector<uint64_t> orders;
    std::vector<Range> of_plan;
  };
  using Values = std::span<const kv::FlatAnswers::Value>;
  GroupByReader() = default;
  Result<RawRows> DecodeRaw(std::span<const RowPlan> plans, const kv::FlatAnswers& answers) const;
  size_t RawRequestOf(const RowPlan& plan) const;
  // All but raw rows.
  Status AddStored(const RowPlan& plan, const kv::FlatAnswers& answers, aggregate::IR* scratch,
                   aggregate::OnlineWindows* windows) const;
  void PlanSnapshot(const View& view, std::string_view key, std::vector<kv::GetRequest>* requests,
                    RowPlan* plan) const;
  void PlanTemporal(const View& view, std::string_view key, const RowPlan* before,
                    std::vector<kv::GetRequest>* requests, RowPlan* plan) const;
  kv::GetRequest UploadOf(const Generation& generation, std::string_view key) const {
    return {upload_dataset_, key, generation.StoredAt(), generation.StoredAt() + Millis{1}};
  }
  void PlanEntities(const View& view, std::string_view key, std::vector<kv::GetRequest>* requests,
                    RowPlan* plan) const;
  Status FinishEntities(const RowPlan& plan, const kv::FlatAnswers& answers,
                        std::span<types::Column* const> columns) const;
  // The upload to build on, or null, and what is then missing.
  Incomplete PickGeneration(const View& view, Timestamp as_of, const Generation** generation) const;
  Incomplete PickSnapshot(const View& view, Timestamp as_of, const Generation** generation) const;
  // The stream is, or should be, further than it is.
  static bool IsBehind(const View& view, const RowPlan& plan);
  bool StreamReaches(const View& view, Timestamp as_of) const;
  Status FinishSnapshot(Values values, std::span<types::Column* const> columns) const;
  Status AddUpload(Values values, aggregate::OnlineWindows* windows) const;
  Status AddLate(Values values, const Generation& generation,
                 aggregate::OnlineWindows* windows) const;
  Status AddPrefix(Values prefix, Values newest_day, aggregate::IR* scratch,
                   aggregate::OnlineWindows* windows) const;

  std::shared_ptr<const conf::GroupBy> group_by_;
  ServingInfo info_;
  std::optional<aggregate::WindowedAggregator> windowed_;  // Absent: no aggregations.
  types::Schema output_schema_;
  std::shared_ptr<const types::RowCodec> row_codec_;    // Of raw rows.
  std::shared_ptr<const types::RowCodec> value_codec_;  // Of SNAPSHOT uploads.
  std::string upload_dataset_, raw_dataset_, prefix_dataset_, late_dataset_, mutation_dataset_;
  std::string tile_datasets_[3];
};

}  // namespace catena::fetch

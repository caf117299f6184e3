// SPDX-License-Identifier: Apache-2.0
// OnlineWindows: uploaded batch IR + streamed tiles + raw rows -> every window of one query.
//
// The caller brings what needed_tiles() and raw_begin() name and adds it in any order; each part
// lands only in the windows that it belongs to, so a part too many does no harm.
//
//     upload (or prefix, for unwindowed)   tiles                      raw rows
//     ..............................| start |...........................|  query
//                                 from                           raw_begin()
//
//   input    instants in milliseconds; each tile and each raw row at most once
//   output   one row of outputs; exactly the events with WindowTail(q, w) <= t < q that were added
//   null     an empty window
//   errors   none: whether parts are missing is the caller's knowledge, told as incomplete counts
//   threads  one thread; bound to one query of one key
//   source   Chronon SawtoothOnlineAggregator, without its two faults: a tile never leaks what lies
//            after the query, and the tail is inclusive as offline

#pragma once

#include <memory>
#include <span>
#include <vector>

#include "catena/aggregate/ir.h"
#include "catena/aggregate/window/cover.h"
#include "catena/aggregate/window/upload_ir.h"
#include "catena/aggregate/windowed_aggregator.h"

namespace catena::aggregate {

// From where on tiles and raw rows answer; both on the five-minute grid and not after the query.
struct OnlineStart {
  // Windows: events before it are in the upload. kBeginning: there is no upload.
  Timestamp windowed = kBeginning;
  // The unwindowed output: events before it are in the upload or in the key's prefix.
  Timestamp unwindowed = kBeginning;
  bool operator==(const OnlineStart&) const = default;
};

// Which tiles and raw rows the windows of a query are made of: the same for all queries of five
// minutes, whatever the key.
class OnlineCover {
 public:
  OnlineCover(const WindowedAggregator& windowed, Timestamp query, OnlineStart start);

  bool Serves(const WindowedAggregator& windowed, Timestamp query, OnlineStart start) const;
  const OnlineStart& start() const { return start_; }
  // Every tile that some window wants, largest layers first; one scan or multi-get.
  const std::vector<TileRange>& needed_tiles() const { return needed_tiles_; }
  // Raw rows are wanted in [raw_begin(), query).
  Timestamp raw_begin() const { return raw_begin_; }
  bool Wants(size_t window, Layer layer, Timestamp start) const;
  Timestamp tail(size_t window) const { return tails_[window]; }

 private:
  OnlineStart start_;
  Timestamp raw_begin_;
  std::vector<Timestamp> tails_;                // By window.
  std::vector<std::vector<TileRange>> covers_;  // By window.
  std::vector<TileRange> needed_tiles_;
};

class OnlineWindows {
 public:
  OnlineWindows(const WindowedAggregator& windowed, Timestamp query, OnlineStart start = {})
      : OnlineWindows(windowed, query,
                      std::make_shared<const OnlineCover>(windowed, query, start)) {}
  // `cover` serves the query.
  OnlineWindows(const WindowedAggregator& windowed, Timestamp query,
                std::shared_ptr<const OnlineCover> cover);

  // As new, of the same aggregator, with the memory that it has.
  void Begin(Timestamp query, std::shared_ptr<const OnlineCover> cover);

  Timestamp query() const { return query_; }
  const std::vector<TileRange>& needed_tiles() const { return cover_->needed_tiles(); }
  Timestamp raw_begin() const { return cover_->raw_begin(); }

  // `upload.batch_end()` is at or before the query. Windows take it only when start.windowed is its
  // batch end, the unwindowed output only when start.unwindowed is (and no prefix stands for it).
  // A window that UploadIr::Covers refuses takes nothing: ask before, and let tiles answer instead.
  void AddUpload(const UploadIr& upload);
  // The fold of everything before start.unwindowed; only the unwindowed output takes it.
  void AddPrefix(const std::byte* ir, uint64_t incomplete);
  // The tile of `layer` that starts at `start`. False when no window wants it.
  bool AddTile(Layer layer, Timestamp start, const std::byte* ir, uint64_t incomplete);
  // Events before start.windowed that the upload missed: the fold of [begin, begin + 5 minutes).
  // Lands in every window that holds it. False when none does.
  bool AddCorrection(Timestamp begin, const std::byte* ir, uint64_t incomplete);
  // Rows of the key; those outside [raw_begin(), query()) are not counted. The incomplete count of
  // raw rows is added when at least one of them is inside.
  void AddRows(const types::Batch& batch, std::span<const int64_t> event_times,
               std::span<const uint64_t> source_orders, uint64_t incomplete);
  // Rows [begin, end), all of them in [raw_begin(), query()).
  void AddRowRange(const types::Batch& batch, std::span<const int64_t> event_times,
                   std::span<const uint64_t> source_orders, uint32_t begin, uint32_t end,
                   uint64_t incomplete);

  // Sum of the incomplete counts of what landed; 0: everything that was added is whole.
  uint64_t incomplete() const { return incomplete_; }

  // Appends one row; columns are typed as windowed.output_schema(). May be called again after more
  // parts were added.
  void AppendTo(std::span<types::Column* const> columns) const;
  void AppendTo(types::BatchBuilder* builder) const;

 private:
  std::byte* EmptyHead();
  void AddHead(std::byte* head, uint64_t incomplete);

  WindowedAggregator windowed_;
  Timestamp query_;
  std::shared_ptr<const OnlineCover> cover_;
  IrPool irs_;                 // By window; behind them one for the raw head,
  std::byte* head_ = nullptr;  // once there was one.
  uint64_t incomplete_ = 0;
};

}  // namespace catena::aggregate

// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/window/sawtooth_online.h"

#include <algorithm>

#include "catena/aggregate/window/resolution.h"

namespace catena::aggregate {

OnlineWindows::OnlineWindows(const WindowedAggregator& windowed, Timestamp query, OnlineStart start)
    : windowed_(windowed),
      query_(query),
      start_(start),
      raw_begin_(RawHead(query)),
      irs_(windowed.rows(), std::max<size_t>(1, windowed.windows().size())) {
  CATENA_CHECK(start.windowed <= raw_begin_ && start.unwindowed <= raw_begin_,
               "an upload or a prefix ends after the query");
  std::vector<TileRange> wanted;
  for (const WindowLength& window : windowed_.windows()) {
    irs_.New();
    covers_.push_back(CoverWindow(query, window, window ? start.windowed : start.unwindowed));
    wanted.insert(wanted.end(), covers_.back().begin(), covers_.back().end());
  }
  needed_tiles_ = UnionOf(std::move(wanted));
}

Timestamp OnlineWindows::TailOf(size_t window) const {
  const WindowLength& length = windowed_.windows()[window];
  return length ? WindowTail(query_, *length) : kBeginning;
}

void OnlineWindows::AddUpload(const UploadIr& upload) {
  CATENA_CHECK(upload.batch_end() <= query_, "the upload is younger than the query");
  bool wanted = false;
  for (size_t w = 0; w < windowed_.windows().size(); ++w) {
    const Timestamp start = windowed_.windows()[w] ? start_.windowed : start_.unwindowed;
    if (start != upload.batch_end()) continue;
    upload.MergeInto(w, query_, irs_.at(w));
    wanted = true;
  }
  if (wanted) incomplete_ += upload.incomplete;
}

void OnlineWindows::AddPrefix(const std::byte* ir, uint64_t incomplete) {
  const auto unwindowed = windowed_.unwindowed();
  if (!unwindowed) return;
  windowed_.rows().Merge(irs_.at(*unwindowed), ir);
  incomplete_ += incomplete;
}

bool OnlineWindows::AddTile(Layer layer, Timestamp start, const std::byte* ir,
                            uint64_t incomplete) {
  bool wanted = false;
  for (size_t w = 0; w < covers_.size(); ++w) {
    for (const TileRange& range : covers_[w]) {
      if (range.layer != layer || start < range.begin || start >= range.end) continue;
      windowed_.rows().Merge(irs_.at(w), ir);
      wanted = true;
      break;
    }
  }
  if (wanted) incomplete_ += incomplete;
  return wanted;
}

bool OnlineWindows::AddCorrection(Timestamp begin, const std::byte* ir, uint64_t incomplete) {
  bool wanted = false;
  for (size_t w = 0; w < covers_.size(); ++w) {
    const bool windowed = windowed_.windows()[w].has_value();
    const Timestamp start = windowed ? start_.windowed : start_.unwindowed;
    if (begin < TailOf(w) || begin >= start || begin >= raw_begin_) continue;
    windowed_.rows().Merge(irs_.at(w), ir);
    wanted = true;
  }
  if (wanted) incomplete_ += incomplete;
  return wanted;
}

void OnlineWindows::AddRows(const types::Batch& batch, std::span<const int64_t> event_times,
                            std::span<const uint64_t> source_orders, uint64_t incomplete) {
  std::vector<uint32_t> rows;
  for (uint32_t row = 0; row < batch.rows(); ++row) {
    const Timestamp time = FromMillis(event_times[row]);
    if (raw_begin_ <= time && time < query_) rows.push_back(row);
  }
  if (rows.empty()) return;
  // The raw head lies in every window, because no tail is later than the five-minute floor.
  IR head(windowed_.rows());
  windowed_.rows().UpdateOne(batch, event_times, source_orders, rows, head.data());
  for (size_t w = 0; w < irs_.size(); ++w) windowed_.rows().Merge(irs_.at(w), head.data());
  incomplete_ += incomplete;
}

void OnlineWindows::AppendTo(std::span<types::Column* const> columns) const {
  std::vector<const std::byte*> irs;
  for (size_t w = 0; w < irs_.size(); ++w) irs.push_back(irs_.at(w));
  windowed_.AppendRow(irs, columns);
}

void OnlineWindows::AppendTo(types::BatchBuilder* builder) const {
  std::vector<const std::byte*> irs;
  for (size_t w = 0; w < irs_.size(); ++w) irs.push_back(irs_.at(w));
  windowed_.AppendRow(irs, builder);
}

}  // namespace catena::aggregate

// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/window/sawtooth_online.h"

#include <algorithm>

#include "catena/aggregate/window/resolution.h"

namespace catena::aggregate {
namespace {

Timestamp TailOf(Timestamp query, WindowLength window) {
  return window ? WindowTail(query, *window) : kBeginning;
}

}  // namespace

OnlineCover::OnlineCover(const WindowedAggregator& windowed, Timestamp query, OnlineStart start)
    : start_(start), raw_begin_(RawHead(query)) {
  CATENA_CHECK(start.windowed <= raw_begin_ && start.unwindowed <= raw_begin_,
               "an upload or a prefix ends after the query");
  std::vector<TileRange> wanted;
  for (const WindowLength& window : windowed.windows()) {
    tails_.push_back(TailOf(query, window));
    covers_.push_back(CoverWindow(query, window, window ? start.windowed : start.unwindowed));
    wanted.insert(wanted.end(), covers_.back().begin(), covers_.back().end());
  }
  needed_tiles_ = UnionOf(std::move(wanted));
}

bool OnlineCover::Serves(const WindowedAggregator& windowed, Timestamp query,
                         OnlineStart start) const {
  if (RawHead(query) != raw_begin_ || start != start_) return false;
  for (size_t w = 0; w < tails_.size(); ++w) {
    if (TailOf(query, windowed.windows()[w]) != tails_[w]) return false;
  }
  return true;
}

bool OnlineCover::Wants(size_t window, Layer layer, Timestamp start) const {
  return std::any_of(covers_[window].begin(), covers_[window].end(), [&](const TileRange& range) {
    return range.layer == layer && range.begin <= start && start < range.end;
  });
}

OnlineWindows::OnlineWindows(const WindowedAggregator& windowed, Timestamp query,
                             std::shared_ptr<const OnlineCover> cover)
    : windowed_(windowed), irs_(windowed.rows(), windowed.windows().size() + 1) {
  Begin(query, std::move(cover));
}

void OnlineWindows::Begin(Timestamp query, std::shared_ptr<const OnlineCover> cover) {
  query_ = query;
  cover_ = std::move(cover);
  irs_.Clear();
  for (size_t w = 0; w < windowed_.windows().size(); ++w) irs_.New();
  head_ = nullptr;
  incomplete_ = 0;
}

void OnlineWindows::AddUpload(const UploadIr& upload) {
  CATENA_CHECK(upload.batch_end() <= query_, "the upload is younger than the query");
  bool wanted = false;
  for (size_t w = 0; w < windowed_.windows().size(); ++w) {
    const Timestamp start =
        windowed_.windows()[w] ? cover_->start().windowed : cover_->start().unwindowed;
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
  for (size_t w = 0; w < windowed_.windows().size(); ++w) {
    if (!cover_->Wants(w, layer, start)) continue;
    windowed_.rows().Merge(irs_.at(w), ir);
    wanted = true;
  }
  if (wanted) incomplete_ += incomplete;
  return wanted;
}

bool OnlineWindows::AddCorrection(Timestamp begin, const std::byte* ir, uint64_t incomplete) {
  bool wanted = false;
  for (size_t w = 0; w < windowed_.windows().size(); ++w) {
    const bool windowed = windowed_.windows()[w].has_value();
    const Timestamp start = windowed ? cover_->start().windowed : cover_->start().unwindowed;
    if (begin < cover_->tail(w) || begin >= start || begin >= raw_begin()) continue;
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
    if (raw_begin() <= time && time < query_) rows.push_back(row);
  }
  if (rows.empty()) return;
  std::byte* head = EmptyHead();
  windowed_.rows().UpdateOne(batch, event_times, source_orders, rows, head);
  AddHead(head, incomplete);
}

void OnlineWindows::AddRowRange(const types::Batch& batch, std::span<const int64_t> event_times,
                                std::span<const uint64_t> source_orders, uint32_t begin,
                                uint32_t end, uint64_t incomplete) {
  if (begin == end) return;
  std::byte* head = EmptyHead();
  windowed_.rows().UpdateRange(batch, event_times, source_orders, begin, end, head);
  AddHead(head, incomplete);
}

std::byte* OnlineWindows::EmptyHead() {
  if (head_ != nullptr) {
    windowed_.rows().Reset(head_);
  } else {
    head_ = irs_.New();
  }
  return head_;
}

// The raw head lies in every window, because no tail is later than the five-minute floor.
void OnlineWindows::AddHead(std::byte* head, uint64_t incomplete) {
  for (size_t w = 0; w < windowed_.windows().size(); ++w) {
    windowed_.rows().Merge(irs_.at(w), head);
  }
  incomplete_ += incomplete;
}

void OnlineWindows::AppendTo(std::span<types::Column* const> columns) const {
  std::vector<const std::byte*> irs;
  for (size_t w = 0; w < windowed_.windows().size(); ++w) irs.push_back(irs_.at(w));
  windowed_.AppendRow(irs, columns);
}

void OnlineWindows::AppendTo(types::BatchBuilder* builder) const {
  std::vector<const std::byte*> irs;
  for (size_t w = 0; w < windowed_.windows().size(); ++w) irs.push_back(irs_.at(w));
  windowed_.AppendRow(irs, builder);
}

}  // namespace catena::aggregate

// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/window/upload_ir.h"

#include <algorithm>

#include "catena/aggregate/ir_codec.h"
#include "catena/aggregate/window/resolution.h"

namespace catena::aggregate {
namespace {

// That of its IRs.
constexpr uint8_t kUploadVersion = kIrVersion;

// Where the hops of a window end and its collapsed IR begins.
Timestamp CollapsedBegin(WindowLength window, Timestamp batch_end) {
  if (!window) return Timestamp::min();
  const Timestamp begin = FloorTo(batch_end - *window + kUploadSlack, TailHop(*window));
  return std::min(begin, batch_end);
}

size_t HopClassOf(Millis window) {
  size_t i = 0;
  while (kFiveMinuteResolution[i].window_min > window) ++i;
  return i;
}

Millis HopOf(size_t hop_class) { return kFiveMinuteResolution[hop_class].hop; }

Error Undecodable(std::string_view why) {
  return Corruption("stored upload does not decode (upload the GroupBy again): " +
                    std::string(why));
}

}  // namespace

UploadIr::UploadIr(const WindowedAggregator& windowed, Timestamp batch_end)
    : windowed_(windowed),
      batch_end_(batch_end),
      pool_(windowed.rows(), 16),
      hops_(kFiveMinuteResolution.size()),
      hop_uses_(hops_.size(), std::vector<bool>(windowed.rows().aggregations().size(), false)) {
  CATENA_CHECK(FloorTo(batch_end, kDay) == batch_end, "batchEnd of an upload is a midnight");
  for (size_t w = 0; w < windowed_.windows().size(); ++w) {
    collapsed_.push_back(pool_.New());
    if (!windowed_.windows()[w]) continue;
    std::vector<bool>& uses = hop_uses_[HopClassOf(*windowed_.windows()[w])];
    for (size_t i = 0; i < uses.size(); ++i) uses[i] = uses[i] || windowed_.uses()[w][i];
  }
}

bool UploadIr::IsEmpty() const {
  for (size_t w = 0; w < collapsed_.size(); ++w) {
    if (!IsEmpty(collapsed_[w], windowed_.uses()[w])) return false;
  }
  for (size_t c = 0; c < hops_.size(); ++c) {
    for (const Hop& hop : hops_[c]) {
      if (!IsEmpty(hop.ir, hop_uses_[c])) return false;
    }
  }
  return true;
}

bool UploadIr::IsEmpty(const std::byte* ir, const std::vector<bool>& uses) const {
  const auto bases = windowed_.rows().aggregations();
  for (size_t i = 0; i < bases.size(); ++i) {
    if (uses[i] && !bases[i].kernel->IsEmpty(ir + bases[i].offset)) return false;
  }
  return true;
}

bool UploadIr::KeepsHop(size_t hop_class, Timestamp start) const {
  for (const WindowLength& window : windowed_.windows()) {
    if (window && HopClassOf(*window) == hop_class && WindowTail(batch_end_, *window) <= start &&
        start < CollapsedBegin(window, batch_end_)) {
      return true;
    }
  }
  return false;
}

std::byte* UploadIr::HopIr(size_t hop_class, Timestamp start) {
  std::vector<Hop>& hops = hops_[hop_class];
  // Rows mostly come in order of time.
  auto at = hops.end();
  while (at != hops.begin() && std::prev(at)->start > start) --at;
  if (at != hops.begin() && std::prev(at)->start == start) return std::prev(at)->ir;
  return hops.insert(at, Hop{start, pool_.New()})->ir;
}

void UploadIr::AddRows(const types::Batch& batch, std::span<const int64_t> event_times,
                       std::span<const uint64_t> source_orders, std::span<const uint32_t> rows) {
  const auto windows = windowed_.windows();
  std::vector<Timestamp> collapsed_begin;
  for (const WindowLength& window : windows) {
    collapsed_begin.push_back(CollapsedBegin(window, batch_end_));
  }
  std::vector<uint32_t> targets_rows;
  std::vector<std::byte*> targets;
  for (const uint32_t row : rows) {
    const Timestamp time = FromMillis(event_times[row]);
    if (time >= batch_end_) continue;
    for (size_t w = 0; w < windows.size(); ++w) {
      if (time < collapsed_begin[w]) continue;
      targets_rows.push_back(row);
      targets.push_back(collapsed_[w]);
    }
    for (size_t c = 0; c < hops_.size(); ++c) {
      const Timestamp start = FloorTo(time, HopOf(c));
      if (!KeepsHop(c, start)) continue;
      targets_rows.push_back(row);
      targets.push_back(HopIr(c, start));
    }
  }
  windowed_.rows().Update(batch, event_times, source_orders, targets_rows, targets);
}

void UploadIr::MergeInto(size_t window, Timestamp query, std::byte* ir) const {
  const WindowLength& length = windowed_.windows()[window];
  const RowAggregator& rows = windowed_.rows();
  if (!length) {
    rows.Merge(ir, collapsed_[window]);
    return;
  }
  if (!Covers(length, batch_end_, query)) return;
  const Timestamp tail = WindowTail(query, *length);
  if (tail >= batch_end_) return;
  rows.Merge(ir, collapsed_[window]);
  const Timestamp hops_end = CollapsedBegin(length, batch_end_);
  for (const Hop& hop : hops_[HopClassOf(*length)]) {
    if (tail <= hop.start && hop.start < hops_end) rows.Merge(ir, hop.ir);
  }
}

bool UploadIr::Covers(WindowLength window, Timestamp batch_end, Timestamp query) {
  if (query < batch_end) return false;
  if (!window) return true;
  const Timestamp tail = WindowTail(query, *window);
  return tail >= batch_end || tail <= CollapsedBegin(window, batch_end);
}

bool UploadIr::Covers(const WindowedAggregator& windowed, Timestamp batch_end, Timestamp query) {
  for (const WindowLength& window : windowed.windows()) {
    if (!Covers(window, batch_end, query)) return false;
  }
  return true;
}

// Version, day of batchEnd, incomplete count; per window its collapsed IR; per hop class the number
// of hops, then each hop that is not empty: hops since the one before, IR.
void UploadIr::Encode(std::string* out) const {
  const RowAggregator& rows = windowed_.rows();
  out->push_back(static_cast<char>(kUploadVersion));
  AppendZigzag(out, batch_end_.time_since_epoch() / kDay);
  AppendVarint(out, incomplete);
  for (size_t w = 0; w < collapsed_.size(); ++w) {
    EncodeIrBody(rows, collapsed_[w], windowed_.uses()[w], batch_end_, out);
  }
  for (size_t c = 0; c < hops_.size(); ++c) {
    uint64_t filled = 0;
    std::string encoded;
    Timestamp previous = batch_end_;
    for (auto hop = hops_[c].rbegin(); hop != hops_[c].rend(); ++hop) {
      if (IsEmpty(hop->ir, hop_uses_[c])) continue;
      AppendVarint(&encoded, static_cast<uint64_t>((previous - hop->start) / HopOf(c)));
      EncodeIrBody(rows, hop->ir, hop_uses_[c], batch_end_, &encoded);
      previous = hop->start;
      ++filled;
    }
    AppendVarint(out, filled);
    out->append(encoded);
  }
}

Result<UploadIr> UploadIr::Decode(const WindowedAggregator& windowed, std::string_view bytes) {
  ByteReader header(bytes);
  const uint8_t version = header.Byte();
  const int64_t day = header.Zigzag();
  if (!header.ok()) return Undecodable("it ends early");
  constexpr int64_t kDaysMax = 1'000'000'000;
  if (day > kDaysMax || day < -kDaysMax) return Undecodable("its batch end is out of range");
  UploadIr upload(windowed, FromMillis(day * kDay.count()));
  IrReader reader(header.Take(header.remaining()), upload.batch_end_);
  if (!reader.SetVersion(version)) {
    return Undecodable("its version is unknown to this build: " + std::to_string(version));
  }
  CATENA_RETURN_IF_ERROR(upload.DecodeBody(&reader));
  if (!reader.ok() || !reader.AtEnd()) return Undecodable("it ends early or bytes follow it");
  return upload;
}

Status UploadIr::DecodeBody(IrReader* reader) {
  const RowAggregator& rows = windowed_.rows();
  incomplete = reader->Varint();
  for (size_t w = 0; w < collapsed_.size(); ++w) {
    CATENA_RETURN_IF_ERROR(DecodeIrBody(rows, reader, windowed_.uses()[w], collapsed_[w]));
  }
  for (size_t c = 0; c < hops_.size(); ++c) {
    const uint64_t count = reader->Varint();
    // Every hop takes two bytes at least.
    if (!reader->ok() || count > reader->remaining()) return Undecodable("too many hops");
    Timestamp previous = batch_end_;
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t steps = reader->Varint();
      constexpr uint64_t kStepsMax = 1'000'000'000;
      if (!reader->ok() || steps == 0 || steps > kStepsMax) return Undecodable("hops out of order");
      previous -= HopOf(c) * static_cast<int64_t>(steps);
      if (!KeepsHop(c, previous)) return Undecodable("a hop that no window needs");
      hops_[c].push_back(Hop{previous, pool_.New()});
      CATENA_RETURN_IF_ERROR(DecodeIrBody(rows, reader, hop_uses_[c], hops_[c].back().ir));
      if (rows.IsEmpty(hops_[c].back().ir)) return Undecodable("an empty hop");
    }
    std::reverse(hops_[c].begin(), hops_[c].end());
  }
  return Status();
}

}  // namespace catena::aggregate

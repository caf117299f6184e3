// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/gate.h"

#include <algorithm>

#include "catena/fetch/online_state.h"

namespace catena::streaming {

GateLooks Gate::Ask(AskedLooks* asked) const {
  GateLooks looks;
  for (const RightSide& side : sides_) {
    const auto [at, is_new] = asked->try_emplace(side.topic.watch);
    if (is_new) at->second = side.topic.watch->Ask(news_);
    looks.push_back(at->second);
  }
  return looks;
}

GateTicket Gate::Ticket(Timestamp read_at, std::span<const int64_t> query_times,
                        GateLooks looks) const {
  GateTicket ticket;
  ticket.read_at = read_at;
  if (!query_times.empty()) {
    std::vector<int64_t> sorted(query_times.begin(), query_times.end());
    std::sort(sorted.begin(), sorted.end());
    ticket.event_time_max = sorted.back();
    const auto at =
        static_cast<size_t>(options_.time_percentile * static_cast<double>(sorted.size() - 1));
    ticket.event_time_percentile = sorted[at];
  }
  ticket.looks = std::move(looks);
  ticket.ends.resize(sides_.size());
  return ticket;
}

Result<bool> Gate::EndsKnown(GateTicket* ticket) const {
  for (size_t i = 0; i < sides_.size(); ++i) {
    const EndWatch::Ends*& ends = ticket->ends[i];
    if (ends != nullptr) continue;
    CATENA_TRY(ends, sides_[i].topic.watch->Answer(*ticket->looks[i]));
    if (ends == nullptr) return false;
  }
  return true;
}

// A side that records never stop coming to is never seen at its end; that it applied what was there
// at some moment is as good.
bool Gate::Bootstrapped(const GateTicket& ticket, Timestamp now) {
  if (!bootstrapped_) {
    bootstrapped_ = AppliedEnds(ticket) ||
                    std::all_of(sides_.begin(), sides_.end(), [&](const RightSide& side) {
                      return progress_->ReachedEnd(side.group_by);
                    });
    bootstrapped_at_ = now;
  }
  return bootstrapped_;
}

bool Gate::AppliedEnds(const GateTicket& ticket) const {
  for (size_t i = 0; i < sides_.size(); ++i) {
    const std::vector<topic::Offset>& ends = sides_[i].topic.Of(*ticket.ends[i]);
    for (size_t p = 0; p < ends.size(); ++p) {
      const auto& cell = progress_->Cell(sides_[i].group_by, static_cast<int32_t>(p));
      if (cell.applied.load() < ends[p]) return false;
    }
  }
  return true;
}

bool Gate::SidesReady(const GateTicket& ticket, Timestamp now) const {
  switch (options_.gate) {
    case GateKind::kCaughtUp:
      return AppliedEnds(ticket);
    case GateKind::kWatermark:
      return Watermark() >= ticket.event_time_max;
    case GateKind::kFixed:
      return ToMillis(now) >=
             ticket.event_time_percentile + std::max(options_.query_delay, options_.lag).count();
  }
  return false;
}

Result<bool> Gate::SnapshotsReady(int64_t event_time, Timestamp now) {
  const Timestamp day = FloorTo(FromMillis(event_time), kDay);
  if (day > now) return true;
  for (const std::string& group_by : snapshots_) {
    CATENA_TRY(auto generations, fetch::ReadGenerations(store_, group_by));
    if (std::none_of(generations.begin(), generations.end(),
                     [day](const fetch::Generation& g) { return g.batch_end == day; })) {
      return false;
    }
  }
  return true;
}

Result<Release> Gate::Check(GateTicket* asked, Timestamp now) {
  CATENA_TRY(const bool known, EndsKnown(asked));
  if (!known) return Release::kWait;
  const GateTicket& ticket = *asked;
  if (ticket.event_time_max == INT64_MIN) return Release::kReady;  // Nothing to enrich.
  if (!Bootstrapped(ticket, now)) return Release::kWait;
  const Timestamp since = std::max(ticket.read_at, bootstrapped_at_);
  if (options_.snapshot_wait > Millis{0} && now - since < options_.snapshot_wait) {
    CATENA_TRY(const bool ready, SnapshotsReady(ticket.event_time_max, now));
    if (!ready) return Release::kWait;
  }
  if (SidesReady(ticket, now)) return Release::kReady;
  const bool bounded = options_.gate != GateKind::kFixed;
  return bounded && now - since >= options_.lag ? Release::kForced : Release::kWait;
}

int64_t Gate::CompleteUntil(const GateTicket& ticket) const {
  const int64_t watermark = Watermark();
  if (!AppliedEnds(ticket)) return watermark;
  int64_t looked = INT64_MAX;
  for (const EndWatch::Ends* ends : ticket.ends) looked = std::min(looked, ToMillis(ends->began));
  return std::max(watermark,
                  looked == INT64_MAX ? looked : looked - options_.out_of_orderness.count());
}

int64_t Gate::Watermark() const {
  int64_t lowest = INT64_MAX;
  for (const RightSide& side : sides_)
    lowest = std::min(lowest, progress_->Watermark(side.group_by));
  return lowest;
}

}  // namespace catena::streaming

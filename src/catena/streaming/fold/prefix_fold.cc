// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/fold/prefix_fold.h"

#include <map>

#include "catena/aggregate/ir_codec.h"
#include "catena/fetch/online_state.h"

namespace catena::streaming {

Result<PrefixFold::Prefix> PrefixFold::Decode(const kv::TimedValue& value) const {
  std::string_view bytes;
  uint64_t incomplete = 0;
  CATENA_RETURN_IF_ERROR(fetch::DecodeTile(value.value, &incomplete, &bytes));
  CATENA_TRY(aggregate::IR ir, aggregate::DecodeIr(rows_, bytes, value.time));
  return Prefix{std::move(ir), incomplete, false};
}

// Adds the tile of an earlier day: this call's when it touched the day, else the stored one.
Status PrefixFold::MergeTile(const TouchedKey& touched, int64_t day, Prefix* into) const {
  for (const TouchedDay& each : touched.days) {
    if (each.day != day) continue;
    rows_.Merge(into->ir.data(), each.tile);
    into->incomplete += each.tile_incomplete;
    return Status();
  }
  const kv::GetRequest request{day_dataset_, touched.key, FromMillis(day), FromMillis(day + 1)};
  auto answers = store_->MultiGet({&request, 1});
  CATENA_TRY(auto tiles, std::move(answers[0]));
  if (tiles.empty()) return Status();
  CATENA_TRY(Prefix tile, Decode(tiles[0]));
  rows_.Merge(into->ir.data(), tile.ir.data());
  into->incomplete += tile.incomplete;
  return Status();
}

std::string PrefixFold::FirstOf(const aggregate::RowAggregator& rows, int64_t day) {
  const aggregate::IR nothing(rows);
  std::string ir, value;
  aggregate::EncodeIr(rows, nothing.data(), FromMillis(day), &ir);
  fetch::EncodeTile(/*incomplete=*/0, ir, &value);
  return value;
}

Status PrefixFold::Fold(std::span<const TouchedKey> keys, const FoldRows& input,
                        kv::WriteBatch* batch) {
  std::vector<kv::GetRequest> requests;
  for (const TouchedKey& touched : keys) {
    const Timestamp first = FromMillis(touched.days.front().day);
    requests.push_back({prefix_dataset_, touched.key, Timestamp::min(), first, 1});
    requests.push_back({prefix_dataset_, touched.key, first});
  }
  const auto answers = store_->MultiGet(requests);
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto& before = answers[2 * i];
    const auto& later = answers[2 * i + 1];
    if (!before.ok()) return before.error();
    if (!later.ok()) return later.error();
    CATENA_RETURN_IF_ERROR(FoldKey(keys[i], *before, *later, input, batch));
  }
  return Status();
}

Status PrefixFold::FoldKey(const TouchedKey& touched, Values before, Values later,
                           const FoldRows& input, kv::WriteBatch* batch) {
  std::map<int64_t, Prefix> prefixes;
  for (const Values values : {before, later}) {
    for (const kv::TimedValue& value : values) {
      CATENA_TRY(Prefix prefix, Decode(value));
      prefixes.emplace(ToMillis(value.time), std::move(prefix));
    }
  }
  for (const TouchedDay& day : touched.days) {
    auto at = prefixes.upper_bound(day.day);
    if (at != prefixes.end()) {
      aggregate::IR delta(rows_);
      rows_.UpdateOne(*input.rows, input.event_times, input.source_orders, day.rows, delta.data());
      uint64_t incomplete = 0;
      for (const uint32_t row : day.rows) incomplete += input.incomplete[row] != 0 ? 1 : 0;
      for (; at != prefixes.end(); ++at) {
        rows_.Merge(at->second.ir.data(), delta.data());
        at->second.incomplete += incomplete;
        at->second.changed = true;
      }
    }
    if (prefixes.contains(day.day)) continue;
    Prefix made{aggregate::IR(rows_), 0, true};
    const auto above = prefixes.lower_bound(day.day);
    if (above != prefixes.begin()) {
      const auto newest = std::prev(above);
      rows_.Merge(made.ir.data(), newest->second.ir.data());
      made.incomplete = newest->second.incomplete;
      CATENA_RETURN_IF_ERROR(MergeTile(touched, newest->first, &made));
    }
    prefixes.emplace(day.day, std::move(made));
  }
  for (const auto& [day, prefix] : prefixes) {
    if (!prefix.changed) continue;
    std::string ir, value;
    aggregate::EncodeIr(rows_, prefix.ir.data(), FromMillis(day), &ir);
    fetch::EncodeTile(prefix.incomplete, ir, &value);
    batch->puts.push_back(
        {prefix_dataset_, std::string(touched.key), {FromMillis(day), 0, std::move(value)}});
  }
  return Status();
}

}  // namespace catena::streaming

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
Status PrefixFold::MergeTile(const std::string& key, int64_t day,
                             const std::vector<TouchedDay>& days, Prefix* into) const {
  for (const TouchedDay& touched : days) {
    if (touched.day != day) continue;
    rows_.Merge(into->ir.data(), touched.tile);
    into->incomplete += touched.tile_incomplete;
    return Status();
  }
  const kv::GetRequest request{day_dataset_, key, FromMillis(day), FromMillis(day + 1)};
  auto answers = store_->MultiGet({&request, 1});
  CATENA_TRY(auto tiles, std::move(answers[0]));
  if (tiles.empty()) return Status();
  CATENA_TRY(Prefix tile, Decode(tiles[0]));
  rows_.Merge(into->ir.data(), tile.ir.data());
  into->incomplete += tile.incomplete;
  return Status();
}

Status PrefixFold::FoldKey(const std::string& key, std::vector<TouchedDay>* days,
                           kv::WriteBatch* batch) {
  const Timestamp first = FromMillis(days->front().day);
  const kv::GetRequest requests[] = {{prefix_dataset_, key, first},
                                     {prefix_dataset_, key, Timestamp::min(), first, 1}};
  auto answers = store_->MultiGet(requests);
  CATENA_TRY(auto later, std::move(answers[0]));
  CATENA_TRY(auto before, std::move(answers[1]));
  // The usual case: one day, its prefix is there, no later day has begun.
  if (days->size() == 1 && later.size() == 1 && later[0].time == first) return Status();

  std::map<int64_t, Prefix> prefixes;
  for (const auto* values : {&before, &later}) {
    for (const kv::TimedValue& value : *values) {
      CATENA_TRY(Prefix prefix, Decode(value));
      prefixes.emplace(ToMillis(value.time), std::move(prefix));
    }
  }
  for (TouchedDay& touched : *days) {
    for (auto at = prefixes.upper_bound(touched.day); at != prefixes.end(); ++at) {
      rows_.Merge(at->second.ir.data(), touched.delta.data());
      at->second.incomplete += touched.delta_incomplete;
      at->second.changed = true;
    }
    if (prefixes.contains(touched.day)) continue;
    Prefix made{aggregate::IR(rows_), 0, true};
    const auto above = prefixes.lower_bound(touched.day);
    if (above != prefixes.begin()) {
      const auto newest = std::prev(above);
      rows_.Merge(made.ir.data(), newest->second.ir.data());
      made.incomplete = newest->second.incomplete;
      CATENA_RETURN_IF_ERROR(MergeTile(key, newest->first, *days, &made));
    }
    prefixes.emplace(touched.day, std::move(made));
  }
  for (const auto& [day, prefix] : prefixes) {
    if (!prefix.changed) continue;
    std::string ir, value;
    aggregate::EncodeIr(rows_, prefix.ir.data(), FromMillis(day), &ir);
    fetch::EncodeTile(prefix.incomplete, ir, &value);
    batch->puts.push_back({prefix_dataset_, key, {FromMillis(day), 0, std::move(value)}});
  }
  return Status();
}

}  // namespace catena::streaming

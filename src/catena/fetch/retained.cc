// SPDX-License-Identifier: Apache-2.0
#include "catena/fetch/retained.h"

#include "catena/aggregate/window/cover.h"
#include "catena/fetch/group_by_reader.h"

namespace catena::fetch {
namespace {

// By then two daily uploads have read the table that the late rows landed in.
constexpr Millis kLateRows = 3 * kDay;

}  // namespace

std::vector<Horizon> HorizonsOf(const conf::GroupBy& group_by,
                                std::span<const aggregate::WindowLength> windows,
                                const Retention& retention) {
  const std::string& name = group_by.metadata.name;
  const bool is_entity = conf::IsEntity(group_by);
  std::vector<Horizon> horizons;
  if (retention.raw_floor != INT64_MIN) {
    horizons.push_back(
        {is_entity ? MutationDataset(name) : RawDataset(name), FromMillis(retention.raw_floor)});
  }
  if (is_entity || retention.as_of_floor == INT64_MIN) return horizons;
  const Timestamp floor = FromMillis(retention.as_of_floor);
  const auto reach = aggregate::LayerReach(windows);
  for (const aggregate::Layer layer : aggregate::kLayers) {
    const auto& of_layer = reach[static_cast<size_t>(layer)];
    if (!of_layer || *of_layer == Millis::max()) continue;
    horizons.push_back({TileDataset(name, layer), floor - *of_layer});
  }
  horizons.push_back({LateDataset(name), floor - kLateRows});
  return horizons;
}

Result<std::vector<Horizon>> ReadHorizons(kv::KVStore* store,
                                          const std::shared_ptr<const conf::GroupBy>& group_by) {
  const std::string& name = group_by->metadata.name;
  CATENA_TRY(const GroupByReader reader, GroupByReader::Open(store, group_by));
  CATENA_TRY(const auto retention, ReadRetention(store, name));
  CATENA_TRY(const auto generations, ReadGenerations(store, name));
  std::vector<Horizon> horizons;
  if (retention && reader.windowed() != nullptr) {
    horizons = HorizonsOf(*group_by, reader.windowed()->windows(), *retention);
  }
  if (!generations.empty()) {
    horizons.push_back({UploadDataset(name), generations.front().batch_end});
  }
  return horizons;
}

}  // namespace catena::fetch

// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/cache/kept_values.h"

#include <cstring>

namespace catena::kv {
namespace {

constexpr size_t kHolesMin = 64;
// A key's values come by a few: a tile of each layer and the like.
constexpr size_t kFew = 4;

bool IsAt(const KeptValue& value, uint32_t dataset, Timestamp time, uint64_t sequence) {
  return value.dataset == dataset && value.time == time && value.sequence == sequence;
}

}  // namespace

std::vector<uint32_t> KeptValues::Datasets() const {
  std::vector<uint32_t> datasets;
  for (const KeptValue& value : heads_) {
    if (datasets.empty() || datasets.back() != value.dataset) {
      datasets.push_back(static_cast<uint32_t>(value.dataset));
    }
  }
  return datasets;
}

std::vector<KeptValue>::const_iterator KeptValues::Find(uint32_t dataset, Timestamp time,
                                                        uint64_t sequence) const {
  return std::partition_point(heads_.begin(), heads_.end(), [&](const KeptValue& value) {
    if (value.dataset != dataset) return value.dataset < dataset;
    return value.time != time ? value.time < time : value.sequence < sequence;
  });
}

bool KeptValues::Has(uint32_t dataset, Timestamp time, uint64_t sequence) const {
  const auto found = Find(dataset, time, sequence);
  return found != heads_.end() && IsAt(*found, dataset, time, sequence);
}

KeptValue& KeptValues::Put(uint32_t dataset, Timestamp time, uint64_t sequence,
                           std::string_view bytes) {
  const auto found = Find(dataset, time, sequence);
  auto at = heads_.begin() + (found - heads_.cbegin());
  const bool is_there = at != heads_.end() && IsAt(*at, dataset, time, sequence);
  if (!is_there) {
    if (heads_.capacity() == 0) {
      heads_.reserve(kFew);
      at = heads_.begin();
      bytes_.reserve(kFew * bytes.size());
    }
    KeptValue value;
    value.time = time;
    value.sequence = sequence;
    value.dataset = dataset;
    at = heads_.insert(at, value);
  }
  if (bytes.size() <= at->size) {
    std::memcpy(bytes_.data() + at->at, bytes.data(), bytes.size());
    holes_ += at->size - bytes.size();
  } else {
    holes_ += at->size;
    at->at = static_cast<uint32_t>(bytes_.size());
    bytes_.append(bytes);
  }
  at->size = static_cast<uint32_t>(bytes.size());
  CloseHoles();
  return *at;
}

void KeptValues::CloseHoles() {
  if (holes_ < kHolesMin || holes_ < bytes_.size() / 2) return;
  std::string bytes;
  bytes.reserve(bytes_.size() - holes_);
  for (KeptValue& value : heads_) {
    const std::string_view kept = BytesOf(value);
    value.at = static_cast<uint32_t>(bytes.size());
    bytes.append(kept);
  }
  bytes_ = std::move(bytes);
  holes_ = 0;
}

}  // namespace catena::kv

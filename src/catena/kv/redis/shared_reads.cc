// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/redis/shared_reads.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace catena::kv {

SharedReads ShareReads(std::span<const GetRequest> requests) {
  std::vector<size_t> order(requests.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const auto place = [](const GetRequest& r) {
      return std::tie(r.dataset, r.key, r.limit, r.after, r.before);
    };
    return place(requests[a]) < place(requests[b]);
  });
  SharedReads shared;
  shared.read_of.resize(requests.size());
  for (const size_t i : order) {
    const GetRequest& request = requests[i];
    GetRequest* last = shared.reads.empty() ? nullptr : &shared.reads.back();
    const bool is_shared = last != nullptr && request.limit == 0 && last->limit == 0 &&
                           last->dataset == request.dataset && last->key == request.key &&
                           request.after <= last->before;
    if (is_shared) {
      last->before = std::max(last->before, request.before);
    } else {
      shared.reads.push_back(request);
    }
    shared.read_of[i] = shared.reads.size() - 1;
  }
  return shared;
}

std::vector<TimedValue> PartOf(const std::vector<TimedValue>& values, const GetRequest& request) {
  if (request.limit != 0) return values;
  const auto first_from = [&](Timestamp time) {
    return std::partition_point(values.begin(), values.end(),
                                [time](const TimedValue& value) { return value.time < time; });
  };
  const auto begin = first_from(request.after);
  return {begin, std::max(begin, first_from(request.before))};
}

}  // namespace catena::kv

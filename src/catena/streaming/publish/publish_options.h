// SPDX-License-Identifier: Apache-2.0
// PublishOptions: where the enriched rows of a chain go besides the GroupBys that fold them.
//
//   input    `publish_topic`, `publish_key`, `publish_kv`: of -Z, else of the parent Join's conf,
//            else of the confs of the GroupBys over it, else of catena.yaml
//   errors   kInvalidConf: two GroupBys over one Join that differ, two Joins with one topic, a
//            value that cannot be read

#pragma once

#include <map>
#include <string>
#include <vector>

#include "catena/base/settings.h"
#include "catena/plan/streaming_plan.h"

namespace catena::streaming {

struct PublishOptions {
  std::string topic;  // Empty: none.
  std::vector<std::string>
      key;             // Columns of the Join; empty: those that the GroupBy has its key of.
  bool to_kv = false;  // The newest row of each key.

  bool any() const { return !topic.empty() || to_kv; }
};

// By the name of the parent Join; of those that publish.
using PublishedJoins = std::map<std::string, PublishOptions>;

Result<PublishedJoins> PublishedJoinsOf(const Settings& settings, const plan::StreamingPlan& plan);

// Whether the parameter is one of these, which each Join has its own of.
bool IsPublishParameter(const std::string& name);

}  // namespace catena::streaming

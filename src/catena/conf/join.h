// SPDX-License-Identifier: Apache-2.0
// Join: rows of a left source, each enriched with the features of its JoinParts at its time.
//
//   source  Chronon api.thrift Join, JoinPart, ExternalPart, BootstrapPart, LabelPart

#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "catena/conf/group_by.h"

namespace catena::conf {

struct JoinPart {
  std::shared_ptr<const GroupBy> group_by;                       // Never null.
  std::vector<std::pair<std::string, std::string>> key_mapping;  // Left column, GroupBy key.
  std::string prefix;
};

struct Join {
  MetaData metadata;
  Source left;
  std::vector<JoinPart> join_parts;
  std::vector<Derivation> derivations;
  std::vector<std::string> row_ids;
  Json bootstrap_parts;  // As in the conf; empty when absent.
  Json online_external_parts;
  Json label_part;
};

// The left columns that hold the GroupBy's keys, in the order of its key_columns.
std::vector<std::string> LeftKeys(const JoinPart& part);

}  // namespace catena::conf

// SPDX-License-Identifier: Apache-2.0
// Join: rows of a left source, each enriched with the features of its JoinParts at its time.
//
//   source  Chronon api.thrift Join, JoinPart, ExternalPart, BootstrapPart, LabelPart

#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "catena/conf/group_by.h"
#include "catena/types/schema.h"

namespace catena::conf {

struct JoinPart {
  std::shared_ptr<const GroupBy> group_by;                       // Never null.
  std::vector<std::pair<std::string, std::string>> key_mapping;  // Left column, GroupBy key.
  std::string prefix;
  // What stands before its columns instead of prefix and name: of the offline GroupBy of an
  // external part, which is a part like others in tables. Empty: none.
  std::string full_prefix;
};

// Columns that a service or the request itself gives when features are fetched.
struct ExternalPart {
  std::string full_name;    // `ext_[prefix_]name`: stands before its columns.
  bool contextual = false;  // The request gives them: columns of the left, by their own names.
  types::Schema keys;       // Named as the left names them.
  types::Schema values;     // Without full_name.
};

// Values of columns of the Join that were computed before, by left row.
struct BootstrapPart {
  std::string table;
  Query query;
  std::vector<std::string> key_columns;  // The conf's, else the Join's row ids; `ds` goes without.
};

// What became known of the Join's rows later, joined back to them.
struct LabelPart {
  std::vector<JoinPart> labels;
  // Labels known on day `label_ds` are those of the rows of the days from label_ds - (start - 1)
  // to label_ds - (end - 1), both included.
  int32_t left_start_offset = 0;
  int32_t left_end_offset = 0;
};

struct Join {
  MetaData metadata;
  Source left;
  std::vector<JoinPart> join_parts;
  std::vector<Derivation> derivations;
  std::vector<std::string> row_ids;
  // Key columns of the left, and the values (as texts) whose rows are left out.
  std::map<std::string, std::vector<std::string>> skew_keys;
  std::vector<ExternalPart> externals;  // Those without an offline GroupBy.
  std::vector<BootstrapPart> bootstraps;
  std::optional<LabelPart> label_part;
  // As in the conf, for its fingerprint; empty when absent.
  Json bootstrap_parts;
  Json online_external_parts;
};

// What tells one row of a day from the others, for its labels: the row ids, else the left keys of
// the labels.
std::vector<std::string> RowIdentifier(const Join& join);
// The left columns that hold the GroupBy's keys, in the order of its key_columns.
std::vector<std::string> LeftKeys(const JoinPart& part);

}  // namespace catena::conf

// SPDX-License-Identifier: Apache-2.0
// GroupBy: aggregations of one or more sources by key.
//
//   null    no aggregations: the selected columns of an entity pass through, one row a key
//   source  Chronon api.thrift GroupBy, Accuracy

#pragma once

#include <string>
#include <vector>

#include "catena/conf/aggregation.h"
#include "catena/conf/derivation.h"
#include "catena/conf/metadata.h"
#include "catena/conf/source.h"

namespace catena::conf {

enum class Accuracy : uint8_t { kTemporal = 0, kSnapshot = 1 };

struct GroupBy {
  MetaData metadata;
  std::vector<Source> sources;
  std::vector<std::string> key_columns;
  std::vector<Aggregation> aggregations;
  std::vector<Derivation> derivations;
  // Inferred when the conf leaves it out: TEMPORAL if any source has a topic, else SNAPSHOT.
  Accuracy accuracy = Accuracy::kSnapshot;
  std::string backfill_start_date;
  // `exact_windows` of metaData.customJson: tails do not jump by hops, an event counts when
  // query - window <= its time < query. Backfills only.
  bool exact_windows = false;
  // A backfill keeps hops of a day in a table of their own and computes later days from them.
  bool is_incremental = false;
};

// The source that streams: the first with a topic; null when none does.
const Source* StreamingSource(const GroupBy& group_by);
// Its sources are entities: all of them, where what reads them supports the GroupBy.
bool IsEntity(const GroupBy& group_by);
// The JoinSource of a chained GroupBy, or null: the seed's runtime decision.
const JoinSource* ChainOf(const GroupBy& group_by);

}  // namespace catena::conf

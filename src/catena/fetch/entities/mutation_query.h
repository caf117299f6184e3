// SPDX-License-Identifier: Apache-2.0
// MutationQuery: what a Query over entities reads of their mutations, in a table or a topic.
//
//   input    the source; columns of the mutation table (of the topic's records)
//   output   the source's Query, with the mutation's time (LONG milliseconds) and whether it is a
//            before-image (BOOLEAN) as two more columns, kMutationTime and kReversal. Where the
//            conf names no expression for one of them it is the column of that name
//   errors   CheckMutationColumns: kInvalidConf, another type than snapshots have, or than these
//   threads  pure functions
//   source   Chronon Query.mutationTimeColumn, reversalColumn

#pragma once

#include "catena/base/result.h"
#include "catena/conf/source.h"
#include "catena/types/schema.h"

namespace catena::fetch {

inline constexpr char kMutationTime[] = "mutation_ts";
inline constexpr char kReversal[] = "is_before";

conf::Query MutationQuery(const conf::EntitySource& entities, const types::Schema& columns);

// `mutations`: the columns that the query gives; `snapshots`: those that its rows must share with
// the rows of snapshots.
Status CheckMutationColumns(const types::Schema& mutations, const types::Schema& snapshots);

}  // namespace catena::fetch

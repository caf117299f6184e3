// SPDX-License-Identifier: Apache-2.0
// MeaningOf: a fingerprint of a definition that changes exactly when its answers may change.
//
// In it: sources with their queries, keys, aggregations, accuracy, derivations, of a Join also its
// parts in order with prefix and key mapping, and all of it of every parent below. Not in it: team,
// namespace of the output, topics, production and online flags, and of a Join the partitions its
// left side starts and ends at, which choose the partitions there are but not what is in one, and
// its labels, which have a meaning of their own.
//
//   output  16 lower-case hex digits; stored beside tables and uploads. STORED FORMAT
//   source  Chronon's semanticHash, by idea

#pragma once

#include <string>

#include "catena/conf/group_by.h"
#include "catena/conf/join.h"

namespace catena::conf {

std::string MeaningOf(const GroupBy& group_by);
std::string MeaningOf(const Join& join);
// Of the labels of a Join that has some.
std::string MeaningOfLabels(const Join& join);

}  // namespace catena::conf

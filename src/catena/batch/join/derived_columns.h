// SPDX-License-Identifier: Apache-2.0
// Derived columns of Joins and GroupBys, on finished rows of a backfill.
//
// What expressions may read besides the columns that they replace: of a Join its left columns and
// `ds`; of a GroupBy its keys, `ds` and, where rows have a query time, `ts`.
//
//   order   rows stay as they are
//   errors  those of sql::Derivations; kInvalidData: an expression fails on a row, with its place.
//           A backfill stops there, as a scan would
//   source  Chronon DerivationUtils.applyDerivation, JoinBase.computeJoinPart,
//   GroupBy.computeBackfill

#pragma once

#include <span>

#include "catena/batch/context.h"
#include "catena/batch/join_part.h"

namespace catena::batch {

// `rows`: left columns, then from position `first_part` on the parts' columns; a row of day
// days[i].
Result<types::Batch> DeriveJoin(const BatchContext& context, const conf::Join& join,
                                const types::Batch& rows, size_t first_part,
                                std::span<const Date> days);

// `columns`: what the part's GroupBy gives before its derivations, with the prefix of the part; so
// is the answer.
Result<types::Batch> DerivePart(const BatchContext& context, const conf::JoinPart& part,
                                const LeftRows& left, const types::Batch& columns);

// `rows`: `keys` key columns, then values, at the ends of days[i].
Result<types::Batch> DeriveDaily(const BatchContext& context, const conf::GroupBy& group_by,
                                 const types::Batch& rows, size_t keys, std::span<const Date> days);

}  // namespace catena::batch

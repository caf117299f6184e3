// SPDX-License-Identifier: Apache-2.0
// EstimatePlan: about how many rows and bytes the steps of a plan will read and write.
//
//   read      the left side's days to compute and the days that right sides reach back to, their
//             files whole; a parent that is not materialised yet counts as its own left side
//   written   of a Join the left rows; of a GroupBy what its days had on average so far, at most
//             the rows read when it has none. Bytes: as many a row as the table's days have, else
//             as the left side's have and eight a feature
//   errors    those of the tables; an absent table counts nothing

#pragma once

#include "catena/batch/context.h"

namespace catena::batch {

// Fills `estimate` of every step.
Status EstimatePlan(const BatchContext& context, plan::BackfillPlan* plan);

}  // namespace catena::batch

// SPDX-License-Identifier: Apache-2.0
// The columns of a Join's external parts beside the rows of its left side, or of a request.
//
//   output   contextual: `ext_contextual_<field>`, the row's own column of that name, null where
//            the rows have none. Others: `ext_<name>_<field>`, null: no service is called, neither
//            by Chronon in tables nor here at all; and their keys, null, where the rows lack them
//   errors   kInvalidConf: a contextual field of another type than the rows' column
//   source   Chronon Join.scala padExternalFields

#pragma once

#include "catena/conf/join.h"
#include "catena/types/batch.h"

namespace catena::fetch {

Result<types::Batch> ExternalColumns(const conf::ExternalPart& part, const types::Batch& rows,
                                     size_t count);

}  // namespace catena::fetch

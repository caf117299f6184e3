// SPDX-License-Identifier: Apache-2.0
// LabelViews: a Join's rows with their labels, as SQL over the files of its tables.
//
//     <join>_labels           the labels alone, of every version, with label_ds and ds
//     <join>_labeled          rows and labels; a row as often as its day has versions
//     <join>_labeled_latest   the same, of each day the newest version alone
//
//   output   the Join's columns, the labels as `label_<name>`, `label_ds`
//   null     rows without a label, and rows of days without labels, are there
//   source   Chronon JoinUtils.scala createOrReplaceView, createLatestLabelView

#pragma once

#include <string>
#include <vector>

#include "catena/sql/database.h"
#include "catena/table/table.h"

namespace catena::batch {

struct LabelView {
  std::string name;  // "ns.join_labeled".
  std::string sql;   // What stands after CREATE VIEW … AS.
};

// Empty when the Join with this table has no labels.
Result<std::vector<LabelView>> LabelViewsOf(sql::Database* database,
                                            const table::Warehouse& warehouse,
                                            const std::string& join_table);

}  // namespace catena::batch

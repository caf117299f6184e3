// SPDX-License-Identifier: Apache-2.0
// LabelJoin: what became known of a Join's rows, joined back to them, as of the end of a day.
//
//     label_ds 03-10, offsets 7 to 3     rows of      03-04 .. 03-08
//       label of entities                snapshot     03-10
//       label with a 7d window,          events of    03-04 .. 03-10, for rows of 03-04
//         offsets 7 to 7
//
// First the Join's own table is brought up to date for those days, then a daily table of each label
// for label_ds alone, `<join>_<label>`; both are backfills like others. Then a day at a time
// `<join>_labels/label_ds=…/ds=…`: the row identifier and the labels, under the names that a join
// part would have. Every label_ds is a version of its own, none replaces another.
//
//   output   one row a row identifier and day, of equal ones the first; rows with a null in it are
//            left out, since nothing could be joined to them. label_views.h puts rows and labels
//            together
//   null     a row whose key has no label
//   errors   kInvalidConf: no labelPart; a window that is not the offsets; a label with the name of
//            one of the Join's columns. kUnsupported: a left side of entities, labels of events
//            without aggregations, of entities with some. Else those of backfills
//   source   Chronon LabelJoin.scala

#pragma once

#include "catena/batch/context.h"
#include "catena/batch/run_report.h"
#include "catena/conf/conf.h"

namespace catena::batch {

// "ns.join_labels".
std::string LabelsTable(const conf::Join& join);

// `asked.end` is label_ds; a start is not asked for. What was done before an error is in the
// report.
Status RunLabelJoin(const BatchContext& context, const conf::Conf& conf,
                    const plan::DaysAsked& asked, RunReport* report);
// What it would do now.
Result<plan::BackfillPlan> PlanLabelJoin(const BatchContext& context, const conf::Conf& conf,
                                         const plan::DaysAsked& asked);

}  // namespace catena::batch

// SPDX-License-Identifier: Apache-2.0
// GroupBy upload: one generation of a GroupBy's values into a KVStore, published in one step.
//
//     events through end_date  ->  values of batchEnd = end_date + 1 day, key by key, in chunks
//                              ->  serving info and the list of generations, durable: now visible
//
//   output   TEMPORAL: an UploadIr a key, of entities the key's rows; SNAPSHOT: a row of outputs
//            (without aggregations of value columns) as types::RowCodec writes it. Dataset
//            fetch::UploadDataset, time batchEnd and the generation's slot
//   order    computed_at is taken before the table is read, so whatever was appended later is not
//            believed to be inside. Of tables without offsets it is no later than the newest change
//            of the partitions read: what was appended since has not landed in them
//   retries  the same upload again is another generation, and takes the first one's place when it
//            is whole: readers see one or the other. A crash leaves the first one, and values that
//            no generation names; they are forgotten with those of their batchEnd
//   threads  uploads of one GroupBy at once: each publishes what the others have published beside;
//            of one day the last to end stays
//   errors   those of the tables and the store; kInvalidConf: a day of events that has not ended,
//            or another definition than the one whose streamed state the store holds
//   source   Chronon GroupByUpload; generations in docs/concepts/tiles.md

#pragma once

#include "catena/batch/context.h"
#include "catena/batch/run_report.h"
#include "catena/kv/kv_store.h"

namespace catena::batch {

struct UploadOptions {
  // A generation goes when a newer one has been complete for so long; two always stay.
  Millis as_of_retention = std::chrono::hours{2};
  // Bound of one WriteBatch.
  size_t chunk_bytes = size_t{4} << 20;
  bool allow_holes = false;  // Days that tables lack have no rows.
};

Result<StepReport> RunUploadStep(const BatchContext& context, const plan::Step& step,
                                 kv::KVStore* store, const UploadOptions& options = {});

}  // namespace catena::batch

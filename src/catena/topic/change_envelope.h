// SPDX-License-Identifier: Apache-2.0
// Change envelopes: records in which a database tells of a row as it was and as it is now, in the
// JSON of Debezium, become images of the row.
//
//     {"op": "u", "ts_ms": 1700000000123,           before {"id": 7, "v": 1}   is_before true
//      "before": {"id": 7, "v": 1},            ->   after  {"id": 7, "v": 2}   is_before false
//      "after":  {"id": 7, "v": 2}}
//
//   input    `envelope=debezium` of the topic's address; the envelope itself or beneath "payload";
//            columns of the row, and kEnvelopeTime (LONG) and kEnvelopeImage (BOOLEAN)
//   output   no, one or two rows a record: its before-image, then its after-image. The mutation's
//            time is that of the database, source.ts_ms; where that is none, ts_ms. No rows: an
//            empty value or payload (what a log is compacted by), a message (op m), and a row that
//            was only read (op r), for the snapshot that is uploaded holds it
//   errors   Open: kInvalidConf, kUnsupported as the JSON decoder. A record of which any part is
//            bad gives no row: half an update would leave two rows, or none. An update or a delete
//            without its before-image is bad, with the remedy
//   threads  one thread
//   source   Debezium's change event of its relational connectors

#pragma once

#include <memory>

#include "catena/topic/decoder.h"

namespace catena::topic {

inline constexpr char kEnvelopeTime[] = "mutation_ts";
inline constexpr char kEnvelopeImage[] = "is_before";

Result<std::unique_ptr<Decoder>> OpenEnvelopeDecoder(const TopicAddress& topic,
                                                     const types::Schema& schema);

}  // namespace catena::topic

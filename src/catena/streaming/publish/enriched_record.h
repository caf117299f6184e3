// SPDX-License-Identifier: Apache-2.0
// EnrichedRecord: a row of a Join as a record of a topic, and back.
//
//     {"user_id": 7, "amount": 9.5, "risk_score": 0.3, "ts": ...,        the row
//      "_origin_partition": 3, "_origin_offset": 120,                    of the left record: which
//      "_append_time": ..., "_event_time": ..., "_incomplete": false}    it is, when, how complete
//
// Partition and offset of the left topic are the row's identity: where a record might come twice,
// it is told by them. Between the stages of a chain there are heartbeats as well, records of which
// everything is null but "_heartbeat": up to which event time of which origin partition the rows
// are all there.
//
//   input    rows of the Join's output; the format of the topic (topic/decoder.h)
//   errors   Open: kUnsupported for a column that the format cannot carry, kInvalidConf for one
//            that is named like those above or a schema that lacks some; kInvalidData: a record
//            that is no enriched row; kUnavailable: a schema registry that does not answer
//   threads  one thread

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "catena/base/result.h"
#include "catena/topic/decoder.h"
#include "catena/topic/record_text.h"
#include "catena/topic/topic.h"
#include "catena/types/batch.h"

namespace catena::streaming {

// The left record of a row.
struct Origin {
  int32_t partition = -1;
  int64_t offset = 0;
  int64_t append_time = 0;
};

struct Heartbeat {
  int32_t partitions = 0;                 // Of the left topic.
  std::map<int32_t, int64_t> watermarks;  // By partition; of those whose watermark is known.
  // Of those that the sender works on: all rows of left records below are there.
  std::map<int32_t, int64_t> next_offsets;
  int64_t covered_from = INT64_MIN;  // Rows of left events before it may be missing.
};

enum class Heartbeats : uint8_t { kNone, kSent };

class EnrichedEncoder {
 public:
  static Result<EnrichedEncoder> Open(const topic::TopicAddress& topic, const types::Schema& rows,
                                      Heartbeats heartbeats);

  // Why a row has no record, "" when it has one.
  std::string Refusal(const types::Batch& rows, size_t row) const;
  Result<std::string> Row(const types::Batch& rows, size_t row, const Origin& origin,
                          int64_t event_time, bool incomplete) const;
  Result<std::string> Beat(const Heartbeat& heartbeat) const;

 private:
  EnrichedEncoder(std::unique_ptr<topic::RecordText> text, std::vector<size_t> real_columns)
      : text_(std::move(text)), real_columns_(std::move(real_columns)) {}

  std::unique_ptr<topic::RecordText> text_;
  std::vector<size_t> real_columns_;  // With FLOAT or DOUBLE in them, which may be no number.
};

struct DecodedEnriched {
  types::Batch rows;
  std::vector<uint32_t> record_of_row;
  std::vector<int64_t> event_times;  // By row.
  std::vector<uint8_t> incomplete;   // By row.
  std::vector<Origin> origins;       // By record; partition -1: none.
  std::vector<Heartbeat> heartbeats;
  std::vector<uint32_t> record_of_heartbeat;
  std::vector<topic::BadRecord> bad;
};

class EnrichedDecoder {
 public:
  static Result<EnrichedDecoder> Open(const topic::TopicAddress& topic, const types::Schema& rows);
  Result<DecodedEnriched> Decode(std::span<const topic::Record> records);

 private:
  EnrichedDecoder(std::unique_ptr<topic::Decoder> decoder, types::Schema rows)
      : decoder_(std::move(decoder)), rows_(std::move(rows)) {}

  std::unique_ptr<topic::Decoder> decoder_;
  types::Schema rows_;
};

// Which left records the records of an enriched topic are of, whatever their rows are.
class OriginDecoder {
 public:
  static Result<OriginDecoder> Open(const topic::TopicAddress& topic);
  // Records of others, heartbeats among them, have none.
  Result<std::vector<Origin>> Decode(std::span<const topic::Record> records);

 private:
  explicit OriginDecoder(std::unique_ptr<topic::Decoder> decoder) : decoder_(std::move(decoder)) {}
  std::unique_ptr<topic::Decoder> decoder_;
};

}  // namespace catena::streaming

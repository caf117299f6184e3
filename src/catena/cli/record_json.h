// SPDX-License-Identifier: Apache-2.0
// RecordJson: a record of a topic as people see it.
//
//   output   its own fields when it is a JSON object, else `_raw`; and _partition, _offset,
//            _append_time (milliseconds)

#pragma once

#include "catena/base/json.h"
#include "catena/topic/topic.h"

namespace catena::cli {

inline Json RecordJson(const topic::Record& record) {
  auto parsed = ParseJson(record.value, "record");
  Json json =
      parsed.ok() && parsed->is_object() ? std::move(*parsed) : Json{{"_raw", record.value}};
  json["_partition"] = record.partition;
  json["_offset"] = record.offset;
  json["_append_time"] = ToMillis(record.append_time);
  return json;
}

}  // namespace catena::cli

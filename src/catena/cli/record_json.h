// SPDX-License-Identifier: Apache-2.0
// RecordJson: a record of a topic as people see it.
//
//   output   its own fields when it holds an object in the format of `text`, else `_raw`, its
//            bytes, and `_reason`; and _partition, _offset, _append_time (milliseconds)
//   errors   a schema registry that does not answer

#pragma once

#include "catena/base/json.h"
#include "catena/topic/record_text.h"
#include "catena/topic/topic.h"

namespace catena::cli {

inline Result<Json> RecordJson(const topic::Record& record, topic::RecordText* text) {
  auto event = text->Read(record.value);
  if (!event.ok() && event.error().code != ErrorCode::kInvalidData) return event.error();
  Json json = event.ok() && event->is_object() ? *event : Json{{"_raw", record.value}};
  if (!event.ok()) json["_reason"] = event.error().message;
  json["_partition"] = record.partition;
  json["_offset"] = record.offset;
  json["_append_time"] = ToMillis(record.append_time);
  return json;
}

}  // namespace catena::cli

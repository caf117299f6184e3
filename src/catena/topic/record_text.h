// SPDX-License-Identifier: Apache-2.0
// RecordText: values of records as the JSON that people write and read, in a topic's format.
//
//   input    the formats of decoder.h, all fields of the writer's schema
//   units    as the format has them: a timestamp-micros is microseconds
//   null     what JSON cannot hold (NaN, infinities) is null
//   errors   Open as Decoder::Open. kInvalidData: no value of the format, or no event that the
//            schema can hold; kUnavailable: a schema registry does not answer
//   threads  one thread
//
// For tools. Streams and archives decode to columns (decoder.h).

#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "catena/base/json.h"
#include "catena/base/result.h"
#include "catena/topic/topic.h"

namespace catena::topic {

class RecordText {
 public:
  virtual ~RecordText() = default;
  static Result<std::unique_ptr<RecordText>> Open(const TopicAddress& topic);

  virtual Result<Json> Read(std::string_view value) = 0;
  // The value of the record that holds `event`, an object.
  virtual Result<std::string> Write(const Json& event) = 0;
  // Values are the text of the JSON itself, whatever its spaces.
  virtual bool is_json() const { return false; }
};

}  // namespace catena::topic

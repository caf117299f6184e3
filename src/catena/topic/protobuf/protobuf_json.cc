// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/protobuf/protobuf_json.h"

#include <google/protobuf/util/json_util.h>

#include <string>

namespace catena::topic {

Result<Json> ProtobufToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string text;
  const auto printed = google::protobuf::util::MessageToJsonString(message, &text, options);
  if (!printed.ok()) return InvalidData("not to be shown as JSON: " + printed.ToString());
  auto json = ParseJson(text, "message", /*depth_max=*/128);
  return json.ok() ? std::move(json) : InvalidData(json.error().message);
}

Status JsonToProtobuf(const Json& json, google::protobuf::Message* message) {
  const auto read = google::protobuf::util::JsonStringToMessage(PrintJson(json), message);
  return read.ok() ? Status() : Status(InvalidData(std::string(read.message())));
}

}  // namespace catena::topic

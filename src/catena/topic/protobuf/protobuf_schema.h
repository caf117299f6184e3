// SPDX-License-Identifier: Apache-2.0
// ProtobufSchema: the message types that a .proto text or a descriptor set declares.
//
//   input    proto2 and proto3; imports of google/protobuf/*.proto are there, others only within a
//            descriptor set (protoc --include_imports)
//   errors   kInvalidConf says what does not parse, is imported and not there, or is no message
//   threads  immutable once made
//   source   libprotobuf 3.21, whose only home is this folder

#pragma once

#include <google/protobuf/descriptor.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catena/base/result.h"
#include "catena/topic/topic.h"

namespace catena::topic {

class ProtobufSchema {
 public:
  // `what` names the text in errors.
  static Result<ProtobufSchema> Parse(const std::string& text, const std::string& what);
  static Result<ProtobufSchema> FromDescriptorSet(const std::string& bytes,
                                                  const std::string& what);
  // Of the file that `schema` of the topic names: a .proto text, else a descriptor set.
  static Result<ProtobufSchema> Read(const TopicAddress& topic);

  // By its full name; the first of the last file when the name is empty.
  Result<const google::protobuf::Descriptor*> Message(const std::string& name) const;
  // The message that a path of indexes leads to, from the file's messages inwards: what registries
  // number. Null when there is none.
  const google::protobuf::Descriptor* At(std::span<const int> indexes) const;

 private:
  ProtobufSchema();
  Status Add(const google::protobuf::FileDescriptorProto& file, const std::string& what);

  std::unique_ptr<google::protobuf::DescriptorPool> pool_;
  const google::protobuf::FileDescriptor* file_ = nullptr;  // The last that was added.
};

// `message` of the topic, or "".
std::string ProtobufMessageOf(const TopicAddress& topic);

// Where indexes of messages precede the bytes of a message, as registries have it: how many, then
// each, in zigzag varints; 0 alone is the first message.
struct IndexedMessage {
  std::vector<int> indexes;
  std::string_view bytes;
};
Result<IndexedMessage> SplitIndexes(std::string_view bytes);
void AppendIndexes(const google::protobuf::Descriptor& message, std::string* out);

}  // namespace catena::topic

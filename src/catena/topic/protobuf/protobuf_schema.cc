// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/protobuf/protobuf_schema.h"

#include <google/protobuf/compiler/parser.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <utility>

#include "catena/base/bytes.h"
#include "catena/base/file.h"

namespace catena::topic {
namespace {

namespace pb = google::protobuf;

constexpr int64_t kIndexesMax = 64;

class FirstProblem : public pb::io::ErrorCollector {
 public:
  void AddError(int line, pb::io::ColumnNumber column, const std::string& message) override {
    if (!text.empty()) return;
    text = "line " + std::to_string(line + 1) + ", column " + std::to_string(column + 1) + ": " +
           message;
  }
  std::string text;
};

class FirstPoolProblem : public pb::DescriptorPool::ErrorCollector {
 public:
  void AddError(const std::string& /*file*/, const std::string& element, const pb::Message*,
                ErrorLocation, const std::string& message) override {
    if (text.empty()) text = element + ": " + message;
  }
  std::string text;
};

}  // namespace

// What Google's own files declare lies below; naming two of their messages brings the files in.
// What is wrong with a record is told where it is kept, not by the library on standard error.
ProtobufSchema::ProtobufSchema() {
  pb::SetLogHandler(nullptr);
  pb::Timestamp::descriptor();
  pb::Int64Value::descriptor();
  pool_ = std::make_unique<pb::DescriptorPool>(pb::DescriptorPool::generated_pool());
}

Status ProtobufSchema::Add(const pb::FileDescriptorProto& file, const std::string& what) {
  if (pb::DescriptorPool::generated_pool()->FindFileByName(file.name()) != nullptr) return Status();
  FirstPoolProblem problem;
  const pb::FileDescriptor* added = pool_->BuildFileCollectingErrors(file, &problem);
  if (added == nullptr) {
    return InvalidConf(what + ": not a Protobuf schema that stands alone: " + problem.text);
  }
  file_ = added;
  return Status();
}

Result<ProtobufSchema> ProtobufSchema::Parse(const std::string& text, const std::string& what) {
  pb::io::ArrayInputStream input(text.data(), static_cast<int>(text.size()));
  FirstProblem problem;
  pb::io::Tokenizer tokenizer(&input, &problem);
  pb::compiler::Parser parser;
  parser.RecordErrorsTo(&problem);
  pb::FileDescriptorProto file;
  if (!parser.Parse(&tokenizer, &file) || !problem.text.empty()) {
    return InvalidConf(what + ": not a Protobuf schema: " + problem.text);
  }
  file.set_name("schema.proto");
  ProtobufSchema schema;
  CATENA_RETURN_IF_ERROR(schema.Add(file, what));
  return schema;
}

Result<ProtobufSchema> ProtobufSchema::FromDescriptorSet(const std::string& bytes,
                                                         const std::string& what) {
  pb::FileDescriptorSet set;
  if (!set.ParseFromString(bytes) || set.file_size() == 0) {
    return InvalidConf(what +
                       ": neither a .proto file nor a descriptor set; make one with "
                       "protoc --include_imports --descriptor_set_out=FILE");
  }
  ProtobufSchema schema;
  for (const pb::FileDescriptorProto& file : set.file()) {
    CATENA_RETURN_IF_ERROR(schema.Add(file, what));
  }
  return schema;
}

Result<ProtobufSchema> ProtobufSchema::Read(const TopicAddress& topic) {
  const auto path = topic.serde.find("schema");
  if (path == topic.serde.end()) {
    return InvalidConf(
        "serde=protobuf needs schema=FILE as well, a .proto file or a descriptor set");
  }
  const auto text = ReadFile(path->second);
  if (!text.ok()) return InvalidConf("the Protobuf schema of the topic: " + text.error().message);
  return path->second.ends_with(".proto") ? Parse(*text, path->second)
                                          : FromDescriptorSet(*text, path->second);
}

Result<const pb::Descriptor*> ProtobufSchema::Message(const std::string& name) const {
  if (name.empty() && file_ != nullptr && file_->message_type_count() > 0) {
    return file_->message_type(0);
  }
  const pb::Descriptor* found = name.empty() ? nullptr : pool_->FindMessageTypeByName(name);
  if (found != nullptr) return found;
  std::string known;
  for (int i = 0; file_ != nullptr && i < file_->message_type_count(); ++i) {
    known += (known.empty() ? "" : ", ") + file_->message_type(i)->full_name();
  }
  return InvalidConf("the Protobuf schema has no such message; message= is one of " + known +
                     ": \"" + name + "\"");
}

const pb::Descriptor* ProtobufSchema::At(std::span<const int> indexes) const {
  const pb::Descriptor* message = nullptr;
  for (const int index : indexes) {
    const int count = message != nullptr ? message->nested_type_count()
                      : file_ != nullptr ? file_->message_type_count()
                                         : 0;
    if (index < 0 || index >= count) return nullptr;
    message = message != nullptr ? message->nested_type(index) : file_->message_type(index);
  }
  return message;
}

std::string ProtobufMessageOf(const TopicAddress& topic) {
  const auto found = topic.serde.find("message");
  return found == topic.serde.end() ? "" : found->second;
}

Result<IndexedMessage> SplitIndexes(std::string_view bytes) {
  ByteReader reader(bytes);
  IndexedMessage message;
  const int64_t count = reader.Zigzag();
  bool sound = reader.ok() && count >= 0 && count <= kIndexesMax;
  for (int64_t i = 0; sound && i < count; ++i) {
    const int64_t index = reader.Zigzag();
    sound = reader.ok() && index >= 0 && index <= INT32_MAX;
    message.indexes.push_back(static_cast<int>(index));
  }
  if (!sound) return InvalidData("no indexes of a message follow the id of the schema");
  if (message.indexes.empty()) message.indexes.push_back(0);
  message.bytes = bytes.substr(bytes.size() - reader.remaining());
  return message;
}

void AppendIndexes(const pb::Descriptor& message, std::string* out) {
  std::vector<int> indexes;
  for (const pb::Descriptor* at = &message; at != nullptr; at = at->containing_type()) {
    indexes.push_back(at->index());
  }
  std::reverse(indexes.begin(), indexes.end());
  if (indexes == std::vector<int>{0}) {
    AppendZigzag(out, 0);
    return;
  }
  AppendZigzag(out, static_cast<int64_t>(indexes.size()));
  for (const int index : indexes) AppendZigzag(out, index);
}

}  // namespace catena::topic

// SPDX-License-Identifier: Apache-2.0
#include "catena/kv/wire.h"

#include <utility>

namespace catena::kv {
namespace {

// A count is a promise of at least one byte each, so that lies cannot make us reserve memory.
std::optional<size_t> ReadCount(ByteReader* reader) {
  const uint64_t count = reader->Varint();
  if (!reader->ok() || count > reader->remaining()) return std::nullopt;
  return static_cast<size_t>(count);
}

}  // namespace

std::string BeginRequest(Call call) {
  return {static_cast<char>(kWireVersion), static_cast<char>(call)};
}

Result<Call> ReadCall(ByteReader* reader) {
  const uint8_t version = reader->Byte();
  const uint8_t call = reader->Byte();
  if (!reader->ok()) return InvalidData("request without a call");
  if (version != kWireVersion || call > static_cast<uint8_t>(Call::kDropDataset)) {
    return Unsupported(
        "the store's owner is another catena: use the same version for both: "
        "wire version " +
        std::to_string(version) + ", call " + std::to_string(call));
  }
  return static_cast<Call>(call);
}

void AppendError(std::string* out, const Error& error) {
  out->push_back(static_cast<char>(kErrorAnswer + static_cast<uint8_t>(error.code)));
  AppendSized(out, error.message);
}

std::optional<Error> ReadError(uint8_t first, ByteReader* reader) {
  const std::string_view message = reader->Sized();
  const uint8_t code = first - kErrorAnswer;
  if (!reader->ok() || code > static_cast<uint8_t>(ErrorCode::kUnsupported)) return std::nullopt;
  return Error{static_cast<ErrorCode>(code), std::string(message)};
}

void AppendGetRequests(std::string* out, std::span<const GetRequest> requests) {
  AppendVarint(out, requests.size());
  for (const GetRequest& request : requests) {
    AppendSized(out, request.dataset);
    AppendSized(out, request.key);
    AppendZigzag(out, ToMillis(request.after));
    AppendZigzag(out, ToMillis(request.before));
    AppendVarint(out, request.limit);
  }
}

bool ReadGetRequests(ByteReader* reader, std::vector<GetRequest>* requests) {
  const std::optional<size_t> count = ReadCount(reader);
  if (!count) return false;
  requests->clear();
  for (size_t i = 0; i < *count && reader->ok(); ++i) {
    GetRequest& request = requests->emplace_back();
    request.dataset = reader->Sized();
    request.key = reader->Sized();
    request.after = FromMillis(reader->Zigzag());
    request.before = FromMillis(reader->Zigzag());
    request.limit = reader->Varint();
  }
  return reader->ok();
}

void AppendTimedValue(std::string* out, const TimedValue& value) {
  AppendZigzag(out, ToMillis(value.time));
  AppendVarint(out, value.sequence);
  AppendSized(out, value.value);
}

TimedValue ReadTimedValue(ByteReader* reader) {
  TimedValue value;
  value.time = FromMillis(reader->Zigzag());
  value.sequence = reader->Varint();
  value.value = reader->Sized();
  return value;
}

void AppendGetAnswers(std::string* out, std::span<const GetAnswer> answers) {
  AppendVarint(out, answers.size());
  for (const GetAnswer& answer : answers) {
    if (!answer.ok()) {
      AppendError(out, answer.error());
      continue;
    }
    out->push_back(static_cast<char>(kOkAnswer));
    AppendVarint(out, answer->size());
    for (const TimedValue& value : *answer) AppendTimedValue(out, value);
  }
}

bool ReadGetAnswers(ByteReader* reader, std::vector<GetAnswer>* answers) {
  const std::optional<size_t> count = ReadCount(reader);
  if (!count) return false;
  answers->clear();
  answers->reserve(*count);
  for (size_t i = 0; i < *count; ++i) {
    const uint8_t first = reader->Byte();
    if (first != kOkAnswer) {
      std::optional<Error> error = ReadError(first, reader);
      if (!error) return false;
      answers->emplace_back(*std::move(error));
      continue;
    }
    const std::optional<size_t> values = ReadCount(reader);
    if (!values) return false;
    std::vector<TimedValue> read;
    for (size_t v = 0; v < *values && reader->ok(); ++v) read.push_back(ReadTimedValue(reader));
    answers->emplace_back(std::move(read));
  }
  return reader->ok();
}

void AppendMarks(std::string* out, const std::vector<Mark>& marks) {
  AppendVarint(out, marks.size());
  for (const Mark& mark : marks) {
    AppendSized(out, mark.dataset);
    AppendSized(out, mark.name);
    AppendSized(out, mark.value);
  }
}

bool ReadMarks(ByteReader* reader, std::vector<Mark>* marks) {
  const std::optional<size_t> count = ReadCount(reader);
  if (!count) return false;
  marks->clear();
  for (size_t i = 0; i < *count && reader->ok(); ++i) {
    Mark& mark = marks->emplace_back();
    mark.dataset = reader->Sized();
    mark.name = reader->Sized();
    mark.value = reader->Sized();
  }
  return reader->ok();
}

void AppendWriteBatch(std::string* out, const WriteBatch& batch) {
  AppendVarint(out, batch.puts.size());
  for (const Put& put : batch.puts) {
    AppendSized(out, put.dataset);
    AppendSized(out, put.key);
    AppendTimedValue(out, put.value);
  }
  AppendMarks(out, batch.marks);
}

bool ReadWriteBatch(ByteReader* reader, WriteBatch* batch) {
  const std::optional<size_t> count = ReadCount(reader);
  if (!count) return false;
  batch->puts.clear();
  for (size_t i = 0; i < *count && reader->ok(); ++i) {
    Put& put = batch->puts.emplace_back();
    put.dataset = reader->Sized();
    put.key = reader->Sized();
    put.value = ReadTimedValue(reader);
  }
  return reader->ok() && ReadMarks(reader, &batch->marks);
}

}  // namespace catena::kv

// SPDX-License-Identifier: Apache-2.0
// What the owner of an embedded store and other processes say to each other: calls as bytes.
//
//   frame     length of the rest (4 bytes, little-endian), then a request or an answer
//   request   kWireVersion, Call, arguments
//   answer    kOkAnswer or kMoreAnswer and what the call gives; or an error's number and message
//
// Integers are varints, strings carry their length first (base/bytes.h). Not stored: both sides
// are of one machine, and a version that differs is answered with kUnsupported.
//
//   errors  Read functions answer false or nullopt for bytes that the Append functions did not
//   make,
//           whatever they are

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catena/base/bytes.h"
#include "catena/kv/kv_store.h"

namespace catena::kv {

inline constexpr uint8_t kWireVersion = 1;
// Of a frame after its length; what is larger has to be asked for in parts.
inline constexpr size_t kFrameBytesMax = 64 << 20;
inline constexpr size_t kFrameHeaderBytes = 4;

enum class Call : uint8_t {
  kPing = 0,
  kMultiGet = 1,
  kGetMark = 2,
  kListMarks = 3,
  kApply = 4,
  kSetHorizon = 5,
  kScan = 6,
  kListDatasets = 7,
  kApproximateBytes = 8,
  kSync = 9,
  kDropDataset = 10,
};

inline constexpr uint8_t kOkAnswer = 0;
inline constexpr uint8_t kMoreAnswer = 1;   // Of a Scan: another answer follows.
inline constexpr uint8_t kErrorAnswer = 2;  // And the ErrorCode.

std::string BeginRequest(Call call);
// Of the whole request: the call, with `reader` left at the arguments.
Result<Call> ReadCall(ByteReader* reader);

void AppendError(std::string* out, const Error& error);
// `first` is the byte at or above kErrorAnswer that began the error.
std::optional<Error> ReadError(uint8_t first, ByteReader* reader);

void AppendGetRequests(std::string* out, std::span<const GetRequest> requests);
// The requests refer to the bytes being read.
bool ReadGetRequests(ByteReader* reader, std::vector<GetRequest>* requests);

using GetAnswer = Result<std::vector<TimedValue>>;
void AppendGetAnswers(std::string* out, std::span<const GetAnswer> answers);
bool ReadGetAnswers(ByteReader* reader, std::vector<GetAnswer>* answers);

void AppendWriteBatch(std::string* out, const WriteBatch& batch);
bool ReadWriteBatch(ByteReader* reader, WriteBatch* batch);

void AppendMarks(std::string* out, const std::vector<Mark>& marks);
bool ReadMarks(ByteReader* reader, std::vector<Mark>* marks);

void AppendTimedValue(std::string* out, const TimedValue& value);
TimedValue ReadTimedValue(ByteReader* reader);

}  // namespace catena::kv

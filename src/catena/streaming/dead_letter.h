// SPDX-License-Identifier: Apache-2.0
// DeadLetter: a record that could not be folded, kept with where it stood and why.
//
// Written in the same atomic write as the offset that steps over it, so a record is in the state,
// or here, or still to be read; never nowhere, never twice.
//
//   layout   dataset `catena_dlq`, key: topic name, time: append time, sequence: source order
//   errors   decoding other bytes is kCorruption

#pragma once

#include <string>

#include "catena/base/bytes.h"
#include "catena/kv/kv_store.h"
#include "catena/topic/topic.h"

namespace catena::streaming {

inline constexpr char kDeadLetterDataset[] = "catena_dlq";

struct DeadLetter {
  std::string reason;
  std::string payload;  // The record's value, byte for byte.
};

inline uint64_t SourceOrder(const topic::Record& record) {
  return static_cast<uint64_t>(record.partition) << 48 | static_cast<uint64_t>(record.offset);
}

inline kv::Put DeadLetterPut(const std::string& topic, const topic::Record& record,
                             const std::string& reason) {
  std::string value;
  AppendSized(&value, reason);
  AppendSized(&value, record.value);
  return {kDeadLetterDataset, topic, {record.append_time, SourceOrder(record), std::move(value)}};
}

inline Result<DeadLetter> DecodeDeadLetter(std::string_view bytes) {
  ByteReader reader(bytes);
  DeadLetter letter{std::string(reader.Sized()), std::string(reader.Sized())};
  if (!reader.ok() || !reader.AtEnd()) return Corruption("dead letter does not decode");
  return letter;
}

}  // namespace catena::streaming

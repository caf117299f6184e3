// SPDX-License-Identifier: Apache-2.0
// DeadLetter: a record that could not be folded, kept with where it stood and why.
//
// Written in the same atomic write as the offset that steps over it, so a record is in the state,
// or here, or still to be read; never nowhere, never twice.
//
//   layout   dataset `catena_dlq`, key: topic name, time: append time, sequence: source order; mark
//            `replay/<topic>`: which of its letters were replayed
//   errors   decoding other bytes is kCorruption

#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "catena/kv/kv_store.h"
#include "catena/topic/topic.h"

namespace catena::streaming {

inline constexpr char kDeadLetterDataset[] = "catena_dlq";

struct DeadLetter {
  std::string reason;
  topic::Record record;  // Byte for byte.
};

// The letters of a topic that were replayed, by partition: those of these offsets; and, where the
// first versions did it, all below one.
struct ReplayedOffsets {
  std::map<topic::TopicPartition, std::set<topic::Offset>> each;
  std::map<topic::TopicPartition, topic::Offset> below;
};
bool IsReplayed(const ReplayedOffsets& replayed, const DeadLetter& letter);

inline uint64_t SourceOrder(const topic::Record& record) {
  return static_cast<uint64_t>(record.partition) << 48 | static_cast<uint64_t>(record.offset);
}

kv::Put DeadLetterPut(const std::string& topic, const topic::Record& record,
                      const std::string& reason);

// Every letter of every topic, or of `topic` unless it is empty: by topic, then by append time,
// until `visit` answers false.
Status VisitDeadLetters(
    kv::KVStore* store, const std::string& topic,
    const std::function<bool(const std::string& topic, const DeadLetter& letter)>& visit);

Result<ReplayedOffsets> ReplayedLetters(kv::KVStore* store, const std::string& topic);

struct Replay {
  int64_t records = 0;  // Appended now.
  int64_t resumed = 0;  // An interrupted replay had appended these.
};
// Appends the records of the letters of `topic` that were never replayed to the topic `into`, under
// their keys, by append time; each once, also when it is interrupted and called again: what it had
// appended is found by its bytes.
//   errors  kInvalidConf: an interrupted replay went elsewhere than `into`
Result<Replay> ReplayDeadLetters(kv::KVStore* store, const std::string& topic,
                                 const topic::TopicAddress& into, const Clock& clock);

}  // namespace catena::streaming

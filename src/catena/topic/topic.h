// SPDX-License-Identifier: Apache-2.0
// TopicReader, TopicWriter: ordered, partitioned, replayable records in motion.
//
// A topic has a fixed number of partitions; a partition is an append-only sequence of records,
// numbered from 0 by offset. Each record carries the time at which it was appended.
//
//   threads   a reader or writer object belongs to one thread; any number of objects may work on
//             one topic, in any process
//   order     within a partition by offset; none between partitions
//   errors    kNotFound: no such topic, with the command that makes one; kCorruption: bytes before
//             the end of a partition do not check, with partition and offset; a torn tail (a
//             writer died mid-append) is not an error, it is the end
//   contract  topic/conformance_test.cc runs the same tests against every implementation

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catena/base/clock.h"
#include "catena/base/result.h"
#include "catena/base/time.h"

namespace catena::topic {

using TopicPartition = int32_t;
using Offset = int64_t;

// Of a record that came without: a Kafka producer may send none.
inline constexpr Timestamp kNoAppendTime = FromMillis(-1);

struct Record {
  TopicPartition partition = 0;
  Offset offset = 0;
  Timestamp append_time;
  std::string key;
  std::string value;
};

inline constexpr size_t kPollBytesMax = size_t{4} << 20;

class TopicReader {
 public:
  virtual ~TopicReader() = default;

  virtual TopicPartition partitions() const = 0;
  // The next Poll of `partition` answers records from `offset` on. Polling needs no Seek first: a
  // partition starts at its earliest record. kNotFound, with what there is, when `offset` lies
  // before BeginOffset (the topic was trimmed) or behind EndOffset (the topic lost records).
  virtual Status Seek(TopicPartition partition, Offset offset) = 0;
  // Appends to `into` up to `records_max` records of `partition`, and no more once those hold
  // kPollBytesMax, not waiting for what is not there yet; none at its end only. kNotFound when the
  // topic was trimmed past them meanwhile.
  virtual Status Poll(TopicPartition partition, size_t records_max, std::vector<Record>* into) = 0;
  // The same of those that have arrived already: from another machine some may still be on their
  // way, and none says nothing about the end. For loops that ask for the ends themselves.
  virtual Status PollArrived(TopicPartition partition, size_t records_max,
                             std::vector<Record>* into) {
    return Poll(partition, records_max, into);
  }
  // From where on `partition` is polled next, once it was sought or polled: behind the last record,
  // and behind offsets that hold none (where a transaction ended), as far as is known.
  virtual Offset Position(TopicPartition partition) const = 0;
  // The offset that the next appended record will get. Cheap enough for every micro-batch.
  virtual Result<Offset> EndOffset(TopicPartition partition) = 0;
  // That of every partition, in one look-up.
  virtual Result<std::vector<Offset>> EndOffsets();
  // The earliest offset still kept.
  virtual Result<Offset> BeginOffset(TopicPartition partition) = 0;
  // The first offset whose append time is at or after `time`; the end offset when there is none.
  virtual Result<Offset> OffsetAt(TopicPartition partition, Timestamp time) = 0;
  // Blocks until some partition has grown past what was polled, `wait` passed, or a signal came.
  // Partitions that were never polled nor sought do not count, unless none was: a reader of some
  // partitions is not woken by the others.
  virtual Status Wait(Millis wait) = 0;
  // `partition` is not read any more, until it is sought or polled again.
  virtual void Leave(TopicPartition /*partition*/) {}
  // Tells the topic's system how far `consumer` of the address is, by partition, for its tools that
  // show lag. Nothing here ever reads it back; a topic without such tools takes no notice.
  virtual Status Commit(const std::map<TopicPartition, Offset>& next_offsets);
};

// What readers of one topic have in common, so that what comes from another machine comes once for
// all of them. Shared by readers of any threads.
class TopicFeed {
 public:
  virtual ~TopicFeed() = default;
};

// The ends of several topics. Calls may run concurrently.
class TopicEnds {
 public:
  virtual ~TopicEnds() = default;
  // By topic, in the order in which they were named, and by partition; all in as few look-ups as
  // the place can. What was appended before the call lies before them.
  virtual Result<std::vector<std::vector<Offset>>> Look() = 0;
};

struct OutRecord {
  std::string key;  // Records of one key go to one partition, by HashBytes(key) % partitions.
  std::string value;
  Timestamp append_time = Timestamp::min();  // min(): the clock's now.
};

class TopicWriter {
 public:
  virtual ~TopicWriter() = default;

  virtual TopicPartition partitions() const = 0;
  // All records are visible to readers when it returns; answers the offset of each, in their order.
  // A crash during the call leaves a prefix of them, per partition; so may kUnavailable. Append
  // times never go back within a partition: an earlier one becomes that of the record before (of
  // this writer's, where other systems' programs write as well). kInvalidData: a record of more
  // than 16 MiB; nothing is appended.
  virtual Result<std::vector<std::pair<TopicPartition, Offset>>> Append(
      const std::vector<OutRecord>& records) = 0;
  struct Fitting {
    std::vector<std::pair<TopicPartition, Offset>> places;  // Of those that are there, in order.
    std::map<size_t, std::string> refused;                  // By number of the record: why.
  };
  // The same, but records that are larger than this topic takes, which may be less than 16 MiB, are
  // left out and told.
  virtual Result<Fitting> AppendFitting(const std::vector<OutRecord>& records);
};

// Where a topic of a conf lives. `name` may be a bare name or a URL: `file:///dir/name`,
// `file:dir/name` (relative to the working folder), `memory:name`, `kafka://name/host=h/port=p`; a
// bare name takes `default_url` ("file:///dir", "memory:", "kafka:", "kafka://host=h/port=p").
// Parameters may follow: `kafka://name/host=h`, `name/serde=avro/schema=schemas%2Fname.avsc`,
// `file:dir/name/serde=avro/...`; only those of the records, "serde", where there is no kafka.
struct TopicAddress {
  std::string scheme;  // "file", "memory", "kafka".
  std::string root;    // Folder, brokers as "host:port[,host:port...]", or empty.
  std::string name;    // [A-Za-z0-9._-]{1,249}, neither "." nor "..".
  // Of a kafka topic: `kafka`, and above it those of the URL other than host and port.
  std::map<std::string, std::string> parameters;
  // Of any topic: how its records are written, for Decoder::Open.
  std::map<std::string, std::string> serde;
  std::string consumer;  // Under which name Commit tells; the caller's to set.
};
// `kafka` holds librdkafka's properties; bootstrap.servers among them are the brokers of a topic
// that names none. kInvalidConf says which part cannot be read, or that a secret stands in a URL.
Result<TopicAddress> ParseTopicAddress(std::string_view name, std::string_view default_url,
                                       const std::map<std::string, std::string>& kafka = {});
// What ParseTopicAddress reads as the same topic, parameters aside; to be shown and kept.
std::string TopicURL(const TopicAddress& address);

// What holds the topic, as it is reached: topics of one place are looked up together.
std::string PlaceOf(const TopicAddress& address);

// Idempotent; `partitions` in [1, 65535]. kInvalidConf when it exists with another number.
Status CreateTopic(const TopicAddress& address, TopicPartition partitions);
// What opens is kUnsupported when this build has no implementation of the scheme.
//
// By topic, all of one place, whose records come together; null where readers have nothing to
// share.
Result<std::vector<std::shared_ptr<TopicFeed>>> OpenTopicFeeds(
    const std::vector<TopicAddress>& topics);
// Of one place, and of one topic at least.
Result<std::unique_ptr<TopicEnds>> OpenTopicEnds(const std::vector<TopicAddress>& topics);
// `feed` is one of that topic; a reader that is elsewhere in it, or far behind the others, goes its
// own way until it is where they are.
Result<std::unique_ptr<TopicReader>> OpenTopicReader(const TopicAddress& address,
                                                     std::shared_ptr<TopicFeed> feed = nullptr);
// `clock` outlives the writer.
Result<std::unique_ptr<TopicWriter>> OpenTopicWriter(const TopicAddress& address,
                                                     const Clock& clock);

}  // namespace catena::topic

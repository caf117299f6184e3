// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/dead_letter.h"

#include <algorithm>
#include <utility>

#include "catena/base/bytes.h"

namespace catena::streaming {
namespace {

constexpr int kPartitionShift = 48;  // SourceOrder.
constexpr size_t kRecordsAtOnce = 1000;

Result<DeadLetter> DecodeDeadLetter(const kv::TimedValue& value) {
  ByteReader reader(value.value);
  DeadLetter letter;
  letter.reason = reader.Sized();
  letter.record.value = reader.Sized();
  if (!reader.AtEnd()) letter.record.key = reader.Sized();  // The first versions kept none.
  if (!reader.ok() || !reader.AtEnd()) return Corruption("dead letter does not decode");
  letter.record.append_time = value.time;
  letter.record.partition = static_cast<topic::TopicPartition>(value.sequence >> kPartitionShift);
  letter.record.offset =
      static_cast<topic::Offset>(value.sequence & ((uint64_t{1} << kPartitionShift) - 1));
  return letter;
}

// What the mark of a topic says. While a replay goes on: where to, and where that topic ended
// before.
struct ReplayMark {
  ReplayedOffsets replayed;
  std::string into;
  std::vector<topic::Offset> ends;
};

// By partition how many, then the distances between them.
using OffsetsByPartition = std::map<topic::TopicPartition, std::set<topic::Offset>>;

void AppendOffsets(const OffsetsByPartition& offsets, std::string* bytes) {
  AppendVarint(bytes, offsets.size());
  for (const auto& [partition, each] : offsets) {
    AppendVarint(bytes, static_cast<uint64_t>(partition));
    AppendVarint(bytes, each.size());
    topic::Offset before = 0;
    for (const topic::Offset offset : each) {
      AppendVarint(bytes, static_cast<uint64_t>(offset - before));
      before = offset;
    }
  }
}

void ReadOffsets(ByteReader* reader, OffsetsByPartition* offsets) {
  for (uint64_t n = reader->Varint(); n > 0 && reader->ok(); --n) {
    auto& each = (*offsets)[static_cast<topic::TopicPartition>(reader->Varint())];
    topic::Offset offset = 0;
    for (uint64_t left = reader->Varint(); left > 0 && reader->ok(); --left) {
      offset += static_cast<topic::Offset>(reader->Varint());
      each.insert(each.end(), offset);
    }
  }
}

std::string MarkName(const std::string& topic) { return "replay/" + topic; }

Result<ReplayMark> ReadMark(kv::KVStore* store, const std::string& topic) {
  CATENA_TRY(const auto stored, store->GetMark(kDeadLetterDataset, MarkName(topic)));
  ReplayMark mark;
  if (!stored) return mark;
  ByteReader reader(*stored);
  for (uint64_t n = reader.Varint(); n > 0 && reader.ok(); --n) {
    const auto partition = static_cast<topic::TopicPartition>(reader.Varint());
    mark.replayed.below[partition] = static_cast<topic::Offset>(reader.Varint());
  }
  mark.into = reader.Sized();
  for (uint64_t n = reader.Varint(); n > 0 && reader.ok(); --n) {
    mark.ends.push_back(static_cast<topic::Offset>(reader.Varint()));
  }
  if (reader.ok() && !reader.AtEnd()) ReadOffsets(&reader, &mark.replayed.each);
  if (!reader.ok() || !reader.AtEnd()) return Corruption("mark of a replay does not decode");
  return mark;
}

Status WriteMark(const std::string& topic, const ReplayMark& mark, kv::KVStore* store) {
  std::string bytes;
  AppendVarint(&bytes, mark.replayed.below.size());
  for (const auto& [partition, offset] : mark.replayed.below) {
    AppendVarint(&bytes, static_cast<uint64_t>(partition));
    AppendVarint(&bytes, static_cast<uint64_t>(offset));
  }
  AppendSized(&bytes, mark.into);
  AppendVarint(&bytes, mark.ends.size());
  for (const topic::Offset end : mark.ends) AppendVarint(&bytes, static_cast<uint64_t>(end));
  AppendOffsets(mark.replayed.each, &bytes);
  return store->Apply({{}, {{kDeadLetterDataset, MarkName(topic), std::move(bytes)}}},
                      /*durable=*/true);
}

// Values that the topic has got since `ends`, those of partitions that it had not then included.
Result<std::multiset<std::string>> AppendedSince(const std::vector<topic::Offset>& ends,
                                                 topic::TopicReader* reader) {
  std::multiset<std::string> values;
  for (topic::TopicPartition p = 0; p < reader->partitions(); ++p) {
    const auto at = static_cast<size_t>(p);
    if (at < ends.size()) CATENA_RETURN_IF_ERROR(reader->Seek(p, ends[at]));
    std::vector<topic::Record> records;
    do {
      records.clear();
      CATENA_RETURN_IF_ERROR(reader->Poll(p, kRecordsAtOnce, &records));
      for (topic::Record& record : records) values.insert(std::move(record.value));
    } while (!records.empty());
  }
  return values;
}

}  // namespace

bool IsReplayed(const ReplayedOffsets& replayed, const DeadLetter& letter) {
  const auto below = replayed.below.find(letter.record.partition);
  if (below != replayed.below.end() && letter.record.offset < below->second) return true;
  const auto each = replayed.each.find(letter.record.partition);
  return each != replayed.each.end() && each->second.contains(letter.record.offset);
}

kv::Put DeadLetterPut(const std::string& topic, const topic::Record& record,
                      const std::string& reason) {
  std::string value;
  AppendSized(&value, reason);
  AppendSized(&value, record.value);
  AppendSized(&value, record.key);
  return {kDeadLetterDataset, topic, {record.append_time, SourceOrder(record), std::move(value)}};
}

Status VisitDeadLetters(
    kv::KVStore* store, const std::string& topic,
    const std::function<bool(const std::string& topic, const DeadLetter& letter)>& visit) {
  Status decoded;
  CATENA_RETURN_IF_ERROR(
      store->Scan(kDeadLetterDataset, [&](std::string_view key, const kv::TimedValue& value) {
        if (!topic.empty() && key != topic) return key < topic;
        const Result<DeadLetter> letter = DecodeDeadLetter(value);
        if (!letter.ok()) {
          decoded = letter.error();
          return false;
        }
        return visit(std::string(key), *letter);
      }));
  return decoded;
}

Result<ReplayedOffsets> ReplayedLetters(kv::KVStore* store, const std::string& topic) {
  CATENA_TRY(ReplayMark mark, ReadMark(store, topic));
  return std::move(mark.replayed);
}

Result<Replay> ReplayDeadLetters(kv::KVStore* store, const std::string& topic,
                                 const topic::TopicAddress& into, const Clock& clock) {
  CATENA_TRY(ReplayMark mark, ReadMark(store, topic));
  CATENA_TRY(const auto reader, topic::OpenTopicReader(into));
  const std::string url = topic::TopicURL(into);
  std::multiset<std::string> appended;
  if (mark.into.empty()) {
    mark.into = url;
    CATENA_TRY(mark.ends, reader->EndOffsets());
    CATENA_RETURN_IF_ERROR(WriteMark(topic, mark, store));
  } else if (mark.into != url) {
    return InvalidConf("an interrupted replay of " + topic + " went into " + mark.into +
                       ": end it with --into " + mark.into);
  } else {
    CATENA_TRY(appended, AppendedSince(mark.ends, reader.get()));
  }
  Replay replay;
  std::vector<topic::OutRecord> records;
  ReplayedOffsets replayed;  // All that there are, in the end.
  CATENA_RETURN_IF_ERROR(
      VisitDeadLetters(store, topic, [&](const std::string&, const DeadLetter& letter) {
        const topic::Record& record = letter.record;
        replayed.each[record.partition].insert(record.offset);
        if (IsReplayed(mark.replayed, letter)) return true;
        if (const auto there = appended.find(record.value); there != appended.end()) {
          appended.erase(there);
          ++replay.resumed;
        } else {
          records.push_back({record.key, record.value, Timestamp::min()});
        }
        return true;
      }));
  CATENA_TRY(const auto writer, topic::OpenTopicWriter(into, clock));
  for (size_t begin = 0; begin < records.size(); begin += kRecordsAtOnce) {
    const size_t end = std::min(records.size(), begin + kRecordsAtOnce);
    CATENA_RETURN_IF_ERROR(writer
                               ->Append({records.begin() + static_cast<ptrdiff_t>(begin),
                                         records.begin() + static_cast<ptrdiff_t>(end)})
                               .status());
  }
  CATENA_RETURN_IF_ERROR(WriteMark(topic, {std::move(replayed), "", {}}, store));
  replay.records = static_cast<int64_t>(records.size());
  return replay;
}

}  // namespace catena::streaming

// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/publish/publisher.h"

#include <algorithm>
#include <iterator>

#include "catena/base/bytes.h"
#include "catena/base/hash.h"
#include "catena/base/log.h"
#include "catena/fetch/enriched_row.h"
#include "catena/streaming/publish/trail.h"
#include "catena/types/row_codec.h"

namespace catena::streaming {
namespace {

constexpr char kEndsMark[] = "published";
constexpr int kPartitionShift = 48;  // Of a source order; the offset lies below.

Origin OriginOf(const FoldRows& rows, size_t row) {
  const uint64_t order = rows.source_orders[row];
  return {static_cast<int32_t>(order >> kPartitionShift),
          static_cast<int64_t>(order & ((uint64_t{1} << kPartitionShift) - 1)),
          rows.append_times[row]};
}

kv::Mark EndsMark(const std::string& join, const std::vector<topic::Offset>& ends) {
  kv::Mark mark{fetch::StreamingDataset(join), kEndsMark, ""};
  for (const topic::Offset end : ends) AppendZigzag(&mark.value, end);
  return mark;
}

Result<std::vector<topic::Offset>> ReadEnds(kv::KVStore* store, const std::string& join) {
  std::vector<topic::Offset> ends;
  CATENA_TRY(const auto mark, store->GetMark(fetch::StreamingDataset(join), kEndsMark));
  if (!mark) return ends;
  ByteReader reader(*mark);
  while (reader.ok() && !reader.AtEnd()) ends.push_back(reader.Zigzag());
  if (!reader.ok()) return Corruption("the mark of what was published does not decode: " + join);
  return ends;
}

// By partition a key that goes there.
std::vector<std::string> KeysByPartition(topic::TopicPartition partitions) {
  std::vector<std::string> keys(static_cast<size_t>(partitions));
  size_t missing = keys.size();
  for (uint64_t i = 0; missing > 0; ++i) {
    std::string key = "heartbeat " + std::to_string(i);
    std::string& of_partition = keys[HashBytes(key) % keys.size()];
    if (!of_partition.empty()) continue;
    of_partition = std::move(key);
    --missing;
  }
  return keys;
}

}  // namespace

Publisher::Publisher(PublisherParts parts, kv::CachedStore* store)
    : parts_(std::move(parts)),
      store_(store),
      dataset_(store->NumberOf(fetch::EnrichedDataset(parts_.join))) {}

Result<std::unique_ptr<Publisher>> Publisher::Open(PublisherParts parts, kv::CachedStore* store,
                                                   const Clock* clock) {
  const std::string name = parts.join;
  std::unique_ptr<Publisher> publisher(new Publisher(std::move(parts), store));
  types::Schema keys;
  for (const std::string& key : publisher->parts_.key) {
    const auto at = publisher->parts_.rows.Find(key);
    if (!at) {
      return InvalidConf("publish_key names a column that " + name + " does not have (" +
                         publisher->parts_.rows.ToString() + "): " + key);
    }
    publisher->key_columns_.push_back(*at);
    keys.fields.push_back(publisher->parts_.rows.fields[*at]);
  }
  if (!publisher->parts_.shared) {
    CATENA_TRY(publisher->checkpoints_, fetch::ReadCheckpoints(store, name));
  }
  if (publisher->parts_.topic) {
    CATENA_RETURN_IF_ERROR(publisher->OpenTopic(*clock).WithContext("publish_topic of " + name));
  }
  if (!publisher->parts_.to_kv) return publisher;
  const fetch::EnrichedShape shape{keys, publisher->parts_.rows};
  CATENA_TRY(const auto stored, fetch::ReadEnrichedShape(store, name));
  if (stored && !(*stored == shape)) {
    return InvalidConf(
        "the columns of the rows that are published to the store changed; give the changed Join a "
        "new name: " +
        name);
  }
  if (stored) return publisher;
  CATENA_RETURN_IF_ERROR(store->Apply({{}, {fetch::EnrichedShapeMark(name, shape)}}, false));
  return publisher;
}

Status Publisher::OpenTopic(const Clock& clock) {
  const topic::TopicAddress& address = *parts_.topic;
  CATENA_TRY(encoder_, EnrichedEncoder::Open(address, parts_.rows, parts_.heartbeats));
  CATENA_TRY(writer_, topic::OpenTopicWriter(address, clock));
  beat_keys_ = KeysByPartition(writer_->partitions());
  CATENA_TRY(const auto reader, topic::OpenTopicReader(address));
  CATENA_TRY(OriginDecoder decoder, OriginDecoder::Open(address));
  if (parts_.shared) {
    CATENA_TRY(ends_, reader->EndOffsets());
    return Status();
  }
  CATENA_TRY(ends_, ReadEnds(store_, parts_.join));
  return ReadTail(reader.get(), &decoder);
}

// From the committed ends, or all of it where there are none: a state that was lost, or forgotten
// to be streamed anew, does not publish again.
Status Publisher::ReadTail(topic::TopicReader* reader, OriginDecoder* decoder) {
  CATENA_TRY(const std::vector<topic::Offset> ends, reader->EndOffsets());
  ends_.resize(ends.size());
  int64_t found = 0;
  std::vector<topic::Record> records;
  for (topic::TopicPartition p = 0; p < reader->partitions(); ++p) {
    topic::Offset& known = ends_[static_cast<size_t>(p)];
    const topic::Offset end = ends[static_cast<size_t>(p)];
    CATENA_TRY(const topic::Offset begin, reader->BeginOffset(p));
    if (known > end) {
      CATENA_LOG_WARN("publish", "topic {} partition {} ends at {}, not at {}: it was made anew",
                      parts_.topic->name, p, end, known);
      known = begin;
    }
    known = std::max(known, begin);
    tail_begins_.push_back(known);
    CATENA_RETURN_IF_ERROR(reader->Seek(p, known));
    while (reader->Position(p) < end) {
      records.clear();
      CATENA_RETURN_IF_ERROR(reader->Poll(p, kPublishedAtOnce, &records));
      if (records.empty()) break;
      CATENA_TRY(const std::vector<Origin> origins, decoder->Decode(records));
      for (const Origin& origin : origins) {
        published_.Add(origin.partition, origin.offset);
        NoteFound(origin.partition, origin.offset);
      }
      found += static_cast<int64_t>(origins.size());
    }
    known = std::max(end, reader->Position(p));
  }
  CATENA_LOG_INFO("publish", "join={} topic={} already_there={}", parts_.join, parts_.topic->name,
                  found);
  return Status();
}

void Publisher::NoteFound(int32_t partition, topic::Offset offset) {
  const auto at = checkpoints_.find(partition);
  if (at != checkpoints_.end() && offset < at->second.next_offset) return;
  topic::Offset& up_to = found_up_to_[partition];
  up_to = std::max(up_to, offset + 1);
}

// What the tail holds of one partition is still looked for when another's checkpoint is committed:
// until all of it is stepped over, the tail begins where it began.
const std::vector<topic::Offset>& Publisher::EndsBehind(int32_t partition,
                                                        topic::Offset next_offset) {
  const auto found = found_up_to_.find(partition);
  if (found != found_up_to_.end() && next_offset >= found->second) found_up_to_.erase(found);
  return found_up_to_.empty() ? ends_ : tail_begins_;
}

std::string Publisher::Explain() const {
  std::string text;
  if (parts_.topic) text += " to the topic " + topic::TopicURL(*parts_.topic);
  if (parts_.to_kv) text += std::string(text.empty() ? "" : " and") + " to the store";
  for (size_t i = 0; i < parts_.key.size(); ++i)
    text += (i == 0 ? ", under " : ", ") + parts_.key[i];
  return text;
}

fetch::Checkpoint Publisher::CheckpointOf(int32_t partition) const {
  const std::lock_guard lock(mutex_);
  const auto at = checkpoints_.find(partition);
  return at == checkpoints_.end() ? fetch::Checkpoint() : at->second;
}

bool Publisher::HasCheckpoint(int32_t partition) const {
  const std::lock_guard lock(mutex_);
  return checkpoints_.contains(partition);
}

void Publisher::BeginAt(int32_t partition, int64_t offset) {
  const std::lock_guard lock(mutex_);
  fetch::Checkpoint& checkpoint = checkpoints_[partition];
  checkpoint.start_offset = checkpoint.next_offset = offset;
}

void Publisher::SkipTo(int32_t partition, int64_t offset) {
  const std::lock_guard lock(mutex_);
  fetch::Checkpoint& checkpoint = checkpoints_[partition];
  checkpoint.start_offset += offset - checkpoint.next_offset;
  checkpoint.next_offset = offset;
}

std::string Publisher::Refusal(const types::Batch& rows, size_t row) const {
  return encoder_ ? encoder_->Refusal(rows, row) : "";
}

// As `catena topic produce --key` makes it of one column; of several, their JSON array.
std::string Publisher::RecordKey(const types::Batch& rows, size_t row) const {
  Json values = Json::array();
  for (const size_t column : key_columns_) {
    values.push_back(types::ToJson(rows.column(column).ValueAt(row)));
  }
  const Json& told = values.size() == 1 ? values[0] : values;
  if (told.is_null()) return "";
  return told.is_string() ? told.get<std::string>() : PrintJson(told);
}

void Publisher::NoteEnds(
    const std::vector<std::pair<topic::TopicPartition, topic::Offset>>& places) {
  for (const auto& [partition, offset] : places) {
    topic::Offset& end = ends_[static_cast<size_t>(partition)];
    end = std::max(end, offset + 1);
  }
}

Result<Publisher::Refused> Publisher::Append(const FoldRows& rows) {
  Refused refused;
  std::vector<topic::OutRecord> records;
  std::vector<size_t> row_of_record;
  const auto append = [&]() -> Status {
    if (records.empty()) return Status();
    CATENA_TRY(const auto appended, writer_->AppendFitting(records));
    NoteEnds(appended.places);
    for (const auto& [record, why] : appended.refused) {
      refused.emplace(row_of_record[record], "its enriched row cannot be published: " + why);
    }
    records.clear();
    row_of_record.clear();
    return Status();
  };
  for (size_t row = 0; row < rows.rows->rows(); ++row) {
    const Origin origin = OriginOf(rows, row);
    if (published_.Contains(origin.partition, origin.offset)) continue;
    CATENA_TRY(std::string value, encoder_->Row(*rows.rows, row, origin, rows.event_times[row],
                                                rows.incomplete[row] != 0));
    records.push_back({RecordKey(*rows.rows, row), std::move(value), Timestamp::min()});
    row_of_record.push_back(row);
    if (records.size() == kPublishedAtOnce) CATENA_RETURN_IF_ERROR(append());
  }
  CATENA_RETURN_IF_ERROR(append());
  return refused;
}

// Of the rows those that are newer than what the store has of their key.
Result<std::vector<kv::Put>> Publisher::NewestRows(const FoldRows& rows,
                                                   const Refused& refused) const {
  struct Newest {
    fetch::EnrichedRow row;
    size_t index = 0;
    bool stored = false;  // Is newer.
  };
  std::map<std::string, Newest> newest;
  for (size_t row = 0; row < rows.rows->rows(); ++row) {
    std::string key;
    if (refused.contains(row)) continue;
    if (!types::EncodeKey(*rows.rows, key_columns_, row, &key)) continue;
    const fetch::EnrichedRow enriched{
        rows.event_times[row], rows.source_orders[row], rows.incomplete[row] != 0, {}};
    const auto [at, is_new] = newest.emplace(key, Newest{enriched, row});
    if (!is_new && enriched.IsNewerThan(at->second.row)) at->second = {enriched, row};
  }
  std::vector<kv::CachedStore::Place> places;
  std::vector<Newest*> of_place;
  for (auto& [key, each] : newest) {
    places.push_back({dataset_, key, fetch::kEnrichedInstant});
    of_place.push_back(&each);
  }
  CATENA_RETURN_IF_ERROR(
      store_->ReadEach(places, [&](size_t i, const std::string_view* value, bool) -> Status {
        if (value == nullptr) return Status();
        CATENA_TRY(const fetch::EnrichedRow stored, fetch::DecodeEnrichedRow(*value));
        of_place[i]->stored = !of_place[i]->row.IsNewerThan(stored);
        return Status();
      }));
  const types::RowCodec codec(parts_.rows);
  std::vector<size_t> columns(parts_.rows.fields.size());
  for (size_t i = 0; i < columns.size(); ++i) columns[i] = i;
  const std::string dataset = fetch::EnrichedDataset(name());
  std::vector<kv::Put> puts;
  for (auto& [key, each] : newest) {
    if (each.stored) continue;
    std::string bytes;
    codec.Encode(*rows.rows, columns, each.index, &bytes);
    each.row.row = bytes;
    kv::Put& put = puts.emplace_back(kv::Put{dataset, key, {fetch::kEnrichedInstant, 0, ""}});
    fetch::EncodeEnrichedRow(each.row, &put.value.value);
  }
  return puts;
}

Result<fetch::Checkpoint> Publisher::Apply(const FoldRows& rows, int32_t partition,
                                           fetch::Checkpoint next,
                                           std::vector<kv::Put> dead_letters) {
  const std::lock_guard lock(mutex_);
  Refused refused;
  if (writer_) {
    CATENA_TRY(refused, Append(rows));
  }
  std::vector<kv::Put> puts = std::move(dead_letters);
  for (const auto& [row, why] : refused) {
    if (!rows.refuse) return InvalidData(why);
    CATENA_TRY(std::optional<kv::Put> letter, rows.refuse(row, why));
    if (letter) puts.push_back(std::move(*letter));
  }
  const auto published = static_cast<int64_t>(rows.rows->rows() - refused.size());
  next.folded += published;
  next.dead_lettered += static_cast<int64_t>(refused.size());
  for (size_t row = 0; row < rows.rows->rows(); ++row) {
    if (refused.contains(row)) continue;
    next.incomplete += rows.incomplete[row] != 0 ? 1 : 0;
    next.event_time_max = std::max(next.event_time_max, rows.event_times[row]);
  }
  if (parts_.to_kv) {
    CATENA_TRY(std::vector<kv::Put> newest, NewestRows(rows, refused));
    std::move(newest.begin(), newest.end(), std::back_inserter(puts));
  }
  std::vector<kv::CachedStore::HeldPut> held;
  for (const kv::Put& put : puts) {
    held.push_back({store_->NumberOf(put.dataset), put.key, put.value.time, put.value.sequence,
                    put.value.value});
  }
  // All that was published of any partition before these ends is in a checkpoint that is held by
  // now, so that after a kill only what lies behind them is looked through.
  std::vector<kv::Mark> marks;
  if (!parts_.shared) marks.push_back(fetch::CheckpointMark(name(), partition, next));
  if (!parts_.shared && writer_) {
    marks.push_back(EndsMark(name(), EndsBehind(partition, next.next_offset)));
  }
  CATENA_RETURN_IF_ERROR(store_->Hold(held, std::move(marks)));
  if (!refused.empty()) CATENA_RETURN_IF_ERROR(store_->Sync());
  checkpoints_[partition] = next;
  rows_published_ += published;
  return next;
}

Status Publisher::Beat(Heartbeat heartbeat) {
  const std::lock_guard lock(mutex_);
  for (const auto& [partition, checkpoint] : checkpoints_) {
    // Rows that were found there from this offset on would lie before the beat, not behind it.
    const auto found = found_up_to_.find(partition);
    if (found != found_up_to_.end() && checkpoint.next_offset < found->second) continue;
    heartbeat.next_offsets[partition] = checkpoint.next_offset;
  }
  CATENA_TRY(const std::string value, encoder_->Beat(heartbeat));
  std::vector<topic::OutRecord> records;
  for (const std::string& key : beat_keys_) records.push_back({key, value, Timestamp::min()});
  CATENA_TRY(const auto places, writer_->Append(records));
  NoteEnds(places);
  return Status();
}

Result<uint64_t> Publisher::StateBytes() const {
  return parts_.to_kv ? store_->ApproximateBytes(fetch::EnrichedDataset(name())) : uint64_t{0};
}

Result<bool> Publisher::TakeOver(int32_t partition, topic::Offset first) {
  CATENA_TRY(const Trail trail, FollowTrail(*parts_.topic, partition));
  const topic::Offset told = trail.next_offset.value_or(first);
  if (told < first && !parts_.allow_gap) {
    return NotFound("the topic no longer holds what comes next (" + parts_.join +
                    ", left partition " + std::to_string(partition) + ": next offset " +
                    std::to_string(told) + ", earliest kept " + std::to_string(first) +
                    "); go on with --allow-gap");
  }
  const topic::Offset next = std::max(told, first);
  const std::lock_guard lock(mutex_);
  published_.Forget(partition);
  topic::Offset& found_up_to = found_up_to_[partition] = next;
  for (const topic::Offset offset : trail.rows) {
    if (offset < next) continue;
    published_.Add(partition, offset);
    found_up_to = std::max(found_up_to, offset + 1);
  }
  fetch::Checkpoint& checkpoint = checkpoints_[partition] = fetch::Checkpoint();
  checkpoint.start_offset = checkpoint.next_offset = next;
  CATENA_LOG_INFO("share", "join={} partition={} goes on at {}", parts_.join, partition, next);
  return trail.next_offset.has_value() && told >= first;
}

void Publisher::Leave(int32_t partition) {
  const std::lock_guard lock(mutex_);
  checkpoints_.erase(partition);
  found_up_to_.erase(partition);
  published_.Forget(partition);
}

}  // namespace catena::streaming

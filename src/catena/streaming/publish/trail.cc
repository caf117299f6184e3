// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/publish/trail.h"

#include <algorithm>

#include "catena/streaming/publish/enriched_record.h"

namespace catena::streaming {
namespace {

constexpr topic::Offset kFirstLook = 2000;
constexpr size_t kRecordsAtOnce = 1000;

// Of one partition of the enriched topic, from some offset on.
struct Piece {
  std::optional<topic::Offset> next_offset;
  std::vector<topic::Offset> rows;
};

// In the order of the topic, so that a beat forgets the rows before it of which it tells. One who
// lost the partition and does not know it yet tells of fewer than are there.
void Follow(const DecodedEnriched& decoded, topic::TopicPartition left, Piece* piece) {
  size_t beat = 0;
  for (uint32_t record = 0; record < decoded.origins.size(); ++record) {
    const Origin& origin = decoded.origins[record];
    if (origin.partition == left) piece->rows.push_back(origin.offset);
    if (beat == decoded.heartbeats.size() || decoded.record_of_heartbeat[beat] != record) continue;
    const auto& told = decoded.heartbeats[beat++].next_offsets;
    const auto next = told.find(left);
    if (next == told.end()) continue;
    piece->next_offset = std::max(piece->next_offset.value_or(0), next->second);
    std::erase_if(piece->rows, [&](topic::Offset row) { return row < next->second; });
  }
}

Result<Piece> ReadPiece(topic::TopicReader* reader, EnrichedDecoder* decoder,
                        topic::TopicPartition partition, topic::Offset from, topic::Offset end,
                        topic::TopicPartition left) {
  Piece piece;
  std::vector<topic::Record> records;
  CATENA_RETURN_IF_ERROR(reader->Seek(partition, from));
  while (reader->Position(partition) < end) {
    records.clear();
    CATENA_RETURN_IF_ERROR(reader->Poll(partition, kRecordsAtOnce, &records));
    if (records.empty()) break;
    CATENA_TRY(const DecodedEnriched decoded, decoder->Decode(records));
    Follow(decoded, left, &piece);
  }
  return piece;
}

}  // namespace

Result<Trail> FollowTrail(const topic::TopicAddress& enriched, topic::TopicPartition left) {
  CATENA_TRY(const auto reader, topic::OpenTopicReader(enriched));
  CATENA_TRY(EnrichedDecoder decoder, EnrichedDecoder::Open(enriched, {}));
  CATENA_TRY(const std::vector<topic::Offset> ends, reader->EndOffsets());
  Trail trail;
  for (topic::TopicPartition p = 0; p < reader->partitions(); ++p) {
    CATENA_TRY(const topic::Offset begin, reader->BeginOffset(p));
    const topic::Offset end = ends[static_cast<size_t>(p)];
    Piece piece;
    for (topic::Offset look = kFirstLook;; look *= 2) {
      const topic::Offset from = std::max(begin, end - look);
      CATENA_TRY(piece, ReadPiece(reader.get(), &decoder, p, from, end, left));
      if (piece.next_offset || from == begin) break;
    }
    if (piece.next_offset) {
      trail.next_offset = std::max(trail.next_offset.value_or(0), *piece.next_offset);
    }
    trail.rows.insert(trail.rows.end(), piece.rows.begin(), piece.rows.end());
  }
  return trail;
}

}  // namespace catena::streaming

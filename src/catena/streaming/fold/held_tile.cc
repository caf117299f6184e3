// SPDX-License-Identifier: Apache-2.0
#include "catena/streaming/fold/held_tile.h"

#include <cstring>

#include "catena/aggregate/ir_codec.h"
#include "catena/fetch/online_state.h"

namespace catena::streaming {
namespace {

constexpr char kStored = 0, kFlat = 1;
constexpr size_t kFlatBytesMax = 256;  // Of larger rows copies would cost more than they spare.
constexpr size_t kIrAt = 1 + sizeof(uint64_t);

}  // namespace

void HeldTile::Encode(const std::byte* ir, uint64_t incomplete, Timestamp start,
                      std::string* held) const {
  if (keep_ == Keep::kStored || rows_.ir_bytes() > kFlatBytesMax || !flat_.IsFlat(ir)) {
    held->push_back(kStored);
    fetch::EncodeTile(incomplete, /*ir=*/{}, held);  // It follows without a copy.
    aggregate::EncodeIr(rows_, ir, start, held);
    return;
  }
  const size_t at = held->size();
  held->resize(at + kIrAt + rows_.ir_bytes());
  (*held)[at] = kFlat;
  std::memcpy(held->data() + at + 1, &incomplete, sizeof(incomplete));
  std::memcpy(held->data() + at + kIrAt, ir, rows_.ir_bytes());
}

Status HeldTile::Decode(std::string_view held, Timestamp start, std::byte* ir,
                        uint64_t* incomplete) const {
  if (held[0] == kStored) {
    std::string_view bytes;
    CATENA_RETURN_IF_ERROR(fetch::DecodeTile(held.substr(1), incomplete, &bytes));
    return aggregate::DecodeIr(rows_, bytes, start, ir);
  }
  std::memcpy(incomplete, held.data() + 1, sizeof(*incomplete));
  std::memcpy(ir, held.data() + kIrAt, rows_.ir_bytes());
  return Status();
}

void HeldTile::ToStored(std::string_view held, Timestamp start, std::string* stored) const {
  if (held[0] == kStored) {
    stored->append(held.substr(1));
    return;
  }
  uint64_t incomplete = 0;
  alignas(aggregate::kIrAlignment) std::byte ir[kFlatBytesMax];  // Owns no memory.
  std::memcpy(&incomplete, held.data() + 1, sizeof(incomplete));
  std::memcpy(ir, held.data() + kIrAt, rows_.ir_bytes());
  fetch::EncodeTile(incomplete, /*ir=*/{}, stored);
  aggregate::EncodeIr(rows_, ir, start, stored);
}

void HeldTile::ToHeld(std::string_view stored, std::string* held) const {
  held->push_back(kStored);
  held->append(stored);
}

}  // namespace catena::streaming

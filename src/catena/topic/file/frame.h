// SPDX-License-Identifier: Apache-2.0
// Frame: one record as it stands in a segment of a file topic.
//
//     bytes   content
//     4       length: number of bytes after the checksum, little-endian
//     4       CRC-32C of those bytes, little-endian
//     8       append time: signed milliseconds since 1970 UTC, little-endian
//     1-5     key length: varint of base/bytes.h
//     k       key
//     rest    value
//
// A segment is frames back to back. STORED FORMAT: do not change; file_topic_test.cc holds the
// bytes of version 1 of topic.json.
//
//   errors   bytes that are not a whole valid frame are no frame; what that means is decided by
//            where they stand (ContinuesBeyondDamage)
//   threads  pure functions
//   limits   a frame has at most kFrameBytesMax bytes

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "catena/base/time.h"

namespace catena::topic {

inline constexpr size_t kFrameHeaderBytes = 8;
inline constexpr size_t kFrameBytesMax = size_t{16} << 20;

struct Frame {
  Timestamp append_time;
  std::string_view key;  // Views of the bytes that were read.
  std::string_view value;
  size_t bytes = 0;  // The whole frame.
};

size_t FrameBytes(std::string_view key, std::string_view value);
// Why no frame holds a record, "" when one does.
std::string WhyNoFrame(std::string_view key, std::string_view value);
void AppendFrame(Timestamp append_time, std::string_view key, std::string_view value,
                 std::string* out);

// The frame that `bytes` begin with; nothing unless it is whole and its checksum holds.
std::optional<Frame> ReadFrame(std::string_view bytes);

// Size of the frame that the header at the start of `bytes` announces; 0 when there is no header
// or no frame can be that long.
size_t AnnouncedFrameBytes(std::string_view bytes);

// `rest` are the bytes of a segment from the first that are no frame up to its end. A writer that
// died leaves the beginning of a frame and nothing behind it, so false means a torn tail. True
// means that whole records once stood behind the damage: a later frame holds, or bytes follow a
// frame that is all there. `time` is the append time of the last good frame.
bool ContinuesBeyondDamage(std::string_view rest, Timestamp time);

}  // namespace catena::topic

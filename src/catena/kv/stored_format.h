// SPDX-License-Identifier: Apache-2.0
// Stored format 1 of an embedded store: how datasets, marks and values become ordered keys.
//
//   what   key                                                     value
//   name   'n'  dataset name                                       id, 4 bytes big-endian
//   mark   'm'  id(4)  mark name                                   the mark's bytes
//   value  'v'  id(4)  escaped key  00 01  time(8)  sequence(8)    the value's bytes
//
// Ids count from 1 in order of first use and are never given to another dataset. Time (sign bit
// flipped) and sequence are big-endian, so that memcmp order is (dataset, key, time, sequence).
// Escaping writes a zero byte of the caller's key as 00 FF; 00 01 ends the key. So no key is a
// prefix of another: "a" is 61 00 01, "a\0" is 61 00 FF 00 01, and "a" still sorts first.
//
// STORED FORMAT: do not change; stored_format_test.cc holds it to golden bytes. The file
// CATENA_STORE in the folder carries the number (store_folder.h).
//
//   errors  Parse functions return nullopt for bytes that this header did not make

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "catena/base/time.h"

namespace catena::kv {

using DatasetId = uint32_t;

inline constexpr int kStoredFormat = 1;

inline constexpr char kNameTag = 'n';
inline constexpr char kMarkTag = 'm';
inline constexpr char kValueTag = 'v';

// Time and sequence at the end of a value's key.
inline constexpr size_t kInstantBytes = 16;
// The shortest key of a value: tag, id, the end of an empty key, time and sequence.
inline constexpr size_t kValueKeyBytesMin = 1 + 4 + 2 + kInstantBytes;

std::string NameKey(std::string_view dataset);
std::string EncodeDatasetId(DatasetId id);
std::optional<DatasetId> ParseDatasetId(std::string_view bytes);

// Everything of a kind (kMarkTag, kValueTag) and a dataset begins with these five bytes.
inline constexpr size_t kDatasetPrefixBytes = 1 + 4;
std::string DatasetPrefix(char tag, DatasetId id);
std::string MarkKey(DatasetId id, std::string_view name);

// The bytes that all values of one key share, appended to `out`.
void AppendValuePrefix(std::string* out, DatasetId id, std::string_view key);
void AppendInstant(std::string* out, Timestamp time, uint64_t sequence);

// The smallest bytes above everything that begins with `prefix`; empty when there are none.
std::string AfterPrefix(std::string_view prefix);

struct Instant {
  Timestamp time;
  uint64_t sequence = 0;
};

// Of a value's key, which has at least kValueKeyBytesMin bytes.
Instant ParseInstant(std::string_view value_key);

struct ValueKey {
  DatasetId id = 0;
  std::string key;  // As the caller gave it.
  Instant instant;
};

std::optional<ValueKey> ParseValueKey(std::string_view bytes);

}  // namespace catena::kv

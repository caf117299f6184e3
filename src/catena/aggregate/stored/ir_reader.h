// SPDX-License-Identifier: Apache-2.0
// IrReader: the bytes of IRs, and what decides how they are read.
//
//   version  of the IR (ir_codec.h). 1: doubles are their bits, times count from 1970; 2: doubles
//            are decimals where that is exact, times count from `since`; 3: numbers of few bytes
//            stand behind one that says how many, and what follows it counts inputs once
//   since    the time that whoever stored the bytes gave

#pragma once

#include "catena/base/bytes.h"
#include "catena/base/time.h"

namespace catena::aggregate {

inline constexpr uint8_t kIrVersion = 3;
inline constexpr uint8_t kIrVersionOldest = 1;

class IrReader : public ByteReader {
 public:
  explicit IrReader(std::string_view bytes, Timestamp since = {})
      : ByteReader(bytes), since_(since) {}

  // kIrVersion until told.
  uint8_t version() const { return version_; }
  Timestamp since() const { return version_ == 1 ? Timestamp() : since_; }
  // False when it is none that can be read.
  bool SetVersion(uint8_t version) {
    version_ = version;
    return version >= kIrVersionOldest && version <= kIrVersion;
  }

  // The next Count is `count`, of which the bytes then have none; 0: they have their own.
  void LendCount(int64_t count) { lent_count_ = count; }
  // Of an aggregation's inputs; 0 or less where the bytes are damaged.
  int64_t Count() {
    count_ = lent_count_ != 0 ? lent_count_ : static_cast<int64_t>(Varint());
    lent_count_ = 0;
    return count_;
  }
  // What Count answered last.
  int64_t last_count() const { return count_; }

 private:
  Timestamp since_;
  uint8_t version_ = kIrVersion;
  int64_t lent_count_ = 0;
  int64_t count_ = 0;
};

}  // namespace catena::aggregate

// SPDX-License-Identifier: Apache-2.0
// IrReader: the bytes of IRs, and what decides how they are read.
//
//   version  of the IR (ir_codec.h). 1: doubles are their bits, times count from 1970; 2: doubles
//            are decimals where that is exact, times count from `since`
//   since    the time that whoever stored the bytes gave

#pragma once

#include "catena/base/bytes.h"
#include "catena/base/time.h"

namespace catena::aggregate {

inline constexpr uint8_t kIrVersion = 2;
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

 private:
  Timestamp since_;
  uint8_t version_ = kIrVersion;
};

}  // namespace catena::aggregate

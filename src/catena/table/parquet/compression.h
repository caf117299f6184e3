// SPDX-License-Identifier: Apache-2.0
// Compression of Parquet pages.
//
//   errors   kInvalidConf: a name that is not one of the four; compressing itself cannot fail
//   threads  a Compressor belongs to one thread
//   source   snappy, zstd and LZ4, which RocksDB brings along

#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "catena/base/result.h"

namespace catena::table {

class Compressor {
 public:
  // zstd, snappy, lz4_raw or uncompressed.
  static Result<Compressor> Of(const std::string& name);
  Compressor(Compressor&&) noexcept;
  ~Compressor();

  // As parquet.thrift numbers them.
  int32_t codec() const { return codec_; }
  void Append(std::string_view bytes, std::string* out);

 private:
  struct Zstd;
  explicit Compressor(int32_t codec);
  int32_t codec_;
  std::unique_ptr<Zstd> zstd_;  // Kept: making one costs more than a small page.
};

}  // namespace catena::table

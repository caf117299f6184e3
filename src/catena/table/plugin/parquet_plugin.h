// SPDX-License-Identifier: Apache-2.0
// The plugin: Arrow's writer of Parquet, in a shared library that is loaded when the first file is
// written.
//
// Arrow's libraries carry, and export, an OpenSSL and a simdjson of their own. Linked to the
// program they would take the place of the system's; loaded apart, for this library alone, they
// take nobody's (docs/decisions/0018-arrow-writes-parquet.md). The sources in this folder are the
// library; what else includes this header only knows what to ask of it.
//
//   threads  any

#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "catena/base/result.h"
#include "catena/table/parquet_file.h"
#include "catena/types/batch.h"

namespace catena::table {

// Where the bytes of a file go, from front to back.
class ParquetSink {
 public:
  virtual ~ParquetSink() = default;
  // 0, or what errno says.
  virtual int Write(std::string_view bytes) = 0;
};

inline constexpr char kParquetPlugin[] = "libcatena_parquet.so";
inline constexpr char kParquetPluginEntry[] = "CatenaWriteParquet";

// What a library's entry must be, for the one who loads it. Rows of `batches`, all of `schema`, as
// one file; the options are checked. kInvalidData: as WriteParquet; kUnavailable: what the sink
// says, or memory that ran out. Nothing is thrown.
using ParquetPluginEntry = void(const types::Schema& schema, std::span<const types::Batch> batches,
                                const ParquetOptions& options, ParquetSink* sink, Status* written);

}  // namespace catena::table

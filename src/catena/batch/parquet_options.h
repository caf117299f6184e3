// SPDX-License-Identifier: Apache-2.0
// How a table's files are written, as the table properties of its conf say.
//
//   parquet.compression, write.parquet.compression-codec              zstd, gzip, snappy, lz4_raw,
//                                                                     uncompressed (or none)
//   parquet.compression.codec.zstd.level, write.parquet.compression-level    1 to 22, of zstd
//   parquet.writer.version                      v1 or v2, or as PARQUET_1_0, PARQUET_2_0: encodings
//
//   source   parquet-java, Iceberg: the first name is Hive's, the second Iceberg's; Hive's counts
//            when both are there. Other properties mean nothing here
//   errors   kInvalidConf: an unknown codec, a level or a version that is none; kUnsupported: a
//            table of Iceberg or Delta, by `provider`, `table_type`, `write.format.default` or
//            Chronon's spark.chronon.table_write.format

#pragma once

#include "catena/base/json.h"
#include "catena/base/result.h"
#include "catena/table/parquet_file.h"

namespace catena::batch {

Result<table::ParquetOptions> ParquetOptionsOf(const Json& table_properties);

}  // namespace catena::batch

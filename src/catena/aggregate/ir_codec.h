// SPDX-License-Identifier: Apache-2.0
// IR rows as bytes, and back.
//
// One version byte (stored/ir_reader.h), one bit per base aggregation (set: not empty), another
// (set: it has as many inputs as the last one before it that counts them), then the non-empty slots
// in order, each as its operation encodes it, and behind it its count unless that bit is set. Bytes
// do not say which aggregations they hold: a stored dataset is bound to one GroupBy by its name and
// semantic hash. STORED FORMAT: golden bytes in ir_codec_test.cc.
//
//   canonical  equal states are equal bytes, whatever order of updates and merges led there
//   errors     bytes that are no state of these aggregations are kCorruption; the IR row then holds
//              some valid state, to be reset or destroyed. Whatever the bytes, nothing is read past
//              them and no later fold or finalize misbehaves
//   source     format of our own

#pragma once

#include <string>
#include <string_view>

#include "catena/aggregate/ir.h"
#include "catena/aggregate/stored/ir_reader.h"

namespace catena::aggregate {

// Times are stored as distances from `since`: bytes are smaller the nearer it is.
void EncodeIr(const RowAggregator& rows, const std::byte* ir, Timestamp since, std::string* out);

// All of `bytes` is one IR row. `ir` is initialised; what it held is replaced. `since` is what the
// bytes were encoded with.
Status DecodeIr(const RowAggregator& rows, std::string_view bytes, Timestamp since, std::byte* ir);
Result<IR> DecodeIr(const RowAggregator& rows, std::string_view bytes, Timestamp since);

// The same without the version byte, for formats that tell the reader the version, and of only
// those base aggregations i with only[i]: the others count as empty.
void EncodeIrBody(const RowAggregator& rows, const std::byte* ir, const std::vector<bool>& only,
                  Timestamp since, std::string* out);
Status DecodeIrBody(const RowAggregator& rows, IrReader* reader, const std::vector<bool>& only,
                    std::byte* ir);

}  // namespace catena::aggregate

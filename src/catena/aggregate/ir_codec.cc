// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/ir_codec.h"

namespace catena::aggregate {
namespace {

Error Undecodable(std::string_view why) {
  return Corruption("stored IR does not decode (restore it from a backup or recompute it): " +
                    std::string(why));
}

bool IsSet(std::string_view bits, size_t i) {
  return (static_cast<uint8_t>(bits[i / 8]) >> (i % 8) & 1) != 0;
}

void EncodeBody(const RowAggregator& rows, const std::byte* ir, const std::vector<bool>* only,
                Timestamp since, std::string* out) {
  const auto bases = rows.aggregations();
  const size_t bits = out->size();
  const size_t of_each = (bases.size() + 7) / 8;
  out->append(2 * of_each, '\0');
  const auto set = [&](size_t from, size_t i) {
    (*out)[from + i / 8] = static_cast<char>((*out)[from + i / 8] | 1 << (i % 8));
  };
  int64_t last_count = 0;
  for (size_t i = 0; i < bases.size(); ++i) {
    const std::byte* slot = ir + bases[i].offset;
    if ((only != nullptr && !(*only)[i]) || bases[i].kernel->IsEmpty(slot)) continue;
    set(bits, i);
    const int64_t count = bases[i].kernel->Encode(slot, since, out);
    if (count == 0) continue;
    if (count == last_count) {
      set(bits + of_each, i);
    } else {
      AppendVarint(out, static_cast<uint64_t>(count));
    }
    last_count = count;
  }
}

Status DecodeBody(const RowAggregator& rows, IrReader* reader, const std::vector<bool>* only,
                  std::byte* ir) {
  rows.Reset(ir);
  const auto bases = rows.aggregations();
  const size_t of_each = (bases.size() + 7) / 8;
  const std::string_view bits = reader->Take(of_each);
  const std::string_view lent = reader->Take(reader->version() >= 3 ? of_each : 0);
  if (!reader->ok()) return Undecodable("it ends within the list of what is filled");
  int64_t last_count = 0;
  for (size_t i = 0; i < of_each * 8; ++i) {
    const bool borrows = !lent.empty() && IsSet(lent, i);
    if (!IsSet(bits, i)) {
      if (borrows) return Undecodable("what is empty has a count");
      continue;
    }
    if (i >= bases.size() || (only != nullptr && !(*only)[i])) {
      return Undecodable("it has an aggregation that the GroupBy has not");
    }
    const Kernel& kernel = *bases[i].kernel;
    if (borrows && (last_count == 0 || !kernel.counts())) {
      return Undecodable("it borrows a count that is not there");
    }
    reader->LendCount(borrows ? last_count : 0);
    CATENA_RETURN_IF_ERROR(kernel.Decode(reader, ir + bases[i].offset));
    if (kernel.counts()) last_count = reader->last_count();
  }
  return Status();
}

}  // namespace

void EncodeIrBody(const RowAggregator& rows, const std::byte* ir, const std::vector<bool>& only,
                  Timestamp since, std::string* out) {
  EncodeBody(rows, ir, &only, since, out);
}

Status DecodeIrBody(const RowAggregator& rows, IrReader* reader, const std::vector<bool>& only,
                    std::byte* ir) {
  return DecodeBody(rows, reader, &only, ir);
}

void EncodeIr(const RowAggregator& rows, const std::byte* ir, Timestamp since, std::string* out) {
  out->push_back(static_cast<char>(kIrVersion));
  EncodeBody(rows, ir, nullptr, since, out);
}

Status DecodeIr(const RowAggregator& rows, std::string_view bytes, Timestamp since, std::byte* ir) {
  IrReader reader(bytes, since);
  const uint8_t version = reader.Byte();
  if (!reader.ok()) return Undecodable("it is empty");
  if (!reader.SetVersion(version)) {
    return Undecodable("its version is unknown to this build: " + std::to_string(version));
  }
  CATENA_RETURN_IF_ERROR(DecodeBody(rows, &reader, nullptr, ir));
  if (!reader.AtEnd()) return Undecodable("bytes follow it");
  return Status();
}

Result<IR> DecodeIr(const RowAggregator& rows, std::string_view bytes, Timestamp since) {
  IR ir(rows);
  CATENA_RETURN_IF_ERROR(DecodeIr(rows, bytes, since, ir.data()));
  return ir;
}

}  // namespace catena::aggregate

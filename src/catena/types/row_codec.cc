// SPDX-License-Identifier: Apache-2.0
#include "catena/types/row_codec.h"

#include <algorithm>
#include <bit>

namespace catena::types {
namespace {

// The entries of a map by key; of equal keys the last.
std::vector<uint64_t> EntriesByKey(const Column& map, size_t row) {
  std::vector<uint64_t> entries;
  for (uint64_t i = map.offset(row); i < map.offset(row + 1); ++i) entries.push_back(i);
  const Column& keys = map.child(0);
  if (!keys.type().IsText()) return entries;
  const auto key = [&keys](uint64_t i) { return keys.Text(i); };
  std::ranges::stable_sort(entries, std::less<>(), key);
  const auto same = [&](uint64_t a, uint64_t b) { return key(a) == key(b); };
  const auto last = std::unique(entries.rbegin(), entries.rend(), same);
  entries.erase(entries.begin(), last.base());
  return entries;
}

template <typename T>
bool DecodeInteger(ByteReader* in, Column* into) {
  const int64_t wide = in->Zigzag();
  into->Append<T>(static_cast<T>(wide));
  return in->ok() && static_cast<T>(wide) == wide;
}

}  // namespace

void EncodeCell(const Column& column, size_t row, std::string* out) {
  if (column.IsNull(row)) {
    out->push_back(0);
    return;
  }
  out->push_back(2);  // Zigzag of union branch 1.
  switch (column.type().kind) {
    case Kind::kBool:
      out->push_back(column.Values<int8_t>()[row] != 0 ? 1 : 0);
      return;
    case Kind::kByte:
      return AppendZigzag(out, column.Values<int8_t>()[row]);
    case Kind::kShort:
      return AppendZigzag(out, column.Values<int16_t>()[row]);
    case Kind::kInt:
    case Kind::kDate:
      return AppendZigzag(out, column.Values<int32_t>()[row]);
    case Kind::kLong:
    case Kind::kTimestamp:
      return AppendZigzag(out, column.Values<int64_t>()[row]);
    case Kind::kFloat: {
      const auto bits = std::bit_cast<uint32_t>(column.Values<float>()[row]);
      for (int shift = 0; shift < 32; shift += 8) out->push_back(static_cast<char>(bits >> shift));
      return;
    }
    case Kind::kDouble:
      return AppendDouble(out, column.Values<double>()[row]);
    case Kind::kString:
    case Kind::kBinary: {
      const std::string_view text = column.Text(row);
      AppendZigzag(out, static_cast<int64_t>(text.size()));
      out->append(text);
      return;
    }
    case Kind::kList: {
      const uint64_t count = column.offset(row + 1) - column.offset(row);
      if (count > 0) AppendZigzag(out, static_cast<int64_t>(count));
      for (uint64_t i = column.offset(row); i < column.offset(row + 1); ++i) {
        EncodeCell(column.child(0), i, out);
      }
      return AppendZigzag(out, 0);
    }
    case Kind::kMap: {
      const std::vector<uint64_t> entries = EntriesByKey(column, row);
      if (!entries.empty()) AppendZigzag(out, static_cast<int64_t>(entries.size()));
      for (const uint64_t i : entries) {
        EncodeCell(column.child(0), i, out);
        EncodeCell(column.child(1), i, out);
      }
      return AppendZigzag(out, 0);
    }
    case Kind::kStruct:
      for (size_t c = 0; c < column.child_count(); ++c) EncodeCell(column.child(c), row, out);
      return;
  }
}

bool DecodeCell(ByteReader* in, Column* into) {
  const uint8_t branch = in->Byte();
  if (!in->ok() || branch > 2 || branch == 1) return false;
  if (branch == 0) {
    into->AppendNull();
    return true;
  }
  switch (into->type().kind) {
    case Kind::kBool: {
      const uint8_t truth = in->Byte();
      into->Append<int8_t>(static_cast<int8_t>(truth));
      return in->ok() && truth <= 1;
    }
    case Kind::kByte:
      return DecodeInteger<int8_t>(in, into);
    case Kind::kShort:
      return DecodeInteger<int16_t>(in, into);
    case Kind::kInt:
    case Kind::kDate:
      return DecodeInteger<int32_t>(in, into);
    case Kind::kLong:
    case Kind::kTimestamp:
      return DecodeInteger<int64_t>(in, into);
    case Kind::kFloat: {
      uint32_t bits = 0;
      for (int shift = 0; shift < 32; shift += 8) bits |= uint32_t{in->Byte()} << shift;
      into->Append<float>(std::bit_cast<float>(bits));
      break;
    }
    case Kind::kDouble:
      into->Append<double>(in->Double());
      break;
    case Kind::kString:
    case Kind::kBinary: {
      const int64_t size = in->Zigzag();
      if (size < 0) return false;
      into->AppendText(in->Take(static_cast<size_t>(size)));
      break;
    }
    case Kind::kList:
    case Kind::kMap:
      for (int64_t count = in->Zigzag(); count != 0; count = in->Zigzag()) {
        if (count < 0 || static_cast<uint64_t>(count) > in->remaining()) return false;
        for (int64_t i = 0; i < count; ++i) {
          for (size_t c = 0; c < into->child_count(); ++c) {
            if (!DecodeCell(in, into->mutable_child(c))) return false;
          }
        }
      }
      into->CloseRow();
      break;
    case Kind::kStruct:
      for (size_t c = 0; c < into->child_count(); ++c) {
        if (!DecodeCell(in, into->mutable_child(c))) return false;
      }
      into->CloseRow();
      break;
  }
  return in->ok();
}

namespace {

// Tags of key parts. STORED FORMAT: do not renumber.
constexpr char kFalseTag = 1, kTrueTag = 2, kIntegerTag = 3, kDoubleTag = 4, kTextTag = 5;

void AppendKeyText(std::string_view text, std::string* out) {
  out->push_back(kTextTag);
  for (const char c : text) {
    out->push_back(c);
    if (c == 0) out->push_back(1);  // 0 1 is a zero byte, 0 0 ends the text.
  }
  out->append(2, '\0');
}

void AppendKeyDouble(double value, std::string* out) {
  out->push_back(kDoubleTag);
  const auto bits = std::bit_cast<uint64_t>(value == 0.0 ? 0.0 : value);
  AppendOrdered64(out, bits >> 63 ? ~bits : bits ^ (uint64_t{1} << 63));
}

void AppendKeyInteger(int64_t value, std::string* out) {
  out->push_back(kIntegerTag);
  AppendOrderedInt64(out, value);
}

bool AppendKeyCell(const Column& column, size_t row, std::string* out) {
  if (column.IsNull(row)) return false;
  switch (column.type().kind) {
    case Kind::kBool:
      out->push_back(column.Values<int8_t>()[row] != 0 ? kTrueTag : kFalseTag);
      return true;
    case Kind::kByte:
      AppendKeyInteger(column.Values<int8_t>()[row], out);
      return true;
    case Kind::kShort:
      AppendKeyInteger(column.Values<int16_t>()[row], out);
      return true;
    case Kind::kInt:
    case Kind::kDate:
      AppendKeyInteger(column.Values<int32_t>()[row], out);
      return true;
    case Kind::kLong:
    case Kind::kTimestamp:
      AppendKeyInteger(column.Values<int64_t>()[row], out);
      return true;
    case Kind::kFloat:
      AppendKeyDouble(column.Values<float>()[row], out);
      return true;
    case Kind::kDouble:
      AppendKeyDouble(column.Values<double>()[row], out);
      return true;
    case Kind::kString:
    case Kind::kBinary:
      AppendKeyText(column.Text(row), out);
      return true;
    default:
      return false;
  }
}

Result<Value> DecodeKeyPart(ByteReader* in, const DataType& type) {
  const uint8_t tag = in->Byte();
  if (tag == kFalseTag || tag == kTrueTag) return Value(tag == kTrueTag);
  if (tag == kIntegerTag && !type.IsText()) return Value(in->OrderedInt64());
  if (tag == kDoubleTag && type.IsFloating()) {
    const uint64_t stored = in->Ordered64();
    const uint64_t bits = stored >> 63 ? stored ^ (uint64_t{1} << 63) : ~stored;
    return Value(std::bit_cast<double>(bits));
  }
  if (tag == kTextTag && type.IsText()) {
    std::string text;
    while (true) {
      const char c = static_cast<char>(in->Byte());
      if (!in->ok()) break;
      if (c != 0) {
        text.push_back(c);
        continue;
      }
      const uint8_t escaped = in->Byte();
      if (!in->ok() || escaped > 1) break;
      if (escaped == 0) return Value(std::move(text));
      text.push_back(0);
    }
  }
  return Corruption("key bytes do not decode as " + TypeName(type));
}

}  // namespace

void RowCodec::Encode(const Batch& batch, std::span<const size_t> columns, size_t row,
                      std::string* out) const {
  for (const size_t column : columns) EncodeCell(batch.column(column), row, out);
}

Status RowCodec::DecodeInto(std::string_view bytes, BatchBuilder* into) const {
  ByteReader reader(bytes);
  for (size_t i = 0; i < schema_.size(); ++i) {
    if (!DecodeCell(&reader, into->column(i))) {
      return Corruption("row bytes do not decode at field " + schema_.fields[i].name);
    }
  }
  return reader.AtEnd() ? Status() : Status(Corruption("row bytes have a tail"));
}

bool EncodeKey(const Batch& batch, std::span<const size_t> columns, size_t row, std::string* out) {
  const size_t before = out->size();
  for (const size_t column : columns) {
    if (!AppendKeyCell(batch.column(column), row, out)) {
      out->resize(before);
      return false;
    }
  }
  return true;
}

bool EncodeKey(std::span<const Value> values, std::string* out) {
  const size_t before = out->size();
  for (const Value& value : values) {
    if (const auto* truth = std::get_if<bool>(&value.data)) {
      out->push_back(*truth ? kTrueTag : kFalseTag);
    } else if (const auto* integer = std::get_if<int64_t>(&value.data)) {
      AppendKeyInteger(*integer, out);
    } else if (const auto* number = std::get_if<double>(&value.data)) {
      AppendKeyDouble(*number, out);
    } else if (const auto* text = std::get_if<std::string>(&value.data)) {
      AppendKeyText(*text, out);
    } else {
      out->resize(before);
      return false;
    }
  }
  return true;
}

Result<std::vector<Value>> DecodeKey(std::string_view bytes, std::span<const DataType> types) {
  ByteReader reader(bytes);
  std::vector<Value> values;
  for (const DataType& type : types) {
    CATENA_TRY(Value value, DecodeKeyPart(&reader, type));
    values.push_back(std::move(value));
  }
  if (!reader.ok() || !reader.AtEnd()) return Corruption("key bytes have a wrong length");
  return values;
}

}  // namespace catena::types

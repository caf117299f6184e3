// SPDX-License-Identifier: Apache-2.0
// ThriftWriter: structs in Thrift's compact protocol, which Parquet describes itself in.
//
//   input   fields by ascending number; what Begin... opened is closed by End, innermost first
//   source  Apache Thrift, thrift-compact-protocol.md

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "catena/base/bytes.h"

namespace catena::table {

class ThriftWriter {
 public:
  explicit ThriftWriter(std::string* out) : out_(out), last_{0} {}

  void Int32(int16_t field, int32_t value) {
    Head(field, kInt32);
    AppendZigzag(out_, value);
  }
  void Int64(int16_t field, int64_t value) {
    Head(field, kInt64);
    AppendZigzag(out_, value);
  }
  void Byte(int16_t field, int8_t value) {
    Head(field, kByte);
    out_->push_back(static_cast<char>(value));
  }
  void Bool(int16_t field, bool value) { Head(field, value ? kTrue : kFalse); }
  void Binary(int16_t field, std::string_view bytes) {
    Head(field, kBinary);
    AppendSized(out_, bytes);
  }
  void BeginStruct(int16_t field) {
    Head(field, kStruct);
    last_.push_back(0);
  }
  // Of a list of structs, and the struct that Thrift begins with.
  void BeginElement() { last_.push_back(0); }
  void End() {
    out_->push_back(0);
    last_.pop_back();
  }
  void Int32s(int16_t field, const std::vector<int32_t>& values) {
    List(field, kInt32, values.size());
    for (const int32_t value : values) AppendZigzag(out_, value);
  }
  void Binaries(int16_t field, const std::vector<std::string>& values) {
    List(field, kBinary, values.size());
    for (const std::string& value : values) AppendSized(out_, value);
  }
  // BeginElement and End for each follow.
  void Structs(int16_t field, size_t count) { List(field, kStruct, count); }

 private:
  enum Type : uint8_t {
    kTrue = 1,
    kFalse = 2,
    kByte = 3,
    kInt32 = 5,
    kInt64 = 6,
    kBinary = 8,
    kList = 9,
    kStruct = 12,
  };
  void Head(int16_t field, Type type) {
    const int delta = field - last_.back();
    if (delta > 0 && delta < 16) {
      out_->push_back(static_cast<char>(delta << 4 | type));
    } else {
      out_->push_back(static_cast<char>(type));
      AppendZigzag(out_, field);
    }
    last_.back() = field;
  }
  void List(int16_t field, Type element, size_t count) {
    Head(field, kList);
    if (count < 15) {
      out_->push_back(static_cast<char>(count << 4 | element));
    } else {
      out_->push_back(static_cast<char>(0xf0 | element));
      AppendVarint(out_, count);
    }
  }

  std::string* out_;
  std::vector<int16_t> last_;  // Field written last, by depth.
};

}  // namespace catena::table

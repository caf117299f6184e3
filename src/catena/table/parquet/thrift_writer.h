// SPDX-License-Identifier: Apache-2.0
// ThriftWriter: structs in Thrift's compact protocol, as far as Parquet's footers need it.
//
//   input    fields in ascending order of id; every BeginStruct, in a field or a list, has its End
//   source   Thrift compact protocol: field header, zigzag varints, list header

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "catena/base/bytes.h"

namespace catena::table {

class ThriftWriter {
 public:
  enum class Type : uint8_t {
    kTrue = 1,
    kFalse = 2,
    kI32 = 5,
    kI64 = 6,
    kBinary = 8,
    kList = 9,
    kStruct = 12
  };

  // The outermost struct is open from the beginning.
  explicit ThriftWriter(std::string* out) : out_(out), last_{0} {}

  void Bool(int16_t id, bool value) { Header(id, value ? Type::kTrue : Type::kFalse); }
  void I32(int16_t id, int32_t value) {
    Header(id, Type::kI32);
    AppendZigzag(out_, value);
  }
  void I64(int16_t id, int64_t value) {
    Header(id, Type::kI64);
    AppendZigzag(out_, value);
  }
  void Binary(int16_t id, std::string_view value) {
    Header(id, Type::kBinary);
    BinaryElement(value);
  }
  void BeginStruct(int16_t id) {
    Header(id, Type::kStruct);
    last_.push_back(0);
  }
  void BeginList(int16_t id, Type element, size_t size) {
    constexpr size_t kShort = 15;
    Header(id, Type::kList);
    const auto type = static_cast<uint8_t>(element);
    out_->push_back(static_cast<char>((size < kShort ? size << 4 : 0xf0) | type));
    if (size >= kShort) AppendVarint(out_, size);
  }
  // What follows BeginList, once an element.
  void I32Element(int32_t value) { AppendZigzag(out_, value); }
  void BinaryElement(std::string_view value) {
    AppendVarint(out_, value.size());
    out_->append(value);
  }
  void BeginStructElement() { last_.push_back(0); }
  // Closes the innermost struct.
  void End() {
    out_->push_back(0);
    last_.pop_back();
  }

 private:
  void Header(int16_t id, Type type) {
    const int delta = id - last_.back();
    last_.back() = id;
    out_->push_back(static_cast<char>(delta << 4 | static_cast<int>(type)));
  }

  std::string* out_;
  std::vector<int16_t> last_;  // Id of the last field of each open struct; deltas stay below 16.
};

}  // namespace catena::table

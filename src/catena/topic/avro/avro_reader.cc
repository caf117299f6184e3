// SPDX-License-Identifier: Apache-2.0
#include "catena/topic/avro/avro_reader.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "catena/topic/seen_keys.h"

namespace catena::topic {
namespace {

using types::Column;
using types::Kind;

constexpr int kDepthMax = 64;
constexpr size_t kElementsOfNothingMax = 10'000;

int64_t FloorDivide(int64_t value, int64_t divisor) {
  return value / divisor - (value % divisor < 0 ? 1 : 0);
}

void AppendInteger(int64_t value, Kind to, Column* column) {
  switch (to) {
    case Kind::kByte:
      return column->Append<int8_t>(static_cast<int8_t>(value));
    case Kind::kShort:
      return column->Append<int16_t>(static_cast<int16_t>(value));
    case Kind::kInt:
    case Kind::kDate:
      return column->Append<int32_t>(static_cast<int32_t>(value));
    default:
      return column->Append<int64_t>(value);
  }
}

float FloatOf(std::string_view four) {
  uint32_t bits = 0;
  if (four.size() == 4) std::memcpy(&bits, four.data(), 4);
  return std::bit_cast<float>(bits);
}

}  // namespace

bool AvroReader::Read(const AvroPlan& plan, std::string_view bytes, size_t first_byte,
                      types::BatchBuilder* builder) {
  plan_ = &plan;
  builder_ = builder;
  in_ = ByteReader(bytes);
  end_ = first_byte + bytes.size();
  field_ = builder->schema().size();
  elements_of_nothing_ = 0;
  const AvroStep* root = &plan.steps[plan.root];
  if (root->op == AvroOp::kUnion) root = Branch(*root);
  if (root == nullptr) return false;
  if (root->op == AvroOp::kRefuse) return Fail(plan.texts[root->first]);
  if (!RunRow(*root)) return false;
  field_ = builder->schema().size();
  return in_.AtEnd() || Fail("bytes follow the record; they were written with another schema");
}

bool AvroReader::RunRow(const AvroStep& step) {
  const AvroEdge* edge = plan_->edges.data() + step.first;
  for (const AvroEdge* end = edge + step.count; edge != end; ++edge) {
    const AvroStep& field = plan_->steps[edge->step];
    if (IsSkip(field.op)) {
      field_ = builder_->schema().size();
      if (!Skip(field, 1)) return false;
      continue;
    }
    field_ = edge->column;
    if (!Run(field, 1, builder_->column(edge->column))) return false;
  }
  return true;
}

bool AvroReader::Run(const AvroStep& step, int depth, Column* column) {
  switch (step.op) {
    case AvroOp::kNull:
      column->AppendNull();
      return true;
    case AvroOp::kConstant:
      column->AppendFrom(*plan_->constants[step.first], 0);
      return true;
    case AvroOp::kRefuse:
      return Fail(plan_->texts[step.first]);
    case AvroOp::kBoolean: {
      const uint8_t truth = in_.Byte();
      if (!in_.ok()) return FailShort();
      if (truth > 1) return Fail("a boolean is 0 or 1");
      column->Append<int8_t>(static_cast<int8_t>(truth));
      return true;
    }
    case AvroOp::kInteger:
    case AvroOp::kIntegerToReal:
      return RunInteger(step, column);
    case AvroOp::kFloat: {
      const float real = FloatOf(in_.Take(4));
      if (!in_.ok()) return FailShort();
      step.to == Kind::kFloat ? column->Append<float>(real) : column->Append<double>(real);
      return true;
    }
    case AvroOp::kDouble: {
      const double real = in_.Double();
      if (!in_.ok()) return FailShort();
      if (step.to == Kind::kDouble) {
        column->Append<double>(real);
        return true;
      }
      if (std::isfinite(real) && std::abs(real) > std::numeric_limits<float>::max()) {
        return Fail(fmt::format("wants FLOAT, found the number {}, which does not fit", real));
      }
      column->Append<float>(static_cast<float>(real));
      return true;
    }
    case AvroOp::kText:
    case AvroOp::kFixed:
    case AvroOp::kEnum:
      return RunText(step, column);
    case AvroOp::kList:
      return RunList(step, depth + 1, column);
    case AvroOp::kMap:
      return RunMap(step, depth + 1, column);
    case AvroOp::kFields:
      return RunFields(step, depth + 1, column);
    case AvroOp::kUnion: {
      const AvroStep* branch = Branch(step);
      return branch != nullptr && Run(*branch, depth, column);
    }
    default:
      return Skip(step, depth);
  }
}

bool AvroReader::RunInteger(const AvroStep& step, Column* column) {
  const int64_t value = in_.Zigzag();
  if (!in_.ok()) return FailShort();
  if (step.op == AvroOp::kIntegerToReal) {
    step.to == Kind::kFloat ? column->Append<float>(static_cast<float>(value))
                            : column->Append<double>(static_cast<double>(value));
    return true;
  }
  if (value < step.low || value > step.high) {
    return Fail(fmt::format("wants {}, found the number {}, which does not fit",
                            types::TypeName(step.to), value));
  }
  AppendInteger(step.divisor == 1 ? value : FloorDivide(value, step.divisor), step.to, column);
  return true;
}

bool AvroReader::RunText(const AvroStep& step, Column* column) {
  if (step.op == AvroOp::kEnum) {
    const int64_t symbol = in_.Zigzag();
    if (!in_.ok()) return FailShort();
    if (symbol < 0 || symbol >= step.count) {
      return Fail(fmt::format("the enum has no symbol number {}", symbol));
    }
    column->AppendText(plan_->texts[step.first + static_cast<size_t>(symbol)]);
    return true;
  }
  const std::string_view text = step.op == AvroOp::kFixed ? in_.Take(step.size) : Sized();
  if (!in_.ok()) return FailShort();
  if (step.check_utf8 && !simdjson::validate_utf8(text.data(), text.size())) {
    return Fail("wants STRING, found bytes that are not UTF-8");
  }
  column->AppendText(text);
  return true;
}

bool AvroReader::RunFields(const AvroStep& step, int depth, Column* column) {
  if (depth > kDepthMax) return Fail("nests deeper than 64 levels");
  for (uint32_t i = 0; i < step.count; ++i) {
    const AvroEdge& edge = plan_->edges[step.first + i];
    const AvroStep& field = plan_->steps[edge.step];
    const bool done = IsSkip(field.op) ? Skip(field, depth)
                                       : Run(field, depth, column->mutable_child(edge.column));
    if (!done) return false;
  }
  column->CloseRow();
  return true;
}

bool AvroReader::RunList(const AvroStep& step, int depth, Column* column) {
  if (depth > kDepthMax) return Fail("nests deeper than 64 levels");
  const AvroStep& element = StepOf(step.first);
  int64_t bytes = 0;
  while (const int64_t count = BlockCount(&bytes)) {
    for (int64_t i = 0; i < count; ++i) {
      const size_t before = in_.remaining();
      if (!Run(element, depth, column->mutable_child(0)) || !TookBytes(before)) return false;
    }
  }
  if (!in_.ok()) return FailShort();
  column->CloseRow();
  return true;
}

bool AvroReader::RunMap(const AvroStep& step, int depth, Column* column) {
  if (depth > kDepthMax) return Fail("nests deeper than 64 levels");
  const AvroStep& element = StepOf(step.first);
  SeenKeys seen;
  int64_t bytes = 0;
  while (const int64_t count = BlockCount(&bytes)) {
    for (int64_t i = 0; i < count; ++i) {
      const std::string_view key = Sized();
      if (!in_.ok()) return FailShort();
      if (!simdjson::validate_utf8(key.data(), key.size())) return Fail("a key is not UTF-8");
      if (!seen.Insert(key)) return Fail("a key of a map is there twice");
      column->mutable_child(0)->AppendText(key);
      if (!Run(element, depth, column->mutable_child(1))) return false;
    }
  }
  if (!in_.ok()) return FailShort();
  column->CloseRow();
  return true;
}

bool AvroReader::Skip(const AvroStep& step, int depth) {
  if (depth > kDepthMax) return Fail("nests deeper than 64 levels");
  switch (step.op) {
    case AvroOp::kSkipBytes:
      in_.Take(step.size);
      return in_.ok() || FailShort();
    case AvroOp::kSkipVarints:
      for (size_t i = 0; i < step.size; ++i) in_.Varint();
      return in_.ok() || FailShort();
    case AvroOp::kSkipSized:
      Sized();
      return in_.ok() || FailShort();
    case AvroOp::kSkipArray:
    case AvroOp::kSkipMap:
      return SkipBlocks(step, depth + 1);
    case AvroOp::kSkipFields:
      for (uint32_t i = 0; i < step.count; ++i) {
        if (!Skip(StepOf(step.first + i), depth + 1)) return false;
      }
      return true;
    case AvroOp::kSkipUnion: {
      const AvroStep* branch = Branch(step);
      return branch != nullptr && Skip(*branch, depth);
    }
    default:
      return true;
  }
}

bool AvroReader::SkipBlocks(const AvroStep& step, int depth) {
  const AvroStep& element = StepOf(step.first);
  int64_t bytes = 0;
  while (const int64_t count = BlockCount(&bytes)) {
    if (bytes > 0) {  // The writer says where the block ends.
      in_.Take(static_cast<size_t>(bytes));
      continue;
    }
    for (int64_t i = 0; i < count; ++i) {
      const size_t before = in_.remaining();
      if (step.op == AvroOp::kSkipMap) Sized();
      if (!in_.ok()) return FailShort();
      if (!Skip(element, depth) || !TookBytes(before)) return false;
    }
  }
  return in_.ok() || FailShort();
}

const AvroStep* AvroReader::Branch(const AvroStep& step) {
  const int64_t branch = in_.Zigzag();
  if (in_.ok() && branch >= 0 && branch < step.count) {
    return &StepOf(step.first + static_cast<uint32_t>(branch));
  }
  in_.ok() ? Fail(fmt::format("the union has no branch number {}", branch)) : FailShort();
  return nullptr;
}

std::string_view AvroReader::Sized() {
  const int64_t size = in_.Zigzag();
  // Of a negative size, or one beyond the end, there are never so many bytes left.
  return in_.Take(size < 0 ? in_.remaining() + 1 : static_cast<size_t>(size));
}

int64_t AvroReader::BlockCount(int64_t* bytes) {
  const int64_t count = in_.Zigzag();
  *bytes = 0;
  if (!in_.ok() || count >= 0) return in_.ok() ? count : 0;
  *bytes = in_.Zigzag();
  if (count == std::numeric_limits<int64_t>::min() || *bytes < 0) in_.Take(in_.remaining() + 1);
  return in_.ok() ? -count : 0;
}

bool AvroReader::TookBytes(size_t before) {
  if (in_.remaining() < before || ++elements_of_nothing_ <= kElementsOfNothingMax) return true;
  return Fail("more than 10000 elements that take no bytes");
}

bool AvroReader::Fail(std::string_view what) {
  const auto& fields = builder_->schema().fields;
  reason_ = field_ < fields.size() ? fmt::format("field \"{}\" ", fields[field_].name) : "";
  reason_ += fmt::format("{} (byte {})", what, end_ - in_.remaining());
  return false;
}

bool AvroReader::FailShort() {
  return Fail("invalid Avro: the bytes end early, or a number or size is none");
}

}  // namespace catena::topic

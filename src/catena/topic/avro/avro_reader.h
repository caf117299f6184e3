// SPDX-License-Identifier: Apache-2.0
// AvroReader: runs an AvroPlan over the bytes of a record.
//
//   errors   bytes that are no value of the writer's schema, or that the columns cannot hold:
//   false,
//            with a reason that names the field and the byte, and a half row in the columns
//   limits   nesting of 64 levels; 10,000 elements that take no bytes, a record
//   threads  one thread

#pragma once

#include <string>
#include <string_view>

#include "catena/base/bytes.h"
#include "catena/topic/avro/avro_plan.h"
#include "catena/types/batch.h"

namespace catena::topic {

class AvroReader {
 public:
  // Appends a row; `first_byte` is the place of `bytes` in the record, for the reason.
  bool Read(const AvroPlan& plan, std::string_view bytes, size_t first_byte,
            types::BatchBuilder* builder);
  const std::string& reason() const { return reason_; }

 private:
  bool Run(const AvroStep& step, int depth, types::Column* column);
  bool RunFields(const AvroStep& step, int depth, types::Column* column);
  bool RunRow(const AvroStep& step);
  bool RunList(const AvroStep& step, int depth, types::Column* column);
  bool RunMap(const AvroStep& step, int depth, types::Column* column);
  bool RunInteger(const AvroStep& step, types::Column* column);
  bool RunText(const AvroStep& step, types::Column* column);
  bool AppendText(const AvroStep& step, std::string_view text, types::Column* column);
  bool Skip(const AvroStep& step, int depth);
  bool SkipBlocks(const AvroStep& step, int depth);
  // The branch of a union, or null.
  const AvroStep* Branch(const AvroStep& step);
  std::string_view Sized();
  // Of the next block of an array or map, 0 at its end; `bytes` is its size where the writer says
  // so, else 0.
  int64_t BlockCount(int64_t* bytes);
  // After an element that began with `before` bytes left.
  bool TookBytes(size_t before);

  // Each sets the reason and answers false.
  bool Fail(std::string_view what);
  bool FailShort();

  const AvroStep& StepOf(uint32_t edge) const { return plan_->steps[plan_->edges[edge].step]; }

  const AvroPlan* plan_ = nullptr;
  types::BatchBuilder* builder_ = nullptr;
  ByteReader in_{std::string_view()};
  size_t end_ = 0;  // Of the bytes, within the record.
  size_t field_ = 0;
  size_t elements_of_nothing_ = 0;
  std::string reason_;
};

}  // namespace catena::topic

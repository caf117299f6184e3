// SPDX-License-Identifier: Apache-2.0
// Kernel: one operation bound to one input type; the columnar loops that every mode of catena runs.
//
// An operation folds the values of one input column into an intermediate representation, its IR.
// A kernel works on slots: memory of layout() that holds one IR. Every call handles a whole batch,
// so dispatch is paid once per (aggregation, batch) and never per row. Operations are written as
// plain structs (operation_kernel.h turns one into a Kernel) and listed in operation_catalog.h.
//
//   input    rows of one column with event times (milliseconds) and source orders, by row of the
//            batch; a null value never reaches an operation
//   output   one value an IR; null when the IR is empty, and when the value is NaN or infinite
//   algebra  Merge is associative and commutative; an initialised slot is its identity. Remove is
//            the inverse of Merge and offered only where it is exact
//   order    ties in event time are decided by source order; two rows of one fold must not share
//            both (callers with several sources put the source into the order's high bits)
//   errors   none after binding, except Decode: stored bytes are not trusted
//   threads  a Kernel is immutable; slots belong to the caller

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catena/aggregate/stored/ir_reader.h"
#include "catena/base/result.h"
#include "catena/types/column.h"

namespace catena::aggregate {

// Where an event stands among the events of its key.
struct EventPosition {
  int64_t time = 0;
  uint64_t order = 0;  // Among those of one time.
};

// One input column and where its rows stand in time. All arrays are indexed by row of the batch.
struct KernelInput {
  const types::Column* column = nullptr;
  const types::Column* bucket = nullptr;  // STRING; of kernels by bucket only.
  std::span<const int64_t> event_times;
  std::span<const uint64_t> source_orders;
};

struct IrLayout {
  size_t bytes = 0;
  size_t alignment = 1;  // At most kIrAlignment.
};

// Every IR row starts at a multiple of this.
inline constexpr size_t kIrAlignment = 16;

// Where the windows of some queries begin and end, as positions among the events of all groups,
// which stand group after group, each sorted by (event time, source order). window/sweep_walk.h
// makes it; every aggregation reads the same.
struct SweepPiece {
  uint32_t first = 0;  // Queries [first, last) of the chunk are of one group.
  uint32_t last = 0;
  uint32_t first_event = 0;  // Of the group.
  bool continues = false;    // The group began in an earlier chunk.
};
struct SweepChunk {
  std::span<const SweepPiece> pieces;
  std::span<const uint32_t> output_rows;              // By query; within a group by query time.
  std::span<const uint32_t> ends;                     // By query: events before it end here.
  std::vector<std::span<const uint32_t>> begins;      // By window, by query.
  std::vector<std::span<const uint32_t>> hop_begins;  // By hop class: those among its events.
};
// A window of a sweep, and the hops that its tail jumps by; none when it has no tail.
struct SweepWindow {
  size_t index = 0;                 // In SweepChunk::begins.
  std::optional<size_t> hop_class;  // In SweepChunk::hop_begins.
};
struct SweepInput {
  KernelInput events;
  std::span<const uint32_t> event_rows;  // By position.
  size_t output_rows = 0;
};

// One aggregation's answers to the queries of all chunks, which come in order.
class KernelSweep {
 public:
  virtual ~KernelSweep() = default;
  virtual void Run(const SweepChunk& chunk) noexcept = 0;
  // One column of output_rows values a window, null where no query asked. Once.
  virtual std::vector<std::shared_ptr<types::Column>> Take() noexcept = 0;
};

class Kernel {
 public:
  virtual ~Kernel() = default;

  virtual IrLayout layout() const = 0;
  virtual const types::DataType& output_type() const = 0;
  // True when Remove and RemoveRows answer exactly what a fold without those rows would.
  virtual bool removable() const = 0;
  // True when one set of rows has one answer, to the last bit, however it is folded and merged.
  virtual bool exact() const = 0;

  virtual void Init(std::byte* slot) const noexcept = 0;
  virtual void Destroy(std::byte* slot) const noexcept = 0;
  // Deep. `into` is initialised; its state is replaced.
  virtual void Copy(std::byte* into, const std::byte* from) const noexcept = 0;
  virtual bool IsEmpty(const std::byte* slot) const noexcept = 0;

  // rows[i] into the slot at irs[i] + offset.
  virtual void UpdateEach(const KernelInput& input, std::span<const uint32_t> rows,
                          std::span<std::byte* const> irs, size_t offset) const noexcept = 0;
  // Every row into one slot.
  virtual void UpdateOne(const KernelInput& input, std::span<const uint32_t> rows,
                         std::byte* slot) const noexcept = 0;
  // Rows [begin, end) into one slot.
  virtual void UpdateRange(const KernelInput& input, uint32_t begin, uint32_t end,
                           std::byte* slot) const noexcept = 0;
  virtual void Merge(std::byte* into, const std::byte* from) const noexcept = 0;
  // One value, which is not null: row `row` of a column that need not be a batch's, such as the
  // elements of lists. For kernels that are made of others (nested_kernel.h).
  virtual void UpdateValue(const types::Column& column, uint32_t row, EventPosition position,
                           std::byte* slot) const noexcept = 0;

  // Only when removable().
  virtual void RemoveRows(const KernelInput& input, std::span<const uint32_t> rows,
                          std::byte* slot) const noexcept = 0;
  virtual void Remove(std::byte* from, const std::byte* part) const noexcept = 0;
  virtual void RemoveValue(const types::Column& column, uint32_t row,
                           std::byte* slot) const noexcept = 0;

  // Appends one value per IR, of the slot at irs[i] + offset, to a column of output_type().
  virtual void Finalize(std::span<const std::byte* const> irs, size_t offset,
                        types::Column* into) const noexcept = 0;
  // Appends the value of one IR as it is inside of a map: NaN and infinities stay.
  virtual void AppendRaw(const std::byte* slot, types::Column* into) const noexcept = 0;
  // What `input` refers to, and the kernel, must outlive the sweep.
  virtual std::unique_ptr<KernelSweep> NewSweep(
      const SweepInput& input, std::span<const SweepWindow> windows) const noexcept = 0;

  // Canonical: equal states are equal bytes. Never called for an empty slot.
  // Times are stored as distances from `since`, which the reader has to know again. Answers how
  // many inputs it is of, where the bytes do not say: it follows them, unless the reader knows and
  // lends it. 0: it does not count.
  virtual int64_t Encode(const std::byte* slot, Timestamp since,
                         std::string* out) const noexcept = 0;
  void EncodeWithCount(const std::byte* slot, Timestamp since, std::string* out) const noexcept {
    if (const int64_t count = Encode(slot, since, out); count != 0) {
      AppendVarint(out, static_cast<uint64_t>(count));
    }
  }
  // Whether Encode answers counts.
  virtual bool counts() const noexcept = 0;
  // Into an empty slot. kCorruption when the bytes are no state of it, or an empty one; the slot is
  // then empty.
  virtual Status Decode(IrReader* reader, std::byte* slot) const noexcept = 0;
};

using KernelPtr = std::shared_ptr<const Kernel>;

// What an operation is asked to bind to.
struct BindRequest {
  types::DataType input;
  const std::map<std::string, std::string>* arguments = nullptr;  // Never null when binding.
  bool element_wise = false;  // Of a list: position by position. No operation knows of it.
};

// What timed operations take, in words.
inline constexpr std::string_view kAnyWhole = "any value (maps with STRING keys)";

// One line of the catalog.
struct OperationEntry {
  std::string_view name;     // As conf::OperationName spells it.
  std::string_view summary;  // One sentence for `catena operations` and the docs.
  std::string_view inputs;   // The types it takes, in words, for messages.
  // Null when it does not take that input type; kInvalidConf when an argument is wrong.
  Result<KernelPtr> (*bind)(const BindRequest& request);
  // Depends on event time: a list or a map is one value to it, not as many as it has elements.
  bool timed = false;
  std::string_view arguments = {};  // Name, range and default, in words, for the docs.
};

}  // namespace catena::aggregate

// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/nested_kernel.h"

#include <map>
#include <memory>

#include "catena/aggregate/operation_kernel.h"
#include "catena/aggregate/stored/stored_value.h"

namespace catena::aggregate {
namespace {

// Slots of a kernel, side by side on the heap. The kernel outlives them: the operation that made
// them holds it.
class Slots {
 public:
  explicit Slots(const Kernel* kernel, size_t count = 1)
      : kernel_(kernel),
        stride_((kernel->layout().bytes + kIrAlignment - 1) / kIrAlignment * kIrAlignment),
        count_(count),
        data_(new std::byte[stride_ * count]) {
    for (size_t i = 0; i < count_; ++i) kernel_->Init(at(i));
  }
  Slots(const Slots& other) : Slots(other.kernel_, other.count_) {
    for (size_t i = 0; i < count_; ++i) kernel_->Copy(at(i), other.at(i));
  }
  Slots(Slots&&) noexcept = default;
  Slots& operator=(const Slots& other) {
    if (this != &other) *this = Slots(other);
    return *this;
  }
  Slots& operator=(Slots&& other) noexcept {
    std::swap(kernel_, other.kernel_);
    std::swap(stride_, other.stride_);
    std::swap(count_, other.count_);
    std::swap(data_, other.data_);
    return *this;
  }
  ~Slots() {
    if (data_ == nullptr) return;
    for (size_t i = 0; i < count_; ++i) kernel_->Destroy(at(i));
  }
  size_t size() const { return count_; }
  std::byte* at(size_t i) { return data_.get() + i * stride_; }
  const std::byte* at(size_t i) const { return data_.get() + i * stride_; }
  // Of the only one.
  std::byte* data() { return data_.get(); }
  const std::byte* data() const { return data_.get(); }
  bool IsEmpty() const { return kernel_->IsEmpty(data()); }

 private:
  const Kernel* kernel_;
  size_t stride_;
  size_t count_;
  std::unique_ptr<std::byte[]> data_;  // new[] aligns to kIrAlignment.
};
static_assert(__STDCPP_DEFAULT_NEW_ALIGNMENT__ >= kIrAlignment);

struct KeyedIr {
  std::map<std::string, Slots, std::less<>> slots;  // None is empty.
};

// What buckets and maps share: how folds by key merge, end and are stored.
struct KeyedOperation {
  using Input = Cell;
  using Output = void;
  using IR = KeyedIr;

  KernelPtr inner;

  void Merge(IR& into, const IR& from) const {
    for (const auto& [key, slot] : from.slots) {
      const auto at = into.slots.lower_bound(key);
      if (at != into.slots.end() && at->first == key) {
        inner->Merge(at->second.data(), slot.data());
      } else {
        into.slots.emplace_hint(at, key, slot);
      }
    }
  }
  void RemoveIr(IR& from, const IR& part) const {
    for (const auto& [key, slot] : part.slots) {
      const auto at = from.slots.find(key);
      if (at == from.slots.end()) continue;
      inner->Remove(at->second.data(), slot.data());
      if (at->second.IsEmpty()) from.slots.erase(at);
    }
  }
  bool IsEmpty(const IR& ir) const noexcept { return ir.slots.empty(); }
  void AppendTo(const IR& ir, types::Column* into) const {
    for (const auto& [key, slot] : ir.slots) {
      into->mutable_child(0)->AppendText(key);
      inner->AppendRaw(slot.data(), into->mutable_child(1));
    }
    into->CloseRow();
  }
  void Encode(const IR& ir, Timestamp since, std::string* out) const {
    AppendVarint(out, ir.slots.size());
    for (const auto& [key, slot] : ir.slots) {
      AppendSized(out, key);
      inner->EncodeWithCount(slot.data(), since, out);
    }
  }
  bool Decode(IrReader* reader, IR& ir) const {
    const uint64_t size = reader->Varint();
    // Every key takes a byte at least.
    if (!reader->ok() || size > reader->remaining()) return false;
    for (uint64_t i = 0; i < size; ++i) {
      const std::string_view key = reader->Sized();
      if (!reader->ok() || (i > 0 && key <= ir.slots.rbegin()->first)) return false;
      const auto at = ir.slots.emplace_hint(ir.slots.end(), key, Slots(inner.get()));
      if (!inner->Decode(reader, at->second.data()).ok()) return false;
    }
    return true;
  }

 protected:
  void UpdateKey(IR& ir, std::string_view key, const types::Column& column, uint64_t row,
                 EventPosition position) const {
    auto at = ir.slots.lower_bound(key);
    if (at == ir.slots.end() || at->first != key) {
      at = ir.slots.emplace_hint(at, key, Slots(inner.get()));
    }
    inner->UpdateValue(column, static_cast<uint32_t>(row), position, at->second.data());
    // An operation over lists passes over an empty one.
    if (at->second.IsEmpty()) ir.slots.erase(at);
  }
  void RemoveKey(IR& ir, std::string_view key, const types::Column& column, uint64_t row) const {
    const auto at = ir.slots.find(key);
    if (at == ir.slots.end()) return;
    inner->RemoveValue(column, static_cast<uint32_t>(row), at->second.data());
    if (at->second.IsEmpty()) ir.slots.erase(at);
  }
};

struct BucketOperation : KeyedOperation {
  void Update(IR& ir, Cell cell, EventPosition position) const {
    if (cell.bucket->IsNull(cell.row)) return;
    UpdateKey(ir, cell.bucket->Text(cell.row), *cell.column, cell.row, position);
  }
  void RemoveCell(IR& ir, Cell cell) const {
    if (cell.bucket->IsNull(cell.row)) return;
    RemoveKey(ir, cell.bucket->Text(cell.row), *cell.column, cell.row);
  }
};

struct MapOperation : KeyedOperation {
  void Update(IR& ir, Cell cell, EventPosition position) const {
    ForEntries(cell, [&](std::string_view key, const types::Column& values, uint64_t i) {
      UpdateKey(ir, key, values, i, position);
    });
  }
  void RemoveCell(IR& ir, Cell cell) const {
    ForEntries(cell, [&](std::string_view key, const types::Column& values, uint64_t i) {
      RemoveKey(ir, key, values, i);
    });
  }

 private:
  template <typename Visit>
  static void ForEntries(Cell cell, Visit visit) {
    const types::Column& keys = cell.column->child(0);
    const types::Column& values = cell.column->child(1);
    for (uint64_t i = cell.column->offset(cell.row); i < cell.column->offset(cell.row + 1); ++i) {
      if (!keys.IsNull(i) && !values.IsNull(i)) visit(keys.Text(i), values, i);
    }
  }
};

// Its IR is one slot, made when the first element comes.
struct ListOperation {
  using Input = Cell;
  using Output = void;
  struct IR {
    std::optional<Slots> slot;
  };

  KernelPtr inner;

  void Update(IR& ir, Cell cell, EventPosition position) const {
    const types::Column& elements = cell.column->child(0);
    for (uint64_t i = cell.column->offset(cell.row); i < cell.column->offset(cell.row + 1); ++i) {
      if (elements.IsNull(i)) continue;
      if (!ir.slot) ir.slot.emplace(inner.get());
      inner->UpdateValue(elements, static_cast<uint32_t>(i), position, ir.slot->data());
    }
  }
  void RemoveCell(IR& ir, Cell cell) const {
    const types::Column& elements = cell.column->child(0);
    for (uint64_t i = cell.column->offset(cell.row); i < cell.column->offset(cell.row + 1); ++i) {
      if (!elements.IsNull(i)) {
        inner->RemoveValue(elements, static_cast<uint32_t>(i), ir.slot->data());
      }
    }
    DropEmpty(ir);
  }
  void Merge(IR& into, const IR& from) const {
    if (!from.slot) return;
    if (!into.slot) {
      into.slot = from.slot;
    } else {
      inner->Merge(into.slot->data(), from.slot->data());
    }
  }
  void RemoveIr(IR& from, const IR& part) const {
    if (part.slot) inner->Remove(from.slot->data(), part.slot->data());
    DropEmpty(from);
  }
  bool IsEmpty(const IR& ir) const noexcept { return !ir.slot; }
  void AppendTo(const IR& ir, types::Column* into) const {
    const std::byte* slots[] = {ir.slot->data()};
    inner->Finalize(slots, 0, into);
  }
  void AppendRawTo(const IR& ir, types::Column* into) const {
    inner->AppendRaw(ir.slot->data(), into);
  }
  void Encode(const IR& ir, Timestamp since, std::string* out) const {
    inner->EncodeWithCount(ir.slot->data(), since, out);
  }
  bool Decode(IrReader* reader, IR& ir) const {
    ir.slot.emplace(inner.get());
    return inner->Decode(reader, ir.slot->data()).ok();
  }

 private:
  static void DropEmpty(IR& ir) {
    if (ir.slot && ir.slot->IsEmpty()) ir.slot.reset();
  }
};

// Its IR is one slot a position, made when the first list comes.
struct ElementWiseOperation {
  using Input = Cell;
  using Output = void;
  struct IR {
    std::optional<Slots> slots;
    bool mixed = false;  // Lists of two lengths met: there are no slots, and never will be.
  };

  KernelPtr inner;

  void Update(IR& ir, Cell cell, EventPosition position) const {
    const uint64_t begin = cell.column->offset(cell.row);
    const uint64_t length = cell.column->offset(cell.row + 1) - begin;
    if (length == 0 || !Admit(ir, length)) return;
    const types::Column& elements = cell.column->child(0);
    for (uint64_t i = 0; i < length; ++i) {
      if (elements.IsNull(begin + i)) continue;
      inner->UpdateValue(elements, static_cast<uint32_t>(begin + i), position, ir.slots->at(i));
    }
  }
  void Merge(IR& into, const IR& from) const {
    if (from.mixed) {
      into = from;
    } else if (from.slots && Admit(into, from.slots->size())) {
      for (size_t i = 0; i < from.slots->size(); ++i) {
        inner->Merge(into.slots->at(i), from.slots->at(i));
      }
    }
  }
  bool IsEmpty(const IR& ir) const noexcept { return !ir.slots && !ir.mixed; }
  void AppendTo(const IR& ir, types::Column* into) const {
    if (ir.mixed) return into->AppendNull();
    for (size_t i = 0; i < ir.slots->size(); ++i) {
      inner->AppendRaw(ir.slots->at(i), into->mutable_child(0));
    }
    into->CloseRow();
  }
  // The length, 0 when mixed; of each position whether it is filled, and its IR.
  void Encode(const IR& ir, Timestamp since, std::string* out) const {
    AppendVarint(out, ir.mixed ? 0 : ir.slots->size());
    for (size_t i = 0; !ir.mixed && i < ir.slots->size(); ++i) {
      const bool filled = !inner->IsEmpty(ir.slots->at(i));
      out->push_back(filled ? 1 : 0);
      if (filled) inner->EncodeWithCount(ir.slots->at(i), since, out);
    }
  }
  bool Decode(IrReader* reader, IR& ir) const {
    const uint64_t length = reader->Varint();
    // Every position takes a byte at least.
    if (!reader->ok() || length > reader->remaining()) return false;
    ir.mixed = length == 0;
    if (ir.mixed) return true;
    ir.slots.emplace(inner.get(), length);
    for (size_t i = 0; i < length; ++i) {
      const uint8_t filled = reader->Byte();
      if (!reader->ok() || filled > 1) return false;
      if (filled == 1 && !inner->Decode(reader, ir.slots->at(i)).ok()) return false;
    }
    return true;
  }

 private:
  // Whether a list of that length can be folded in.
  bool Admit(IR& ir, uint64_t length) const {
    if (ir.mixed) return false;
    if (!ir.slots) ir.slots.emplace(inner.get(), length);
    ir.mixed = ir.slots->size() != length;
    if (ir.mixed) ir.slots.reset();
    return !ir.mixed;
  }
};

// The operation of a kernel that can remove.
template <typename Op>
struct Removing : Op {
  void Remove(typename Op::IR& ir, Cell cell) const { this->RemoveCell(ir, cell); }
  void Remove(typename Op::IR& from, const typename Op::IR& part) const {
    this->RemoveIr(from, part);
  }
};

template <typename Op>
KernelPtr MakeNested(KernelPtr inner, types::DataType output) {
  if (inner->removable()) {
    Removing<Op> operation;
    operation.inner = std::move(inner);
    return MakeKernel<Cell>(std::move(operation), std::move(output));
  }
  Op operation;
  operation.inner = std::move(inner);
  return MakeKernel<Cell>(std::move(operation), std::move(output));
}

types::DataType ByKey(const Kernel& inner) {
  return types::DataType::Map(types::Kind::kString, inner.output_type());
}

}  // namespace

KernelPtr BucketKernel(KernelPtr operation) {
  types::DataType output = ByKey(*operation);
  return MakeNested<BucketOperation>(std::move(operation), std::move(output));
}

KernelPtr MapKernel(KernelPtr operation) {
  types::DataType output = ByKey(*operation);
  return MakeNested<MapOperation>(std::move(operation), std::move(output));
}

KernelPtr ListKernel(KernelPtr operation) {
  types::DataType output = operation->output_type();
  return MakeNested<ListOperation>(std::move(operation), std::move(output));
}

KernelPtr ElementWiseKernel(KernelPtr operation) {
  types::DataType output = types::DataType::List(operation->output_type());
  return MakeKernel<Cell>(ElementWiseOperation{std::move(operation)}, std::move(output));
}

}  // namespace catena::aggregate

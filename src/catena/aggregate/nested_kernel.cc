// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/nested_kernel.h"

#include <map>
#include <memory>

#include "catena/aggregate/operation_kernel.h"
#include "catena/aggregate/stored_value.h"

namespace catena::aggregate {
namespace {

// One slot of a kernel, on the heap. The kernel outlives it: the operation that made it holds it.
class Slot {
 public:
  explicit Slot(const Kernel* kernel)
      : kernel_(kernel), data_(new std::byte[kernel->layout().bytes]) {
    kernel_->Init(data());
  }
  Slot(const Slot& other) : Slot(other.kernel_) { kernel_->Copy(data(), other.data()); }
  Slot(Slot&&) noexcept = default;
  Slot& operator=(const Slot& other) {
    if (this != &other) *this = Slot(other);
    return *this;
  }
  Slot& operator=(Slot&& other) noexcept {
    std::swap(kernel_, other.kernel_);
    std::swap(data_, other.data_);
    return *this;
  }
  ~Slot() {
    if (data_ != nullptr) kernel_->Destroy(data());
  }
  std::byte* data() { return data_.get(); }
  const std::byte* data() const { return data_.get(); }
  bool IsEmpty() const { return kernel_->IsEmpty(data()); }

 private:
  const Kernel* kernel_;
  std::unique_ptr<std::byte[]> data_;  // new[] aligns to kIrAlignment.
};
static_assert(__STDCPP_DEFAULT_NEW_ALIGNMENT__ >= kIrAlignment);

struct KeyedIr {
  std::map<std::string, Slot, std::less<>> slots;  // None is empty.
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
  void Encode(const IR& ir, std::string* out) const {
    AppendVarint(out, ir.slots.size());
    for (const auto& [key, slot] : ir.slots) {
      AppendSized(out, key);
      inner->Encode(slot.data(), out);
    }
  }
  bool Decode(ByteReader* reader, IR& ir) const {
    const uint64_t size = reader->Varint();
    // Every key takes a byte at least.
    if (!reader->ok() || size > reader->remaining()) return false;
    for (uint64_t i = 0; i < size; ++i) {
      const std::string_view key = reader->Sized();
      if (!reader->ok() || (i > 0 && key <= ir.slots.rbegin()->first)) return false;
      const auto at = ir.slots.emplace_hint(ir.slots.end(), key, Slot(inner.get()));
      if (!inner->Decode(reader, at->second.data()).ok()) return false;
    }
    return true;
  }

 protected:
  void UpdateKey(IR& ir, std::string_view key, const types::Column& column, uint64_t row,
                 EventPosition position) const {
    auto at = ir.slots.lower_bound(key);
    if (at == ir.slots.end() || at->first != key) {
      at = ir.slots.emplace_hint(at, key, Slot(inner.get()));
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
    std::optional<Slot> slot;
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
  void Encode(const IR& ir, std::string* out) const { inner->Encode(ir.slot->data(), out); }
  bool Decode(ByteReader* reader, IR& ir) const {
    ir.slot.emplace(inner.get());
    return inner->Decode(reader, ir.slot->data()).ok();
  }

 private:
  static void DropEmpty(IR& ir) {
    if (ir.slot && ir.slot->IsEmpty()) ir.slot.reset();
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

}  // namespace catena::aggregate

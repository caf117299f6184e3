// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/ir.h"

#include <bit>
#include <new>
#include <utility>

namespace catena::aggregate {
namespace {

constexpr size_t kCacheLine = 64;
constexpr std::align_val_t kAlignment{kCacheLine};
static_assert(kCacheLine % kIrAlignment == 0);

std::byte* Allocate(size_t bytes) {
  return static_cast<std::byte*>(::operator new(bytes, kAlignment));
}

}  // namespace

IR::IR(RowAggregator rows) : rows_(std::move(rows)), data_(Allocate(rows_.ir_bytes())) {
  rows_.Init(data_);
}

IR& IR::operator=(IR&& other) noexcept {
  std::swap(rows_, other.rows_);
  std::swap(data_, other.data_);
  return *this;
}

IR::~IR() {
  if (data_ == nullptr) return;
  rows_.Destroy(data_);
  ::operator delete(data_, kAlignment);
}

IR IR::Clone() const {
  IR clone(rows_);
  rows_.Copy(clone.data_, data_);
  return clone;
}

void IrPool::FreeSlab::operator()(std::byte* slab) const noexcept {
  ::operator delete(slab, kAlignment);
}

// No IR row that fits into a cache line lies across two: an update of one key of many is one miss.
size_t IrPool::StrideOf(const RowAggregator& rows) {
  const size_t bytes = rows.ir_bytes();
  return bytes <= kCacheLine ? std::bit_ceil(bytes) : bytes;
}

IrPool::IrPool(RowAggregator rows, size_t irs_per_slab)
    : rows_(std::move(rows)), per_slab_(irs_per_slab), stride_(StrideOf(rows_)) {}

IrPool::IrPool(IrPool&& other) noexcept
    : rows_(other.rows_),
      per_slab_(other.per_slab_),
      stride_(other.stride_),
      size_(std::exchange(other.size_, 0)),
      slabs_(std::move(other.slabs_)) {}

IrPool& IrPool::operator=(IrPool&& other) noexcept {
  std::swap(rows_, other.rows_);
  std::swap(per_slab_, other.per_slab_);
  std::swap(stride_, other.stride_);
  std::swap(size_, other.size_);
  std::swap(slabs_, other.slabs_);
  return *this;
}

IrPool::~IrPool() { Clear(); }

std::byte* IrPool::New() {
  if (size_ == slabs_.size() * per_slab_) slabs_.emplace_back(Allocate(per_slab_ * stride_));
  std::byte* ir = at(size_);
  rows_.Init(ir);
  ++size_;
  return ir;
}

void IrPool::Clear() {
  for (size_t i = 0; i < size_; ++i) rows_.Destroy(at(i));
  size_ = 0;
}

}  // namespace catena::aggregate

// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/ir.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

namespace catena::aggregate {
namespace {

constexpr size_t kCacheLine = 64;
constexpr std::align_val_t kAlignment{kCacheLine};
static_assert(kCacheLine % kIrAlignment == 0);
constexpr size_t kHugePage = 2 << 20;
constexpr size_t kLargestPiece = 8 * kHugePage;

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

void IrPool::FreePiece::operator()(std::byte* piece) const noexcept {
  ::operator delete (piece, std::align_val_t{alignment});
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
      slabs_(std::move(other.slabs_)),
      pieces_(std::move(other.pieces_)) {}

IrPool& IrPool::operator=(IrPool&& other) noexcept {
  std::swap(rows_, other.rows_);
  std::swap(per_slab_, other.per_slab_);
  std::swap(stride_, other.stride_);
  std::swap(size_, other.size_);
  std::swap(slabs_, other.slabs_);
  std::swap(pieces_, other.pieces_);
  return *this;
}

IrPool::~IrPool() { Clear(); }

// As many slabs as there are, so that memory is at most twice what is used, and no more than the
// largest piece holds. From half a huge page on a piece is whole ones, if the system has any.
void IrPool::AddSlabs() {
  const size_t slab_bytes = per_slab_ * stride_;
  size_t slabs =
      std::clamp<size_t>(kLargestPiece / slab_bytes, 1, std::max<size_t>(slabs_.size(), 1));
  size_t alignment = kCacheLine;
  size_t bytes = slabs * slab_bytes;
  if (bytes >= kHugePage / 2) {
    alignment = kHugePage;
    bytes = (bytes + kHugePage - 1) / kHugePage * kHugePage;
    slabs = bytes / slab_bytes;
  }
  auto* const piece = static_cast<std::byte*>(::operator new (bytes, std::align_val_t{alignment}));
  pieces_.emplace_back(piece, FreePiece{alignment});
  // Advice: where it is not taken the memory is as good, only slower.
  if (alignment == kHugePage) madvise(piece, bytes, MADV_HUGEPAGE);
  for (size_t slab = 0; slab < slabs; ++slab) slabs_.push_back(piece + slab * slab_bytes);
}

std::byte* IrPool::New() {
  if (size_ == slabs_.size() * per_slab_) AddSlabs();
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

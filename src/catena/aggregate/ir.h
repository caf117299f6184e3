// SPDX-License-Identifier: Apache-2.0
// IR, IrPool: owners of IR rows.
//
//   IR       one IR row, empty at birth; move-only
//   IrPool   many IR rows in slabs, all destroyed with it; addresses never move. A pool that grows
//            takes its slabs from ever larger pieces of memory, in the end from huge pages: an
//            update of one key of a million then misses the cache, but not the page table
//   threads  like any container; the RowAggregator is copied in (a shared pointer)

#pragma once

#include <memory>
#include <vector>

#include "catena/aggregate/row_aggregator.h"

namespace catena::aggregate {

class IR {
 public:
  explicit IR(RowAggregator rows);
  IR(IR&& other) noexcept : rows_(other.rows_), data_(other.data_) { other.data_ = nullptr; }
  IR& operator=(IR&& other) noexcept;
  IR(const IR&) = delete;
  IR& operator=(const IR&) = delete;
  ~IR();

  // A deep copy.
  IR Clone() const;
  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  const RowAggregator& rows() const { return rows_; }

 private:
  RowAggregator rows_;
  std::byte* data_ = nullptr;  // Null only after a move.
};

class IrPool {
 public:
  explicit IrPool(RowAggregator rows, size_t irs_per_slab = 256);
  IrPool(IrPool&& other) noexcept;
  IrPool& operator=(IrPool&& other) noexcept;
  IrPool(const IrPool&) = delete;
  IrPool& operator=(const IrPool&) = delete;
  ~IrPool();

  // An empty IR row, valid as long as the pool (or until Clear).
  std::byte* New();
  size_t size() const { return size_; }
  // From one IR row to the next.
  size_t stride() const { return stride_; }
  std::byte* at(size_t i) { return slabs_[i / per_slab_] + i % per_slab_ * stride_; }
  const std::byte* at(size_t i) const { return slabs_[i / per_slab_] + i % per_slab_ * stride_; }
  // Destroys every IR row; keeps the memory for the next ones.
  void Clear();
  const RowAggregator& rows() const { return rows_; }

 private:
  static size_t StrideOf(const RowAggregator& rows);
  void AddSlabs();
  struct FreePiece {
    size_t alignment;
    void operator()(std::byte* piece) const noexcept;
  };
  RowAggregator rows_;
  size_t per_slab_;
  size_t stride_;
  size_t size_ = 0;
  std::vector<std::byte*> slabs_;  // Each of per_slab_ IR rows; in the pieces.
  std::vector<std::unique_ptr<std::byte[], FreePiece>> pieces_;
};

}  // namespace catena::aggregate

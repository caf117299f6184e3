// SPDX-License-Identifier: Apache-2.0
// Coupons: the state of a CPC sketch, which estimates how many different values it was given.
//
// A value is hashed to a coupon, a cell of a matrix: its row is uniform, column c has probability
// 2^-(c+1). The state is which cells are taken, so adding is setting a bit and merging is "or":
//
//              column 0 1 2 3 ... 63
//     row 0           1 1 0 1
//     row 1           1 0 0 0              K = 2^lg_k rows
//     ...
//     row K-1         1 1 1 0
//
// While few cells are taken they are a sorted list, then K words. The estimate is that of a CPC
// sketch that came out of a union (ICON), a function of how many cells are taken.
//
//   input    bytes; equal bytes are one value
//   output   estimate; relative standard error about 0.69 / sqrt(K)
//   format   a compressed CPC sketch of Apache DataSketches without HIP registers: what its
//            union.get_result().serialize() writes. Canonical
//   errors   Decode answers false to what is no such sketch of this lg_k, and is empty then;
//            bytes are not trusted (cpc_format.h)
//   limits   lg_k from 4 to 16: 512 KiB at most
//   threads  as any container
//   source   Lang, "Back to the Future: an Even More Nearly Optimal Cardinality Estimation
//            Algorithm" (2017). Hash, seed, estimator and code tables are the library's

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace catena::aggregate {

class Coupons {
 public:
  static constexpr uint8_t kLeastLgK = 4;
  static constexpr uint8_t kMostLgK = 16;

  explicit Coupons(uint8_t lg_k) : lg_k_(lg_k) {}

  void Add(std::string_view bytes);
  // Both of one lg_k.
  void Merge(const Coupons& other);
  double Estimate() const;

  void Encode(std::string* out) const;
  bool Decode(std::string_view bytes);

 private:
  // row << 6 | column.
  using Cell = uint32_t;

  size_t rows() const { return size_t{1} << lg_k_; }
  void Take(Cell cell);
  void MakeMatrix();
  uint32_t taken() const;

  uint8_t lg_k_;
  std::vector<Cell> cells_;       // Sorted; empty once there is a matrix.
  std::vector<uint64_t> matrix_;  // One word a row, or empty.
};

}  // namespace catena::aggregate

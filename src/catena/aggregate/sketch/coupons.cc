// SPDX-License-Identifier: Apache-2.0
#include "catena/aggregate/sketch/coupons.h"

#include <algorithm>
#include <bit>
#include <cpc_sketch.hpp>

#include "catena/aggregate/sketch/cpc_format.h"

namespace catena::aggregate {

void Coupons::Add(std::string_view bytes) {
  HashState hash;
  MurmurHash3_x64_128(bytes.data(), bytes.size(), datasketches::DEFAULT_SEED, hash);
  const auto row = static_cast<Cell>(hash.h1 & (rows() - 1));
  Take(row << 6 | static_cast<Cell>(std::min(std::countl_zero(hash.h2), 63)));
}

void Coupons::Take(Cell cell) {
  if (!matrix_.empty()) {
    matrix_[cell >> 6] |= uint64_t{1} << (cell & 63);
    return;
  }
  const auto at = std::lower_bound(cells_.begin(), cells_.end(), cell);
  if (at != cells_.end() && *at == cell) return;
  cells_.insert(at, cell);
  // Where CPC calls a sketch no longer sparse; the list is a small part of the matrix then.
  if (cells_.size() * 32 >= rows() * 3) MakeMatrix();
}

void Coupons::MakeMatrix() {
  matrix_.assign(rows(), 0);
  for (const Cell cell : cells_) matrix_[cell >> 6] |= uint64_t{1} << (cell & 63);
  cells_ = {};
}

uint32_t Coupons::taken() const {
  if (matrix_.empty()) return static_cast<uint32_t>(cells_.size());
  // Faster than std::popcount, which is a call on the least of x86-64.
  return datasketches::count_bits_set_in_matrix(matrix_.data(), static_cast<uint32_t>(rows()));
}

void Coupons::Merge(const Coupons& other) {
  if (other.matrix_.empty()) {
    for (const Cell cell : other.cells_) Take(cell);
    return;
  }
  if (matrix_.empty()) MakeMatrix();
  for (size_t row = 0; row < matrix_.size(); ++row) matrix_[row] |= other.matrix_[row];
}

double Coupons::Estimate() const { return datasketches::compute_icon_estimate(lg_k_, taken()); }

void Coupons::Encode(std::string* out) const {
  const uint32_t count = taken();
  if (!IsSparseCpc(lg_k_, count)) return EncodeDenseCpc(lg_k_, matrix_, out);
  if (matrix_.empty()) return EncodeSparseCpc(lg_k_, cells_, out);
  std::vector<Cell> cells;
  cells.reserve(count);
  for (size_t row = 0; row < matrix_.size(); ++row) {
    for (uint64_t word = matrix_[row]; word != 0; word &= word - 1) {
      cells.push_back(static_cast<Cell>(row << 6) | static_cast<Cell>(std::countr_zero(word)));
    }
  }
  EncodeSparseCpc(lg_k_, cells, out);
}

bool Coupons::Decode(std::string_view bytes) {
  *this = Coupons(lg_k_);
  std::vector<Cell> cells;
  if (!DecodeCpc(bytes, lg_k_, &cells, &matrix_)) {
    matrix_.clear();
    return false;
  }
  for (const Cell cell : cells) Take(cell);
  return true;
}

}  // namespace catena::aggregate

// SPDX-License-Identifier: Apache-2.0
// The serialized form of a CPC sketch: its bit matrix, compressed.
//
//   bytes    header: ints in the preamble, serial version 1, family 16, lg_k, first interesting
//            column, flags, hash of the seed (2), then in 4 bytes each, little-endian: cells taken;
//            entries of the table, when there are table and window; words of the table; words of
//            the window; then the window's words, then the table's
//   sparse   fewer than K/2 cells: the table has every taken cell
//   dense    the window has eight columns of every row, from a column that follows from how many
//            cells are taken; the table has the cells that surprise: taken ones right of the
//            window, free ones left of it
//   window   a Huffman code of each byte; the code follows from how many cells are taken
//   table    cells in order as differences: a code of the columns, a Golomb code of the rows
//   errors   DecodeCpc reads nothing past the bytes, takes no more memory than K words and four
//            times the bytes, and accepts only what EncodeCpc writes
//   source   Apache DataSketches, whose tables are used; coupons_test.cc holds us to the library

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace catena::aggregate {

// A cell is row << 6 | column. A sketch of K = 2^lg_k rows is sparse while fewer than K/2 are
// taken.
inline bool IsSparseCpc(uint8_t lg_k, uint64_t taken) { return taken * 2 < uint64_t{1} << lg_k; }

// The taken cells, ascending, of a sparse sketch; none is a sketch, too.
void EncodeSparseCpc(uint8_t lg_k, std::span<const uint32_t> cells, std::string* out);
// The rows of any other.
void EncodeDenseCpc(uint8_t lg_k, std::span<const uint64_t> matrix, std::string* out);

// `cells` is filled for a sparse sketch, `matrix` for any other.
bool DecodeCpc(std::string_view bytes, uint8_t lg_k, std::vector<uint32_t>* cells,
               std::vector<uint64_t>* matrix);

}  // namespace catena::aggregate

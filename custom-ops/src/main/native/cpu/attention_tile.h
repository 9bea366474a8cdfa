// Tiles of an attention: blocks of queries, packed rows and panels, and the products that forward and backward are made of.
//
// Head sizes are padded with zeros to whole tiles, so that no product has a tail.
#pragma once
#include "half_scores.h"
#include "scratch.h"
#include "simd.h"

namespace dm {
namespace DM_TIER {

constexpr int64_t kQueries = 4 * kTileRows;  // of a block
constexpr int64_t kKeys = 96;                // of a tile of scores: whole tiles of rows and of columns; 9 KiB of floats

// The next multiple of a tile's columns.
template <class T>
DM_INLINE int64_t whole_tiles(int64_t columns) {
  return (columns + kTileColumns<T> - 1) / kTileColumns<T> * kTileColumns<T>;
}

// Rows that stand `step` values apart.
template <class T>
struct Rows {
  T *from;
  int64_t step;
  T *at(int64_t i) const { return from + i * step; }
};

// to[width] = factor * from[count], zeros behind.
template <class T>
void pad_row(const T *from, int64_t count, int64_t width, T factor, T *to) {
  for (int64_t c = 0; c < count; c++) to[c] = from[c] * factor;
  for (int64_t c = count; c < width; c++) to[c] = T(0);
}

// c[rows][columns] += a . b, where a[r][k] stands at a[r * rowStep + k * depthStep]. rows: a multiple of 6; columns: whole
// tiles, as far apart in b and c as there are columns.
template <class T>
DM_INLINE void add_product(const T *a, int64_t rowStep, int64_t depthStep, const T *b, int64_t depth, int64_t rows,
                           int64_t columns, T *c) {
  for (int64_t column = 0; column < columns; column += kTileColumns<T>) {
    for (int64_t row = 0; row < rows; row += kTileRows) {
      const T *at = a + row * rowStep, *bt = b + column;
      T *ct = c + row * columns + column;
      Vec<T> sum[kTileRows][2];
#pragma GCC unroll 6
      for (int r = 0; r < kTileRows; r++) {
        sum[r][0] = load(ct + r * columns);
        sum[r][1] = load(ct + r * columns + kLanes<T>);
      }
      for (int64_t k = 0; k < depth; k++) {
        const Vec<T> left = load(bt + k * columns), right = load(bt + k * columns + kLanes<T>);
#pragma GCC unroll 6
        for (int r = 0; r < kTileRows; r++) {
          const Vec<T> x = splat(at[r * rowStep + k * depthStep]);
          sum[r][0] += x * left;
          sum[r][1] += x * right;
        }
      }
#pragma GCC unroll 6
      for (int r = 0; r < kTileRows; r++) {
        store(ct + r * columns, sum[r][0]);
        store(ct + r * columns + kLanes<T>, sum[r][1]);
      }
    }
  }
}

// A block of queries, or of their gradients: as tiles, for products with panels, and as rows.
template <class T>
struct Block {
  T *tiles, *rows;
  int64_t width;

  static int64_t bytes(int64_t width) { return 2 * Scratch::bytes<T>(kQueries * width); }

  void take(Scratch &scratch, int64_t rowWidth) {
    width = rowWidth;
    tiles = scratch.take<T>(kQueries * width);
    rows = scratch.take<T>(kQueries * width);
  }

  // Rows [first, first + count) of `from`, times factor; zeros behind.
  void pack(Rows<const T> from, int64_t first, int64_t count, int64_t headSize, T factor) {
    for (int64_t r = 0; r < kQueries; r++) {
      T *row = rows + r * width;
      pad_row(from.at(first + (r < count ? r : 0)), r < count ? headSize : 0, width, factor, row);
      T *tile = tiles + r / kTileRows * width * kTileRows + r % kTileRows;
      for (int64_t c = 0; c < width; c++) tile[c * kTileRows] = row[c];
    }
  }

  // products[24][kKeys] = this . panels of so many keys; whole panels.
  DM_INLINE void times(const T *panels, int64_t keys, T *products) const {
    for (int64_t key = 0; key < keys; key += kTileColumns<T>) {
      for (int64_t r = 0; r < kQueries; r += kTileRows) {
        score_tile(tiles + r * width, panels + key * width, width, products + r * kKeys + key, kKeys, false);
      }
    }
  }
};

}  // namespace DM_TIER
}  // namespace dm

// Half scores u[i] = <q, K[i]>, i < n, for one half of one head.
//
// Ladder: 1. dot products, keys streamed once, `kLanes` keys at a time (few queries: bound by reading the keys);
//         2. blocked GEMM: 6 queries x 2 vectors of scores held in 12 registers (12 x 2 in 24 where there are 32); keys are
//            transposed panel by panel into L1 by every block of queries (4 % of the work at 78 queries; a packed copy of all
//            keys cost more in page faults); the keys of the next panel are asked for meanwhile.
// Floors: 1. reads n*length values; 2. batch*n*length multiply-adds. Scores: assigned.
#pragma once
#include "simd.h"

namespace dm {
namespace DM_TIER {

constexpr int kTileRows = 6;
constexpr int kTilesAtOnce = kVectorBytes == 64 ? 2 : 1;  // what the registers hold
constexpr int64_t kAheadBytes = 4096;  // of keys, between a prefetch and its use
template <class T>
constexpr int kTileColumns = 2 * kLanes<T>;

// ---- few queries ----------------------------------------------------------------------------------------------------

// scores[b*stride + i], i < n, of `batch` queries that lie queryStride apart. The last keys, fewer than a vector, go with some
// that had their turn.
template <class T>
void scores_streaming(const T *keys, int64_t n, int64_t length, const T *query, int64_t queryStride, int64_t batch, T *scores,
                      int64_t stride) {
  constexpr int lanes = kLanes<T>;
  const int64_t whole = length / lanes * lanes;
  for (int64_t next = 0; n >= lanes && next < n; next += lanes) {
    const int64_t i = least(next, n - lanes);
    const T *block = keys + i * length;
    const char *ahead = reinterpret_cast<const char *>(block) + kAheadBytes;
    for (int64_t b = 0; b < batch; b++) {
      const T *q = query + b * queryStride;
      Vec<T> partial[lanes] = {};
      for (int64_t c = 0; c < whole; c += lanes) {
        const Vec<T> x = load(q + c);
        if (b == 0) {  // the same stretch of the keys, further on
          for (int line = 0; line < kVectorBytes * lanes / 64; line++) __builtin_prefetch(ahead + c * int(sizeof(T)) * lanes + line * 64);
        }
#pragma GCC unroll 16
        for (int j = 0; j < lanes; j++) partial[j] += load(block + j * length + c) * x;
      }
      Vec<T> u = sums(partial);
      for (int64_t c = whole; c < length; c++) {
        for (int j = 0; j < lanes; j++) u[j] += block[j * length + c] * q[c];
      }
      store(scores + b * stride + i, u);
    }
  }
  for (int64_t i = 0; i < n && n < lanes; i++) {
    for (int64_t b = 0; b < batch; b++) {
      T u = 0;
      for (int64_t c = 0; c < length; c++) u += keys[i * length + c] * query[b * queryStride + c];
      scores[b * stride + i] = u;
    }
  }
}

// ---- many queries ---------------------------------------------------------------------------------------------------

// A panel: kTileColumns keys, `depth` values of each from column c on, as [depth][kTileColumns]; zeros past n.
template <class T>
void pack_panel(const T *keys, int64_t n, int64_t length, int64_t firstKey, int64_t c, int64_t depth, T *panel) {
  constexpr int columns = kTileColumns<T>, lanes = kLanes<T>;
  const T *from = keys + firstKey * length + c;
  int64_t d = 0;
  if (firstKey + columns <= n) {
    for (; d + lanes <= depth; d += lanes) {
      for (int side = 0; side < columns; side += lanes) {
        Vec<T> square[lanes];
        for (int j = 0; j < lanes; j++) square[j] = load(from + (side + j) * length + d);
        transpose(square);
        for (int j = 0; j < lanes; j++) store(panel + (d + j) * columns + side, square[j]);
      }
    }
  }
  for (; d < depth; d++) {
    for (int j = 0; j < columns; j++) panel[d * columns + j] = firstKey + j < n ? from[j * length + d] : T(0);
  }
}

// Queries -> tiles [ceil(rows / 6)][length][6], zeros past rows.
template <class T>
void pack_queries(const T *query, int64_t queryStride, int64_t rows, int64_t length, T *tiles) {
  for (int64_t t = 0; t * kTileRows < rows; t++) {
    T *tile = tiles + t * length * kTileRows;
    for (int r = 0; r < kTileRows; r++) {
      const int64_t row = t * kTileRows + r;
      for (int64_t c = 0; c < length; c++) tile[c * kTileRows + r] = row < rows ? query[row * queryStride + c] : T(0);
    }
  }
}

// scores[kTiles * 6][2 vectors] = (or +=) tiles . panel; tiles tileStep values apart.
template <class T, int kTiles>
DM_INLINE void score_tiles(const T *tiles, int64_t tileStep, const T *panel, int64_t depth, T *scores, int64_t stride,
                           bool accumulate) {
  constexpr int rows = kTiles * kTileRows;
  Vec<T> sum[rows][2] = {};
  for (int64_t c = 0; c < depth; c++) {
    const Vec<T> left = load(panel + c * kTileColumns<T>), right = load(panel + c * kTileColumns<T> + kLanes<T>);
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) {
      const Vec<T> q = splat(tiles[r / kTileRows * tileStep + c * kTileRows + r % kTileRows]);
      sum[r][0] += q * left;
      sum[r][1] += q * right;
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < rows; r++) {
    T *row = scores + r * stride;
    if (accumulate) {
      sum[r][0] += load(row);
      sum[r][1] += load(row + kLanes<T>);
    }
    store(row, sum[r][0]);
    store(row + kLanes<T>, sum[r][1]);
  }
}

// The same for `rows` rows, whole tiles.
template <class T>
DM_INLINE void score_rows(const T *tiles, int64_t tileStep, int64_t rows, const T *panel, int64_t depth, T *scores, int64_t stride,
                          bool accumulate) {
  constexpr int64_t most_rows = kTilesAtOnce * kTileRows;
  int64_t r = 0;
  for (; r + most_rows <= rows; r += most_rows) {
    score_tiles<T, kTilesAtOnce>(tiles + r / kTileRows * tileStep, tileStep, panel, depth, scores + r * stride, stride, accumulate);
  }
  if constexpr (kTilesAtOnce > 1) {
    for (; r < rows; r += kTileRows) {
      score_tiles<T, 1>(tiles + r / kTileRows * tileStep, tileStep, panel, depth, scores + r * stride, stride, accumulate);
    }
  }
}

constexpr int64_t kDepth = kVectorBytes == 64 ? 128 : 256;  // a panel of so many times 2 vectors stays in L1

// squares[j] = (or +=) sum of the squares of column j of a panel.
template <class T>
DM_INLINE void panel_squares(const T *panel, int64_t depth, bool accumulate, T *squares) {
  Vec<T> sum[2] = {};
  for (int64_t c = 0; c < depth; c++) {
    for (int v = 0; v < 2; v++) {
      const Vec<T> x = load(panel + c * kTileColumns<T> + v * kLanes<T>);
      sum[v] += x * x;
    }
  }
  for (int v = 0; v < 2; v++) {
    if (accumulate) sum[v] += load(squares + v * kLanes<T>);
    store(squares + v * kLanes<T>, sum[v]);
  }
}

// scores[r*stride + i] for all rows of `tiles`; stride and rows cover whole tiles and panels. panel: scratch for one panel.
// squares: assigned the sums of the keys' squares; whole panels too; null: not wanted.
template <class T>
void scores_blocked(const T *tiles, int64_t rows, const T *keys, int64_t n, int64_t length, T *panel, T *scores,
                    int64_t stride, T *squares = nullptr) {
  constexpr int64_t columns = kTileColumns<T>, step = kTilesAtOnce * kTileRows;
  for (int64_t c = 0; c < length; c += kDepth) {
    const int64_t depth = least(kDepth, length - c);
    for (int64_t key = 0; key < n; key += columns) {
      pack_panel(keys, n, length, key, c, depth, panel);
      if (squares) panel_squares(panel, depth, c > 0, squares + key);
      int64_t coming = key + columns;
      for (int64_t r = 0; r < rows; r += step) {
        for (const int64_t last = least(n, key + columns + columns * (r + step) / rows); coming < last; coming++) {
          prefetch_read(keys + coming * length + c, depth * int64_t(sizeof(T)));
        }
        score_rows(tiles + r * length + c * kTileRows, length * kTileRows, least(step, rows - r), panel, depth,
                   scores + r * stride + key, stride, c > 0);
      }
    }
  }
}

}  // namespace DM_TIER
}  // namespace dm

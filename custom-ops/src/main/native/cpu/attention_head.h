// One head of keys and values, and which of them a block of queries sees: those that every later query sees (the first tokens
// and the separators, gathered into a dense list), and a band of the last tokens. A key is seen in one of the two: in the
// band, and once it has left that, among the gathered ones.
#pragma once
#include "attention_tile.h"

namespace dm {
namespace DM_TIER {

enum Kind : int8_t { kOrdinary = 0, kSeparator = 1, kPadding = 2 };

struct AttentionSizes {
  int64_t batch, time, heads, keyValueHeads, headSize, initial, window;

  bool gathers() const { return window < time; }
  int64_t headsOfGroup() const { return heads / keyValueHeads; }
  int64_t blocks() const { return (time + kQueries - 1) / kQueries; }

  // The rows of a head of one example: [time] rows, `of` heads beside each other.
  template <class T>
  Rows<T> rows(T *all, int64_t b, int64_t head, int64_t of) const {
    return {all + (b * time * of + head) * headSize, of * headSize};
  }
};

// The keys of a tile that one query sees.
struct Seen {
  int64_t from, to;
};

// Rows of keys or values, and the same as panels.
template <class T>
struct Packed {
  T *rows = nullptr, *panels = nullptr;

  static int64_t room(int64_t count) { return (count + kKeys - 1) / kKeys * kKeys; }
  static int64_t bytes(int64_t count, int64_t width) { return Scratch::bytes<T>(room(count) * width); }

  void take(Scratch &scratch, int64_t most, int64_t width) {
    rows = scratch.take<T>(room(most) * width);
    panels = scratch.take<T>(room(most) * width);
  }

  // positions: null for 0, 1, 2, ...; a row of padding is zero.
  void pack_rows(Rows<const T> from, const int64_t *positions, const int8_t *kinds, int64_t count, int64_t headSize,
                 int64_t width) {
    for (int64_t i = 0; i < count; i++) {
      const int64_t at = positions ? positions[i] : i;
      pad_row(from.at(at), kinds[at] == kPadding ? 0 : headSize, width, T(1), rows + i * width);
    }
    for (int64_t i = count * width; i < room(count) * width; i++) rows[i] = T(0);
  }

  void pack_panels(int64_t count, int64_t width) {
    for (int64_t key = 0; key < count; key += kTileColumns<T>) {
      pack_panel(rows, room(count), width, key, 0, width, panels + key * width);
    }
  }
};

// Keys and values of either list.
template <class T>
struct KeyList {
  Packed<T> keys, values;
  int64_t count = 0;

  static int64_t bytes(int64_t count, int64_t width) { return 4 * Packed<T>::bytes(count, width); }

  void take(Scratch &scratch, int64_t most, int64_t width) {
    keys.take(scratch, most, width);
    values.take(scratch, most, width);
  }

  void pack(Rows<const T> keyRows, Rows<const T> valueRows, const int64_t *positions, const int8_t *kinds, int64_t headSize,
            int64_t width, bool valuePanels) {
    keys.pack_rows(keyRows, positions, kinds, count, headSize, width);
    keys.pack_panels(count, width);
    values.pack_rows(valueRows, positions, kinds, count, headSize, width);
    if (valuePanels) values.pack_panels(count, width);
  }
};

template <class T>
class AttentionHead {
 public:
  static int64_t bytes(const AttentionSizes &sizes) {
    const int64_t width = whole_tiles<T>(sizes.headSize);
    return Scratch::bytes<int64_t>(sizes.time) + (sizes.gathers() ? 2 : 1) * KeyList<T>::bytes(sizes.time, width);
  }

  AttentionHead(const AttentionSizes &sizes, Scratch &scratch) : sizes_(sizes), width_(whole_tiles<T>(sizes.headSize)) {
    positions_ = scratch.take<int64_t>(sizes.time);
    band.take(scratch, sizes.time, width_);
    if (sizes.gathers()) gathered.take(scratch, sizes.time, width_);
  }

  // Packs keys and values of one example and key-value head.
  void pack(const T *keys, const T *values, const int8_t *kinds, int64_t b, int64_t group, bool valuePanels) {
    kinds_ = kinds + b * sizes_.time;
    padding_ = false;
    for (int64_t i = 0; i < sizes_.time; i++) padding_ |= kinds_[i] == kPadding;
    const Rows<const T> keyRows = sizes_.rows(keys, b, group, sizes_.keyValueHeads);
    const Rows<const T> valueRows = sizes_.rows(values, b, group, sizes_.keyValueHeads);
    band.count = sizes_.time;
    band.pack(keyRows, valueRows, nullptr, kinds_, sizes_.headSize, width_, valuePanels);
    gathered.count = 0;
    if (sizes_.gathers()) {
      gather();
      gathered.pack(keyRows, valueRows, positions_, kinds_, sizes_.headSize, width_, valuePanels);
    }
  }

  bool is_padding(int64_t i) const { return kinds_[i] == kPadding; }
  int64_t position(int64_t gatheredKey) const { return positions_[gatheredKey]; }
  int64_t width() const { return width_; }

  // tile(list, first key of it, its keys, hide) for every tile that queries [first, first + count) see; hide(r, row) makes
  // -infinity of the scores that query r does not see, up to whole columns.
  template <class Tile>
  DM_INLINE void for_each_tile(int64_t first, int64_t count, const Tile &tile) const {
    const int64_t window = sizes_.window, last = first + count - 1;
    const int64_t until = count_until(last - window);
    for (int64_t at = 0; at < until; at += kKeys) {
      const int64_t keys = least(kKeys, until - at);
      tile(gathered, at, keys, [=](int64_t r, T *row) {
        const int64_t visible = count_until(least(first + r, last) - window) - at;
        hide(row, Seen{0, most(int64_t(0), least(visible, keys))}, keys, nullptr);
      });
    }
    const int64_t from = most(int64_t(0), first - window + 1) / kTileColumns<T> * kTileColumns<T>;
    for (int64_t at = from; at <= last; at += kKeys) {
      const int64_t keys = least(kKeys, last + 1 - at);
      tile(band, at, keys, [=](int64_t r, T *row) {
        const int64_t i = least(first + r, last);
        const Seen seen{most(int64_t(0), least(keys, i - window + 1 - at)), most(int64_t(0), least(keys, i + 1 - at))};
        hide(row, seen, keys, padding_ ? kinds_ + at : nullptr);
      });
    }
  }

  KeyList<T> band, gathered;

 private:
  // The first `initial` tokens that are no padding, and all separators, ascending.
  void gather() {
    int64_t tokens = 0;
    for (int64_t i = 0; i < sizes_.time; i++) {
      if (kinds_[i] == kPadding) continue;
      if (tokens++ < sizes_.initial || kinds_[i] == kSeparator) positions_[gathered.count++] = i;
    }
  }

  // How many of the gathered keys stand at most at `last`.
  int64_t count_until(int64_t last) const {
    int64_t low = 0, high = gathered.count;
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      if (positions_[middle] <= last) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  static void hide(T *row, Seen seen, int64_t keys, const int8_t *kinds) {
    const T hidden = -__builtin_inf();
    const int64_t columns = whole_tiles<T>(keys);
    for (int64_t c = 0; c < seen.from; c++) row[c] = hidden;
    for (int64_t c = most(seen.from, seen.to); c < columns; c++) row[c] = hidden;
    if (kinds) {
      for (int64_t c = seen.from; c < seen.to; c++) row[c] = kinds[c] == kPadding ? hidden : row[c];
    }
  }

  const AttentionSizes &sizes_;
  const int64_t width_;
  const int8_t *kinds_ = nullptr;
  int64_t *positions_ = nullptr;
  bool padding_ = false;
};

}  // namespace DM_TIER
}  // namespace dm

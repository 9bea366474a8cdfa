// half_topk and merge_halves: together they are product_key_topk, bit for bit.
#include <limits>

#include "typed.h"

namespace {

struct Shape {
  int64_t batch, heads, n, length, topK;
};

const Shape kShapes[] = {{1, 1, 1, 1, 1},    {1, 4, 1024, 128, 32}, {5, 3, 101, 7, 7},   {6, 2, 67, 3, 67},
                         {97, 3, 131, 31, 17}, {31, 2, 257, 257, 5}, {193, 2, 1021, 13, 32}};

template <class T>
struct Halves {
  Array<T> scores[2];
  Array<int64_t> indices[2];

  explicit Halves(int64_t results)
      : scores{Array<T>(results), Array<T>(results)}, indices{Array<int64_t>(results), Array<int64_t>(results)} {}
};

// Both halves of query [batch, heads, 2*length] and keys [heads, 2, n, length], in place.
template <class T>
int32_t find(const Shape &s, const Array<T> &query, const Array<T> &keys, Halves<T> &out, int threads, int64_t *where) {
  for (int half = 0; half < 2; half++) {
    const int32_t status =
        half_topk(query.data() + half * s.length, s.heads * 2 * s.length, 2 * s.length, keys.data() + half * s.n * s.length,
                  2 * s.n * s.length, s.batch, s.heads, s.n, s.length, s.topK, out.scores[half].data(),
                  out.indices[half].data(), threads, where);
    EXPECT(out.scores[half].sentries_stand() && out.indices[half].sentries_stand(), "wrote past its end");
    if (status != DM_OK) return status;
  }
  return DM_OK;
}

template <class T>
int32_t merge(const Shape &s, const Halves<T> &in, Array<T> &scores, Array<int64_t> &slots, int threads, int64_t *where) {
  return merge_halves(in.scores[0].data(), in.indices[0].data(), in.scores[1].data(), in.indices[1].data(), s.batch * s.heads,
                      s.n, s.topK, scores.data(), slots.data(), threads, where);
}

template <class T>
void same_as_whole() {
  for (const Shape &s : kShapes) {
    const int64_t results = s.batch * s.heads * s.topK;
    const Array<T> query = normals<T>(s.batch * s.heads * 2 * s.length), keys = normals<T>(s.heads * 2 * s.n * s.length);
    Array<T> want(results);
    Array<int64_t> wantSlots(results);
    int64_t where = -1;
    topk(query.data(), keys.data(), s.batch, s.heads, s.n, 2 * s.length, s.topK, want.data(), wantSlots.data(), 2, &where);
    for (int threads = 1; threads <= 3; threads++) {
      Halves<T> halves(results);
      Array<T> scores(results);
      Array<int64_t> slots(results);
      EXPECT(find(s, query, keys, halves, threads, &where) == DM_OK, "where %lld", (long long)where);
      EXPECT(merge(s, halves, scores, slots, threads, &where) == DM_OK, "where %lld", (long long)where);
      EXPECT(scores.sentries_stand() && slots.sentries_stand(), "wrote past its end");
      EXPECT(scores.same_bits(want) && slots.same_bits(wantSlots), "n %lld, %d threads: not what the whole lookup finds",
             (long long)s.n, threads);
    }
  }
}

template <class T>
void nan_is_named() {
  for (const Shape &s : kShapes) {
    const int64_t results = s.batch * s.heads * s.topK, bad = s.batch * s.heads - 1;
    Array<T> query = normals<T>(s.batch * s.heads * 2 * s.length);
    const Array<T> keys = normals<T>(s.heads * 2 * s.n * s.length);
    query[bad * 2 * s.length] = std::numeric_limits<T>::quiet_NaN();
    Halves<T> halves(results);
    int64_t where = -1;
    const int32_t status = find(s, query, keys, halves, 2, &where);
    EXPECT(status == DM_NAN && where == bad, "status %d, where %lld", status, (long long)where);
  }
}

template <class T>
void wrong_indices() {
  const Shape s{13, 1, 31, 3, 7};
  const int64_t results = s.batch * s.topK;
  const Array<T> query = normals<T>(s.batch * 2 * s.length), keys = normals<T>(2 * s.n * s.length);
  Array<T> scores(results, T(5));
  Array<int64_t> slots(results, int64_t(5));
  for (int half = 0; half < 2; half++) {
    for (int64_t wrong : {int64_t(-1), s.n, std::numeric_limits<int64_t>::max(), int64_t(-2)}) {
      Halves<T> halves(results);
      int64_t where = -1;
      find(s, query, keys, halves, 2, &where);
      const int64_t at = 3 * s.topK + 4;
      halves.indices[half][at] = wrong == -2 ? halves.indices[half][at - 1] : wrong;  // -2: one twice
      const int32_t status = merge(s, halves, scores, slots, 2, &where);
      EXPECT(status == DM_OUT_OF_RANGE && where == half * results + at, "status %d, where %lld", status, (long long)where);
      EXPECT(scores[0] == T(5) && slots[0] == 5, "written all the same");
    }
  }
  Halves<T> halves(results);
  int64_t where = -1;
  find(s, query, keys, halves, 2, &where);
  halves.scores[1][5 * s.topK] = std::numeric_limits<T>::quiet_NaN();
  const int32_t status = merge(s, halves, scores, slots, 2, &where);
  EXPECT(status == DM_NAN && where == 5, "status %d, where %lld", status, (long long)where);
}

TEST(halves_are_the_whole_lookup) {
  same_as_whole<float>();
  same_as_whole<double>();
}
TEST(half_names_nan) {
  nan_is_named<float>();
  nan_is_named<double>();
}
TEST(merge_refuses_wrong_indices) {
  wrong_indices<float>();
  wrong_indices<double>();
}

}  // namespace

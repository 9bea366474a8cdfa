// product_key_topk, its selection and its gradient against double loops.
#include <algorithm>
#include <limits>

#include "../cpu/kernel_table.h"
#include "typed.h"

namespace {

struct Shape {
  int64_t batch, heads, n, keySize, topK;
};

template <class T>
struct Pick {
  T score;
  int64_t tag;
  bool operator<(const Pick &o) const { return score > o.score || (score == o.score && tag < o.tag); }
};

template <class T>
std::vector<Pick<T>> ref_half(const T *scores, int64_t n, int64_t topK) {
  std::vector<Pick<T>> all;
  for (int64_t i = 0; i < n; i++) all.push_back({scores[i], i});
  std::sort(all.begin(), all.end());
  all.resize(size_t(topK));
  return all;
}

// The contract, word by word.
template <class T>
std::vector<Pick<T>> ref_select(const T *half1, const T *half2, int64_t n, int64_t topK) {
  const auto one = ref_half(half1, n, topK), two = ref_half(half2, n, topK);
  std::vector<Pick<T>> all;
  for (int64_t p = 1; p <= topK; p++) {
    for (int64_t q = 1; p * q <= topK; q++) {
      const auto &a = one[size_t(p - 1)], &b = two[size_t(q - 1)];
      all.push_back({T(a.score + b.score), a.tag * n + b.tag});
    }
  }
  std::sort(all.begin(), all.end());
  all.resize(size_t(topK));
  return all;
}

template <class T>
void expect_selection(const char *what, const Array<T> &halves, int64_t queries, int64_t n, int64_t topK, int threads) {
  Array<T> scores(queries * topK);
  Array<int64_t> slots(queries * topK);
  int64_t where = -1;
  const int32_t status = select(halves.data(), queries, n, topK, scores.data(), slots.data(), threads, &where);
  EXPECT(status == DM_OK, "%s: status %d, where %lld", what, status, (long long)where);
  EXPECT(scores.sentries_stand() && slots.sentries_stand(), "%s: wrote past its end", what);
  for (int64_t at = 0; at < queries; at++) {
    const auto want = ref_select(halves.data() + at * 2 * n, halves.data() + (at * 2 + 1) * n, n, topK);
    for (int64_t r = 0; r < topK; r++) {
      const T got = scores[at * topK + r], expected = want[size_t(r)].score;
      EXPECT(got == expected && std::signbit(got) == std::signbit(expected) && slots[at * topK + r] == want[size_t(r)].tag,
             "%s: n %lld topK %lld query %lld rank %lld: (%.9g, %lld), expected (%.9g, %lld)", what, (long long)n,
             (long long)topK, (long long)at, (long long)r, double(got), (long long)slots[at * topK + r], double(expected),
             (long long)want[size_t(r)].tag);
    }
  }
}

const Shape kSelections[] = {{7, 1, 1, 0, 1},    {5, 1, 31, 0, 1},    {5, 1, 31, 0, 31},   {13, 1, 97, 0, 7},   {11, 1, 211, 0, 32},
                             {3, 1, 1021, 0, 5}, {17, 1, 1024, 0, 32}, {5, 1, 1023, 0, 71}, {2, 1, 1031, 0, 389}, {2, 1, 509, 0, 509}};

template <class T>
void random_halves() {
  for (const Shape &s : kSelections) {
    for (int threads = 1; threads <= 3; threads++) {
      expect_selection("random", normals<T>(s.batch * 2 * s.n), s.batch, s.n, s.topK, threads);
    }
  }
}

template <class T>
void tied_halves() {
  for (const Shape &s : kSelections) {
    Array<T> few(s.batch * 2 * s.n), zeros(s.batch * 2 * s.n, T(0)), signs(s.batch * 2 * s.n), infinite(s.batch * 2 * s.n);
    for (int64_t i = 0; i < few.size(); i++) {
      few[i] = T(int64_t(random_bits()() % 5) - 2);
      signs[i] = random_bits()() % 2 ? T(0) : -T(0);
      infinite[i] = random_bits()() % 3 ? -std::numeric_limits<T>::infinity() : T(i % 3);
    }
    expect_selection("few values", few, s.batch, s.n, s.topK, 2);
    expect_selection("all equal", zeros, s.batch, s.n, s.topK, 2);
    expect_selection("signed zeros", signs, s.batch, s.n, s.topK, 2);
    expect_selection("-infinity", infinite, s.batch, s.n, s.topK, 2);
  }
}

template <class T>
void nan_halves() {
  const int64_t queries = 11, n = 211, topK = 13;
  Array<T> scores(queries * topK);
  Array<int64_t> slots(queries * topK);
  for (int64_t bad : {int64_t(0), int64_t(17), 2 * n * 5 + n + 3, queries * 2 * n - 1}) {
    Array<T> halves = normals<T>(queries * 2 * n);
    halves[bad] = std::numeric_limits<T>::quiet_NaN();
    halves[queries * 2 * n - 1] = std::numeric_limits<T>::quiet_NaN();  // a later one: the first is reported
    int64_t where = -1;
    const int32_t status = select(halves.data(), queries, n, topK, scores.data(), slots.data(), 3, &where);
    EXPECT(status == DM_NAN && where == bad / (2 * n), "status %d, where %lld", status, (long long)where);
  }
  Array<T> halves = normals<T>(queries * 2 * n);
  halves[2 * n * 3 + 1] = std::numeric_limits<T>::infinity();
  for (int64_t j = 0; j < n; j++) halves[2 * n * 3 + n + j] = -std::numeric_limits<T>::infinity();
  int64_t where = -1;
  const int32_t status = select(halves.data(), queries, n, topK, scores.data(), slots.data(), 2, &where);
  EXPECT(status == DM_NAN && where == 3, "infinities of both signs: status %d, where %lld", status, (long long)where);
}

// keySize/2 values of `length`: 1, 3, 64, 257 reach the ends of vectors and the second slice of a panel.
const Shape kLookups[] = {{1, 1, 1, 2, 1},     {1, 4, 1024, 256, 32}, {5, 3, 101, 14, 7},   {11, 2, 67, 6, 67},  {6, 2, 67, 6, 67},
                          {12, 1, 97, 2, 13},  {97, 3, 131, 62, 17},  {31, 2, 257, 514, 5}, {101, 1, 509, 34, 1}, {193, 2, 1021, 26, 32}};

// The sums that the slots stand for, in double, and that nothing better was left out.
template <class T>
void expect_lookup(const Shape &s, const Array<T> &query, const Array<T> &keys, const Array<T> &scores,
                   const Array<int64_t> &slots) {
  const int64_t length = s.keySize / 2;
  const double slack = 8 * double(length) * (sizeof(T) == 4 ? 6e-8 : 1.2e-16) * double(length + 4);
  for (int64_t b = 0; b < s.batch; b++) {
    for (int64_t h = 0; h < s.heads; h++) {
      std::vector<double> u[2];
      for (int half = 0; half < 2; half++) {
        for (int64_t i = 0; i < s.n; i++) {
          double dot = 0;
          for (int64_t c = 0; c < length; c++) {
            dot += double(query[(b * s.heads + h) * s.keySize + half * length + c]) *
                   double(keys[((h * 2 + half) * s.n + i) * length + c]);
          }
          u[half].push_back(dot);
        }
      }
      const auto want = ref_select(u[0].data(), u[1].data(), s.n, s.topK);
      std::vector<int64_t> seen;
      for (int64_t r = 0; r < s.topK; r++) {
        const int64_t at = (b * s.heads + h) * s.topK + r, slot = slots[at];
        EXPECT(slot >= 0 && slot < s.n * s.n, "slot %lld", (long long)slot);
        if (slot < 0 || slot >= s.n * s.n) return;
        const double sum = u[0][size_t(slot / s.n)] + u[1][size_t(slot % s.n)];
        EXPECT(std::fabs(double(scores[at]) - sum) <= slack, "score %.9g of slot %lld is %.9g", double(scores[at]),
               (long long)slot, sum);
        EXPECT(std::fabs(double(scores[at]) - want[size_t(r)].score) <= slack, "n %lld rank %lld: %.9g, expected %.9g",
               (long long)s.n, (long long)r, double(scores[at]), want[size_t(r)].score);
        seen.push_back(slot);
      }
      std::sort(seen.begin(), seen.end());
      EXPECT(std::unique(seen.begin(), seen.end()) == seen.end(), "a slot twice");
    }
  }
}

template <class T>
void lookups() {
  for (const Shape &s : kLookups) {
    const Array<T> query = normals<T>(s.batch * s.heads * s.keySize), keys = normals<T>(s.heads * s.n * s.keySize);
    Array<T> first(s.batch * s.heads * s.topK);
    Array<int64_t> firstSlots(s.batch * s.heads * s.topK);
    for (int threads = 1; threads <= 3; threads++) {
      Array<T> scores(s.batch * s.heads * s.topK);
      Array<int64_t> slots(s.batch * s.heads * s.topK);
      int64_t where = -1;
      const int32_t status = topk(query.data(), keys.data(), s.batch, s.heads, s.n, s.keySize, s.topK, scores.data(),
                                  slots.data(), threads, &where);
      EXPECT(status == DM_OK, "status %d", status);
      EXPECT(scores.sentries_stand() && slots.sentries_stand(), "wrote past its end");
      if (threads == 1) {
        expect_lookup(s, query, keys, scores, slots);
        first = scores;
        firstSlots = slots;
      }
      EXPECT(scores.same_bits(first) && slots.same_bits(firstSlots), "%d threads give another result", threads);
    }
  }
}

template <class T>
void lookup_nan() {
  for (const Shape &s : kLookups) {
    if (s.batch * s.heads < 2) continue;
    Array<T> query = normals<T>(s.batch * s.heads * s.keySize), keys = normals<T>(s.heads * s.n * s.keySize);
    const int64_t bad = s.batch * s.heads - 1;
    query[bad * s.keySize + s.keySize - 1] = std::numeric_limits<T>::quiet_NaN();
    Array<T> scores(s.batch * s.heads * s.topK);
    Array<int64_t> slots(s.batch * s.heads * s.topK);
    int64_t where = -1;
    const int32_t status = topk(query.data(), keys.data(), s.batch, s.heads, s.n, s.keySize, s.topK, scores.data(),
                                slots.data(), 2, &where);
    EXPECT(status == DM_NAN && where == bad, "batch %lld: status %d, where %lld", (long long)s.batch, status, (long long)where);
    EXPECT(scores.sentries_stand() && slots.sentries_stand(), "wrote past its end");
  }
}

template <class T>
void empty_lookup() {
  const Array<T> query = normals<T>(0), keys = normals<T>(3 * 5 * 4);
  Array<T> scores(0), keyGradients(3 * 5 * 4), queryGradients(0);
  Array<int64_t> slots(0);
  int64_t where = -1;
  EXPECT(topk(query.data(), keys.data(), 0, 3, 5, 4, 2, scores.data(), slots.data(), 2, &where) == DM_OK, "empty batch");
  EXPECT(topk_bp(query.data(), keys.data(), slots.data(), scores.data(), 0, 3, 5, 4, 2, queryGradients.data(),
                 keyGradients.data(), 2, &where) == DM_OK,
         "empty batch");
  for (int64_t i = 0; i < keyGradients.size(); i++) EXPECT(keyGradients[i] == 0, "gradient of nothing: %g", double(keyGradients[i]));
  EXPECT(queryGradients.sentries_stand() && scores.sentries_stand() && slots.sentries_stand(), "wrote past its end");
}

template <class T>
void gradients() {
  for (const Shape &s : kLookups) {
    const int64_t length = s.keySize / 2, picks = s.batch * s.heads * s.topK;
    const Array<T> query = normals<T>(s.batch * s.heads * s.keySize), keys = normals<T>(s.heads * s.n * s.keySize);
    const Array<T> scoreGradients = normals<T>(picks);
    Array<int64_t> slots = integers(picks, s.n * s.n);  // repeated slots and rows included
    std::vector<double> dq(size_t(query.size())), dk(size_t(keys.size()));
    for (int64_t at = 0; at < picks; at++) {
      const int64_t bh = at / s.topK, h = bh % s.heads;
      for (int half = 0; half < 2; half++) {
        const int64_t i = half ? slots[at] % s.n : slots[at] / s.n;
        for (int64_t c = 0; c < length; c++) {
          const int64_t inQuery = bh * s.keySize + half * length + c, inKeys = ((h * 2 + half) * s.n + i) * length + c;
          dq[size_t(inQuery)] += double(scoreGradients[at]) * double(keys[inKeys]);
          dk[size_t(inKeys)] += double(scoreGradients[at]) * double(query[inQuery]);
        }
      }
    }
    Array<T> firstQuery(query.size()), firstKeys(keys.size());
    for (int threads = 1; threads <= 3; threads++) {
      Array<T> queryGradients(query.size()), keyGradients(keys.size());
      int64_t where = -1;
      const int32_t status = topk_bp(query.data(), keys.data(), slots.data(), scoreGradients.data(), s.batch, s.heads, s.n,
                                     s.keySize, s.topK, queryGradients.data(), keyGradients.data(), threads, &where);
      EXPECT(status == DM_OK, "status %d", status);
      EXPECT_CLOSE(queryGradients, dq, double(s.topK), 8.0);
      EXPECT_CLOSE(keyGradients, dk, double(s.batch * s.topK), 8.0);
      if (threads == 1) {
        firstQuery = queryGradients;
        firstKeys = keyGradients;
      }
      EXPECT(queryGradients.same_bits(firstQuery) && keyGradients.same_bits(firstKeys), "%d threads differ", threads);
    }
    for (int64_t wrong : {int64_t(-1), s.n * s.n, std::numeric_limits<int64_t>::min()}) {
      Array<T> queryGradients(query.size(), T(5)), keyGradients(keys.size(), T(5));
      slots[picks - 1] = wrong;
      int64_t where = -1;
      const int32_t status = topk_bp(query.data(), keys.data(), slots.data(), scoreGradients.data(), s.batch, s.heads, s.n,
                                     s.keySize, s.topK, queryGradients.data(), keyGradients.data(), 2, &where);
      EXPECT(status == DM_OUT_OF_RANGE && where == picks - 1, "status %d, where %lld", status, (long long)where);
      EXPECT(queryGradients[0] == T(5) && keyGradients[0] == T(5), "written before the range was checked");
    }
  }
}

TEST(selection_is_exact) {
  random_halves<float>();
  random_halves<double>();
}
TEST(selection_orders_ties) {
  tied_halves<float>();
  tied_halves<double>();
}
TEST(selection_reports_the_first_nan) {
  nan_halves<float>();
  nan_halves<double>();
}
TEST(lookup_finds_the_best_sums) {
  lookups<float>();
  lookups<double>();
}
TEST(lookup_reports_nan) {
  lookup_nan<float>();
  lookup_nan<double>();
}
TEST(lookup_of_an_empty_batch) {
  empty_lookup<float>();
  empty_lookup<double>();
}
TEST(lookup_gradients) {
  gradients<float>();
  gradients<double>();
}

}  // namespace

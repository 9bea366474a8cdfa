// Tucker lookup, expanded bag and expanded slots against plain loops; see main.cpp. One tier's selections are the next one's.
#include <algorithm>
#include <cstring>

#include "typed.h"

namespace {

struct Tucker {
  int64_t batch, heads, rank, cores, n, keySize, topK;
  int64_t lines() const { return 2 * rank; }
};

// The contract in double; products and sums rounded to T. key scores of one query: [2 * rank][n].
template <class T>
std::vector<std::pair<T, int64_t>> ref_tucker(const Tucker &s, const T *keyScores, const T *cores, const T *filters) {
  std::vector<int64_t> best[2];
  for (int64_t side = 0; side < 2; side++) {
    std::vector<std::pair<T, int64_t>> all;
    for (int64_t i = 0; i < s.n; i++) {
      volatile T sum = 0;  // volatile: no fused multiply-add
      for (int64_t a = 0; a < s.rank; a++) {
        volatile T product = filters[side * s.rank + a] * keyScores[(side * s.rank + a) * s.n + i];
        sum = a == 0 ? product : sum + product;
      }
      all.push_back({-sum, i});
    }
    std::sort(all.begin(), all.end());
    for (int64_t r = 0; r < s.topK; r++) best[side].push_back(all[size_t(r)].second);
  }
  std::vector<std::pair<T, int64_t>> all;
  for (int64_t i : best[0]) {
    for (int64_t j : best[1]) {
      volatile T score = 0;
      for (int64_t a = 0; a < s.rank; a++) {
        volatile T right = 0;
        for (int64_t e = 0; e < s.rank; e++) {
          volatile T core = cores[a * s.rank + e];
          for (int64_t c = 1; c < s.cores; c++) core = core + cores[(c * s.rank + a) * s.rank + e];
          volatile T product = core * keyScores[(s.rank + e) * s.n + j];
          right = e == 0 ? product : right + product;
        }
        volatile T product = keyScores[a * s.n + i] * right;
        score = a == 0 ? product : score + product;
      }
      all.push_back({-score, i * s.n + j});
    }
  }
  std::sort(all.begin(), all.end());
  all.resize(size_t(s.topK));
  return all;
}

const Tucker kShapes[] = {{1, 1, 1, 1, 1, 3, 1},   {3, 2, 2, 2, 31, 17, 7},  {5, 1, 3, 1, 97, 67, 13},
                          {7, 2, 2, 2, 53, 19, 11}, {23, 1, 2, 3, 211, 259, 32}, {13, 3, 1, 1, 37, 8, 37}};

template <class T>
void selections() {
  for (const Tucker &s : kShapes) {
    for (bool ties : {false, true}) {
      Array<T> keyScores = normals<T>(s.batch * s.heads * s.lines() * s.n);
      if (ties) {
        for (int64_t i = 0; i < keyScores.size(); i++) keyScores[i] = T(int64_t(random_bits()() % 3) - 1);
      }
      const Array<T> cores = normals<T>(s.heads * s.cores * s.rank * s.rank), filters = normals<T>(s.heads * s.lines());
      Array<T> scores(s.batch * s.heads * s.topK * s.cores);
      Array<int64_t> slots(s.batch * s.heads * s.topK);
      for (int threads = 1; threads <= 3; threads++) {
        int64_t where = -1;
        const int32_t status = tucker_select(keyScores.data(), cores.data(), filters.data(), s.batch, s.heads, s.rank, s.cores,
                                             s.n, s.topK, scores.data(), slots.data(), threads, &where);
        EXPECT(status == DM_OK, "status %d", status);
        EXPECT(scores.sentries_stand() && slots.sentries_stand(), "wrote past its end");
        for (int64_t at = 0; at < s.batch * s.heads; at++) {
          const int64_t head = at % s.heads;
          const auto want = ref_tucker<T>(s, keyScores.data() + at * s.lines() * s.n,
                                          cores.data() + head * s.cores * s.rank * s.rank, filters.data() + head * s.lines());
          for (int64_t r = 0; r < s.topK; r++) {
            EXPECT(slots[at * s.topK + r] == want[size_t(r)].second, "n %lld query %lld rank %lld: slot %lld, expected %lld",
                   (long long)s.n, (long long)at, (long long)r, (long long)slots[at * s.topK + r],
                   (long long)want[size_t(r)].second);
            if (s.cores == 1)
              EXPECT(scores[at * s.topK + r] == -want[size_t(r)].first, "score of query %lld, rank %lld", (long long)at,
                     (long long)r);
          }
        }
      }
    }
  }
}

// Whole numbers: key scores are exact in every order of summation, so a lookup is its selection.
template <class T>
void lookups() {
  for (const Tucker &s : kShapes) {
    Array<T> query(s.batch * s.heads * s.lines() * s.keySize), keys(s.heads * s.lines() * s.n * s.keySize);
    for (int64_t i = 0; i < query.size(); i++) query[i] = T(int64_t(random_bits()() % 7) - 3);
    for (int64_t i = 0; i < keys.size(); i++) keys[i] = T(int64_t(random_bits()() % 7) - 3);
    Array<T> keyScores(s.batch * s.heads * s.lines() * s.n);
    for (int64_t i = 0; i < keyScores.size(); i++) {
      const int64_t line = i / s.n, matrix = line % (s.heads * s.lines());
      T sum = 0;
      for (int64_t d = 0; d < s.keySize; d++) sum += query[line * s.keySize + d] * keys[(matrix * s.n + i % s.n) * s.keySize + d];
      keyScores[i] = sum;
    }
    const Array<T> cores = normals<T>(s.heads * s.cores * s.rank * s.rank), filters = normals<T>(s.heads * s.lines());
    Array<T> scores(s.batch * s.heads * s.topK * s.cores), want(scores.size());
    Array<int64_t> slots(s.batch * s.heads * s.topK), wantSlots(slots.size());
    for (int threads = 1; threads <= 3; threads++) {
      int64_t where = -1;
      tucker_select(keyScores.data(), cores.data(), filters.data(), s.batch, s.heads, s.rank, s.cores, s.n, s.topK, want.data(),
                    wantSlots.data(), threads, &where);
      const int32_t status = tucker_topk(query.data(), keys.data(), cores.data(), filters.data(), 0.0, s.batch, s.heads, s.rank,
                                         s.cores, s.n, s.keySize, s.topK, scores.data(), slots.data(), threads, &where);
      EXPECT(status == DM_OK, "status %d", status);
      EXPECT(scores.same_bits(want) && slots.same_bits(wantSlots), "n %lld, %d threads: not its selection", (long long)s.n, threads);
    }
    query[query.size() - 1] = std::nan("");
    Array<T> kept(scores.size(), T(5));
    int64_t where = -1;
    const int32_t status = tucker_topk(query.data(), keys.data(), cores.data(), filters.data(), 0.0, s.batch, s.heads, s.rank, s.cores,
                                       s.n, s.keySize, s.topK, kept.data(), slots.data(), 2, &where);
    EXPECT(status == DM_NAN && where == s.batch * s.heads - 1, "status %d, where %lld", status, (long long)where);
    EXPECT(kept[0] == T(5), "written before NaN was met");
  }
}

template <class T>
void gradients() {
  for (const Tucker &s : kShapes) {
    const int64_t picks = s.batch * s.heads * s.topK;
    const Array<T> query = normals<T>(s.batch * s.heads * s.lines() * s.keySize);
    const Array<T> keys = normals<T>(s.heads * s.lines() * s.n * s.keySize);
    const Array<T> cores = normals<T>(s.heads * s.cores * s.rank * s.rank), g = normals<T>(picks * s.cores);
    const Array<int64_t> slots = integers(picks, s.n * s.n);
    std::vector<double> dq(size_t(query.size())), dk(size_t(keys.size())), dc(size_t(cores.size()));
    for (int64_t pick = 0; pick < picks; pick++) {
      const int64_t at = pick / s.topK, head = at % s.heads, key[2] = {slots[pick] / s.n, slots[pick] % s.n};
      std::vector<double> score(size_t(s.lines())), gradient(size_t(s.lines()));
      const auto q = [&](int64_t line) { return (at * s.lines() + line) * s.keySize; };
      const auto k = [&](int64_t line) { return ((head * s.lines() + line) * s.n + key[line / s.rank]) * s.keySize; };
      for (int64_t line = 0; line < s.lines(); line++) {
        for (int64_t d = 0; d < s.keySize; d++) score[size_t(line)] += double(query[q(line) + d]) * double(keys[k(line) + d]);
      }
      for (int64_t i = 0; i < s.cores * s.rank * s.rank; i++) {
        const int64_t c = i / s.rank / s.rank, a = i / s.rank % s.rank, e = s.rank + i % s.rank;
        const double core = double(cores[head * s.cores * s.rank * s.rank + i]), up = double(g[pick * s.cores + c]);
        dc[size_t(head * s.cores * s.rank * s.rank + i)] += up * score[size_t(a)] * score[size_t(e)];
        gradient[size_t(a)] += up * core * score[size_t(e)];
        gradient[size_t(e)] += up * core * score[size_t(a)];
      }
      for (int64_t line = 0; line < s.lines(); line++) {
        for (int64_t d = 0; d < s.keySize; d++) {
          dq[size_t(q(line) + d)] += gradient[size_t(line)] * double(keys[k(line) + d]);
          dk[size_t(k(line) + d)] += gradient[size_t(line)] * double(query[q(line) + d]);
        }
      }
    }
    for (int threads = 1; threads <= 3; threads++) {
      Array<T> queryGradients(query.size(), T(5)), keyGradients(keys.size(), T(5)), coreGradients(cores.size(), T(5));
      int64_t where = -1;
      const int32_t status =
          tucker_topk_bp(query.data(), keys.data(), cores.data(), slots.data(), g.data(), s.batch, s.heads, s.rank, s.cores, s.n,
                         s.keySize, s.topK, queryGradients.data(), keyGradients.data(), coreGradients.data(), threads, &where);
      EXPECT(status == DM_OK, "status %d", status);
      const double terms = double(s.batch * s.topK * s.rank * s.cores + s.keySize), scale = double(s.keySize);
      EXPECT_CLOSE(queryGradients, dq, terms, scale);
      EXPECT_CLOSE(keyGradients, dk, terms, scale);
      EXPECT_CLOSE(coreGradients, dc, terms, scale);
    }
  }
}

template <class T>
void bags() {
  for (int64_t expansion : {1, 2, 4, 9}) {
    for (int64_t cores : {1, 2, 3}) {
      for (int64_t width : {1, 19, 64}) {
        const int64_t many = 7, bagSize = 23, slotCount = 41, size = cores * width, all = many * bagSize;
        const Array<T> values = normals<T>(slotCount * size), weights = normals<T>(all * cores);
        const Array<T> up = normals<T>(many * expansion * size);
        const Array<int64_t> slots = integers(all, slotCount), blocks = integers(all, expansion);
        std::vector<double> want(size_t(many * expansion * size)), dw(size_t(all * cores));
        for (int64_t at = 0; at < all; at++) {
          for (int64_t d = 0; d < size; d++) {
            const int64_t o = (at / bagSize * expansion + blocks[at]) * size + d, w = at * cores + d / width;
            want[size_t(o)] += double(weights[w]) * double(values[slots[at] * size + d]);
            dw[size_t(w)] += double(up[o]) * double(values[slots[at] * size + d]);
          }
        }
        Array<T> first(int64_t(want.size()));
        for (int threads : {1, 2, 3, 11}) {
          Array<T> out(int64_t(want.size()), T(5)), weightGradients(all * cores, T(5));
          expanded_bag(values.data(), slots.data(), blocks.data(), weights.data(), many, bagSize, cores, expansion, size,
                       out.data(), threads);
          expanded_bag_weights_bp(values.data(), slots.data(), blocks.data(), up.data(), many, bagSize, cores, expansion, size,
                                  weightGradients.data(), threads);
          EXPECT_CLOSE(out, want, double(bagSize), 4.0);
          EXPECT_CLOSE(weightGradients, dw, double(size), 4.0);
          if (threads == 1) first = out;
          EXPECT(out.same_bits(first), "%d threads differ", threads);
        }
      }
    }
  }
}

TEST(tucker_selection_follows_the_rule) {
  selections<float>();
  selections<double>();
}
TEST(tucker_lookup_is_its_selection) {
  lookups<float>();
  lookups<double>();
}
TEST(tucker_gradients) {
  gradients<float>();
  gradients<double>();
}
TEST(expanded_bags) {
  bags<float>();
  bags<double>();
}
TEST(expanded_slots_are_a_permutation) {
  for (int64_t slotCount : {1, 7, 1000, 65537}) {
    for (int64_t expansion : {1, 4, 9}) {
      const int64_t count = slotCount * expansion;
      Array<int64_t> slots(count), rows(count), blocks(count);
      for (int64_t i = 0; i < count; i++) slots[i] = i;
      int64_t where = -1;
      EXPECT(dm_expand_slots(slots.data(), count, slotCount, expansion, 5, rows.data(), blocks.data(), 2, &where) == DM_OK, "%s", "");
      std::vector<bool> seen(size_t(count), false);
      for (int64_t i = 0; i < count; i++) {
        const int64_t place = blocks[i] * slotCount + rows[i];
        EXPECT(place >= 0 && place < count && !seen[size_t(place)], "place %lld", (long long)place);
        seen[size_t(place)] = true;
      }
      slots[count - 1] = count;
      const int32_t status = dm_expand_slots(slots.data(), count, slotCount, expansion, 5, rows.data(), blocks.data(), 2, &where);
      EXPECT(status == DM_OUT_OF_RANGE && where == count - 1, "status %d, where %lld", status, (long long)where);
    }
  }
}

}  // namespace

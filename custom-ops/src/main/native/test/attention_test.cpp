// Separator attention and its gradient against plain loops; results do not depend on threads.
#include <algorithm>

#include "check.h"
#include "typed.h"

namespace {

struct Shape {
  int64_t batch, time, heads, keyValueHeads, headSize, initial, window;
};
// Windows of one token and of all; one block and many; head sizes of whole tiles and not; more heads than threads and fewer.
const Shape kShapes[] = {{1, 1, 1, 1, 1, 0, 1},     {2, 53, 6, 3, 17, 3, 11}, {1, 211, 2, 1, 16, 2, 24},
                         {3, 97, 2, 2, 5, 0, 1000}, {1, 311, 1, 1, 3, 3, 7},  {7, 13, 4, 4, 67, 5, 3}};

template <class T>
struct Attention {
  explicit Attention(const Shape &shape)
      : s(shape), query(normals<T>(rows(s.heads))), keys(normals<T>(rows(s.keyValueHeads))),
        values(normals<T>(rows(s.keyValueHeads))), outGradients(normals<T>(rows(s.heads))), kinds(s.batch * s.time) {
    for (int64_t i = 0; i < kinds.size(); i++) {
      const uint64_t chance = random_bits()() % 100;
      kinds[i] = int8_t(chance < 15 ? 1 : chance < 25 ? 2 : 0);
    }
  }

  int64_t rows(int64_t heads) const { return s.batch * s.time * heads * s.headSize; }
  const T *row(const Array<T> &of, int64_t heads, int64_t b, int64_t i, int64_t h) const {
    return of.data() + ((b * s.time + i) * heads + h) * s.headSize;
  }

  double dot(const T *x, const T *y) const {
    double sum = 0;
    for (int64_t c = 0; c < s.headSize; c++) sum += double(x[c]) * double(y[c]);
    return sum;
  }

  std::vector<double> probabilities(int64_t b, int64_t i, int64_t h) const {
    std::vector<double> p(size_t(s.time), 0.0);
    const int8_t *kind = kinds.data() + b * s.time;
    double total = 0;
    int64_t tokens = 0;
    for (int64_t j = 0; j <= i && kind[i] != 2; j++) {
      if (kind[j] == 2) continue;
      if (tokens++ >= s.initial && kind[j] != 1 && i - j >= s.window) continue;
      p[size_t(j)] = std::exp(dot(row(query, s.heads, b, i, h), row(keys, s.keyValueHeads, b, j, group(h))) /
                              std::sqrt(double(s.headSize)));
      total += p[size_t(j)];
    }
    for (double &x : p) x = total > 0 ? x / total : 0;
    return p;
  }

  int64_t group(int64_t h) const { return h * s.keyValueHeads / s.heads; }

  // out, and the gradients of query, keys and values.
  void want(std::vector<double> *out, std::vector<double> *dq, std::vector<double> *dk, std::vector<double> *dv) const {
    out->assign(size_t(rows(s.heads)), 0.0);
    dq->assign(size_t(rows(s.heads)), 0.0);
    dk->assign(size_t(rows(s.keyValueHeads)), 0.0);
    dv->assign(size_t(rows(s.keyValueHeads)), 0.0);
    for (int64_t b = 0; b < s.batch; b++) {
      for (int64_t h = 0; h < s.heads; h++) {
        for (int64_t i = 0; i < s.time; i++) add(b, h, i, out->data(), dq->data(), dk->data(), dv->data());
      }
    }
  }

  void add(int64_t b, int64_t h, int64_t i, double *out, double *dq, double *dk, double *dv) const {
    const std::vector<double> p = probabilities(b, i, h);
    const T *g = row(outGradients, s.heads, b, i, h), *q = row(query, s.heads, b, i, h);
    const int64_t at = ((b * s.time + i) * s.heads + h) * s.headSize;
    double along = 0;
    for (int64_t j = 0; j < s.time; j++) along += p[size_t(j)] * dot(g, row(values, s.keyValueHeads, b, j, group(h)));
    for (int64_t j = 0; j < s.time; j++) {
      const T *k = row(keys, s.keyValueHeads, b, j, group(h)), *v = row(values, s.keyValueHeads, b, j, group(h));
      const double d = p[size_t(j)] * (dot(g, v) - along) / std::sqrt(double(s.headSize));
      const int64_t key = k - keys.data();
      for (int64_t c = 0; c < s.headSize; c++) {
        out[at + c] += p[size_t(j)] * double(v[c]);
        dq[at + c] += d * double(k[c]);
        dk[key + c] += d * double(q[c]);
        dv[key + c] += p[size_t(j)] * double(g[c]);
      }
    }
  }

  Shape s;
  Array<T> query, keys, values, outGradients;
  Array<int8_t> kinds;
};

template <class T>
void expect_attention(const Shape &s) {
  const Attention<T> in(s);
  std::vector<double> out, dq, dk, dv;
  in.want(&out, &dq, &dk, &dv);
  Array<T> first(0);
  for (int threads = 1; threads <= 3; threads++) {
    Array<T> o(in.query.size()), sums(s.batch * s.heads * s.time), q(in.query.size()), k(in.keys.size()), v(in.keys.size());
    EXPECT(attention(in.query.data(), in.keys.data(), in.values.data(), in.kinds.data(), s.batch, s.time, s.heads, s.keyValueHeads,
                     s.headSize, s.initial, s.window, o.data(), sums.data(), threads) == DM_OK,
           "forward");
    EXPECT(attention_bp(in.query.data(), in.keys.data(), in.values.data(), in.kinds.data(), o.data(), sums.data(),
                        in.outGradients.data(), s.batch, s.time, s.heads, s.keyValueHeads, s.headSize, s.initial, s.window, q.data(),
                        k.data(), v.data(), threads) == DM_OK,
           "backward");
    const double terms = double(s.time + s.headSize);
    EXPECT_CLOSE(o, out, terms, 4.0);
    EXPECT_CLOSE(q, dq, terms, 40.0);
    EXPECT_CLOSE(k, dk, terms, 40.0);
    EXPECT_CLOSE(v, dv, terms, 40.0);
    EXPECT(sums.sentries_stand(), "logSums: wrote past their end");
    if (threads == 1) first = o;
    EXPECT(o.same_bits(first), "%d threads differ", threads);
  }
}

}  // namespace

TEST(separator_attention_and_gradient) {
  for (const Shape &s : kShapes) {
    expect_attention<float>(s);
    expect_attention<double>(s);
  }
}

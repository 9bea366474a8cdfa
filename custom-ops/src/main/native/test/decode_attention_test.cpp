// Attention of one token to a cache against plain loops; results do not depend on threads.
#include <algorithm>

#include "check.h"
#include "typed.h"

namespace {

struct Shape {
  int64_t batch, heads, keyValueHeads, capacity, headSize, rotary;
};
// Groups of 1, 2, 3, 4 and 7 heads; turning features of no, part of and all of a head, in whole vectors and not; more than
// one block of keys, and so many bytes that three threads pay.
const Shape kShapes[] = {{1, 1, 1, 1, 1, 0},    {3, 2, 2, 67, 17, 6},   {2, 6, 3, 131, 16, 16}, {5, 3, 1, 97, 5, 4},
                         {2, 8, 2, 149, 67, 0}, {1, 7, 1, 71, 40, 34}, {3, 2, 2, 1031, 131, 66}};

template <class T>
void expect_decoding(const Shape &s) {
  const int64_t group = s.heads / s.keyValueHeads, half = s.rotary / 2, size = s.headSize;
  const Array<T> query = normals<T>(s.batch * s.heads * size), keys = normals<T>(s.batch * s.keyValueHeads * s.capacity * size),
                 values = normals<T>(s.batch * s.keyValueHeads * s.capacity * size);
  Array<T> cosines(s.capacity * half), sines(s.capacity * half);
  for (int64_t i = 0; i < s.capacity * half; i++) {
    const double angle = double(i / half) * std::pow(10000.0, -double(i % half) / double(half));
    cosines[i] = T(std::cos(angle));
    sines[i] = T(std::sin(angle));
  }
  Array<int64_t> counts = integers(s.batch, s.capacity + 1);
  counts[0] = s.capacity;
  if (s.batch > 2) counts[1] = 0;
  const auto turned = [&](const T *x, int64_t position) {
    std::vector<double> y(x, x + size);
    for (int64_t i = 0; i < half; i++) {
      const double c = double(cosines[position * half + i]), d = double(sines[position * half + i]);
      y[size_t(i)] = double(x[i]) * c - double(x[i + half]) * d;
      y[size_t(i + half)] = double(x[i + half]) * c + double(x[i]) * d;
    }
    return y;
  };
  std::vector<double> wantOut(size_t(query.size()), 0.0), wantWeights(size_t(s.batch * s.heads * s.capacity), -77.0);
  for (int64_t row = 0; row < s.batch * s.heads; row++) {
    const int64_t count = counts[row / s.heads], at = row / group * s.capacity;
    if (count == 0) continue;
    const std::vector<double> q = turned(query.data() + row * size, count - 1);
    double top = -1e300, total = 0;
    std::vector<double> p(static_cast<size_t>(count), 0.0);
    for (int64_t j = 0; j < count; j++) {
      const std::vector<double> k = turned(keys.data() + (at + j) * size, j);
      for (int64_t c = 0; c < size; c++) p[size_t(j)] += q[size_t(c)] * k[size_t(c)] / std::sqrt(double(size));
      top = std::max(top, p[size_t(j)]);
    }
    for (double &x : p) total += x = std::exp(x - top);
    for (int64_t j = 0; j < count; j++) {
      wantWeights[size_t(row * s.capacity + j)] = p[size_t(j)] / total;
      for (int64_t c = 0; c < size; c++) wantOut[size_t(row * size + c)] += p[size_t(j)] / total * double(values[(at + j) * size + c]);
    }
  }
  Array<T> first(0);
  for (int threads = 1; threads <= 3; threads++) {
    Array<T> out(query.size()), weights(s.batch * s.heads * s.capacity);
    EXPECT(decode(query.data(), keys.data(), values.data(), counts.data(), cosines.data(), sines.data(), s.batch, s.heads,
                            s.keyValueHeads, s.capacity, size, s.rotary, weights.data(), out.data(), threads) == DM_OK,
           "decoding");
    const double terms = double(size) + 16;
    EXPECT_CLOSE(out, wantOut, terms, 4.0);
    EXPECT_CLOSE(weights, wantWeights, terms, 4.0);
    if (threads == 1) first = out;
    EXPECT(out.same_bits(first), "%d threads differ", threads);
  }
}

}  // namespace

TEST(decode_attention) {
  for (const Shape &s : kShapes) {
    expect_decoding<float>(s);
    expect_decoding<double>(s);
  }
}

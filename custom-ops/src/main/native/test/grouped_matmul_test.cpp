// grouped_matmul against plain loops: groups with no rows, few, and more than meet a matrix together; sizes around whole lines.
#include <cstring>

#include "typed.h"

namespace {

const int64_t kStarts[] = {0, 0, 1, 3, 6, 10, 10, 19, 34, 107, 107};
constexpr int64_t kGroups = 10, kRows = 107;

struct Size {
  int64_t nIn, nOut;
};
const Size kSizes[] = {{1, 1}, {7, 5}, {8, 16}, {17, 33}, {64, 128}, {5, 1031}, {61, 513}};

template <class T>
void products() {
  for (const Size &s : kSizes) {
    const Array<T> rows = normals<T>(kRows * s.nIn), weights = normals<T>(kGroups * s.nIn * s.nOut);
    std::vector<double> want(size_t(kRows * s.nOut));
    for (int64_t g = 0; g < kGroups; g++) {
      for (int64_t r = kStarts[g]; r < kStarts[g + 1]; r++) {
        for (int64_t k = 0; k < s.nIn; k++) {
          for (int64_t c = 0; c < s.nOut; c++) {
            want[size_t(r * s.nOut + c)] += double(rows[r * s.nIn + k]) * double(weights[(g * s.nIn + k) * s.nOut + c]);
          }
        }
      }
    }
    Array<T> first(kRows * s.nOut);
    for (int threads = 1; threads <= 3; threads++) {
      Array<T> out(kRows * s.nOut);
      const int32_t status =
          grouped(rows.data(), weights.data(), kStarts, kGroups, s.nIn, s.nOut, out.data(), threads);
      EXPECT(status == DM_OK, "status %d", status);
      EXPECT_CLOSE(out, want, double(s.nIn), 8.0);
      if (threads == 1) first = out;
      EXPECT(out.same_bits(first), "%d threads give another result", threads);
    }
  }
}

template <class T>
void rows_alone() {
  const int64_t nIn = 43, nOut = 67, one[] = {0, 1};
  const Array<T> rows = normals<T>(kRows * nIn), weights = normals<T>(kGroups * nIn * nOut);
  Array<T> together(kRows * nOut), alone(nOut);
  EXPECT(grouped(rows.data(), weights.data(), kStarts, kGroups, nIn, nOut, together.data(), 2) == DM_OK, "together");
  for (int64_t g = 0; g < kGroups; g++) {
    for (int64_t r = kStarts[g]; r < kStarts[g + 1]; r++) {
      EXPECT(grouped(rows.data() + r * nIn, weights.data() + g * nIn * nOut, one, int64_t(1), nIn, nOut, alone.data(), 1) == DM_OK,
             "alone");
      EXPECT(!std::memcmp(alone.data(), together.data() + r * nOut, size_t(nOut) * sizeof(T)), "row %lld", (long long)r);
    }
  }
}

TEST(a_row_of_a_grouped_product_does_not_depend_on_the_others) {
  rows_alone<float>();
  rows_alone<double>();
}

TEST(grouped_products_are_those_of_plain_loops) {
  products<float>();
  products<double>();
}

}  // namespace

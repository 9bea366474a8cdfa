// A test framework on one page: TEST registers, EXPECT records, main runs. Arrays end in a sentry that must survive.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

struct Test {
  const char *name;
  void (*run)();
};
inline std::vector<Test> &tests() {
  static std::vector<Test> all;
  return all;
}
inline int &failures() {
  static int count = 0;
  return count;
}
inline uint64_t &seed() {
  static uint64_t value = 0;
  return value;
}
struct Register {
  Register(const char *name, void (*run)()) { tests().push_back({name, run}); }
};

#define TEST(NAME)                            \
  static void NAME();                         \
  static Register register_##NAME(#NAME, NAME); \
  static void NAME()

// One line for a failure, with the place, the values and what the caller was doing.
inline void fail(const char *file, int line, const std::string &what) {
  if (++failures() <= 20) printf("  %s:%d: %s (seed %llu)\n", file, line, what.c_str(), (unsigned long long)seed());
}
#define EXPECT(CONDITION, ...)                                                        \
  do {                                                                                \
    if (!(CONDITION)) {                                                               \
      char text[400];                                                                 \
      snprintf(text, sizeof text, __VA_ARGS__);                                       \
      fail(__FILE__, __LINE__, std::string(#CONDITION " is false: ") + text);         \
    }                                                                                 \
  } while (0)

template <class T>
class Array {
 public:
  static constexpr int kSentries = 16;
  explicit Array(int64_t count, T fill = T(-77)) : all_(size_t(count + kSentries), fill), count_(count) {
    for (int s = 0; s < kSentries; s++) all_[size_t(count + s)] = T(123 + s);
  }
  T *data() { return all_.data(); }
  const T *data() const { return all_.data(); }
  T &operator[](int64_t i) { return all_[size_t(i)]; }
  const T &operator[](int64_t i) const { return all_[size_t(i)]; }
  int64_t size() const { return count_; }
  bool sentries_stand() const {
    for (int s = 0; s < kSentries; s++) {
      if (all_[size_t(count_ + s)] != T(123 + s)) return false;
    }
    return true;
  }
  bool same_bits(const Array &other) const { return all_ == other.all_; }

 private:
  std::vector<T> all_;
  int64_t count_;
};

inline std::mt19937_64 &random_bits() {
  static std::mt19937_64 bits;
  return bits;
}
template <class T>
Array<T> normals(int64_t count) {
  std::normal_distribution<double> normal;
  Array<T> a(count);
  for (int64_t i = 0; i < count; i++) a[i] = T(normal(random_bits()));
  return a;
}
inline Array<int64_t> integers(int64_t count, int64_t below) {
  Array<int64_t> a(count);
  for (int64_t i = 0; i < count; i++) a[i] = int64_t(random_bits()() % uint64_t(below));
  return a;
}

// |got - want| <= terms * epsilon * (scale + |want|); NaN fails. terms: length of the longest sum.
template <class T>
void expect_close(const char *file, int line, const char *name, const Array<T> &got, const std::vector<double> &want, double terms,
                  double scale) {
  const double epsilon = sizeof(T) == 4 ? 6e-8 : 1.2e-16;
  if (!got.sentries_stand()) fail(file, line, std::string(name) + ": wrote past its end");
  for (int64_t i = 0; i < got.size(); i++) {
    const double difference = std::fabs(double(got[i]) - want[size_t(i)]);
    if (!(difference <= 4 * terms * epsilon * (scale + std::fabs(want[size_t(i)])))) {
      char text[200];
      snprintf(text, sizeof text, "%s[%lld] = %.9g, expected %.9g", name, (long long)i, double(got[i]), want[size_t(i)]);
      fail(file, line, text);
      return;
    }
  }
}
#define EXPECT_CLOSE(GOT, WANT, TERMS, SCALE) expect_close(__FILE__, __LINE__, #GOT, GOT, WANT, TERMS, SCALE)

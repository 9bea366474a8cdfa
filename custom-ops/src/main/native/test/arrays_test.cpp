// nd4j/arrays.h on made-up arrays: every order and stride, in buffers that end where the array ends, so that the sanitizer
// sees an access beside them.
#include "../nd4j/arrays.h"

#include "check.h"

namespace {

constexpr sd::LongType kFloat = 8192, kDouble = 16384, kInt = 131072, kLong = 262144, kUnsigned = 8388608, kEmpty = 8;

// An array of libnd4j, as far as arrays.h looks at it.
class Made : public sd::NDArray {
 public:
  Made(sd::LongType flags, std::vector<int64_t> sizes, std::vector<int64_t> strides, void *buffer) : buffer_(buffer) {
    info_.push_back(int64_t(sizes.size()));
    info_.insert(info_.end(), sizes.begin(), sizes.end());
    info_.insert(info_.end(), strides.begin(), strides.end());
    info_.insert(info_.end(), {flags, 1, 'c'});
  }
  void *buffer() { return buffer_; }
  const sd::LongType *info() const { return info_.data(); }
  dl4jmemory::Shape shape() const { return dl4jmemory::Shape(info_.data()); }

 private:
  std::vector<sd::LongType> info_;
  void *buffer_;
};

using Sizes = std::vector<int64_t>;

Sizes c_strides(const Sizes &sizes) {
  Sizes strides(sizes.size());
  int64_t next = 1;
  for (size_t a = sizes.size(); a-- > 0; next *= sizes[a]) strides[a] = next;
  return strides;
}
Sizes f_strides(const Sizes &sizes) {
  Sizes strides(sizes.size());
  int64_t next = 1;
  for (size_t a = 0; a < sizes.size(); next *= sizes[a++]) strides[a] = next;
  return strides;
}
// A view that takes every second element of every axis of a larger 'c' array.
Sizes gap_strides(const Sizes &sizes) {
  Sizes room = sizes;
  for (int64_t &size : room) size = 2 * size + 1;
  Sizes strides = c_strides(room);
  for (int64_t &stride : strides) stride *= 2;
  return strides;
}
std::vector<Sizes> layouts(const Sizes &sizes) { return {c_strides(sizes), f_strides(sizes), gap_strides(sizes)}; }

const std::vector<Sizes> kSizes = {{1}, {7}, {5, 3}, {1, 11}, {13, 1}, {3, 2, 5}, {2, 3, 5, 7}};

int64_t span_of(const Sizes &sizes, const Sizes &strides) {
  int64_t last = 0;
  for (size_t a = 0; a < sizes.size(); a++) last += (sizes[a] - 1) * strides[a];
  return last + 1;
}

// Offset of the element with that row-major number, by division.
int64_t offset_of(int64_t number, const Sizes &sizes, const Sizes &strides) {
  int64_t offset = 0;
  for (size_t a = sizes.size(); a-- > 0; number /= sizes[a]) offset += number % sizes[a] * strides[a];
  return offset;
}

int64_t length_of(const Sizes &sizes) {
  int64_t n = 1;
  for (int64_t size : sizes) n *= size;
  return n;
}

template <class Source, class T, class Reader>
void expect_read(sd::LongType flags) {
  for (const Sizes &sizes : kSizes) {
    for (const Sizes &strides : layouts(sizes)) {
      std::vector<Source> memory(size_t(span_of(sizes, strides)));
      for (Source &value : memory) value = Source(int64_t(random_bits()() % 2001) - 1000);
      Made array(flags, sizes, strides, memory.data());
      EXPECT(array.shape().spanBytes() == int64_t(memory.size() * sizeof(Source)), "span %lld", (long long)array.shape().spanBytes());
      Reader in(&array);
      for (int64_t i = 0; i < length_of(sizes); i++) {
        const T want = T(memory[size_t(offset_of(i, sizes, strides))]);
        EXPECT(in.data()[i] == want, "element %lld is %g, expected %g", (long long)i, double(in.data()[i]), double(want));
      }
    }
  }
}

TEST(inputs_are_read_in_any_layout) {
  expect_read<float, float, dl4jmemory::Input<float>>(kFloat);
  expect_read<double, double, dl4jmemory::Input<double>>(kDouble);
  expect_read<int64_t, int64_t, dl4jmemory::IndexInput>(kLong);
  expect_read<int32_t, int64_t, dl4jmemory::IndexInput>(kInt);
}

TEST(a_contiguous_input_is_not_copied) {
  std::vector<float> memory(15);
  Made array(kFloat, {5, 3}, {3, 1}, memory.data());
  EXPECT(dl4jmemory::Input<float>(&array).data() == memory.data(), "copied");
  Made column(kFloat, {5, 1}, {1, 77}, memory.data());  // the stride of an axis of one entry says nothing
  EXPECT(dl4jmemory::Input<float>(&column).data() == memory.data(), "copied");
}

TEST(outputs_are_written_in_any_layout_and_nowhere_else) {
  for (const Sizes &sizes : kSizes) {
    for (const Sizes &strides : layouts(sizes)) {
      std::vector<float> memory(size_t(span_of(sizes, strides)), -77.0f);
      std::vector<float> want = memory;
      Made array(kFloat, sizes, strides, memory.data());
      dl4jmemory::Output<float> out(&array, {});
      for (int64_t i = 0; i < length_of(sizes); i++) {
        out.data()[i] = float(i);
        want[size_t(offset_of(i, sizes, strides))] = float(i);
      }
      out.commit();
      EXPECT(memory == want, "rank %zu", sizes.size());
    }
  }
}

TEST(an_output_in_the_memory_of_an_input_is_written_at_the_end) {
  for (int64_t shift : {0, 1, 14}) {
    std::vector<float> memory(30);
    for (size_t i = 0; i < memory.size(); i++) memory[i] = float(i);
    const std::vector<float> before = memory;
    Made in(kFloat, {5, 3}, {3, 1}, memory.data()), array(kFloat, {15}, {1}, memory.data() + shift);
    dl4jmemory::Output<float> out(&array, {&in});
    for (int64_t i = 0; i < 15; i++) out.data()[i] = -1;
    EXPECT(memory == before, "written before commit, shift %lld", (long long)shift);
    out.commit();
    for (int64_t i = 0; i < 30; i++) {
      const float want = i >= shift && i < shift + 15 ? -1.0f : float(i);
      EXPECT(memory[size_t(i)] == want, "element %lld", (long long)i);
    }
  }
}

TEST(overlap_is_what_the_spans_say) {
  std::vector<float> memory(100);
  Made first(kFloat, {3, 2}, {4, 1}, memory.data());  // elements 0 .. 9
  EXPECT(first.shape().spanBytes() == 40, "span %lld", (long long)first.shape().spanBytes());
  for (int64_t from : {0, 9}) {
    Made other(kFloat, {2}, {1}, memory.data() + from);
    EXPECT(dl4jmemory::overlap(&first, &other) && dl4jmemory::overlap(&other, &first), "from %lld", (long long)from);
  }
  Made behind(kFloat, {2}, {1}, memory.data() + 10), nothing(kFloat | kEmpty, {0, 2}, {2, 1}, memory.data());
  EXPECT(!dl4jmemory::overlap(&first, &behind) && !dl4jmemory::overlap(&behind, &first), "neighbours");
  EXPECT(!dl4jmemory::overlap(&first, &nothing), "an empty array");
  dl4jmemory::Output<float> apart(&behind, {&first});
  EXPECT(apart.data() == memory.data() + 10, "a contiguous output apart from every input needs no scratch");
}

TEST(a_table_is_updated_in_place_or_as_a_copy) {
  for (const Sizes &strides : layouts({5, 3})) {
    std::vector<double> memory(size_t(span_of({5, 3}, strides)), -77.0), room(15, -5.0);
    for (int64_t i = 0; i < 15; i++) memory[size_t(offset_of(i, {5, 3}, strides))] = double(i);
    const std::vector<double> before = memory;
    Made table(kDouble, {5, 3}, strides, memory.data()), out(kDouble, {5, 3}, {3, 1}, room.data());
    dl4jmemory::Updated<double> copied(&table, &out, {&table});
    copied.data()[4] += 100;
    copied.commit();
    EXPECT(memory == before, "the input was changed");
    for (int64_t i = 0; i < 15; i++) EXPECT(room[size_t(i)] == double(i) + (i == 4 ? 100 : 0), "element %lld", (long long)i);

    Made same(kDouble, {5, 3}, strides, memory.data());
    dl4jmemory::Updated<double> inPlace(&table, &same, {&table});
    inPlace.data()[4] += 100;
    inPlace.commit();
    std::vector<double> want = before;
    want[size_t(offset_of(4, {5, 3}, strides))] += 100;
    EXPECT(memory == want, "in place");
  }
  // The same memory in another order: the input is read in full before it is written over.
  for (bool toRows : {true, false}) {
    std::vector<double> square = {1, 2, 3, 4};
    Made rows(kDouble, {2, 2}, {2, 1}, square.data()), columns(kDouble, {2, 2}, {1, 2}, square.data());
    Made &from = toRows ? columns : rows, &to = toRows ? rows : columns;
    dl4jmemory::Updated<double> turned(&from, &to, {&from});
    turned.commit();
    EXPECT((square == std::vector<double>{1, 3, 2, 4}), "to rows: %d", toRows);
  }
}

TEST(shapes_are_read) {
  const Made scalar(kFloat, {}, {}, nullptr), noScalar(kFloat | kEmpty, {}, {}, nullptr), none(kDouble | kEmpty, {3, 0}, {0, 1}, nullptr);
  EXPECT(scalar.shape().length() == 1 && noScalar.shape().length() == 0 && none.shape().length() == 0, "lengths");
  const Made wide(kLong, {3, 5}, {5, 1}, nullptr), other(kLong, {5, 3}, {3, 1}, nullptr), rank1(kLong, {15}, {1}, nullptr);
  EXPECT(wide.shape().sizes() == "[3, 5]" && scalar.shape().sizes() == "[]", "sizes");
  EXPECT(wide.shape().sameSizes(wide.shape()) && !wide.shape().sameSizes(other.shape()) && !wide.shape().sameSizes(rank1.shape()),
         "same sizes");
  const Made unsignedLong(kLong | kUnsigned, {1}, {1}, nullptr), shortInt(kInt, {1}, {1}, nullptr);
  EXPECT(!unsignedLong.shape().isLong() && unsignedLong.shape().type() == "another type", "unsigned");
  EXPECT(wide.shape().type() == "LONG" && shortInt.shape().type() == "INT" && scalar.shape().type() == "FLOAT", "types");
  EXPECT(none.shape().floatType() == sd::DOUBLE && scalar.shape().floatType() == sd::FLOAT32, "floating types");
}

}  // namespace

void *sd::NDArray::platformBuffer() { return static_cast<Made *>(this)->buffer(); }
const sd::LongType *sd::NDArray::platformShapeInfo() const { return static_cast<const Made *>(this)->info(); }

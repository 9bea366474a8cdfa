// ND4J arrays of any order, stride and offset, as the contiguous row-major arrays that the kernels take.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "nd4j_m21_abi.h"

namespace dl4jmemory {

// Reads one shape description (see nd4j_m21_abi.h).
class Shape {
 public:
  explicit Shape(const sd::LongType *info) : info_(info) {}

  int rank() const { return static_cast<int>(info_[0]); }
  int64_t size(int axis) const { return info_[1 + axis]; }
  int64_t stride(int axis) const { return info_[1 + rank() + axis]; }
  bool isFloat() const { return (flags() & 8192) != 0; }
  bool isDouble() const { return (flags() & 16384) != 0; }
  bool isLong() const { return (flags() & 262144) != 0 && !isUnsigned(); }
  bool isInt() const { return (flags() & 131072) != 0 && !isUnsigned(); }
  bool isByte() const { return (flags() & 32768) != 0 && !isUnsigned(); }
  sd::DataType floatType() const { return isDouble() ? sd::DOUBLE : sd::FLOAT32; }

  int64_t length() const {
    if (rank() == 0 && (flags() & 8) != 0) return 0;
    int64_t n = 1;
    for (int a = 0; a < rank(); a++) n *= size(a);
    return n;
  }

  bool isContiguous() const {
    int64_t expected = 1;
    for (int a = rank() - 1; a >= 0; a--) {
      if (size(a) != 1 && stride(a) != expected) return false;
      expected *= size(a);
    }
    return true;
  }

  // Bytes from the first element to the end of the last; the length is not 0.
  int64_t spanBytes() const {
    int64_t last = 0;
    for (int a = 0; a < rank(); a++) last += (size(a) - 1) * stride(a);
    return (last + 1) * (isByte() ? 1 : isFloat() || isInt() ? 4 : 8);
  }

  bool sameSizes(const Shape &other) const {
    if (rank() != other.rank()) return false;
    for (int a = 0; a < rank(); a++)
      if (size(a) != other.size(a)) return false;
    return true;
  }

  std::string sizes() const {
    std::string text = "[";
    for (int a = 0; a < rank(); a++) text += (a ? ", " : "") + std::to_string(size(a));
    return text + "]";
  }

  std::string type() const {
    if (isFloat()) return "FLOAT";
    if (isDouble()) return "DOUBLE";
    if (isLong()) return "LONG";
    if (isInt()) return "INT";
    if (isByte()) return "BYTE";
    if ((flags() & 4096) != 0) return "HALF";
    if ((flags() & 2048) != 0) return "BFLOAT16";
    if ((flags() & 524288) != 0) return "BOOL";
    return "another type";
  }

 private:
  sd::LongType flags() const { return info_[1 + 2 * rank()]; }
  bool isUnsigned() const { return (flags() & 8388608) != 0; }

  const sd::LongType *info_;
};

[[noreturn]] inline void reject(const char *op, const std::string &parameter, const std::string &expected,
                                const std::string &got, const std::string &fix) {
  throw std::invalid_argument("[" + std::string(op) + "] " + parameter + ": expected " + expected + ", got " + got +
                              ". Fix: " + fix + ".");
}

// Scratch memory of n elements, not initialised.
template <typename T>
class Scratch {
 public:
  explicit Scratch(int64_t n) : data_(static_cast<T *>(std::malloc(n > 0 ? n * sizeof(T) : 1))) {
    if (!data_) throw std::bad_alloc();
  }
  T *data() { return data_.get(); }

 private:
  struct Free {
    void operator()(T *p) const { std::free(p); }
  };
  std::unique_ptr<T, Free> data_;
};

// Calls visit(offset in the strided array) for every element, row-major.
template <typename Visit>
void forEachElement(const Shape &shape, Visit visit) {
  const int64_t n = shape.length();
  int64_t index[32] = {0};
  int64_t offset = 0;
  for (int64_t i = 0; i < n; i++) {
    visit(offset);
    for (int a = shape.rank() - 1; a >= 0; a--) {
      offset += shape.stride(a);
      if (++index[a] < shape.size(a)) break;
      offset -= shape.stride(a) * shape.size(a);
      index[a] = 0;
    }
  }
}

// An input, contiguous: the array's own memory where it is contiguous already, a copy otherwise.
// Source may differ from T: INT slots are widened.
template <typename T, typename Source = T>
class Input {
 public:
  explicit Input(sd::NDArray *array) : shape(array->platformShapeInfo()) {
    if (shape.length() == 0) return;
    auto *source = static_cast<const Source *>(array->platformBuffer());
    if (std::is_same<T, Source>::value && shape.isContiguous()) {
      data_ = reinterpret_cast<const T *>(source);
      return;
    }
    copy_.reset(new Scratch<T>(shape.length()));
    T *to = copy_->data();
    forEachElement(shape, [&](int64_t offset) { *to++ = static_cast<T>(source[offset]); });
    data_ = copy_->data();
  }
  const T *data() const { return data_; }

 private:
  const Shape shape;
  const T *data_ = nullptr;
  std::unique_ptr<Scratch<T>> copy_;
};

// Slots or rows: LONG, or INT widened.
class IndexInput {
 public:
  explicit IndexInput(sd::NDArray *array) {
    if (Shape(array->platformShapeInfo()).isInt()) {
      narrow_.reset(new Input<int64_t, int32_t>(array));
    } else {
      wide_.reset(new Input<int64_t>(array));
    }
  }
  const int64_t *data() const { return narrow_ ? narrow_->data() : wide_->data(); }

 private:
  std::unique_ptr<Input<int64_t, int32_t>> narrow_;
  std::unique_ptr<Input<int64_t>> wide_;
};

inline bool overlap(sd::NDArray *a, sd::NDArray *b) {
  const Shape sa(a->platformShapeInfo()), sb(b->platformShapeInfo());
  if (sa.length() == 0 || sb.length() == 0) return false;
  auto *pa = static_cast<const char *>(a->platformBuffer());
  auto *pb = static_cast<const char *>(b->platformBuffer());
  return pa < pb + sb.spanBytes() && pb < pa + sa.spanBytes();
}

// An output, contiguous: the array's own memory where that is contiguous and apart from every input; otherwise scratch
// memory that commit() copies out. Nothing that the caller can see changes before the kernel has accepted the data.
template <typename T>
class Output {
 public:
  // `updated`: the one input that may share this output's memory, or null.
  Output(sd::NDArray *array, const std::vector<sd::NDArray *> &inputs, const sd::NDArray *updated = nullptr)
      : shape(array->platformShapeInfo()) {
    if (shape.length() == 0) return;
    target_ = static_cast<T *>(array->platformBuffer());
    bool apart = shape.isContiguous();
    for (auto *input : inputs) apart = apart && (input == updated || !overlap(array, input));
    if (!apart) scratch_.reset(new Scratch<T>(shape.length()));
  }

  T *data() { return scratch_ ? scratch_->data() : target_; }

  void commit() {
    if (!scratch_) return;
    const T *from = scratch_->data();
    forEachElement(shape, [&](int64_t offset) { target_[offset] = *from++; });
  }

 private:
  const Shape shape;
  T *target_ = nullptr;
  std::unique_ptr<Scratch<T>> scratch_;
};

// A table that an op updates: starts as a copy of the input, or is the input itself when the caller passes the same
// array as input and output.
template <typename T>
class Updated {
 public:
  Updated(sd::NDArray *input, sd::NDArray *output, const std::vector<sd::NDArray *> &inputs)
      : output_(output, inputs, inPlace(input, output) ? input : nullptr) {
    const Shape shape(input->platformShapeInfo());
    if (shape.length() == 0 || static_cast<const void *>(output_.data()) == input->platformBuffer()) return;
    auto *source = static_cast<const T *>(input->platformBuffer());
    if (shape.isContiguous()) {
      std::memcpy(output_.data(), source, shape.length() * sizeof(T));
      return;
    }
    T *to = output_.data();
    forEachElement(shape, [&](int64_t offset) { *to++ = source[offset]; });
  }
  T *data() { return output_.data(); }
  void commit() { output_.commit(); }

 private:
  static bool inPlace(sd::NDArray *input, sd::NDArray *output) {
    const Shape from(input->platformShapeInfo()), to(output->platformShapeInfo());
    if (from.length() == 0 || input->platformBuffer() != output->platformBuffer()) return false;
    for (int a = 0; a < from.rank(); a++)
      if (from.size(a) > 1 && from.stride(a) != to.stride(a)) return false;
    return true;
  }

  Output<T> output_;
};

}  // namespace dl4jmemory

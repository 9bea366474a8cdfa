// One block of scratch memory for a call, given out in 64-byte aligned pieces; freed when the call ends.
#pragma once
#include <cstdint>
#include <cstdlib>

namespace dm {
namespace DM_TIER {

class Scratch {
 public:
  Scratch() = default;
  Scratch(const Scratch &) = delete;
  Scratch &operator=(const Scratch &) = delete;
  ~Scratch() { free(owned_); }

  // Bytes that `count` items take up here.
  template <class T>
  static int64_t bytes(int64_t count) {
    return (count * int64_t(sizeof(T)) + 63) / 64 * 64;
  }

  bool allocate(int64_t bytes) {
    void *block = nullptr;
    if (posix_memalign(&block, 4096, size_t(bytes < 64 ? 64 : bytes)) != 0) return false;
    owned_ = at_ = static_cast<char *>(block);
    return true;
  }

  // Gives out a piece of another scratch block instead.
  void borrow(char *block) { at_ = block; }

  template <class T>
  T *take(int64_t count) {
    T *piece = reinterpret_cast<T *>(at_);
    at_ += bytes<T>(count);
    return piece;
  }

 private:
  char *owned_ = nullptr;
  char *at_ = nullptr;
};

}  // namespace DM_TIER
}  // namespace dm

// Huge pages behind a table: with 4 KiB pages nearly every read of a random row also misses the address cache (TLB).
//
// Only whole 2 MiB pages inside the range are advised. MADV_COLLAPSE (Linux 6.1) makes them at once; without it the system
// makes them when they are first touched, or in the background.
#include "../kernels.h"

#if defined(__linux__)
#include <sys/mman.h>

#include <cstdio>
#include <cstring>

namespace {

constexpr int kMadvHugePage = 14, kMadvCollapse = 25;
constexpr uint64_t kHugePage = uint64_t(2) << 20;

bool switched_off() {
  char line[128] = "";
  FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "r");
  if (!file) return true;
  const bool read = fgets(line, sizeof line, file) != nullptr;
  fclose(file);
  return !read || strstr(line, "[never]") != nullptr;
}

}  // namespace

int64_t dm_advise_huge_pages(void *address, int64_t bytes) {
  const uint64_t begin = (reinterpret_cast<uint64_t>(address) + kHugePage - 1) / kHugePage * kHugePage;
  const uint64_t end = (reinterpret_cast<uint64_t>(address) + uint64_t(bytes)) / kHugePage * kHugePage;
  if (bytes <= 0 || begin >= end || switched_off()) return 0;
  void *pages = reinterpret_cast<void *>(begin);
  if (madvise(pages, end - begin, kMadvHugePage) != 0) return 0;
  madvise(pages, end - begin, kMadvCollapse);  // where the kernel does not know it, the advice above still stands
  return int64_t(end - begin);
}

#else
int64_t dm_advise_huge_pages(void *, int64_t) { return 0; }
#endif

// Compares the libnd4jcpu.so of this process with nd4j_m21_abi.h, before anything is linked against it.
// Part of libdl4jmemory.so, which needs no nd4j: every name is looked up at run time. The order matters: names first,
// then vtable slots, and only then are constructors of the library run, into buffers larger than we expect.
#include <dlfcn.h>
#include <elf.h>
#include <jni.h>
#include <link.h>

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "nd4j_m21_abi.h"

// glibc 2.34 moved these three into libc under a new version; the old version is there in every glibc.
#if defined(__x86_64__) && defined(__GLIBC__)
__asm__(".symver dlopen, dlopen@GLIBC_2.2.5");
__asm__(".symver dlsym, dlsym@GLIBC_2.2.5");
__asm__(".symver dladdr1, dladdr1@GLIBC_2.3.3");
#endif

namespace {

constexpr int kSlots = 8;
constexpr int kVtableBytes = (kSlots + 2) * sizeof(void *);
constexpr int kDescriptorOffset = 0x58;
constexpr int kShapeListWritten = 0x1b;

class Probe {
 public:
  explicit Probe(void *library) : library_(library) {}

  // Null, or the first check that fails.
  const char *firstFailure() {
    return symbolsFound() && vtablesFit() && opSizeFits() && shapeListSizeFits() ? nullptr : failure_;
  }

 private:
  __attribute__((format(printf, 2, 3))) bool fail(const char *format, ...) {
    va_list values;
    va_start(values, format);
    vsnprintf(failure_, sizeof(failure_), format, values);
    va_end(values);
    return false;
  }

  void *find(const char *name) { return dlsym(library_, name); }

  bool symbolsFound() {
    const char *const names[] = {
#define DM_NAME(symbol) #symbol,
        DM_ND4J_SYMBOLS(DM_NAME)
#undef DM_NAME
            "_ZTVN2sd3ops12DeclarableOpE",
        "_ZTVN2sd3ops11toggle_bitsE",
        "_ZN2sd3ops11toggle_bits13registerTypesEv",
        "_ZN2sd3ops11toggle_bits18validateAndExecuteERNS_5graph7ContextE",
        "_ZN2sd3ops11toggle_bits20calculateOutputShapeEPNS_9ShapeListERNS_5graph7ContextE",
        "_ZN2sd3ops11toggle_bitsD1Ev",
        "_ZN2sd3ops11toggle_bitsD0Ev",
        "_ZN2sd3ops12DeclarableOp17validateDataTypesERNS_5graph7ContextE",
        "_ZN2sd3ops12DeclarableOp15getOpDescriptorEv",
        "_ZN2sd9ShapeListD1Ev",
    };
    for (const char *name : names)
      if (find(name) == nullptr) return fail("symbol %s is not there", name);
    return true;
  }

  bool slotsAre(const char *vtable, const char *const (&expected)[kSlots]) {
    auto **slots = static_cast<void **>(find(vtable));
    Dl_info info;
    void *entry = nullptr;
    if (dladdr1(slots, &info, &entry, RTLD_DL_SYMENT) == 0 || entry == nullptr)
      return fail("the size of %s is not known", vtable);
    auto *symbol = static_cast<const ElfW(Sym) *>(entry);
    if (symbol->st_size != kVtableBytes)
      return fail("%s has %llu bytes, expected %d", vtable, static_cast<unsigned long long>(symbol->st_size), kVtableBytes);
    for (int i = 0; i < kSlots; i++)
      if (expected[i] != nullptr && slots[i + 2] != find(expected[i]))
        return fail("slot %d of %s is not %s", i, vtable, expected[i]);
    return true;
  }

  bool vtablesFit() {
    const char *types = "_ZN2sd3ops12DeclarableOp17validateDataTypesERNS_5graph7ContextE";
    const char *execute = "_ZN2sd3ops12DeclarableOp7executeEPNS_5graph7ContextE";
    const char *empty = "_ZN2sd3ops12DeclarableOp13emptyHandlingEv";
    return slotsAre("_ZTVN2sd3ops12DeclarableOpE", {"_ZN2sd3ops12DeclarableOp13registerTypesEv", nullptr, empty,
                                                    nullptr, nullptr, types, nullptr, execute}) &&
           slotsAre("_ZTVN2sd3ops11toggle_bitsE",
                    {"_ZN2sd3ops11toggle_bits13registerTypesEv",
                     "_ZN2sd3ops11toggle_bits18validateAndExecuteERNS_5graph7ContextE", empty,
                     "_ZN2sd3ops11toggle_bitsD1Ev", "_ZN2sd3ops11toggle_bitsD0Ev", types,
                     "_ZN2sd3ops11toggle_bits20calculateOutputShapeEPNS_9ShapeListERNS_5graph7ContextE", execute});
  }

  // Whether exactly `size` bytes were overwritten: the last of them (with its word) is, none behind it is.
  static bool wroteUpTo(const unsigned char *buffer, int size, int word) {
    bool last = false;
    for (int i = size - word; i < size; i++) last = last || buffer[i] != kMark;
    for (int i = size; i < kBuffer; i++)
      if (buffer[i] != kMark) return false;
    return last;
  }

  bool opSizeFits() {
    alignas(16) unsigned char buffer[kBuffer];
    std::memset(buffer, kMark, kBuffer);
    using Construct = void (*)(void *, int, int, const char *, bool, int, int);
    using Destroy = void (*)(void *);
    reinterpret_cast<Construct>(find("_ZN2sd3ops12DeclarableOpC2EiiPKcbii"))(buffer, 1, 1, "dl4j_memory_probe", false,
                                                                            0, 0);
    const bool fits = wroteUpTo(buffer, sizeof(sd::ops::DeclarableOp), sizeof(void *));
    void *descriptor;
    std::memcpy(&descriptor, buffer + kDescriptorOffset, sizeof(descriptor));
    using Get = void *(*)(void *);
    const bool kept = descriptor == reinterpret_cast<Get>(find("_ZN2sd3ops12DeclarableOp15getOpDescriptorEv"))(buffer);
    reinterpret_cast<Destroy>(find("_ZN2sd3ops12DeclarableOpD2Ev"))(buffer);
    if (!fits) return fail("sd::ops::DeclarableOp does not have %zu bytes", sizeof(sd::ops::DeclarableOp));
    if (!kept) return fail("sd::ops::DeclarableOp keeps no descriptor at offset %d", kDescriptorOffset);
    return true;
  }

  bool shapeListSizeFits() {
    alignas(16) unsigned char buffer[kBuffer];
    std::memset(buffer, kMark, kBuffer);
    using Construct = void (*)(void *, const sd::LongType *);
    using Destroy = void (*)(void *);
    reinterpret_cast<Construct>(find("_ZN2sd9ShapeListC1EPKx"))(buffer, nullptr);
    const bool fits = wroteUpTo(buffer, kShapeListWritten, 1);
    if (fits) reinterpret_cast<Destroy>(find("_ZN2sd9ShapeListD1Ev"))(buffer);
    return fits || fail("sd::ShapeList does not have %zu bytes", sizeof(sd::ShapeList));
  }

  static constexpr int kBuffer = 1024;
  static constexpr unsigned char kMark = 0xAB;

  void *const library_;
  char failure_[512] = "";
};

}  // namespace

// Null when the loaded library is the one that nd4j_m21_abi.h describes; otherwise the failing check.
extern "C" JNIEXPORT jstring JNICALL Java_io_github_dl4jmemory_ops_NativeLibrary_probeNd4j(JNIEnv *env, jclass) {
  void *library = dlopen(DM_ND4J_LIBRARY, RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) return env->NewStringUTF(DM_ND4J_LIBRARY " is not loaded in this process");
  Probe probe(library);
  const char *failure = probe.firstFailure();
  return failure == nullptr ? nullptr : env->NewStringUTF(failure);
}

#!/bin/sh
# Builds the native libraries and copies them to OUT_DIR: build.sh OUT_DIR [--required]
# Maven runs this. Without g++ >= 12, CMake >= 3.25 or a JDK's jni.h it says what is missing and ends well. With --required
# (profile native: CI, release) that is an error, and so are warnings of the compiler and symbols too new for other systems.
# The build tree is OUT_DIR's sibling `native-build`; only what changed is built again.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 1 ] || { echo "[native] expected: build.sh OUT_DIR [--required]" >&2; exit 1; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
required=${2:-}

missing() {
  echo "[native] WARNING: $1. The native kernels are not built; the portable Java kernels serve instead. Fix: $2" >&2
  [ "$required" = --required ] && exit 1
  exit 0
}

# at_least HAVE WANT
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

debian="install them (Debian, Ubuntu: apt-get install g++ cmake make openjdk-17-jdk-headless) and build again"
[ "$(uname -s)" = Linux ] || missing "the native kernels are built on Linux, this is $(uname -s)" "build on Linux for the native kernels"
compiler=${CXX:-g++}
command -v "$compiler" >/dev/null 2>&1 || missing "no C++ compiler: expected g++ 12 or newer on the PATH" "$debian"
version=$("$compiler" -dumpfullversion 2>/dev/null || echo 0)
at_least "$version" 12 || missing "$compiler: expected version 12 or newer, got $version" "$debian"
command -v cmake >/dev/null 2>&1 || missing "no cmake: expected CMake 3.25 or newer on the PATH" "$debian"
version=$(cmake --version | sed -n '1s/[^0-9]*//p')
at_least "$version" 3.25 || missing "cmake: expected version 3.25 or newer, got $version" "$debian"
for tool in make objdump readelf nm; do
  command -v $tool >/dev/null 2>&1 || missing "no $tool: expected make and binutils on the PATH" "$debian"
done

# jni.h: the JDK that runs Maven, else the JDK whose javac is on the PATH.
java_home=${JAVA_HOME:-}
if [ ! -f "$java_home/include/jni.h" ]; then
  javac=$(command -v javac || true)
  [ -n "$javac" ] && java_home=$(dirname "$(dirname "$(readlink -f "$javac")")")
fi
[ -f "$java_home/include/jni.h" ] || missing "no jni.h: expected a JDK 17 (JAVA_HOME, or javac on the PATH)" "$debian"

build=$(dirname "$out")/native-build
mkdir -p "$build"
log=$build/build.log
perfect=OFF
[ "$required" = --required ] && perfect=ON
# The options are part of CMake's cache: an unchanged tree costs one make run that finds nothing to do.
if ! { cmake -S "$here" -B "$build" -G "Unix Makefiles" -DCMAKE_CXX_COMPILER="$compiler" -DJNI_H="$java_home/include" \
  -DWARNINGS_ARE_ERRORS=$perfect -DCMAKE_BUILD_TYPE=Release &&
  cmake --build "$build" --target libraries -j "$(nproc)"; } >"$log" 2>&1; then
  cat "$log" >&2
  echo "[native] the build failed; its log is $log" >&2
  exit 1
fi
set -- "$build/libdl4jmemory.so" "$build/nd4j/libdl4jmemory_nd4j.so"
sh "$here/verify_native.sh" $required "$@"
for library in "$@"; do
  cmp -s "$library" "$out/$(basename "$library")" || cp "$library" "$out/"
done

#!/bin/sh
# Checks a built library before it is packed: verify_native.sh [--required] LIBRARY...
# Architecture; no symbol newer than GLIBC_2.28, GLIBCXX_3.4.25, CXXABI_1.3.11, GOMP_4.5 (what Deeplearning4j's own natives
# bring; without --required a newer one is a warning: the library runs where it was built); the kernels need no C++ library;
# only the C ABI and JNI symbols are exported; nothing runs when the library is loaded.
set -eu
required=
if [ "${1:-}" = --required ]; then
  required=$1
  shift
fi

fail() {
  echo "[native] $1" >&2
  exit 1
}

# Prints the versions PREFIX_x.y that the library needs and that are newer than the given one.
newer_than() {
  objdump -T "$1" | grep -o "\b$2_[0-9][0-9.]*" | sort -uV | while read -r version; do
    newest=$(printf '%s\n%s\n' "$2_$3" "$version" | sort -V | tail -n 1)
    [ "$newest" = "$2_$3" ] || echo "$version"
  done
}

# Prints the names of the functions in .init_array (their addresses stand in relative relocations).
initialisers() {
  set -- "$1" $(readelf -SW "$1" | sed -n 's/.* \.init_array *[A-Z_]* *\([0-9a-f]*\) [0-9a-f]* \([0-9a-f]*\) .*/\1 \2/p')
  [ $# -eq 3 ] || return 0
  first=$((0x$2)) past=$((0x$2 + 0x$3))
  readelf -rW "$1" | awk '$3 ~ /_RELATIVE$/ {print $1, $4}' | while read -r offset target; do
    [ $((0x$offset)) -ge $first ] && [ $((0x$offset)) -lt $past ] || continue
    nm "$1" | grep -i " t " | grep -E "^0*$target " | awk '{print $3}' | grep . || echo "unnamed function at $target"
  done
}

[ $# -gt 0 ] || fail "expected: verify_native.sh [--required] LIBRARY..."
for library in "$@"; do
  name=$(basename "$library")
  [ -s "$library" ] || fail "$name: expected a library at $library, got nothing"
  format=$(objdump -f "$library" | sed -n 's/.*file format //p')
  case "$(uname -m)-$format" in
    x86_64-elf64-x86-64 | aarch64-elf64-littleaarch64) ;;
    *) fail "$name: expected the architecture $(uname -m), got $format" ;;
  esac
  for limit in GLIBC:2.28 GLIBCXX:3.4.25 CXXABI:1.3.11 GOMP:4.5; do
    newer=$(newer_than "$library" "${limit%:*}" "${limit#*:}")
    [ -n "$newer" ] || continue
    [ -z "$required" ] || fail "$name: expected no symbol newer than $limit, got $newer"
    echo "[native] WARNING: $name: expected no symbol newer than $limit, got $newer. The library runs on this system, perhaps" \
      "not on older ones. Fix: build what you hand on with an older g++ and glibc" >&2
  done
  if [ "$name" = libdl4jmemory.so ] && readelf -dW "$library" | grep -q 'NEEDED.*libstdc++'; then
    fail "$name: expected no C++ library at run time, got libstdc++"
  fi
  stray=$(nm -D --defined-only "$library" | awk '{print $3}' |
    grep -Ev '^(dm_|dl4jmemory_register_nd4j_ops$|Java_io_github_dl4jmemory_ops_)' || true)
  [ -z "$stray" ] || fail "$name: expected only dm_* and Java_* to be exported, got $stray"
  # What runs at load: the compiler's own two (frame_dummy; the CPU probe of libgcc), nothing of ours.
  ours=$(initialisers "$library" | grep -Ev '^(frame_dummy|__cpu_indicator_init|init_have_lse_atomics)$' || true)
  [ -z "$ours" ] || fail "$name: expected no static initialiser, got $ours"
done

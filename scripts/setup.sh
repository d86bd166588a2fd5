# Sourced by the other scripts: installs what the build needs and is missing, and chooses
# the target directory.
#
# RocksDB takes a quarter of an hour or more to compile on two cores. One profile (release)
# and one target directory outside of the checkout mean that it is compiled once on a
# machine, and that a fresh clone finds it.

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/mountdb/target}"

missing=()
command -v c++ >/dev/null || missing+=(g++)
# bindgen, which librocksdb-sys uses, loads libclang at run time (not libclang-cpp, which
# other packages bring along).
libclang="$({ ldconfig -p; ls /usr/lib/llvm-*/lib; } 2>/dev/null |
  grep -E 'libclang(-[0-9.]+)?\.so' || true)"
if [ -z "${LIBCLANG_PATH:-}" ] && [ -z "$libclang" ]; then
  missing+=(libclang-dev)
fi
if [ ${#missing[@]} -gt 0 ]; then
  if ! command -v apt-get >/dev/null; then
    echo "Please install a C++20 compiler and libclang (missing here: ${missing[*]})." >&2
    exit 1
  fi
  sudo=()
  [ "$(id -u)" -eq 0 ] || sudo=(sudo)
  echo "Installing ${missing[*]} ..."
  "${sudo[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends \
    "${missing[@]}" >/dev/null
fi
if ! command -v cargo >/dev/null; then
  echo "Please install Rust 1.88 or later: https://rustup.rs" >&2
  exit 1
fi
if ! compgen -G "$CARGO_TARGET_DIR/release/build/librocksdb-sys-*/out/librocksdb.a" >/dev/null; then
  echo "RocksDB is not compiled yet: this takes a quarter to half an hour, once."
fi

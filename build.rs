//! Compiles `cpp/` against the RocksDB that librocksdb-sys has just compiled, with the
//! defines and the instruction set of that very build: a shim that sees other struct
//! layouts, or other versions of RocksDB's inline functions, would fail in silence.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "rocksdb")]
    if let Err(sentence) = shims::build() {
        println!("cargo::error={sentence}");
        std::process::exit(1);
    }
}

#[cfg(feature = "rocksdb")]
mod shims {
    use std::env;
    use std::fs;
    use std::path::{Path, PathBuf};

    /// The one version whose internal headers `cpp/` was written against.
    const ROCKSDB_VERSION: [u32; 3] = [11, 8, 1];

    /// (define, object of librocksdb.a, symbol that the object mentions if it was set).
    const FEATURES: [(&str, &str, &str); 6] = [
        ("SNAPPY", "compression.o", "_ZN6snappy"),
        ("LZ4", "compression.o", "LZ4_compress_fast"),
        ("ZSTD", "compression.o", "ZSTD_compress"),
        ("ZLIB", "compression.o", "inflateInit2_"),
        ("BZIP2", "compression.o", "BZ2_bzCompress"),
        ("ROCKSDB_JEMALLOC", "jemalloc_nodump_allocator.o", "mallctl"),
    ];

    const SOURCES: [&str; 14] = [
        "cpp/file_tail.cc",
        "cpp/index_reader.cc",
        "cpp/index_factory.cc",
        "cpp/learned_block.cc",
        "cpp/learned_iterator.cc",
        "cpp/learned_table.cc",
        "cpp/learned_table_builder.cc",
        "cpp/mapped_blocks.cc",
        "cpp/table_factory.cc",
        "cpp/memtable_rep.cc",
        "cpp/options.cc",
        "cpp/registration.cc",
        "cpp/table_file.cc",
        "cpp/table_properties.cc",
    ];

    pub fn build() -> Result<(), String> {
        let source = rocksdb_source()?;
        check_version(&source)?;
        let library = Archive::open(&rocksdb_library()?)?;
        if library.mentions("block_based_table_reader.o", "SyncPoint")? {
            return Err(
                "mountdb needs a RocksDB compiled with NDEBUG (a release build): \
                        this one has its test hooks compiled in"
                    .into(),
            );
        }

        let mut build = cxx_build::bridge("src/ffi/bridge.rs");
        let standard = env::var("ROCKSDB_CXX_STD").unwrap_or_else(|_| "c++20".into());
        let standard = format!("-std={}", standard.trim_start_matches("-std="));
        if !build.is_flag_supported(&standard).unwrap_or(false) {
            return Err(format!(
                "mountdb needs a C++20 compiler (gcc 11, clang 14 or later): \
                 {} does not know {standard}",
                build.get_compiler().path().display()
            ));
        }
        build
            .files(SOURCES)
            .flag(&standard)
            .flag_if_supported("-Wno-unused-parameter")
            .include(source.join("include"))
            .include(&source)
            .flag("-include")
            .flag("cstdint");
        for (define, object, symbol) in FEATURES {
            if library.mentions(object, symbol)? {
                build.define(define, "1");
            }
        }
        platform_defines(&mut build)?;
        instruction_set(&mut build);
        build.compile("mountdb");

        let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(|e| e.to_string())?);
        println!("cargo::metadata=include={}", root.join("cpp").display());
        println!("cargo::rerun-if-changed=cpp");
        println!("cargo::rerun-if-changed=src/ffi/bridge.rs");
        println!("cargo::rerun-if-env-changed=ROCKSDB_CXX_STD");
        Ok(())
    }

    fn rocksdb_source() -> Result<PathBuf, String> {
        let dir = env::var("DEP_ROCKSDB_CARGO_MANIFEST_DIR").map_err(|_| {
            "librocksdb-sys did not say where its RocksDB source is; \
             mountdb works with librocksdb-sys 0.19.0+11.8.1"
        })?;
        Ok(Path::new(&dir).join("rocksdb"))
    }

    fn rocksdb_library() -> Result<PathBuf, String> {
        let dir = env::var("DEP_ROCKSDB_OUT_DIR").map_err(|e| e.to_string())?;
        let path = Path::new(&dir).join("librocksdb.a");
        if !path.exists() {
            return Err(
                "mountdb needs the RocksDB that librocksdb-sys compiles itself, because a \
                 prebuilt one may differ in its struct layouts: unset ROCKSDB_LIB_DIR"
                    .into(),
            );
        }
        Ok(path)
    }

    fn check_version(source: &Path) -> Result<(), String> {
        let path = source.join("include/rocksdb/version.h");
        let text = fs::read_to_string(&path)
            .map_err(|e| format!("cannot read {}: {e}", path.display()))?;
        let part = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix("#define ")?.strip_prefix(name))
                .and_then(|value| value.trim().parse::<u32>().ok())
                .unwrap_or(0)
        };
        let found = [
            part("ROCKSDB_MAJOR "),
            part("ROCKSDB_MINOR "),
            part("ROCKSDB_PATCH "),
        ];
        if found == ROCKSDB_VERSION {
            return Ok(());
        }
        let dotted = |v: [u32; 3]| v.map(|n| n.to_string()).join(".");
        Err(format!(
            "mountdb {} works with RocksDB {} and this is RocksDB {}: \
             use librocksdb-sys 0.19.0+11.8.1",
            env!("CARGO_PKG_VERSION"),
            dotted(ROCKSDB_VERSION),
            dotted(found)
        ))
    }

    /// As in librocksdb-sys' build script.
    fn platform_defines(build: &mut cc::Build) -> Result<(), String> {
        build.define("NDEBUG", "1");
        build.define("HAVE_ALIGNED_NEW", None);
        build.define("HAVE_UINT128_EXTENSION", None);
        build.define("ROCKSDB_PLATFORM_POSIX", None);
        build.define("ROCKSDB_LIB_IO_POSIX", None);
        match env::var("CARGO_CFG_TARGET_OS").as_deref() {
            Ok("linux") => {
                build.define("OS_LINUX", None);
                build.define("ROCKSDB_SCHED_GETCPU_PRESENT", None);
                build.define("ROCKSDB_AUXV_GETAUXVAL_PRESENT", None);
                build.define("ROCKSDB_FALLOCATE_PRESENT", None);
                build.define("ROCKSDB_RANGESYNC_PRESENT", None);
                Ok(())
            }
            Ok("macos") => {
                build.define("OS_MACOSX", None);
                Ok(())
            }
            other => Err(format!(
                "mountdb builds on Linux and macOS, not on {}",
                other.unwrap_or("an unknown system")
            )),
        }
    }

    /// RocksDB's headers choose code by instruction set; both sides must choose alike.
    fn instruction_set(build: &mut cc::Build) {
        let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
        let cpu = flags.split('\x1f').rev().find_map(|flag| {
            flag.trim_start_matches("-C")
                .trim_start()
                .strip_prefix("target-cpu=")
        });
        let features = env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
        let has = |name: &str| features.split(',').any(|f| f == name);
        match env::var("CARGO_CFG_TARGET_ARCH").as_deref() {
            Ok("x86_64") => {
                if let Some(cpu) = cpu {
                    build.flag_if_supported(format!("-march={cpu}"));
                }
                for (feature, flag) in [
                    ("sse2", "-msse2"),
                    ("sse4.1", "-msse4.1"),
                    ("sse4.2", "-msse4.2"),
                    ("avx2", "-mavx2"),
                    ("bmi1", "-mbmi"),
                    ("lzcnt", "-mlzcnt"),
                    ("pclmulqdq", "-mpclmul"),
                ] {
                    if has(feature) {
                        build.flag_if_supported(flag);
                    }
                }
            }
            Ok("aarch64") => match cpu {
                Some(cpu) => {
                    build.flag_if_supported(format!("-mcpu={cpu}"));
                }
                None if has("crc") && has("aes") => {
                    build.flag_if_supported("-march=armv8-a+crc+aes+crypto");
                }
                None => {}
            },
            _ => {}
        }
    }

    /// A static library, read only as far as needed to find strings in its members.
    struct Archive(Vec<u8>);

    impl Archive {
        fn open(path: &Path) -> Result<Archive, String> {
            let bytes =
                fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
            if !bytes.starts_with(b"!<arch>\n") {
                return Err(format!("{} is not a static library", path.display()));
            }
            Ok(Archive(bytes))
        }

        /// Whether the member whose name ends in `-object` contains `symbol`.
        fn mentions(&self, object: &str, symbol: &str) -> Result<bool, String> {
            let suffix = format!("-{object}");
            let member = self
                .members()
                .find(|(name, _)| name.ends_with(&suffix))
                .ok_or_else(|| {
                    format!(
                        "librocksdb.a has no {object}: it was not built by librocksdb-sys 0.19.0+11.8.1"
                    )
                })?
                .1;
            let symbol = symbol.as_bytes();
            Ok(member.windows(symbol.len()).any(|w| w == symbol))
        }

        /// (name, contents) in the GNU and BSD dialects of ar.
        fn members(&self) -> impl Iterator<Item = (String, &[u8])> {
            let mut rest = &self.0[8..];
            let mut long_names: &[u8] = &[];
            std::iter::from_fn(move || {
                loop {
                    let header = rest.get(..60)?;
                    let field = |range: std::ops::Range<usize>| {
                        String::from_utf8_lossy(&header[range])
                            .trim_end()
                            .to_owned()
                    };
                    let size: usize = field(48..58).parse().ok()?;
                    let body = rest.get(60..60 + size)?;
                    rest = rest.get(60 + size + size % 2..).unwrap_or(&[]);
                    let name = field(0..16);
                    if name == "//" {
                        long_names = body;
                    } else if let Some(len) = name.strip_prefix("#1/") {
                        let len: usize = len.parse().ok()?;
                        let name = String::from_utf8_lossy(body.get(..len)?);
                        return Some((name.trim_end_matches('\0').to_owned(), &body[len..]));
                    } else if let Some(at) = name.strip_prefix('/').and_then(|n| n.parse().ok()) {
                        let name = long_names.get::<std::ops::RangeFrom<usize>>(at..)?;
                        let end = name.iter().position(|&b| b == b'/' || b == b'\n')?;
                        return Some((String::from_utf8_lossy(&name[..end]).into_owned(), body));
                    } else {
                        return Some((name.trim_end_matches('/').to_owned(), body));
                    }
                }
            })
        }
    }
}

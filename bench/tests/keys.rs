//! Key sets: sorted, distinct, reproducible, and of the shape their names promise.

use mountdb_bench::keys::{KeySet, generate, read_file};
use std::path::Path;

fn number(key: &[u8]) -> u64 {
    u64::from_be_bytes(key.try_into().unwrap())
}

#[test]
fn names_are_read_back_and_an_unknown_one_lists_all() {
    for set in KeySet::ALL {
        assert_eq!(set.to_string().parse(), Ok(set));
    }
    let message = "uuid".parse::<KeySet>().unwrap_err();
    for set in KeySet::ALL {
        assert!(message.contains(set.name()), "{message}");
    }
}

#[test]
fn every_set_is_sorted_distinct_and_decided_by_the_seed() {
    for set in KeySet::ALL {
        for n in [0, 1, 2, 3, 5, 100, 3000] {
            let keys = generate(set, n, 7);
            let expected = if set == KeySet::OneByte {
                n.min(256)
            } else {
                n
            };
            assert_eq!(keys.len(), expected, "{set}");
            assert!(keys.is_sorted_by(|a, b| a < b), "{set} {n}");
            assert_eq!(keys, generate(set, n, 7), "{set} {n}");
        }
        let seedless = set == KeySet::User;
        assert_eq!(
            generate(set, 100, 1) == generate(set, 100, 2),
            seedless,
            "{set}"
        );
    }
}

#[test]
fn numeric_sets_are_eight_bytes() {
    use KeySet::{Clustered, Dense, Lognormal, Normal, Outliers, Uniform};
    for set in [Uniform, Dense, Normal, Lognormal, Clustered, Outliers] {
        assert!(
            generate(set, 1000, 1).iter().all(|key| key.len() == 8),
            "{set}"
        );
    }
}

#[test]
fn dense_has_no_gaps() {
    let keys = generate(KeySet::Dense, 1000, 3);
    assert!(
        keys.windows(2)
            .all(|pair| number(&pair[0]) + 1 == number(&pair[1]))
    );
}

#[test]
fn outliers_lie_at_both_ends() {
    let keys = generate(KeySet::Outliers, 1000, 3);
    assert_eq!(number(&keys[0]), 0);
    assert_eq!(number(&keys[999]), u64::MAX);
    let body = number(&keys[980]) - number(&keys[20]);
    assert!(body < 100_000, "{body}");
}

#[test]
fn clusters_are_tight_and_far_apart() {
    let keys = generate(KeySet::Clustered, 10_000, 3);
    let gaps = keys
        .windows(2)
        .map(|pair| number(&pair[1]) - number(&pair[0]));
    let (mut small, mut large) = (0, 0);
    for gap in gaps {
        small += usize::from(gap < 4096);
        large += usize::from(gap > 1 << 40);
    }
    assert!(large >= 30 && small + large >= 9990, "{small} {large}");
}

#[test]
fn normal_and_lognormal_have_their_quantiles() {
    let at =
        |keys: &[Vec<u8>], share: f64| number(&keys[(keys.len() as f64 * share) as usize]) as f64;
    let normal = generate(KeySet::Normal, 20_000, 3);
    let z = |share| (at(&normal, share) - 2f64.powi(63)) / 2f64.powi(58);
    let lognormal = generate(KeySet::Lognormal, 20_000, 3);
    let y = |share| (at(&lognormal, share) / 2f64.powi(40)).ln() / 2.0;
    for (share, expected) in [(0.5, 0.0), (0.8413, 1.0), (0.1587, -1.0)] {
        assert!((z(share) - expected).abs() < 0.04, "{share}: {}", z(share));
        assert!((y(share) - expected).abs() < 0.04, "{share}: {}", y(share));
    }
}

#[test]
fn user_keys_are_those_of_ycsb() {
    let keys = generate(KeySet::User, 2, 0);
    // Records 0 and 1 as YCSB's own load phase prints them.
    assert_eq!(
        keys,
        [
            b"user6284781860667377211".to_vec(),
            b"user8517097267634966620".to_vec()
        ]
    );
}

#[test]
fn uuids_have_version_variant_and_dashes() {
    for (set, version) in [(KeySet::UuidV4, b'4'), (KeySet::UuidV7, b'7')] {
        for key in generate(set, 100, 5) {
            assert_eq!(key.len(), 36);
            assert_eq!(key[14], version);
            assert!(b"89ab".contains(&key[19]));
            for (i, byte) in key.iter().enumerate() {
                assert_eq!([8, 13, 18, 23].contains(&i), *byte == b'-');
            }
        }
    }
}

#[test]
fn paths_hold_prefixes_of_others() {
    let keys = generate(KeySet::Paths, 5000, 5);
    let prefixes = keys
        .windows(2)
        .filter(|pair| pair[1].starts_with(&pair[0]))
        .count();
    assert!(prefixes > 50, "{prefixes}");
    assert!(keys.iter().any(|key| key.starts_with(b"https://")));
    assert!(keys.iter().any(|key| key.starts_with(b"/srv/")));
}

#[test]
fn random_bytes_hold_the_awkward_ones() {
    let keys = generate(KeySet::RandomBytes, 2000, 5);
    assert!(keys[0].is_empty());
    assert!(keys.iter().all(|key| key.len() <= 40));
    let tails = |tail: u8| keys.iter().filter(|key| key.last() == Some(&tail)).count();
    assert!(tails(0x00) > 100 && tails(0xff) > 100);
    assert!(
        keys.windows(2)
            .any(|pair| pair[1].starts_with(&pair[0]) && pair[0].len() > 4)
    );
}

fn read(content: &[u8], limit: Option<usize>) -> Result<Vec<Vec<u8>>, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys");
    std::fs::write(&path, content).unwrap();
    read_file(&path, limit)
}

fn sosd(numbers: &[u64]) -> Vec<u8> {
    let mut file = (numbers.len() as u64).to_le_bytes().to_vec();
    file.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    file
}

#[test]
fn lines_are_stripped_sorted_and_deduplicated() {
    let keys = read(b"pear\r\n\napple\npear\n\xff\xfe\n fig \r\n\r\nlast", None).unwrap();
    assert_eq!(
        keys,
        [&b" fig "[..], b"apple", b"last", b"pear", b"\xff\xfe"]
    );
}

#[test]
fn sosd_numbers_come_back_big_endian() {
    let keys = read(&sosd(&[256, 1, u64::MAX, 256]), None).unwrap();
    let numbers: Vec<u64> = keys.iter().map(|key| number(key)).collect();
    assert_eq!(numbers, [1, 256, u64::MAX]);
}

#[test]
fn a_limit_keeps_the_shape() {
    let all: Vec<u64> = (0..1000).map(|i| i * i).collect();
    let keys = read(&sosd(&all), Some(10)).unwrap();
    let numbers: Vec<u64> = keys.iter().map(|key| number(key)).collect();
    let expected: Vec<u64> = (1..=10).map(|i| (100 * i - 1) * (100 * i - 1)).collect();
    assert_eq!(numbers, expected);
    assert_eq!(read(b"a\nb\nc\n", Some(2)).unwrap().len(), 2);
    assert_eq!(read(b"a\nb\nc\n", Some(0)).unwrap().len(), 0);
    assert_eq!(read(b"a\nb\nc\n", Some(9)).unwrap().len(), 3);
}

#[test]
fn malformed_files_are_named_with_the_reason() {
    let mut short = sosd(&[1, 2, 3]);
    short.truncate(20);
    let mut odd = sosd(&[1, 2, 3]);
    odd.push(0);
    let mut narrow = 3u64.to_le_bytes().to_vec();
    narrow.extend([1u32, 2, 3].iter().flat_map(|number| number.to_le_bytes()));
    let huge = u64::MAX.to_le_bytes().map(|byte| byte & 0x0f).to_vec();
    let cases: [(&[u8], &str); 7] = [
        (b"", "holds no keys"),
        (b"\n\r\n\n", "holds no keys"),
        (&sosd(&[]), "holds no keys"),
        (&short, "promises 3 keys of 8 bytes and 12 bytes follow"),
        (&odd, "promises 3 keys of 8 bytes and 25 bytes follow"),
        (&narrow, "32-bit"),
        (&[huge, vec![0]].concat(), "/keys"),
    ];
    for (content, reason) in cases {
        match read(content, None) {
            Err(message) => {
                assert!(message.contains(reason), "{message}");
                assert!(message.starts_with("keys file /"), "{message}");
            }
            // Without a zero byte at its head a file is taken for lines of text.
            Ok(_) => assert_eq!(reason, "/keys"),
        }
    }
    let message = read_file(Path::new("/no/such/file"), None).unwrap_err();
    assert!(
        message.contains("/no/such/file: cannot be read"),
        "{message}"
    );
}

/// The project's real key sets, where they are at hand.
#[test]
fn real_files_are_read() {
    let shared = Path::new("../../shared/data");
    for (name, least) in [("cities_morton_u64", 100_000), ("pypi_names.txt", 500_000)] {
        let path = shared.join(name);
        if !path.exists() {
            eprintln!("not here, not tested: {name}");
            continue;
        }
        let keys = read_file(&path, None).unwrap();
        assert!(
            keys.len() > least && keys.is_sorted_by(|a, b| a < b),
            "{name}: {}",
            keys.len()
        );
    }
}

//! The model's ranks against counting.

use super::super::model::{MAX_CUT, Model};
use proptest::prelude::*;

/// Cuts as the model wants them.
fn cuts(mut keys: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    for key in &mut keys {
        key.truncate(MAX_CUT);
        while key.last() == Some(&0) {
            key.pop();
        }
    }
    keys.retain(|key| !key.is_empty());
    keys.sort();
    keys.dedup();
    keys
}

fn fit(cuts: &[Vec<u8>], by_search: bool) -> Model {
    let cuts: Vec<&[u8]> = cuts.iter().map(|cut| &cut[..]).collect();
    Model::fit(&cuts, by_search)
}

/// Every cut, and what lies right beside it.
fn targets(cuts: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut targets = vec![vec![], vec![0], vec![0xff; 20]];
    for cut in cuts {
        targets.push(cut.clone());
        for tail in [&[0][..], &[0; 9], &[1], &[0xff; 9]] {
            targets.push([cut, tail].concat());
        }
        targets.push(cut[..cut.len() - 1].to_vec());
        targets.push(cut[..cut.len() / 2].to_vec());
        for by in [1, 0xff] {
            let mut near = cut.clone();
            near.iter_mut()
                .rev()
                .take(1)
                .for_each(|b| *b = b.wrapping_add(by));
            targets.push([&near, &[0xff][..]].concat());
            targets.push(near);
        }
    }
    targets
}

fn check(cuts: &[Vec<u8>], targets: &[Vec<u8>]) {
    for by_search in [false, true] {
        let model = fit(cuts, by_search);
        assert_eq!(model.len(), cuts.len());
        for key in targets {
            let rank = cuts.partition_point(|cut| cut <= key);
            assert_eq!(
                model.rank(key, |_| ()),
                rank,
                "{key:x?} by_search {by_search}"
            );
        }
        for (i, cut) in cuts.iter().enumerate() {
            let mut out = vec![7];
            model.cut(i, &mut out);
            assert_eq!((out[0], &out[1..]), (7, &cut[..]));
        }
    }
}

fn bytes(alphabet: &'static [u8], len: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(alphabet), 0..len)
}

/// Keys of one kind, some behind a prefix that all share.
fn keys() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let key = prop_oneof![
        bytes(&[0, 1, 0xff], 30).boxed(),
        bytes(b"0123456789", 12).boxed(),
        any::<u64>().prop_map(|x| x.to_be_bytes().to_vec()).boxed(),
        (any::<u64>(), 0u32..64)
            .prop_map(|(x, s)| (x >> s).to_be_bytes().to_vec())
            .boxed(),
        (0usize..60, bytes(&[0, 1, 2], 3))
            .prop_map(|(n, t)| [vec![9; n], t].concat())
            .boxed(),
        (0usize..60, bytes(&[1], 2))
            .prop_map(|(n, t)| [vec![0; n], t].concat())
            .boxed(),
        bytes(b"ab", MAX_CUT).boxed(),
    ];
    let prefix = prop_oneof![Just(0usize), Just(7), Just(8), Just(9), 0usize..400];
    (prefix, prop::collection::vec(key, 0..120)).prop_map(|(n, keys)| {
        keys.into_iter()
            .map(|k| [vec![b'p'; n], k].concat())
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 3 } else { 150 }))]

    #[test]
    fn rank_counts(keys in keys(), others in keys()) {
        let cuts = cuts(keys);
        let mut targets = targets(&cuts);
        targets.extend(others);
        check(&cuts, &targets);
    }
}

#[test]
fn no_cuts_and_one_cut() {
    check(&[], &targets(&cuts(vec![b"abc".to_vec()])));
    for len in [1, 7, 8, 9, 16, 17, MAX_CUT] {
        let one = cuts(vec![vec![b'x'; len]]);
        check(&one, &targets(&one));
    }
}

#[test]
fn extremes_of_eight_bytes() {
    let edges = [
        0,
        1,
        2,
        u64::MAX - 1,
        u64::MAX,
        1 << 63,
        (1 << 63) - 1,
        255,
        256,
    ];
    let mut keys: Vec<Vec<u8>> = edges.iter().map(|x| x.to_be_bytes().to_vec()).collect();
    keys.extend(
        edges
            .iter()
            .map(|x| [x.to_be_bytes(), *b"\0\0\0\0\0\0\0a"].concat()),
    );
    keys.extend(
        edges
            .iter()
            .map(|x| [&x.to_be_bytes()[..], &[0xff; 12]].concat()),
    );
    let cuts = cuts(keys);
    check(&cuts, &targets(&cuts));
}

/// Cuts that differ as late as can be, at every depth: nodes nest, and not without end.
#[test]
fn cuts_that_nest_deeply() {
    let nested: Vec<Vec<u8>> = (1..=MAX_CUT).map(|n| vec![b'a'; n]).collect();
    let forked = (0..MAX_CUT).map(|n| [vec![b'a'; n], vec![b'b']].concat());
    let cuts = cuts(nested.into_iter().chain(forked).collect());
    check(&cuts, &targets(&cuts));
}

/// Half of the cuts in ever smaller parts of the range: histograms nest, and not without
/// end.
#[test]
fn cuts_that_crowd() {
    for ratio in [1, 2, 7, 16] {
        let keys = (0..64 / ratio)
            .flat_map(|level| {
                (0..40u64).map(move |i| (u64::MAX >> (level * ratio)).saturating_sub(i))
            })
            .map(|x| x.to_be_bytes().to_vec());
        let cuts = cuts(keys.collect());
        check(&cuts, &targets(&cuts));
        let per_cut = fit(&cuts, false).memory_usage() / cuts.len();
        println!("ratio {ratio}: {per_cut} bytes a cut");
        assert!(per_cut <= 200);
    }
}

#[test]
#[cfg_attr(miri, ignore = "counts, on many entries")]
fn memory_on_plain_keys() {
    let n = 20_000u64;
    let spread: [fn(u64) -> u64; 3] = [
        |i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        |i| i * 10 + 1,
        |i| i << 40 | 1,
    ];
    for spread in spread {
        let cuts = cuts((0..n).map(|i| spread(i).to_be_bytes().to_vec()).collect());
        let per_cut = fit(&cuts, false).memory_usage() as f64 / cuts.len() as f64;
        let searched = fit(&cuts, true).memory_usage() as f64 / cuts.len() as f64;
        println!("{per_cut:.1} bytes a cut, {searched:.1} without histograms");
        // Vectors that grow may be half empty.
        assert!(per_cut <= 66.0);
        assert!(searched <= 34.0);
    }
}

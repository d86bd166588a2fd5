//! The request distributions against their closed forms.

use mountdb_bench::distribution::{Chooser, Distribution, Zipfian};
use mountdb_bench::keys::fnv64;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const THETA: f64 = Zipfian::THETA;

/// Shares of ranks 0, 1, .. by definition.
fn zipf(items: usize) -> Vec<f64> {
    let weights: Vec<f64> = (1..=items).map(|rank| (rank as f64).powf(-THETA)).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

/// How often each rank came up in `draws` draws with an even `u`.
fn shares(law: &Zipfian, items: usize, draws: u32) -> Vec<f64> {
    let mut rng = StdRng::seed_from_u64(1);
    let mut counts = vec![0u32; items];
    for _ in 0..draws {
        counts[law.rank(rng.random()) as usize] += 1;
    }
    counts
        .iter()
        .map(|count| f64::from(*count) / f64::from(draws))
        .collect()
}

#[test]
fn the_first_two_ranks_are_exact() {
    let expected = zipf(1000);
    let law = Zipfian::new(1000, THETA);
    let found = shares(&law, 1000, 2_000_000);
    for rank in 0..2 {
        // Five standard deviations of a binomial count.
        let p = expected[rank];
        let tolerance = 5.0 * (p * (1.0 - p) / 2e6).sqrt();
        assert!(
            (found[rank] - p).abs() < tolerance,
            "rank {rank}: {} {p}",
            found[rank]
        );
    }
}

#[test]
fn the_heads_and_the_tail_weigh_what_they_should() {
    let items = 10_000;
    let expected = zipf(items);
    let found = shares(&Zipfian::new(items as u64, THETA), items, 1_000_000);
    for head in [1, 2, 5, 10, 100, 1000, 5000] {
        let (e, f): (f64, f64) = (expected[..head].iter().sum(), found[..head].iter().sum());
        // The method is an approximation after the second rank.
        assert!((e - f).abs() < 0.02, "first {head}: {f}, by definition {e}");
    }
}

/// Chi-square of the draws against the method's own closed form: rank r is drawn
/// where u lies between the inverses of r and r + 1.
#[test]
fn draws_follow_the_closed_form_of_the_method() {
    let (items, draws) = (1000usize, 1_000_000u32);
    let n = items as f64;
    let zeta: f64 = (1..=items).map(|rank| (rank as f64).powf(-THETA)).sum();
    let second = 1.0 + 0.5f64.powf(THETA);
    let eta = (1.0 - (2.0 / n).powf(1.0 - THETA)) / (1.0 - second / zeta);
    let inverse = |rank: usize| match rank {
        0 => 0.0,
        1 => 1.0 / zeta,
        _ => (((rank as f64 / n).powf(1.0 - THETA) - 1.0 + eta) / eta).max(second / zeta),
    };
    let found = shares(&Zipfian::new(items as u64, THETA), items, draws);
    let mut chi_square = 0.0;
    let mut degrees = -1.0;
    for (rank, share) in found.iter().enumerate() {
        let expected = (inverse(rank + 1) - inverse(rank)) * f64::from(draws);
        let observed = share * f64::from(draws);
        if expected < 5.0 {
            continue;
        }
        chi_square += (observed - expected).powi(2) / expected;
        degrees += 1.0;
    }
    // Mean = degrees, standard deviation = sqrt(2 degrees).
    assert!(degrees > 900.0, "{degrees}");
    assert!(
        chi_square < degrees + 5.0 * (2.0f64 * degrees).sqrt(),
        "{chi_square} {degrees}"
    );
}

#[test]
fn ranks_stay_in_range_at_the_edges() {
    for items in [2u64, 3, 10, 1_000_000] {
        let law = Zipfian::new(items, THETA);
        for u in [0.0, 0.5, 1.0 - f64::EPSILON] {
            assert!(law.rank(u) < items, "{items} {u}");
        }
    }
    assert!(Zipfian::ycsb().rank(1.0 - f64::EPSILON) < 10_000_000_000);
}

#[test]
fn scrambled_zipfian_scatters_the_hot_records() {
    let records = 100_000u32;
    let chooser = Chooser::new(Distribution::Zipfian, records);
    let mut rng = StdRng::seed_from_u64(2);
    let mut counts = vec![0u32; records as usize];
    for _ in 0..1_000_000 {
        counts[chooser.next(&mut rng) as usize] += 1;
    }
    // YCSB's law over ten billion ranks: the first weighs 1 / 26.469.
    for (rank, weight) in [(0, 1.0), (1, 0.5f64.powf(THETA))] {
        let record = (fnv64(rank) % u64::from(records)) as usize;
        let (found, expected) = (f64::from(counts[record]) / 1e6, weight / 26.46902820178302);
        assert!(
            (found - expected).abs() < 0.001,
            "rank {rank}: {found} {expected}"
        );
    }
    // Half the records in key order are asked for about half the time.
    let half: u32 = counts[..records as usize / 2].iter().sum();
    assert!((400_000..600_000).contains(&half), "{half}");
}

#[test]
fn uniform_is_even_and_covers_everything() {
    let chooser = Chooser::new(Distribution::Uniform, 100);
    let mut rng = StdRng::seed_from_u64(3);
    let mut counts = [0u32; 100];
    for _ in 0..100_000 {
        counts[chooser.next(&mut rng) as usize] += 1;
    }
    let chi_square: f64 = counts
        .iter()
        .map(|count| (f64::from(*count) - 1000.0).powi(2) / 1000.0)
        .sum();
    assert!(chi_square < 99.0 + 5.0 * 198f64.sqrt(), "{chi_square}");
}

#[test]
fn one_record_is_always_chosen() {
    for distribution in Distribution::ALL {
        let chooser = Chooser::new(distribution, 1);
        assert_eq!(chooser.next(&mut StdRng::seed_from_u64(4)), 0);
        assert_eq!(distribution.name().parse(), Ok(distribution));
    }
    assert!(
        "pareto"
            .parse::<Distribution>()
            .unwrap_err()
            .contains("zipfian")
    );
}

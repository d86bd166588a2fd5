//! The request distributions and the scan lengths against their closed forms.

use mountdb_bench::distribution::{Chooser, Distribution, Scatter, Zipf, Zipfian, zeta};
use mountdb_bench::keys::fnv64;
use mountdb_bench::lengths::{LengthLaw, Lengths, ScanLengths};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const THETA: f64 = Zipfian::THETA;

/// Shares of ranks 0, 1, .. by definition.
fn zipf(items: usize, theta: f64) -> Vec<f64> {
    let weights: Vec<f64> = (1..=items).map(|rank| (rank as f64).powf(-theta)).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

/// How often each of `0..items` came up in `draws` draws.
fn count(items: usize, draws: u32, mut draw: impl FnMut() -> u64) -> Vec<u32> {
    let mut counts = vec![0; items];
    for _ in 0..draws {
        counts[draw() as usize] += 1;
    }
    counts
}

/// How often each of `0..records` came up in `draws` draws from a new chooser.
fn choose(distribution: Distribution, records: usize, draws: u32) -> Vec<u32> {
    let mut rng = StdRng::seed_from_u64(1);
    let mut chooser = Chooser::new(distribution, records as u64, 0);
    count(records, draws, || chooser.next(records as u64, &mut rng))
}

/// Chi-square of counts against shares, no more than five standard deviations above its mean.
/// What is expected fewer than five times is counted together; what cannot happen, must not.
#[track_caller]
fn assert_shares(counts: &[u32], shares: &[f64]) {
    assert_eq!(counts.len(), shares.len());
    let draws: f64 = counts.iter().copied().map(f64::from).sum();
    let (mut chi_square, mut degrees) = (0.0, -1.0);
    let mut add = |observed: f64, expected: f64| {
        chi_square += (observed - expected).powi(2) / expected;
        degrees += 1.0;
    };
    let mut rest = (0.0, 0.0);
    for (count, share) in counts.iter().zip(shares) {
        let (observed, expected) = (f64::from(*count), share * draws);
        if expected >= 5.0 {
            add(observed, expected);
        } else {
            rest = (rest.0 + observed, rest.1 + expected);
        }
    }
    if rest.1 > 0.0 {
        add(rest.0, rest.1);
    } else {
        assert_eq!(rest.0, 0.0, "what cannot happen");
    }
    // Mean = degrees, standard deviation = sqrt(2 degrees).
    let most: f64 = degrees + 5.0 * (2.0f64 * degrees).sqrt();
    assert!(chi_square <= most, "{chi_square}, {degrees} degrees");
}

/// A count within five standard deviations of a binomial one.
#[track_caller]
fn assert_share(count: u32, draws: u32, share: f64) {
    let (found, draws) = (f64::from(count) / f64::from(draws), f64::from(draws));
    let tolerance = 5.0 * (share * (1.0 - share) / draws).sqrt();
    assert!((found - share).abs() <= tolerance, "{found} {share}");
}

#[test]
fn zeta_is_the_sum_of_its_series() {
    for items in [1u32, 2, 3, 999, 1000, 1001, 1002, 5000, 1_000_000] {
        for theta in [
            1e-300,
            0.01,
            0.5,
            0.8,
            THETA,
            1.0 - 1e-9,
            1.0f64.next_down(),
        ] {
            // The smallest first, for the least error.
            let sum: f64 = (1..=items).rev().map(|k| f64::from(k).powf(-theta)).sum();
            let found = zeta(items.into(), theta);
            assert!(
                (found / sum - 1.0).abs() < 1e-12,
                "{items} {theta}: {found} {sum}"
            );
        }
    }
    let found = zeta(Zipfian::YCSB_ITEMS, THETA);
    assert!((found - 26.46902820178302).abs() < 1e-9, "{found}");
    // By its expansion: 2 sqrt(n) + zeta(1/2) + 1 / (2 sqrt(n)).
    let found = zeta(10_000_000_000, 0.5);
    let expected = 200_000.0 - 1.460_354_508_809_587 + 5e-6;
    assert!((found / expected - 1.0).abs() < 1e-14, "{found} {expected}");
}

#[test]
fn the_first_two_ranks_of_ycsbs_zipfian_are_exact() {
    for theta in [0.5, THETA] {
        let expected = zipf(1000, theta);
        let law = Zipfian::new(1000, theta);
        let mut rng = StdRng::seed_from_u64(1);
        let found = count(1000, 1_000_000, || law.rank(rng.random()));
        for rank in 0..2 {
            assert_share(found[rank], 1_000_000, expected[rank]);
        }
    }
}

#[test]
fn the_heads_and_the_tail_of_ycsbs_zipfian_weigh_what_they_should() {
    let items = 10_000;
    let expected = zipf(items, THETA);
    let law = Zipfian::new(items as u64, THETA);
    let mut rng = StdRng::seed_from_u64(1);
    let found = count(items, 1_000_000, || law.rank(rng.random()));
    for head in [1, 2, 5, 10, 100, 1000, 5000] {
        let e: f64 = expected[..head].iter().sum();
        let f = f64::from(found[..head].iter().sum::<u32>()) / 1e6;
        // The method is an approximation after the second rank.
        assert!((e - f).abs() < 0.02, "first {head}: {f}, by definition {e}");
    }
}

/// Rank r is drawn where u lies between the inverses of r and r + 1.
#[test]
fn draws_follow_the_closed_form_of_ycsbs_method() {
    let items = 1000usize;
    let n = items as f64;
    let zeta: f64 = (1..=items).map(|rank| (rank as f64).powf(-THETA)).sum();
    let second = 1.0 + 0.5f64.powf(THETA);
    let eta = (1.0 - (2.0 / n).powf(1.0 - THETA)) / (1.0 - second / zeta);
    let inverse = |rank: usize| match rank {
        0 => 0.0,
        1 => 1.0 / zeta,
        _ => (((rank as f64 / n).powf(1.0 - THETA) - 1.0 + eta) / eta).max(second / zeta),
    };
    let shares: Vec<f64> = (0..items)
        .map(|rank| inverse(rank + 1) - inverse(rank))
        .collect();
    let law = Zipfian::new(items as u64, THETA);
    let mut rng = StdRng::seed_from_u64(1);
    assert_shares(&count(items, 1_000_000, || law.rank(rng.random())), &shares);
}

#[test]
fn ranks_stay_in_range_at_the_edges() {
    let edges = [0.0, 0.5, 1.0f64.next_down()];
    for theta in [1e-300, 0.5, THETA, 1.0f64.next_down()] {
        for items in [1, 2, 3, 10, 1_000_000] {
            let law = Zipfian::new(items, theta);
            for u in edges {
                assert!(law.rank(u) < items, "{items} {theta} {u}");
            }
        }
        for u in edges {
            assert!(Zipfian::ycsb(theta).rank(u) < Zipfian::YCSB_ITEMS);
        }
        let mut rng = StdRng::seed_from_u64(2);
        for items in [1, 2, 3, 1 << 53, u64::MAX - 1, u64::MAX] {
            let law = Zipf::new(items, theta);
            assert_eq!(law.items(), items);
            assert!((0..10_000).all(|_| law.next(&mut rng) < items));
        }
    }
}

#[test]
fn zipf_is_exact() {
    let mut rng = StdRng::seed_from_u64(1);
    for (items, theta) in [
        (1, THETA),
        (2, THETA),
        (3, 0.5),
        (10, 0.01),
        (1000, THETA),
        (1000, 0.5),
        (1000, 1.0f64.next_down()),
        (1000, 1e-300),
        (100_000, 0.8),
    ] {
        let law = Zipf::new(items as u64, theta);
        let found = count(items, 500_000, || law.next(&mut rng));
        assert_shares(&found, &zipf(items, theta));
    }
}

/// Of a law too wide to count every rank, by the sums of its head.
#[test]
fn wide_zipf_is_exact() {
    let items = Zipfian::YCSB_ITEMS;
    for theta in [0.5, THETA] {
        let law = Zipf::new(items, theta);
        let mut rng = StdRng::seed_from_u64(4);
        let draws: Vec<u64> = (0..500_000).map(|_| law.next(&mut rng)).collect();
        for head in [1, 2, 10, 1000, 1_000_000, 1_000_000_000, 5_000_000_000] {
            let found = draws.iter().filter(|rank| **rank < head).count();
            let share = zeta(head, theta) / zeta(items, theta);
            assert_share(found as u32, 500_000, share);
        }
    }
}

#[test]
fn the_scatter_is_a_bijection() {
    for items in (1..200).chain([1000, 1024, 46_368, 99_991, 510_510]) {
        let scatter = Scatter::new(items);
        let mut hit = vec![false; items as usize];
        for number in 0..items {
            let place = scatter.place(number) as usize;
            assert!(!std::mem::replace(&mut hit[place], true), "{items}");
        }
        // Neighbours are more than a quarter of the whole apart, either way round.
        if items > 200 {
            let step = scatter.place(1);
            assert!(step.min(items - step) > items / 4, "{items} {step}");
        }
    }
    for items in [u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) + 1] {
        let scatter = Scatter::new(items);
        assert!([0, 1, items / 2, items - 1].map(|n| scatter.place(n)) < [items; 4]);
    }
}

#[test]
fn uniform_is_even_and_covers_everything() {
    let found = choose(Distribution::Uniform, 100, 100_000);
    assert_shares(&found, &[0.01; 100]);
    assert!(found.iter().all(|count| *count > 0));
}

#[test]
fn scrambled_zipfian_scatters_the_hot_records() {
    let (records, draws) = (100_000, 1_000_000);
    for theta in [0.8, THETA] {
        let found = choose(Distribution::Zipfian { constant: theta }, records, draws);
        // YCSB's law over ten billion ranks, and what the others leave on the same record: an
        // even share of the rest.
        let zeta = zeta(Zipfian::YCSB_ITEMS, theta);
        for rank in 0..2 {
            let record = fnv64(rank) % records as u64;
            let own = (rank as f64 + 1.0).powf(-theta) / zeta;
            let share = f64::from(found[record as usize]) / f64::from(draws);
            assert!(
                (share - own).abs() < 0.0005,
                "{theta}, rank {rank}: {share} {own}"
            );
        }
        // Half the records in order are asked for about half the time.
        let half: u32 = found[..records / 2].iter().sum();
        assert!((400_000..600_000).contains(&half), "{half}");
    }
}

/// Every draw is the hash of a rank, modulo all records that will ever be there, and what is not
/// there yet is skipped.
#[test]
fn scrambled_zipfian_is_ycsbs_draw_by_draw() {
    let (mut rng, mut same) = (StdRng::seed_from_u64(5), StdRng::seed_from_u64(5));
    let mut chooser = Chooser::new(Distribution::ZIPFIAN, 1000, 500);
    let law = Zipfian::ycsb(THETA);
    for records in (1000..=1500).flat_map(|records| [records; 20]) {
        let expected = loop {
            let record = fnv64(law.rank(same.random())) % 1500;
            if record < records {
                break record;
            }
        };
        assert_eq!(chooser.next(records, &mut rng), expected);
    }
}

#[test]
fn exact_zipfian_is_zipfs_law_scattered() {
    for (records, theta) in [(1, THETA), (2, 0.5), (7, THETA), (1000, THETA), (1000, 0.5)] {
        let law = Distribution::ZipfianExact { constant: theta };
        let found = choose(law, records, 1_000_000);
        let scatter = Scatter::new(records as u64);
        let ranks: Vec<u32> = (0..records as u64)
            .map(|rank| found[scatter.place(rank) as usize])
            .collect();
        assert_shares(&ranks, &zipf(records, theta));
        assert!(ranks.iter().all(|count| *count > 0), "{records} {theta}");
    }
}

/// Records that are not there yet keep their ranks for later.
#[test]
fn exact_zipfian_skips_what_is_not_there() {
    let mut rng = StdRng::seed_from_u64(6);
    let mut chooser = Chooser::new(Distribution::ZIPFIAN_EXACT, 400, 600);
    let (scatter, weights) = (Scatter::new(1000), zipf(1000, THETA));
    for records in [400, 401, 700, 1000] {
        let mut shares = vec![0.0; records];
        for (rank, weight) in weights.iter().enumerate() {
            if let Some(share) = shares.get_mut(scatter.place(rank as u64) as usize) {
                *share = *weight;
            }
        }
        let sum: f64 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= sum);
        let found = count(records, 300_000, || chooser.next(records as u64, &mut rng));
        assert_shares(&found, &shares);
    }
}

#[test]
fn latest_is_zipfs_law_from_the_newest_backwards() {
    let mut rng = StdRng::seed_from_u64(7);
    for theta in [0.5, THETA] {
        let mut chooser = Chooser::new(Distribution::Latest { constant: theta }, 100, 10);
        // More records than were expected are no trouble.
        for records in [100, 101, 1000] {
            let mut found = count(records, 300_000, || chooser.next(records as u64, &mut rng));
            found.reverse();
            assert_shares(&found, &zipf(records, theta));
            assert!(records > 101 || found.iter().all(|count| *count > 0));
        }
    }
}

#[test]
fn hotspot_has_a_hot_and_a_cold_set() {
    let draws = 200_000;
    for (data, operations) in [(0.2, 0.8), (0.5, 0.1), (0.9, 0.9), (0.2, 0.0), (0.2, 1.0)] {
        let mut rng = StdRng::seed_from_u64(8);
        let mut chooser = Chooser::new(Distribution::Hotspot { data, operations }, 50, 0);
        for records in [50usize, 120] {
            let hot = (records as f64 * data) as usize;
            let found = count(records, draws, || chooser.next(records as u64, &mut rng));
            assert_share(found[..hot].iter().sum(), draws, operations);
            let mut shares = vec![operations / hot as f64; hot];
            shares.resize(records, (1.0 - operations) / (records - hot) as f64);
            assert_shares(&found, &shares);
        }
    }
    // One of the sets is empty: all draws are from the other.
    for (data, operations) in [(1.0, 0.0), (1.0, 0.5), (0.01, 1.0), (1e-300, 0.5)] {
        let found = choose(Distribution::Hotspot { data, operations }, 20, draws);
        assert_shares(&found, &[0.05; 20]);
    }
}

#[test]
fn exponential_cools_down_with_age() {
    for (percentile, fraction) in [(95.0, 0.8571428571), (90.0, 0.1), (10.0, 1.0), (1e-13, 1.0)] {
        let law = Distribution::Exponential {
            percentile,
            fraction,
        };
        let mut rng = StdRng::seed_from_u64(9);
        let mut chooser = Chooser::new(law, 100, 0);
        // The pace is that of the records at first.
        let gamma = -(-percentile / 100.0).ln_1p() / (100.0 * fraction);
        for records in [100, 101, 300] {
            let beyond = |age: usize| -(-gamma * age as f64).exp_m1();
            let shares: Vec<f64> = (0..records)
                .map(|age| (beyond(age + 1) - beyond(age)) / beyond(records))
                .collect();
            let mut found = count(records, 300_000, || chooser.next(records as u64, &mut rng));
            found.reverse();
            // The newest ones are asked for as often as the parameters say, up to what is cut off.
            let newest = (100.0 * fraction) as usize;
            let share = percentile / 100.0 / beyond(records);
            if newest as f64 == 100.0 * fraction {
                let share = share.min(1.0 - 1e-9);
                assert_share(found[..newest].iter().sum(), 300_000, share);
            }
            assert_shares(&found, &shares);
        }
    }
    // All operations ask for the newest record.
    let law = "exponential:95:0".parse().unwrap();
    assert_eq!(choose(law, 3, 1000), [0, 0, 1000]);
}

#[test]
fn sequential_goes_round() {
    let mut rng = StdRng::seed_from_u64(10);
    let mut chooser = Chooser::new(Distribution::Sequential, 3, 1);
    let found: Vec<u64> = [3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4]
        .into_iter()
        .map(|records| chooser.next(records, &mut rng))
        .collect();
    assert_eq!(found, [0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 3]);
}

/// Every insert makes room for one more record, which is asked for sooner or later.
#[test]
fn a_growing_number_of_records_is_followed() {
    for law in Distribution::ALL {
        let mut rng = StdRng::seed_from_u64(11);
        let mut chooser = Chooser::new(law, 10, 90);
        let mut counts = [0; 100];
        for records in 10..=100 {
            for _ in 0..1000 {
                let record = chooser.next(records, &mut rng);
                assert!(record < records, "{law}: {record} of {records}");
                counts[record as usize] += 1;
            }
        }
        assert!(counts.iter().all(|count| *count > 0), "{law}: {counts:?}");
        // The newest record of all takes the most of the draws while it is the newest.
        if matches!(
            law,
            Distribution::Latest { .. } | Distribution::Exponential { .. }
        ) {
            let last = count(100, 10_000, || chooser.next(100, &mut rng));
            assert_eq!(last.iter().max(), last.last(), "{law}");
        }
    }
}

#[test]
fn extreme_parameters_neither_hang_nor_panic() {
    let (least, most) = (f64::from_bits(1), 1.0f64.next_down());
    let mut laws = Distribution::ALL.to_vec();
    for constant in [least, 1e-9, 0.5, 1.0 - 1e-9, most] {
        laws.extend([
            Distribution::Zipfian { constant },
            Distribution::ZipfianExact { constant },
            Distribution::Latest { constant },
        ]);
    }
    for share in [least, 0.5, most, 1.0] {
        for other in [0.0, -0.0, least, 0.5, most, 1.0] {
            laws.push(Distribution::Hotspot {
                data: share,
                operations: other,
            });
            laws.push(Distribution::Exponential {
                percentile: (share * 100.0).min(100.0f64.next_down()),
                fraction: other,
            });
        }
    }
    let huge = u64::MAX / 2;
    for law in laws {
        law.check().unwrap();
        let mut rng = StdRng::seed_from_u64(12);
        for (records, inserts) in [
            (1, 0),
            (1, 1),
            (1, huge),
            (2, 1_000_000_000_000),
            (3, u64::MAX),
            (huge - 1, 0),
            (huge, 0),
            (huge, u64::MAX),
        ] {
            let mut chooser = Chooser::new(law, records, inserts);
            for now in [records, records, records.saturating_add(inserts).min(huge)] {
                for _ in 0..5 {
                    assert!(chooser.next(now, &mut rng) < now, "{law} {now} {inserts}");
                }
            }
        }
    }
}

#[test]
fn distributions_are_read_back() {
    for law in Distribution::ALL {
        assert_eq!(law.check(), Ok(()));
        assert_eq!(law.to_string(), law.name());
        assert_eq!(law.name().parse(), Ok(law));
    }
    for (text, law) in [
        ("zipfian", Distribution::Zipfian { constant: 0.99 }),
        ("zipfian:0.8", Distribution::Zipfian { constant: 0.8 }),
        (
            "zipfian-exact:0.123456789012345",
            Distribution::ZipfianExact {
                constant: 0.123456789012345,
            },
        ),
        ("latest:0.5", Distribution::Latest { constant: 0.5 }),
        (
            "hotspot:0.1:0.9",
            Distribution::Hotspot {
                data: 0.1,
                operations: 0.9,
            },
        ),
        (
            "hotspot:0.2:0.5",
            Distribution::Hotspot {
                data: 0.2,
                operations: 0.5,
            },
        ),
        (
            "exponential:90:0.5",
            Distribution::Exponential {
                percentile: 90.0,
                fraction: 0.5,
            },
        ),
    ] {
        assert_eq!(text.parse(), Ok(law));
        assert_eq!(law.to_string(), text);
    }
    // Parameters that are left out, or are YCSB's.
    for (text, shown) in [
        ("zipfian:0.99", "zipfian"),
        ("hotspot:0.3", "hotspot:0.3:0.8"),
        ("exponential:95", "exponential"),
        ("exponential:95.0:0.8571428571", "exponential"),
    ] {
        let law: Distribution = text.parse().unwrap();
        assert_eq!(law.to_string(), shown);
    }
}

#[test]
fn what_is_no_distribution_is_refused() {
    for (text, message) in [
        ("pareto", "zipfian-exact, latest"),
        ("", "choose one of uniform"),
        ("Uniform", "choose one of uniform"),
        ("uniform:1", "no more than 0"),
        ("sequential:", "no more than 0"),
        ("zipfian:0.5:0.5", "no more than 1"),
        ("hotspot:0.1:0.2:0.3", "no more than 2"),
        ("zipfian:", "give numbers"),
        ("zipfian:x", "give numbers"),
        ("hotspot::0.5", "give numbers"),
        ("zipfian:0", "above 0 and below 1"),
        ("zipfian:1", "above 0 and below 1"),
        ("zipfian-exact:-0.5", "above 0 and below 1"),
        ("zipfian-exact:inf", "above 0 and below 1"),
        ("latest:nan", "above 0 and below 1"),
        ("hotspot:0:0.5", "share of the records"),
        ("hotspot:1.1:0.5", "share of the records"),
        ("hotspot:nan", "share of the records"),
        ("hotspot:0.5:-0.1", "share of the operations"),
        ("hotspot:0.5:1.1", "share of the operations"),
        ("exponential:0:0.5", "percentage"),
        ("exponential:100:0.5", "percentage"),
        ("exponential:nan:0.5", "percentage"),
        ("exponential:50:1.5", "share of the records"),
        ("exponential:50:nan", "share of the records"),
    ] {
        let error = text.parse::<Distribution>().unwrap_err();
        assert!(error.contains(message), "{text}: {error}");
    }
}

#[test]
fn scan_lengths_follow_their_laws() {
    let mut rng = StdRng::seed_from_u64(13);
    let mut draw = |law, min, max: u64| {
        let lengths = Lengths::new(ScanLengths { min, max, law });
        count(max as usize + 1, 300_000, || lengths.next(&mut rng))
    };
    let found = draw(LengthLaw::Constant, 1, 100);
    assert_eq!(found[100], 300_000);
    let found = draw(LengthLaw::Uniform, 5, 104);
    assert_shares(&found[5..], &[0.01; 100]);
    assert_eq!(found[..5], [0; 5]);
    let found = draw(LengthLaw::Zipfian, 5, 104);
    assert_eq!(found[..5], [0; 5]);
    let expected = zipf(100, THETA);
    assert_share(found[5], 300_000, expected[0]);
    assert_share(found[6], 300_000, expected[1]);
    // The method is an approximation after the second rank.
    let (head, by_definition) = (found[5..15].iter().sum::<u32>(), expected[..10].iter());
    let difference = f64::from(head) / 3e5 - by_definition.sum::<f64>();
    assert!(difference.abs() < 0.02, "{difference}");
    assert!(found[5..].iter().all(|count| *count > 0));
    for law in LengthLaw::ALL {
        assert_eq!(law.to_string().parse(), Ok(law));
        assert_eq!(draw(law, 7, 7)[7], 300_000);
        let least = draw(law, 1, 2);
        assert_eq!((least[0], least[1] > 0), (0, law != LengthLaw::Constant));
        // A scan reads one record at least.
        let found = draw(law, 0, 5);
        assert_eq!((found[0], found[5] > 0), (0, true));
        let lengths = Lengths::new(ScanLengths {
            min: 1,
            max: u64::MAX,
            law,
        });
        let mut rng = StdRng::seed_from_u64(14);
        assert!((0..1000).all(|_| lengths.next(&mut rng) > 0));
    }
    let error = "normal".parse::<LengthLaw>().unwrap_err();
    assert!(error.contains("constant, uniform, zipfian"), "{error}");
}

//! Two databases that must give the same answer to every question.

use rocksdb::{DB, DBRawIterator, ReadOptions};

/// Makes the `ReadOptions` of one question; called anew for each database.
pub type MakeOptions<'a> = &'a dyn Fn() -> ReadOptions;

/// Where an iterator stands: its key and value, or nowhere.
fn position(iter: &DBRawIterator<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    iter.status().expect("no error");
    iter.item()
        .map(|(key, value)| (key.to_vec(), value.to_vec()))
}

/// Moves both iterators by `step` and compares where they land.
fn step_both(
    pair: &mut [DBRawIterator<'_>; 2],
    what: &str,
    target: &[u8],
    step: impl Fn(&mut DBRawIterator<'_>),
) -> bool {
    pair.iter_mut().for_each(step);
    let [ours, stock] = [position(&pair[0]), position(&pair[1])];
    assert_eq!(
        ours, stock,
        "{what} {target:?}: ours on the left, stock on the right"
    );
    ours.is_some()
}

/// Get and MultiGet of every target.
pub fn check_gets(ours: &DB, stock: &DB, targets: &[Vec<u8>], options: [&ReadOptions; 2]) {
    for target in targets {
        assert_eq!(
            ours.get_opt(target, options[0]).expect("no error"),
            stock.get_opt(target, options[1]).expect("no error"),
            "get {target:?}: ours on the left, stock on the right"
        );
    }
    let check = |keys: &[&Vec<u8>]| {
        let values = |db: &DB, options| -> Vec<_> {
            db.multi_get_opt(keys.iter().copied(), options)
                .into_iter()
                .map(|value| value.expect("no error"))
                .collect()
        };
        assert_eq!(
            values(ours, options[0]),
            values(stock, options[1]),
            "multi_get {keys:?}"
        );
    };
    for batch in targets.chunks(33) {
        check(&batch.iter().collect::<Vec<_>>());
    }
    // In no order, some keys twice, and more than RocksDB takes at once.
    for batch in targets.chunks(70) {
        let twice = batch.iter().step_by(3);
        check(&batch.iter().rev().chain(twice).collect::<Vec<_>>());
    }
}

/// Seek and SeekForPrev to every target with steps in both directions, then the ends.
pub fn check_seeks(pair: &mut [DBRawIterator<'_>; 2], targets: &[Vec<u8>]) {
    for target in targets {
        if step_both(pair, "seek", target, |i| i.seek(target)) {
            for _ in 0..3 {
                if !step_both(pair, "next after seek", target, |i| i.next()) {
                    break;
                }
            }
        }
        if step_both(pair, "seek_for_prev", target, |i| i.seek_for_prev(target)) {
            for _ in 0..3 {
                if !step_both(pair, "prev after seek_for_prev", target, |i| i.prev()) {
                    break;
                }
            }
        }
        // Turning round in the middle.
        if step_both(pair, "seek", target, |i| i.seek(target)) {
            step_both(pair, "prev after seek", target, |i| i.prev());
        }
    }
    if step_both(pair, "seek_to_first", b"", |i| i.seek_to_first()) {
        step_both(pair, "prev of first", b"", |i| i.prev());
    }
    if step_both(pair, "seek_to_last", b"", |i| i.seek_to_last()) {
        step_both(pair, "next of last", b"", |i| i.next());
    }
}

/// All entries from first to last and back; returns how many there are.
pub fn check_scans(pair: &mut [DBRawIterator<'_>; 2]) -> usize {
    let mut count = 0;
    let mut more = step_both(pair, "seek_to_first", b"", |i| i.seek_to_first());
    while more {
        count += 1;
        more = step_both(pair, "next", b"", |i| i.next());
    }
    let mut back = 0;
    let mut more = step_both(pair, "seek_to_last", b"", |i| i.seek_to_last());
    while more {
        back += 1;
        more = step_both(pair, "prev", b"", |i| i.prev());
    }
    assert_eq!(count, back, "entries forward and backward");
    count
}

/// Everything above with one kind of read options; returns the number of entries.
pub fn check_reads(
    ours: &DB,
    stock: &DB,
    targets: &[Vec<u8>],
    options: [MakeOptions<'_>; 2],
) -> usize {
    check_gets(ours, stock, targets, [&options[0](), &options[1]()]);
    let mut pair = [
        ours.raw_iterator_opt(options[0]()),
        stock.raw_iterator_opt(options[1]()),
    ];
    check_seeks(&mut pair, targets);
    check_scans(&mut pair)
}

/// Scans between bounds taken from the targets.
pub fn check_bounds(ours: &DB, stock: &DB, targets: &[Vec<u8>]) {
    for (from, to) in targets.iter().zip(targets.iter().skip(7)) {
        let (from, to) = if from <= to { (from, to) } else { (to, from) };
        let bounded = || {
            let mut options = ReadOptions::default();
            // With a prefix extractor anything else leaves other prefixes undefined.
            options.set_total_order_seek(true);
            options.set_iterate_lower_bound(from.clone());
            options.set_iterate_upper_bound(to.clone());
            options
        };
        let mut pair = [
            ours.raw_iterator_opt(bounded()),
            stock.raw_iterator_opt(bounded()),
        ];
        check_scans(&mut pair);
        check_seeks(&mut pair, &[from.clone(), to.clone()]);
    }
}

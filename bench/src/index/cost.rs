//! What it costs to write files: processor time of a flush and of a compaction.

use crate::engine::{self, Budget, Contender, Purpose};
use crate::error::{Context, Error};
use crate::flat::FlatKeys;
use crate::index::plan::Plan;
use crate::load;
use crate::memtable::rounds::order;
use crate::progress::Progress;
use crate::sysinfo;
use crate::workdir::WorkDir;
use rocksdb::DB;

/// What was found of one key set.
#[derive(Clone, Debug)]
pub struct Cost {
    /// The key set.
    pub keys: String,
    /// Records written by each engine.
    pub records: u64,
    /// By engine.
    pub engines: Vec<Seconds>,
}

/// Seconds of processor time, all threads together, by round.
#[derive(Clone, Debug, Default)]
pub struct Seconds {
    /// Of two flushes, each of every other record.
    pub flush: Vec<f64>,
    /// Of the compaction of these two files.
    pub compaction: Vec<f64>,
}

/// Has every engine write the records in two halves that overlap, and merge them.
///
/// # Errors
/// If RocksDB fails.
pub fn measure(
    plan: &Plan,
    name: &str,
    keys: &FlatKeys,
    progress: Progress,
) -> Result<Cost, Error> {
    let budget = Budget {
        bloom_bits: 10,
        // Nothing is flushed before it is asked for.
        write_buffer_bytes: plan.room_for(keys),
        ..plan.budget.clone()
    };
    let contenders = plan.contenders(&budget)?;
    let mut engines = vec![Seconds::default(); contenders.len()];
    let phase = progress.start(
        &format!("{name}: build"),
        (plan.rounds * contenders.len()) as u64,
    );
    for round in 0..plan.rounds {
        let mut dir = WorkDir::new(plan.dir.as_deref(), false)?;
        for i in order(round, contenders.len()) {
            phase.note(&contenders[i].label);
            let path = dir.engine(&contenders[i].label)?;
            let db = engine::open(&contenders[i], &budget, &path, Purpose::Load)?;
            let (flush, compaction) = build(plan, &contenders[i], &db, keys)?;
            engines[i].flush.push(flush);
            engines[i].compaction.push(compaction);
            phase.advance(1);
        }
    }
    phase.finish();
    Ok(Cost {
        keys: name.to_owned(),
        records: keys.len() as u64,
        engines,
    })
}

fn build(
    plan: &Plan,
    contender: &Contender,
    db: &DB,
    keys: &FlatKeys,
) -> Result<(f64, f64), Error> {
    let label = &contender.label;
    let mut flush = 0.0;
    for half in 0..2 {
        let keys = keys.iter().skip(half).step_by(2);
        load::write(db, label, keys, plan.value_size, plan.seed, |_| ())?;
        let before = sysinfo::cpu_seconds();
        db.flush().context(|| format!("engine {label}: flushing"))?;
        flush += sysinfo::cpu_seconds() - before;
    }
    let before = sysinfo::cpu_seconds();
    load::settle(db, label)?;
    Ok((flush, sysinfo::cpu_seconds() - before))
}

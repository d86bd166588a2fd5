//! `ycsb memtable` from the command line, on little data.

use std::path::Path;
use std::process::{Command, Output};

fn ycsb(arguments: &[&str], db: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ycsb"))
        .arg("memtable")
        .args(arguments)
        .arg("--db")
        .arg(db)
        .output()
        .unwrap()
}

#[test]
fn every_workload_runs_on_the_skip_list_and_on_mountdb() {
    let dir = tempfile::tempdir().unwrap();
    let (db, report) = (dir.path().join("db"), dir.path().join("report.md"));
    let file = dir.path().join("few.keys");
    let lines: Vec<_> = (0..700).map(|i| format!("name-{}", i * 7919)).collect();
    std::fs::write(&file, lines.join("\n")).unwrap();
    let arguments = [
        &["--engines", "skiplist,vector,mountdb", "--rounds", "2"][..],
        &["--scale", "0.002", "--keys-file", file.to_str().unwrap()],
        &["--report", report.to_str().unwrap()],
    ]
    .concat();
    let output = ycsb(&arguments, &db);
    let (text, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{text}{errors}");
    for label in [
        "put-1: ",
        "put-512: ",
        "put-wal: ",
        "fill-2m: ",
        "get-present: ",
        "get-absent: ",
        "seek-10: ",
        "scan: ",
        "flush: ",
        "two-writers: ",
        "ascending: ",
        "descending: ",
        "uuidv7: ",
        "timestamp-id: ",
        "interleaved-ascending: ",
        "user: ",
        "paths: ",
        "zipfian-update: ",
        "moving: ",
        "few.keys: Put, the keys of a file, shuffled, 6 times",
        "few.keys, bytes an entry",
        "empty after a full one",
    ] {
        assert!(text.contains(label), "{label}: {text}");
    }
    // A vector is not read from.
    for line in text.lines().filter(|line| line.contains("n/a")) {
        let reads = ["get-present", "get-absent", "seek-10", "scan"];
        assert!(reads.iter().any(|read| line.contains(read)), "{line}");
    }
    assert!(!text.contains("write stalls"), "{text}");
    assert!(errors.contains("put-1: "), "{errors}");
    assert_eq!(std::fs::read_to_string(&report).unwrap(), text);
    assert!(!db.exists());
}

#[test]
fn usage_errors_exit_with_status_2_and_leave_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("db");
    let cases: &[(&[&str], &str)] = &[
        (&["--only", "nothing"], "choose from put-1"),
        (&["--engines", "btree"], "choose from skiplist"),
        (
            &["--engines", "options:memtable_factory={id=btree}"],
            "btree",
        ),
        (&["--scale", "0"], "--scale"),
        (&["--report", "/no/such/dir/report.md"], "--report"),
    ];
    for (arguments, part) in cases {
        let output = ycsb(arguments, &db);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(part), "{arguments:?}: {message}");
        assert!(!db.exists());
    }
}

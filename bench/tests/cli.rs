//! The program: exit statuses, messages, report, and what it leaves behind.

use mountdb_bench::keys::KeySet;
use std::path::Path;
use std::process::{Command, Output};

fn ycsb(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ycsb"))
        .args(arguments)
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn entries(dir: &Path) -> usize {
    std::fs::read_dir(dir).unwrap().count()
}

#[test]
fn usage_errors_are_one_line_and_exit_status_2() {
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().join("empty");
    let few = dir.path().join("few");
    std::fs::write(&empty, "").unwrap();
    std::fs::write(&few, "a\nb\nc\n").unwrap();
    let (empty, few) = (empty.to_str().unwrap(), few.to_str().unwrap());
    let cases: &[(&[&str], &str)] = &[
        (&["--records", "0"], "give at least 1"),
        (&["--records", "5000000000"], "give at most"),
        (&["--operations", "0"], "give at least 1"),
        (&["--rounds", "0"], "give at least 1"),
        (&["--block-size", "0"], "give at least 1"),
        (&["--engines", "stock,rocks"], "choose from stock"),
        (&["--workload", "q"], "choose one of load, a, b, c"),
        (&["--workload", "e"], "not built yet"),
        (&["--keys", "prime"], "choose one of uniform"),
        (&["--keys", "one-byte"], "give --records 256 or fewer"),
        (&["--distribution", "pareto"], "choose one of"),
        (&["--compression", "zip"], "choose one of"),
        (&["--insert-order", "up"], "choose one of"),
        (&["--keys-file", "/no/such/file"], "cannot be read"),
        (&["--keys-file", empty], "holds no keys"),
        (
            &["--keys-file", few, "--records", "4"],
            "give --records 3 or fewer",
        ),
        (&["--report", "/no/such/dir/report.md"], "--report"),
    ];
    for (arguments, expected) in cases {
        let output = ycsb(&[&["compare"][..], *arguments].concat());
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(expected), "{arguments:?}: {message}");
        assert_eq!(message.lines().count(), 1, "{arguments:?}: {message}");
    }
    let output = ycsb(&["compare", "--keys", "dense", "--keys-file", few]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn help_names_every_key_set_and_engines_lists_the_table() {
    let help = stdout(&ycsb(&["compare", "--help"]));
    for set in KeySet::ALL {
        assert!(help.contains(set.name()), "{set}");
    }
    let engines = stdout(&ycsb(&["engines"]));
    for name in ["stock", "interpolation", "mountdb-table", "options:"] {
        assert!(engines.contains(name), "{engines}");
    }
}

#[test]
fn a_comparison_prints_reports_and_cleans_up() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("db");
    let report = dir.path().join("report.md");
    let arguments = |extra: &[&'static str]| {
        let mut all = vec![
            "compare",
            "--engines",
            "stock,mountdb-table",
            "--records",
            "500",
        ];
        all.extend(["--operations", "1000", "--db", db.to_str().unwrap()]);
        all.extend(["--report", report.to_str().unwrap()]);
        all.extend(extra);
        ycsb(&all)
    };
    let output = arguments(&[]);
    let (text, progress) = (stdout(&output), stderr(&output));
    assert!(output.status.success(), "{progress}");
    for part in [
        "ops/s, median",
        "p50",
        "p99",
        "index bytes",
        "blocks read/op",
        "RocksDB",
        "than stock here",
    ] {
        let part = if part == "than stock here" {
            "stock here:"
        } else {
            part
        };
        assert!(text.contains(part), "{part}: {text}");
    }
    // Not a terminal: a line for every phase that ended.
    assert!(progress.contains("load stock: 500 in"), "{progress}");
    assert!(progress.contains("run: 2,000 in"), "{progress}");
    let markdown = std::fs::read_to_string(&report).unwrap();
    assert!(markdown.contains("| ops/s, median"), "{markdown}");
    assert!(!db.exists());

    // Kept databases are not overwritten, nor removed by the run that finds them.
    assert!(arguments(&["--keep"]).status.success());
    assert_eq!(entries(&db), 2);
    let output = arguments(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("exists already"));
    assert_eq!(entries(&db), 2);
}

#[test]
fn the_load_alone_can_be_compared() {
    let output = ycsb(&[
        "compare",
        "--workload",
        "load",
        "--records",
        "300",
        "--keys",
        "paths",
    ]);
    let text = stdout(&output);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        text.contains("load: insert, s") && !text.contains("ops/s"),
        "{text}"
    );
}

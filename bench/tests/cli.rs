//! The program: exit statuses, messages, report, and what it leaves behind.

use mountdb_bench::keys::KeySet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

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
        (&["--records", "0"], "recordcount"),
        (&["--threads", "0"], "threadcount"),
        (&["--target=-1"], "target"),
        (&["--memory-limited", "0"], "give a percentage"),
        (&["--updates", "never"], "read-write or blind"),
        (&["-p", "recordcount=5", "--records", "6"], "contradict"),
        (&["-p", "fieldcount=5", "--value-size", "6"], "contradict"),
        (&["-p", "readproporton=1"], "readproportion"),
        (&["-P", "/no/such/file"], "/no/such/file"),
        (
            &["-p", "insertorder=ordered", "--keys", "uniform"],
            "--keys user",
        ),
        // A petabyte.
        (
            &["--records", "1000000", "--value-size", "1000000000"],
            "MiB left",
        ),
        (&["--operations", "0"], "operationcount"),
        (&["--rounds", "0"], "give at least 1"),
        (&["--block-size", "0"], "give at least 1"),
        (&["--engines", "stock,rocks"], "choose from stock"),
        (&["--workload", "q"], "choose of load, a, b, c"),
        (&["--workload", "c,q"], "choose of load, a, b, c"),
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
        "block cache hits/op",
        "RocksDB",
    ] {
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
fn the_load_is_a_workload_too_and_every_format_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let output = ycsb(&[
        "compare",
        "--workload",
        "load,d",
        "--records",
        "300",
        "--operations",
        "200",
        "--keys",
        "paths",
        "--report",
        &path("report.html"),
        "--report",
        &path("report.md"),
        "--json",
        &path("report.json"),
        "--csv",
        &path("report.csv"),
        "--hdr",
        &path("hdr"),
    ]);
    let text = stdout(&output);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        text.contains("insert p50") && text.contains("All workloads"),
        "{text}"
    );
    let read = |name: &str| std::fs::read_to_string(path(name)).unwrap();
    assert!(read("report.html").starts_with("<!doctype html>"));
    assert!(read("report.md").starts_with("# "));
    let json: serde_json::Value = serde_json::from_str(&read("report.json")).unwrap();
    assert_eq!(json["runs"].as_array().unwrap().len(), 2);
    assert!(read("report.csv").starts_with("workload,engine"));
    assert!(entries(Path::new(&path("hdr"))) >= 3 * 3);
}

/// Fills databases in `db` with the settings that the tests of `run` share.
fn load(db: &str, engines: &str) {
    let output = ycsb(&[
        "load",
        "--db",
        db,
        "--engines",
        engines,
        "--records",
        "400",
        "--seed",
        "7",
        "--value-size",
        "50",
        "--hold-out",
    ]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("100% inserts"));
}

fn run(db: &str, arguments: &[&str]) -> Output {
    let base = [
        "run",
        "--db",
        db,
        "--engines",
        "stock,mountdb",
        "--operations",
        "500",
    ];
    ycsb(&[&base[..], arguments].concat())
}

#[test]
fn databases_that_were_loaded_are_run_again_and_again() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("db");
    let db = db.to_str().unwrap();
    load(db, "stock,mountdb");
    // What one run writes, the next one expects; every run checks every record at its end.
    for arguments in [
        &["--workload", "c"][..],
        &["--workload", "a,d,e", "--threads", "2"],
        &["--workload", "c", "--absent", "50"],
        &["--workload", "d", "--distribution", "exponential"],
        &["--workload", "f,multiget,seek", "--seed", "7"],
        &[
            "-p",
            "insertproportion=1",
            "-p",
            "readproportion=0",
            "-p",
            "updateproportion=0",
            "-p",
            "requestdistribution=uniform",
            "--workload",
            "e",
        ],
    ] {
        let output = run(db, arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            stderr(&output)
        );
        let text = stdout(&output);
        assert!(text.contains("wrong values"), "{text}");
    }
}

#[test]
fn databases_made_otherwise_are_refused_before_any_work() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let db = &at("db");
    load(db, "stock,mountdb");
    for (arguments, expected) in [
        (&["--seed", "8"][..], "made with 7"),
        (&["--value-size", "51"], "made with 50"),
        (&["--records", "300"], "400 were loaded"),
        (&["--keys", "uniform"], "made with user"),
        (&["--insert-order", "sorted"], "made with random"),
        (&["--bloom-bits", "9"], "made with 10"),
        (&["--block-size", "512"], "made with 4096"),
        (&["--compression", "lz4"], "made with none"),
    ] {
        let output = run(db, arguments);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
    // There before.
    let again = ycsb(&[
        "load",
        "--db",
        db,
        "--engines",
        "mountdb",
        "--records",
        "10",
    ]);
    assert!(
        stderr(&again).contains("exists already"),
        "{}",
        stderr(&again)
    );
    // Not there.
    let message = stderr(&run(&at("none"), &[]));
    assert!(message.contains("ycsb load"), "{message}");
    let message = stderr(&ycsb(&["run", "--db", db, "--engines", "rocks"]));
    assert!(message.contains("choose from stock"), "{message}");
}

#[test]
fn engines_that_hold_different_records_are_levelled_and_changed_keys_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("db");
    let db = db.to_str().unwrap();
    let keys = dir.path().join("keys");
    let text: String = (0..1000)
        .map(|i| format!("key{}\n", i * 7919 % 100_000))
        .collect();
    std::fs::write(&keys, &text).unwrap();
    let keys = keys.to_str().unwrap();
    let options = "options:write_buffer_size=1000000";
    let engines = format!("stock,mountdb,{options}");
    let loaded = ycsb(&[
        "load",
        "--db",
        db,
        "--engines",
        &engines,
        "--keys-file",
        keys,
        "--hold-out",
        "--records",
        "800",
    ]);
    assert!(loaded.status.success(), "{}", stderr(&loaded));
    let run = |engines: &str, arguments: &[&str]| {
        let base = [
            "run",
            "--db",
            db,
            "--engines",
            engines,
            "--operations",
            "600",
        ];
        let output = ycsb(&[&base[..], arguments].concat());
        (output.status.code(), stdout(&output) + &stderr(&output))
    };
    let (status, text) = run("stock", &["--workload", "d"]);
    assert_eq!(status, Some(0), "{text}");
    let (status, text) = run(&engines, &["--workload", "c", "--absent", "20"]);
    assert_eq!(status, Some(0), "{text}");
    // The records of a round that was cut short are those that some engine has inserted.
    let cut = [
        "--workload",
        "d",
        "--seconds",
        "0.05",
        "--operations",
        "4000000000",
        "--rounds",
        "2",
    ];
    let (status, text) = run(&engines, &cut[..6]);
    assert!(
        status == Some(2) && text.contains("give --records"),
        "{text}"
    );
    let (status, text) = run(&engines, &["--workload", "c", "--absent", "20"]);
    assert_eq!(status, Some(0), "{text}");
    let (status, text) = run("options:write_buffer_size=2000000", &[]);
    assert!(
        status == Some(2) && text.contains("made with the options"),
        "{text}"
    );
    let text = std::fs::read_to_string(keys)
        .unwrap()
        .replacen("key0", "kez0", 1);
    std::fs::write(keys, text).unwrap();
    let (status, text) = run("stock", &[]);
    assert!(
        status == Some(2) && text.contains("not those that were loaded"),
        "{text}"
    );
}

#[test]
fn what_load_was_told_of_keys_holds_for_run() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("db");
    let db = db.to_str().unwrap();
    let file = dir.path().join("properties");
    let text = "recordcount=300\ninsertorder=ordered\nzeropadding=9\nmaxexecutiontime=1\n\
                requestdistribution=zipfian\nzipfianconstant=0.7\ntarget=100000\n\
                insertproportion=0.1\nupdateproportion=0\nreadproportion=0.9\n";
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let output = ycsb(&["load", "--db", db, "--engines", "stock,mountdb", "-P", file]);
    assert!(output.status.success(), "{}", stderr(&output));
    // Cut short, and still alike.
    for arguments in [
        &["-P", file, "--operations", "300000"][..],
        &[
            "--workload",
            "c",
            "-p",
            "zipfianconstant=0.7",
            "--distribution",
            "latest",
        ],
        &[
            "--workload",
            "d",
            "--seconds",
            "0.1",
            "--target",
            "5000",
            "--operations",
            "100000",
        ],
        &["--workload", "e"],
    ] {
        let base = ["run", "--db", db, "--engines", "stock,mountdb"];
        let fast = ["--operations", "500"];
        let count = if arguments.contains(&"--operations") {
            0
        } else {
            2
        };
        let output = ycsb(&[&base[..], arguments, &fast[..count]].concat());
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
    let absent = ["run", "--db", db, "--engines", "stock", "--absent", "10"];
    assert!(stderr(&ycsb(&absent)).contains("--hold-out"));
}

/// A small file is enough for every workload: fewer operations insert fewer keys.
#[test]
fn a_file_of_few_keys_is_enough_for_all_workloads() {
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("keys");
    let json = dir.path().join("report.json");
    let text: String = (0..400)
        .map(|i| format!("key{}\n", i * 7919 % 100_000))
        .collect();
    std::fs::write(&keys, text).unwrap();
    let file = [
        "--keys-file",
        keys.to_str().unwrap(),
        "--json",
        json.to_str().unwrap(),
    ];
    let base = [
        "compare",
        "--workload",
        "load,a,d,e",
        "--operations",
        "20000",
        "--engines",
    ];
    let output = ycsb(&[&base[..], &["stock,mountdb"], &file].concat());
    let message = stderr(&output);
    assert!(output.status.success(), "{message}");
    assert_eq!(
        message.matches("operations instead of 20,000").count(),
        2,
        "{message}"
    );
    assert!(stdout(&output).contains("20,000 per engine"));
    // Where it was said how many are loaded, too few are an error.
    let said = ["stock,mountdb", "--records", "300"];
    let output = ycsb(&[&base[..], &said, &file].concat());
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("give --records"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn what_was_measured_before_an_error_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("db");
    let path = db.to_str().unwrap();
    // All is checked before the first workload runs.
    for (arguments, expected) in [
        (&["--workload", "a,a"][..], "named twice"),
        (
            &[
                "--keys",
                "one-byte",
                "--records",
                "250",
                "--workload",
                "c,d",
            ],
            "give --records",
        ),
        (&["--records", "1000000000000000"], "memory"),
        (&["--records", "18446744073709551615"], "memory"),
        (&["--value-size", "18446744073709551615"], "--value-size"),
        (&["--target", "1e-300"], "--target"),
        (&["-p", "zeropadding=100000"], "at most 255"),
        (
            &[
                "--distribution",
                "uniform",
                "-p",
                "requestdistribution=zipfian",
            ],
            "contradict",
        ),
    ] {
        let base = ["compare", "--db", path, "--operations", "4000"];
        let output = ycsb(&[&base[..], arguments].concat());
        assert_eq!(
            output.status.code(),
            Some(2),
            "{arguments:?}: {}",
            stderr(&output)
        );
        assert!(
            stderr(&output).contains(expected),
            "{arguments:?}: {}",
            stderr(&output)
        );
        assert!(!db.exists(), "{arguments:?}");
    }
    // The directory of the second is in the way.
    std::fs::create_dir_all(db.join("a/stock")).unwrap();
    std::fs::write(db.join("precious"), "x").unwrap();
    let output = ycsb(&[
        "compare",
        "--db",
        path,
        "--workload",
        "c,a",
        "--records",
        "50",
    ]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("exists already"));
    assert!(db.join("precious").exists() && db.join("a/stock").exists());
}

#[test]
fn a_run_that_was_cut_off_and_damaged_notes_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("db");
    let path = db.join("stock.ycsb");
    let db = db.to_str().unwrap();
    load(db, "stock,mountdb");
    let whole = std::fs::read_to_string(&path).unwrap();
    for cut in 0..whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let read = mountdb_bench::store::Stored::read(Path::new(db), "stock");
        assert!(read.unwrap_err().to_string().contains("damaged"), "{cut}");
    }
    for (from, to, expected) in [
        ("\"complete\"", "\"running\"", "cut off"),
        ("\"version\":1", "\"version\":2", "another version"),
        ("\"loaded\":400", "\"loaded\":399", "different records"),
        ("\"records\":400", "\"records\":399", "damaged"),
        (
            "\"records\":400",
            "\"records\":18446744073709551615",
            "damaged",
        ),
        ("\"records\":400", "\"records\":-1", "damaged"),
        ("once\":[]", "once\":[[400,1]]", "damaged"),
        ("once\":[]", "once\":[7]", "damaged"),
    ] {
        assert!(whole.contains(from), "{from}: {whole}");
        std::fs::write(&path, whole.replace(from, to)).unwrap();
        let output = run(db, &[]);
        assert_eq!(output.status.code(), Some(2));
        assert!(
            stderr(&output).contains(expected),
            "{to}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn an_interrupted_comparison_says_so_and_keeps_what_it_measured() {
    let dir = tempfile::tempdir().unwrap();
    let json = dir.path().join("report.json");
    let db = dir.path().join("db");
    let mut child = Command::new(env!("CARGO_BIN_EXE_ycsb"))
        .args(["compare", "--records", "1000", "--operations", "1000000000"])
        .args(["--workload", "c,a", "--target", "1000", "--rounds", "2"])
        .args([
            "--json",
            json.to_str().unwrap(),
            "--db",
            db.to_str().unwrap(),
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Not before it has begun to measure.
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().starts_with("check:")));
    let interrupt = || {
        let id = child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &id])
                .status()
                .unwrap()
                .success()
        );
    };
    interrupt();
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{rest:?}");
    assert!(
        stdout(&output).contains("PARTIAL RESULTS"),
        "{}",
        stdout(&output)
    );
    let json: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
    assert!(json["stopped"].is_string(), "{json}");
    assert_eq!(json["runs"].as_array().unwrap().len(), 1);
    assert!(!db.exists());
}

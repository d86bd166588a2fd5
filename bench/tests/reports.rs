//! Reports of suites made by hand.

use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use mountdb_bench::learned::Learned;
use mountdb_bench::reports::{csv, hdr, html, json, markdown, text};
use mountdb_bench::results::{
    Counts, EngineFacts, Latency, Memory, Outcome, Round, Run, Suite, Tally, Traffic,
};
use mountdb_bench::tableprops::TableProperties;
use serde_json::Value;
use std::collections::HashMap;
use std::fs;

const HOSTILE: &str = "<b>&\"'|";

fn engine(label: &str, is_stock: bool) -> EngineFacts {
    EngineFacts {
        label: label.to_owned(),
        about: format!("what {label} is"),
        is_stock,
        options: format!("block_size=4096;name={label}"),
        table_factory: "BlockBasedTable".to_owned(),
        memtable_factory: "SkipListFactory".to_owned(),
        resolved: "[DBOptions]\n  name=<x>\n".to_owned(),
    }
}

/// A histogram of 1, 2, 3, ... times `step` nanoseconds.
fn histogram(step: u64, count: u64) -> Histogram<u64> {
    let mut histogram = Histogram::new(3).unwrap();
    for n in 1..=count {
        histogram.record(n * step).unwrap();
    }
    histogram
}

/// Rounds of 1000 operations that take so many seconds each.
fn outcome(seconds: &[f64], step: u64) -> Outcome {
    let round = |seconds: &f64| Round {
        operations: 1000,
        seconds: *seconds,
        cpu_seconds: seconds / 2.0,
        settle_seconds: 0.0,
    };
    Outcome {
        rounds: seconds.iter().map(round).collect(),
        latencies: vec![Latency {
            kind: "read",
            service: histogram(step, 1000),
            intended: None,
        }],
        counts: Counts {
            operations: 500,
            block_reads: 250,
            cache_hits: 750,
            comparisons: 0,
            most_block_reads: 2,
        },
        tally: Tally {
            right: 4000,
            ..Tally::default()
        },
        traffic: Traffic::default(),
        memory: Memory {
            block_cache: 8 << 20,
            table_readers: 1 << 20,
            memtables: 2 << 20,
            total: 10 << 20,
        },
        tables: TableProperties {
            files: 2,
            file_bytes: 1_000_000,
            entries: 1000,
            data_blocks: 100,
            data_bytes: 900_000,
            index_bytes: 2000,
            filter_bytes: 1250,
        },
        learned: Learned::default(),
        database_bytes: 1_100_000,
        load_seconds: None,
    }
}

fn run(workload: &str, outcomes: Vec<Outcome>) -> Run {
    Run {
        workload: workload.to_owned(),
        about: "some reads & writes".to_owned(),
        facts: vec![("threads".to_owned(), "1".to_owned())],
        outcomes,
        overhead_nanoseconds: 21.0,
    }
}

/// Two stock engines, a learned one and one with a hostile name; three workloads: in the first
/// the learned engine is faster than both, in the second slower than the better and the last one
/// is broken, the third was not reached by anybody.
fn suite() -> Suite {
    let learned = Learned {
        files: 3,
        fallen_back: 1,
        bytes: 400,
        blocks: 100,
    };
    let mut faster = outcome(&[0.2, 0.25, 0.5], 50);
    faster.learned = learned;
    let mut slower = outcome(&[0.5, 0.4, 1.0], 300);
    slower.learned = learned;
    slower.traffic = Traffic {
        written_bytes: 3000,
        user_bytes: 1000,
        read_bytes: 6000,
        stall_seconds: 0.19,
    };
    slower.latencies[0].intended = Some(histogram(4000, 1000));
    let mut broken = outcome(&[0.5, 0.5, 0.5], 100);
    broken.tally = Tally {
        right: 3999,
        wrong: 1,
        missing: 2,
        phantom: 3,
        disordered: 4,
    };
    Suite {
        command: ["ycsb", "run", "--label", "it's <new>", ""]
            .map(str::to_owned)
            .to_vec(),
        facts: vec![("keys".to_owned(), "1,000 <uniform> & more".to_owned())],
        engines: vec![
            engine("rocksdb", true),
            engine("learned", false),
            engine("trie", true),
            engine(HOSTILE, false),
        ],
        runs: vec![
            run(
                "c",
                vec![
                    outcome(&[0.5, 0.5, 0.4], 100),
                    faster,
                    outcome(&[1.0, 1.0, 1.0], 100),
                    outcome(&[0.5, 0.5, 0.4], 100),
                ],
            ),
            run(
                "a/<script>",
                vec![
                    outcome(&[0.8, 0.8, 0.8], 100),
                    slower,
                    outcome(&[0.4, 0.4, 0.4], 100),
                    broken,
                ],
            ),
            run("e", vec![Outcome::default(); 4]),
        ],
        stopped: None,
    }
}

/// The cells of the first row with this label after a heading.
fn cells<'a>(text: &'a str, after: &str, label: &str) -> Vec<&'a str> {
    let text = &text[text
        .find(after)
        .unwrap_or_else(|| panic!("no {after} in {text}"))..];
    let row = text
        .lines()
        .find(|line| line.starts_with(&format!("{label}  ")));
    let row = row.unwrap_or_else(|| panic!("no row {label} in {text}"));
    let cells = row[label.len()..].split("  ").map(str::trim);
    cells.filter(|cell| !cell.is_empty()).collect()
}

#[test]
fn text_has_the_figures() {
    let text = text(&suite());
    let row = |label| cells(&text, "Workload c:", label);
    assert_eq!(row("ops/s, median"), ["2,000", "4,000", "1,000", "2,000"]);
    assert_eq!(row("ops/s, min..max")[1], "2,000..5,000");
    // Round by round: 2.5, 2, 0.8.
    let median = "ops/s to rocksdb (best stock engine), median";
    assert_eq!(row(median), ["1.000x", "2.000x", "0.500x", "1.000x"]);
    let range = "ops/s to rocksdb (best stock engine), min..max";
    assert_eq!(row(range)[1], "0.800..2.500");
    // 0.95 s of rounds, half of them on a processor, 3000 operations.
    assert_eq!(row("CPU us/op")[1], "158.33");
    assert_eq!(
        row("read p50"),
        ["50.02 us", "25.01 us", "50.02 us", "50.02 us"]
    );
    assert_eq!(row("read max")[1], "50.02 us");
    assert_eq!(row("blocks read/op")[0], "0.500");
    assert_eq!(row("block cache hits/op")[0], "1.500");
    assert_eq!(row("index bytes"), ["2,000", "400", "2,000", "2,000"]);
    assert_eq!(row("index bytes per data block")[..2], ["20.00", "4.00"]);
    assert_eq!(row("memory bytes, total peak")[0], "10,485,760");
    assert_eq!(row("wrong values"), ["0"; 4]);

    let row = |label| cells(&text, "Workload a/<script>:", label);
    // In the second workload the other stock engine is the better one.
    assert_eq!(row("ops/s to rocksdb, median")[1], "1.600x");
    let median = "ops/s to trie (best stock engine), median";
    assert_eq!(row(median), ["0.500x", "0.800x", "1.000x", "0.800x"]);
    assert_eq!(row("read p99, intended")[1], "3960.83 us");
    assert_eq!(row("write amplification"), ["-", "3.00", "-", "-"]);
    assert_eq!(row("stalled, share of the time")[1], "10.00%");
    assert_eq!(row("bytes read/op")[1], "2.0");
    assert_eq!(row("entries out of order"), ["0", "0", "0", "4"]);
    let first = text.split("Workload a/").next().unwrap();
    for nobody in [
        "write amplification",
        "intended",
        "comparisons",
        "load:",
        "stalled",
    ] {
        assert!(!first.contains(nobody), "{nobody} in {first}");
    }
}

#[test]
fn sentences_say_who_is_slower_and_who_is_broken() {
    let text = text(&suite());
    for sentence in [
        "learned is faster than rocksdb, the best stock engine: 2.00x, though not in every round \
         (median of 3 rounds, 0.80x..2.50x).",
        "learned is SLOWER than trie, the best stock engine: 0.80x (median of 3 rounds, \
         0.40x..1.00x).",
        "learned: 1 of 4 files fell back to the stock index",
        "<b>&\"'| is as fast as rocksdb",
        "<b>&\"'| IS BROKEN: 1 wrong values, 2 missing records, 3 absent keys found, 4 entries \
         out of order.",
        "learned did worse than trie in p99 of read (297.21 us against 99.01 us), CPU us/op \
         (316.67 against 200.00).",
        "SLOWER than the best stock engine: learned under a/<script> (0.80x), <b>&\"'| under \
         a/<script> (0.80x).",
    ] {
        assert!(text.contains(sentence), "no `{sentence}` in {text}");
    }
    assert_eq!(text.matches("IS BROKEN").count(), 2, "{text}");
    let all = |label| cells(&text, "All workloads", label);
    assert_eq!(
        all("c"),
        [
            "1.00x (1.00..1.00)",
            "2.00x (0.80..2.50)",
            "0.50x (0.40..0.50)",
            "1.00x (1.00..1.00)",
            "rocksdb"
        ]
    );
    assert_eq!(all("a/<script>")[4], "trie");
}

#[test]
fn a_win_everywhere_is_said_too() {
    let mut suite = suite();
    suite.runs.truncate(1);
    suite.runs.push(suite.runs[0].clone());
    let text = text(&suite);
    assert!(text.contains("No engine of ours was slower"), "{text}");
    assert!(
        !text.contains("SLOWER") && !text.contains("BROKEN"),
        "{text}"
    );
}

#[test]
fn a_partial_suite_says_so_at_both_ends() {
    let mut suite = suite();
    suite.stopped = Some("no space left".to_owned());
    let note = "PARTIAL RESULTS: the command was stopped: no space left";
    let text = text(&suite);
    assert!(
        text.starts_with(note) && text.trim_end().ends_with(note),
        "{text}"
    );
    let markdown = markdown(&suite);
    assert_eq!(markdown.matches(note).count(), 2, "{markdown}");
    let html = html(&suite);
    assert_eq!(html.matches(note).count(), 2);
    let value: Value = serde_json::from_str(&json(&suite)).unwrap();
    assert_eq!(value["stopped"], "no space left");
}

#[test]
fn markdown_has_tables_and_no_markup_of_others() {
    let markdown = markdown(&suite());
    assert!(
        markdown.contains("## Workload c: some reads & writes"),
        "{markdown}"
    );
    assert!(markdown.contains(" 4,000 |"), "{markdown}");
    // Only what is indented is code.
    for line in markdown.lines().filter(|line| line.contains('<')) {
        assert!(line.starts_with("    ycsb run"), "{line}");
    }
    // A stroke in a label starts no column.
    let rows = markdown
        .lines()
        .filter(|line| line.starts_with("| ops/s, median"));
    for row in rows {
        assert_eq!(row.replace("\\|", "").matches('|').count(), 6, "{row}");
    }
}

#[test]
fn json_parses_back() {
    let value: Value = serde_json::from_str(&json(&suite())).unwrap();
    assert_eq!(value["schema"], 1);
    assert_eq!(value["clean"], false);
    assert_eq!(value["command"][3], "it's <new>");
    assert_eq!(
        value["command_line"],
        r"ycsb run --label 'it'\''s <new>' ''"
    );
    assert_eq!(value["facts"][0]["text"], "1,000 <uniform> & more");
    assert_eq!(value["engines"][3]["label"], HOSTILE);
    assert_eq!(value["engines"][0]["stock"], true);
    let run = &value["runs"][1];
    assert_eq!(run["best_stock"], "trie");
    let slower = &run["outcomes"][1];
    assert_eq!(slower["engine"], "learned");
    assert_eq!(slower["rounds"][2]["seconds"], 1.0);
    assert_eq!(slower["rounds"][2]["ops_per_second"], 1000.0);
    assert_eq!(slower["ratio_to_first"]["median"], 1.6);
    assert_eq!(slower["ratio_to_best_stock"]["min"], 0.4);
    let read = &slower["latency_ns"]["read"];
    assert_eq!(read["service"]["count"], 1000);
    assert_eq!(read["service"]["p50"], 150_015);
    assert_eq!(read["intended"]["max"], 4_001_791);
    assert_eq!(slower["traffic"]["write_amplification"], 3.0);
    assert_eq!(slower["index_bytes"], 400);
    assert_eq!(run["outcomes"][3]["tally"]["disordered"], 4);
    // No round: no number.
    let none = &value["runs"][2]["outcomes"][1];
    assert_eq!(none["rounds"], Value::Array(Vec::new()));
    for name in ["ops_per_second", "ratio_to_first", "load_seconds"] {
        assert_eq!(none[name], Value::Null, "{name}");
    }
}

#[test]
fn csv_parses_back() {
    let csv = csv(&suite());
    let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
    assert_eq!(
        reader.headers().unwrap().iter().collect::<Vec<_>>(),
        ["workload", "engine", "metric", "kind", "round", "value"]
    );
    let mut values = HashMap::new();
    for record in reader.records() {
        let record = record.unwrap();
        let key: Vec<String> = record.iter().take(5).map(str::to_owned).collect();
        let value: f64 = record[5].parse().unwrap();
        assert!(value.is_finite(), "{record:?}");
        assert!(values.insert(key.clone(), value).is_none(), "{key:?} twice");
    }
    let value = |key: [&str; 5]| values[&key.map(str::to_owned).to_vec()];
    assert_eq!(value(["c", "learned", "seconds", "", "2"]), 0.25);
    assert_eq!(value(["c", "learned", "ops_per_second", "", "1"]), 5000.0);
    assert_eq!(
        value(["c", "learned", "ops_per_second_median", "", ""]),
        4000.0
    );
    assert_eq!(
        value(["c", HOSTILE, "service_p50_ns", "read", ""]),
        50_015.0
    );
    assert_eq!(
        value(["a/<script>", "learned", "intended_count", "read", ""]),
        1000.0
    );
    assert_eq!(value(["a/<script>", HOSTILE, "reads_missing", "", ""]), 2.0);
    assert_eq!(value(["e", "trie", "reads_right", "", ""]), 0.0);
}

/// What a log holds.
fn read_log(log: &[u8]) -> Vec<Histogram<u64>> {
    let mut histograms = Vec::new();
    for entry in IntervalLogIterator::new(log) {
        let LogEntry::Interval(interval) = entry.unwrap() else {
            panic!("more than intervals");
        };
        let bytes = base64(interval.encoded_histogram());
        let histogram = Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
        histograms.push(histogram);
    }
    histograms
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0u32, 0);
    for digit in text.bytes().filter(|digit| *digit != b'=') {
        let value = DIGITS.iter().position(|d| *d == digit).unwrap();
        bits = (bits << 6) | value as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    bytes
}

#[test]
fn hdr_logs_parse_back() {
    let mut suite = suite();
    // Another label that makes the same name of a file.
    suite.engines[2].label = "-b-----".to_owned();
    let directory = tempfile::tempdir().unwrap();
    let into = directory.path().join("logs");
    hdr(&suite, &into).unwrap();
    let mut names: Vec<String> = fs::read_dir(&into)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "a--script---b------read-2.hlog",
            "a--script---b------read.hlog",
            "a--script--learned-read-intended.hlog",
            "a--script--learned-read.hlog",
            "a--script--rocksdb-read.hlog",
            "c--b------read-2.hlog",
            "c--b------read.hlog",
            "c-learned-read.hlog",
            "c-rocksdb-read.hlog",
        ]
    );
    let read = |name: &str| {
        let log = fs::read(into.join(name)).unwrap();
        assert!(log.starts_with(b"#[Histogram log format version 1.3]\n"));
        read_log(&log)
    };
    assert_eq!(read("c-learned-read.hlog"), [histogram(50, 1000)]);
    let intended = "a--script--learned-read-intended.hlog";
    assert_eq!(read(intended), [histogram(4000, 1000)]);
}

#[test]
fn hdr_says_which_file_it_cannot_write() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = hdr(&suite(), &file.path().join("logs")).unwrap_err();
    assert!(error.to_string().contains("logs"), "{error}");
}

/// Checks that every element ends where it should, and hands back all text outside of tags.
fn checked(html: &str) -> String {
    const VOID: [&str; 2] = ["meta", "br"];
    let (mut open, mut plain) = (Vec::new(), String::new());
    let mut rest = html.strip_prefix("<!doctype html>").unwrap();
    while let Some(at) = rest.find('<') {
        plain.push_str(&rest[..at]);
        let end = at + rest[at..].find('>').expect("a tag ends");
        let tag = &rest[at + 1..end];
        assert!(!tag.contains('<'), "<{tag}>");
        assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "</{name}>");
        } else {
            let name = tag.split([' ', '/']).next().unwrap();
            if !tag.ends_with('/') && !VOID.contains(&name) {
                open.push(name);
            }
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "{open:?}");
    plain
}

#[test]
fn html_is_one_sound_file() {
    let html = html(&suite());
    let plain = checked(&html);
    for resource in [
        "http:", "https:", "<script", "<link", "<img", "src=", "@import", "<b>&\"",
    ] {
        assert!(!html.contains(resource), "{resource}");
    }
    for number in ["NaN", "inf\"", "infinity", "-0.0\""] {
        assert!(!html.contains(number), "{number}");
    }
    for text in [
        "a/&lt;script&gt;",
        "&lt;b&gt;&amp;&quot;&apos;| IS BROKEN: 1 wrong values",
        "learned is SLOWER than trie",
        "\u{25bc} 0.80x",
        "\u{25b2} 2.00x",
        "ycsb run --label &apos;it&apos;\\&apos;&apos;s &lt;new&gt;&apos; &apos;&apos;",
        "[DBOptions]\n  name=&lt;x&gt;",
        "block_size=4096;name=learned",
        "4,000 \u{b7} \u{25b2} 2.00x",
    ] {
        assert!(plain.contains(text), "no `{text}` in {plain}");
    }
    // In each of two workloads: throughput, latency, memory, blocks; in the second besides that
    // intended latency, bytes read and write amplification.
    assert_eq!(html.matches("<figure>").count(), 11);
    // Who is broken did not win, however fast.
    assert_eq!(html.matches("<td class=\"broken\">").count(), 1);
    assert_eq!(html.matches("role=\"img\"").count(), 11);
}

#[test]
fn long_labels_that_differ_at_their_ends_differ_in_charts() {
    let mut suite = suite();
    for (engine, bytes) in [(1, "4096"), (3, "16384")] {
        suite.engines[engine].label =
            format!("learned;write_buffer_size=1048576;block_size={bytes}");
    }
    let html = html(&suite);
    for text in [
        "learned;write_\u{2026}block_size=4096<",
        "learned;write_\u{2026}lock_size=16384<",
    ] {
        assert!(html.contains(text), "{text}");
    }
}

#[test]
fn nothing_at_all_is_a_report() {
    for suite in [
        Suite::default(),
        Suite {
            runs: vec![Run::default()],
            ..Suite::default()
        },
    ] {
        checked(&html(&suite));
        assert!(!text(&suite).contains("NaN"));
        assert!(!markdown(&suite).is_empty());
        assert!(serde_json::from_str::<Value>(&json(&suite)).is_ok());
        assert_eq!(csv(&suite).lines().count(), 1);
    }
}

#[test]
fn zeros_make_no_strange_numbers() {
    let mut suite = suite();
    for outcome in &mut suite.runs[0].outcomes {
        *outcome = outcome_of_zeros();
    }
    // Operations in no time are no rate that could be written down.
    suite.runs[1].outcomes[2].rounds[0].seconds = 0.0;
    let all = [
        text(&suite),
        markdown(&suite),
        html(&suite),
        json(&suite),
        csv(&suite),
    ];
    checked(&all[2]);
    serde_json::from_str::<Value>(&all[3]).unwrap();
    for report in all {
        let words = report.split(|c: char| !c.is_alphanumeric());
        for word in words {
            assert!(!["NaN", "inf", "infx"].contains(&word), "{report}");
        }
    }
}

fn outcome_of_zeros() -> Outcome {
    Outcome {
        rounds: vec![Round::default(); 3],
        latencies: vec![Latency {
            kind: "read",
            service: Histogram::new(3).unwrap(),
            intended: Some(histogram(0, 3)),
        }],
        load_seconds: Some((0.0, 0.0)),
        ..Outcome::default()
    }
}

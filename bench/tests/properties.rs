//! Property files: the format, every property, precedence, contradictions, and garbage.

use mountdb_bench::distribution::Distribution;
use mountdb_bench::error::Error;
use mountdb_bench::lengths::{LengthLaw, ScanLengths};
use mountdb_bench::properties::{BUNDLED, InsertOrder, NAMES, Properties, Proportions, Spec};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::path::Path;

/// The text of an error that exits with status 2 and is one line.
fn message(error: &Error) -> String {
    assert_eq!(error.exit_status(), 2);
    let text = error.to_string();
    assert!(!text.is_empty() && !text.contains(char::is_control));
    text
}

fn try_spec(text: &str) -> Result<Spec, String> {
    let mut properties = Properties::new();
    properties
        .parse(text, "file")
        .and_then(|()| properties.spec())
        .map_err(|e| message(&e))
}

#[track_caller]
fn spec(text: &str) -> Spec {
    try_spec(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// `text` is refused, and the message has all of `parts`.
#[track_caller]
fn refused(text: &str, parts: &[&str]) {
    let Err(found) = try_spec(text) else {
        panic!("accepted: {text}");
    };
    for part in parts {
        assert!(found.contains(part), "{text}: `{part}` not in: {found}");
    }
}

const NOTHING: Proportions = Proportions {
    read: 0.0,
    update: 0.0,
    insert: 0.0,
    scan: 0.0,
    read_modify_write: 0.0,
    seek: 0.0,
    batch_read: 0.0,
};

const ZIPFIAN: Distribution = Distribution::Zipfian { constant: 0.99 };

#[test]
fn nothing_said_is_nothing_but_ycsbs_defaults() {
    let expected = Spec {
        records: None,
        operations: None,
        proportions: Proportions {
            read: 0.95,
            update: 0.05,
            ..NOTHING
        },
        distribution: None,
        scan: ScanLengths {
            min: 1,
            max: 1000,
            law: LengthLaw::Uniform,
        },
        value_bytes: None,
        insert_order: None,
        zero_padding: None,
        threads: None,
        target: None,
        seconds: None,
    };
    assert_eq!(Properties::new().spec().unwrap(), expected);
    assert_eq!(spec("\n# nothing\n"), expected);
    let no_effect = "readallfields=false\nwriteallfields=TRUE\ndataintegrity=true\ntable=t\n\
        measurementtype=hdrhistogram\nhistogram.buckets=1000\ntimeseries.granularity=1000\n\
        workload=core\ninsertstart=0\nfieldlengthdistribution=constant\n\
        target=0\nmaxexecutiontime=0.0";
    assert_eq!(spec(no_effect), expected);
}

#[test]
fn every_bundled_workload_asks_for_the_canonical_shares() {
    let uniform = Distribution::Uniform;
    let latest = Distribution::Latest { constant: 0.99 };
    #[rustfmt::skip]
    let expected = [
        ("a", Proportions { read: 0.5, update: 0.5, ..NOTHING }, ZIPFIAN),
        ("b", Proportions { read: 0.95, update: 0.05, ..NOTHING }, ZIPFIAN),
        ("c", Proportions { read: 1.0, ..NOTHING }, ZIPFIAN),
        ("d", Proportions { read: 0.95, insert: 0.05, ..NOTHING }, latest),
        ("e", Proportions { scan: 0.95, insert: 0.05, ..NOTHING }, ZIPFIAN),
        ("f", Proportions { read: 0.5, read_modify_write: 0.5, ..NOTHING }, ZIPFIAN),
        ("seek", Proportions { seek: 1.0, ..NOTHING }, uniform),
        ("multiget", Proportions { batch_read: 1.0, ..NOTHING }, uniform),
    ];
    assert_eq!(BUNDLED.len(), expected.len());
    for ((name, text), (expected_name, proportions, distribution)) in BUNDLED.iter().zip(expected) {
        assert_eq!(*name, expected_name);
        let max = if *name == "e" { 100 } else { 1000 };
        let law = LengthLaw::Uniform;
        let expected = Spec {
            records: Some(1_000_000),
            operations: Some(1_000_000),
            proportions,
            distribution: Some(distribution),
            scan: ScanLengths { min: 1, max, law },
            ..spec("")
        };
        assert_eq!(spec(text), expected, "{name}");
        for property in ["workload=site.ycsb.workloads.CoreWorkload", "readall"] {
            assert!(text.contains(property), "{name}");
        }
        // All shares of YCSB are listed, so that no default hides.
        for property in NAMES.iter().filter(|name| name.ends_with("proportion")) {
            let listed = text.lines().any(|l| l.starts_with(&format!("{property}=")));
            let ours = property.starts_with("mountdb.");
            assert!(listed || ours, "{name}: {property}");
        }
    }
}

#[test]
fn numbers_and_words_land_in_their_fields() {
    let found = spec(
        "recordcount=18446744073709551615\noperationcount=7\nfieldcount=3\nfieldlength=50\n\
        insertorder=ordered\nzeropadding=12\nthreadcount=4\ntarget=1500.5\nmaxexecutiontime=60\n\
        minscanlength=5\nmaxscanlength=9\nscanlengthdistribution=zipfian",
    );
    let expected = Spec {
        records: Some(u64::MAX),
        operations: Some(7),
        scan: ScanLengths {
            min: 5,
            max: 9,
            law: LengthLaw::Zipfian,
        },
        value_bytes: Some(150),
        insert_order: Some(InsertOrder::Ordered),
        zero_padding: Some(12),
        threads: Some(4),
        target: Some(1500.5),
        seconds: Some(60.0),
        ..spec("")
    };
    assert_eq!(found, expected);
    let hashed = spec("insertorder=hashed").insert_order;
    assert_eq!(hashed, Some(InsertOrder::Hashed));
    let law = spec("scanlengthdistribution=constant").scan.law;
    assert_eq!(law, LengthLaw::Constant);
    // The one that is not given is YCSB's.
    assert_eq!(spec("fieldcount=3").value_bytes, Some(300));
    assert_eq!(spec("fieldlength=50").value_bytes, Some(500));
    assert_eq!(spec("maxexecutiontime=1").seconds, Some(1.0));
    for class in [
        "site.ycsb.workloads.CoreWorkload",
        "com.yahoo.ycsb.workloads.CoreWorkload",
        "core",
    ] {
        assert_eq!(spec(&format!("workload={class}")), spec(""));
    }
}

#[test]
fn every_distribution_and_its_parameters() {
    use Distribution::*;
    let constant = 0.99;
    let cases = [
        ("uniform", Uniform),
        ("sequential", Sequential),
        ("zipfian", Zipfian { constant }),
        ("zipfian-exact", ZipfianExact { constant }),
        ("latest", Latest { constant }),
        ("zipfian\nzipfianconstant=0.5", Zipfian { constant: 0.5 }),
        (
            "zipfian-exact\nzipfianconstant=0.5",
            ZipfianExact { constant: 0.5 },
        ),
        ("latest\nzipfianconstant=0.5", Latest { constant: 0.5 }),
        (
            "hotspot",
            Hotspot {
                data: 0.2,
                operations: 0.8,
            },
        ),
        (
            "hotspot\nhotspotdatafraction=0.1\nhotspotopnfraction=1",
            Hotspot {
                data: 0.1,
                operations: 1.0,
            },
        ),
        (
            "exponential",
            Exponential {
                percentile: 95.0,
                fraction: 0.8571428571,
            },
        ),
        (
            "exponential\nexponential.percentile=99\nexponential.frac=1",
            Exponential {
                percentile: 99.0,
                fraction: 1.0,
            },
        ),
    ];
    for (text, expected) in cases {
        let found = spec(&format!("requestdistribution={text}")).distribution;
        assert_eq!(found, Some(expected), "{text}");
    }
}

#[test]
fn shares_keep_ycsbs_defaults_and_are_scaled_to_1() {
    let shares = |text: &str| spec(text).proportions;
    let near = |found: Proportions, expected: Proportions| {
        let list = |p: Proportions| {
            let Proportions {
                read,
                update,
                insert,
                scan,
                read_modify_write,
                seek,
                batch_read,
            } = p;
            let all = [read, update, insert, scan, read_modify_write, seek];
            all.into_iter().chain([batch_read]).collect::<Vec<f64>>()
        };
        assert!((list(found).iter().sum::<f64>() - 1.0).abs() < 1e-12);
        for (f, e) in list(found).iter().zip(list(expected)) {
            assert!((f - e).abs() < 1e-12, "{found:?} is not {expected:?}");
        }
    };
    #[rustfmt::skip]
    let cases = [
        // Reads and updates each have a default whatever the others are.
        ("insertproportion=1", Proportions { read: 0.475, update: 0.025, insert: 0.5, ..NOTHING }),
        ("readproportion=0.15", Proportions { read: 0.75, update: 0.25, ..NOTHING }),
        ("updateproportion=0", Proportions { read: 1.0, ..NOTHING }),
        ("readproportion=0\nupdateproportion=3\nscanproportion=1",
            Proportions { update: 0.75, scan: 0.25, ..NOTHING }),
        ("readproportion=60\nupdateproportion=-0\nreadmodifywriteproportion=4e1",
            Proportions { read: 0.6, read_modify_write: 0.4, ..NOTHING }),
        // But not beside the shares that YCSB does not know.
        ("mountdb.seekproportion=.1", Proportions { seek: 1.0, ..NOTHING }),
        ("mountdb.batchreadproportion=3", Proportions { batch_read: 1.0, ..NOTHING }),
        ("mountdb.seekproportion=1\nreadproportion=1",
            Proportions { read: 0.5, seek: 0.5, ..NOTHING }),
        ("mountdb.batchreadproportion=0\nreadproportion=1", Proportions { read: 1.0, ..NOTHING }),
    ];
    for (text, expected) in cases {
        near(shares(text), expected);
    }
    assert!(shares("updateproportion=-0").update.is_sign_positive());
    refused(
        "mountdb.batchreadproportion=1\nupdateproportion=1",
        &["mountdb.batchreadproportion=1 (file:1)", "cannot be mixed"],
    );
}

#[test]
fn bad_values_are_named_with_their_origin() {
    let whole = &["", "-1", "1.5", "1e3", "1_000", "+5", "many", "0x10"][..];
    let number = &["", "-0.1", "NaN", "inf", "-inf", "1e999", "half", "1_0"][..];
    let word = &["", "Constant", "yes", "1"][..];
    let plus = |values: &[&'static str], more: &[&'static str]| [values, more].concat();
    let cases: Vec<(&str, Vec<&str>, &str)> = vec![
        ("recordcount", plus(whole, &["0"]), "at least 1"),
        ("recordcount", vec!["18446744073709551616"], "at most"),
        ("operationcount", whole.to_vec(), "whole number"),
        ("operationcount", vec!["0"], "at least 1"),
        ("readproportion", number.to_vec(), "0.5"),
        ("updateproportion", number.to_vec(), "0.5"),
        ("insertproportion", number.to_vec(), "0.5"),
        ("scanproportion", number.to_vec(), "0.5"),
        ("readmodifywriteproportion", number.to_vec(), "0.5"),
        ("mountdb.seekproportion", number.to_vec(), "0.5"),
        ("mountdb.batchreadproportion", number.to_vec(), "0.5"),
        ("requestdistribution", plus(word, &["Zipfian"]), "latest"),
        ("zipfianconstant", plus(number, &["0", "1"]), "0.99"),
        ("hotspotdatafraction", plus(number, &["0", "1"]), "0.2"),
        ("hotspotopnfraction", plus(number, &["1.01"]), "0.8"),
        ("exponential.percentile", plus(number, &["0", "100"]), "95"),
        ("exponential.frac", plus(number, &["0", "1.01"]), "0.85"),
        ("minscanlength", whole.to_vec(), "whole number"),
        ("maxscanlength", whole.to_vec(), "whole number"),
        ("scanlengthdistribution", word.to_vec(), "constant"),
        ("fieldcount", plus(whole, &["0"]), "at least 1"),
        ("fieldlength", plus(whole, &["0"]), "at least 1"),
        ("fieldlengthdistribution", plus(word, &["uniform"]), "const"),
        ("readallfields", word.to_vec(), "true or false"),
        ("writeallfields", word.to_vec(), "true or false"),
        ("dataintegrity", word.to_vec(), "true or false"),
        ("insertorder", plus(word, &["random"]), "hashed, ordered"),
        ("insertstart", plus(whole, &["1"]), "0"),
        ("zeropadding", whole.to_vec(), "whole number"),
        ("zeropadding", vec!["4294967296"], "at most 4294967295"),
        ("threadcount", plus(whole, &["0"]), "at least 1"),
        ("target", number.to_vec(), "per second"),
        ("maxexecutiontime", plus(number, &["1000000001"]), "seconds"),
        ("workload", word.to_vec(), "site.ycsb"),
    ];
    // Any value will do for what has no effect.
    let checked = |name: &&&str| {
        let free = [
            "table",
            "measurement",
            "histogram",
            "hdrhistogram",
            "timeseries",
            "status",
        ];
        !free.iter().any(|free| name.starts_with(free))
    };
    for name in NAMES.iter().filter(checked) {
        assert!(cases.iter().any(|case| case.0 == *name), "{name}");
    }
    for (name, values, right) in cases {
        for value in values {
            let origin = format!("{name}={value} (file:2)");
            refused(&format!("#\n{name}={value}\n"), &[&origin, right]);
            let mut properties = Properties::new();
            properties.set(&format!("{name}={value}")).unwrap();
            let found = message(&properties.spec().unwrap_err());
            assert!(found.contains(&format!("{name}={value} (-p)")), "{found}");
        }
    }
}

#[test]
fn contradictions_are_refused_with_both_origins() {
    let cases: &[(&str, &[&str])] = &[
        (
            "readproportion=0\nupdateproportion=0",
            &["readproportion=0 (file:1)", "updateproportion=0 (file:2)"],
        ),
        (
            "mountdb.seekproportion=0",
            &["mountdb.seekproportion=0 (file:1)"],
        ),
        (
            "readproportion=1e308\nscanproportion=1e308",
            &["readproportion=1e308 (file:1)", "lower"],
        ),
        (
            "mountdb.batchreadproportion=1\nreadproportion=1",
            &[
                "batchreadproportion=1 (file:1)",
                "readproportion=1 (file:2)",
            ],
        ),
        (
            "minscanlength=3\nmaxscanlength=2",
            &["minscanlength=3 (file:1)", "maxscanlength=2 (file:2)"],
        ),
        (
            "minscanlength=1001",
            &["minscanlength=1001 (file:1)", "1000 (the default)"],
        ),
        (
            "minscanlength=1\nmaxscanlength=0",
            &["minscanlength=1 (file:1)", "maxscanlength=0 (file:2)"],
        ),
        (
            "scanproportion=1\nmaxscanlength=0",
            &["scanproportion=1 (file:1)", "maxscanlength=0 (file:2)"],
        ),
        (
            "fieldcount=4294967296\nfieldlength=4294967296",
            &["fieldcount=4294967296 (file:1)", "(file:2)"],
        ),
        (
            "fieldcount=18446744073709551615",
            &["fieldcount=", "fieldlength=100 (the default)"],
        ),
        (
            "zipfianconstant=0.5",
            &["zipfianconstant=0.5 (file:1)", "no requestdistribution"],
        ),
    ];
    for (text, parts) in cases {
        refused(text, parts);
    }
    assert_eq!(spec("maxscanlength=0").scan.min, 0); // no scans, no contradiction
    assert_eq!(spec("minscanlength=9\nmaxscanlength=9").scan.max, 9);

    let laws = "uniform zipfian zipfian-exact latest hotspot exponential sequential";
    let parameters = [
        ("zipfianconstant=0.5", "zipfian zipfian-exact latest"),
        ("hotspotdatafraction=0.5", "hotspot"),
        ("hotspotopnfraction=0.5", "hotspot"),
        ("exponential.percentile=50", "exponential"),
        ("exponential.frac=0.5", "exponential"),
    ];
    for (parameter, fitting) in parameters {
        for law in laws.split(' ') {
            let text = format!("requestdistribution={law}\n{parameter}");
            if fitting.split(' ').any(|fit| fit == law) {
                spec(&text);
            } else {
                let first = format!("{parameter} (file:2)");
                let second = format!("requestdistribution={law} (file:1)");
                refused(&text, &[&first, &second, "remove it"]);
            }
        }
    }
}

#[test]
fn the_format_of_java_property_files() {
    let expected = Spec {
        records: Some(5),
        operations: Some(6),
        ..spec("")
    };
    let texts = [
        "recordcount=5\noperationcount=6",
        "recordcount: 5\noperationcount:6\n",
        "  recordcount =\t5  \n\n\t\n operationcount\t:  6\t\n",
        "# a comment=1\n  ! another\n#recordcount=9\nrecordcount=5\noperationcount=6\n#",
        "recordcount=5\r\n# c\r\noperationcount=6\r\n\r\n",
        "recordcount=5\r#c\roperationcount=6\r",
        "\u{feff}recordcount=5\noperationcount=6",
        "record\\\n   count=5\noperationcount=\\\n\\\n\t6\n",
        "record\\\r\n\tcount \\\r\n = 5\r\noperationcount=6",
        "# no continuation \\\nrecordcount=5\noperationcount=6\\",
        "recordcount=5\\\n\noperationcount=6\\\n",
        "recordcount=5\nrecordcount = 5\noperationcount=6",
        "\\\nrecordcount=5\noperationcount=6\n\\\n",
    ];
    for text in texts {
        assert_eq!(spec(text), expected, "{text:?}");
    }
    // What follows a backslash is part of the value, even if it looks like a comment.
    refused("recordcount=5\\\n#6", &["recordcount=5#6 (file:1)"]);
    // Lines are counted as an editor does, and a long one from its start.
    refused(
        "# c\r\n\r\nrecordcount=\\\r\n1\\\r\nx\r\n",
        &["recordcount=1x (file:3)"],
    );
    refused(
        "table=a\\\nb\\\nc\nrecordcount=x",
        &["recordcount=x (file:4)"],
    );
    refused("recordcount=1 # five", &["recordcount=1 # five (file:1)"]);
    refused("recordcount 5", &["file:1", "recordcount 5", "name=value"]);
    refused("\n=5", &["file:2", "unknown property ``"]);
    for escape in [
        "recordcount=5\\\\",
        "table=a\\tb",
        "recordcount=5\\ \n",
        "table=\\u0041",
    ] {
        refused(escape, &["file:1", "backslash"]);
    }
}

#[test]
fn a_name_with_two_values_in_one_file_is_refused() {
    refused(
        "recordcount=5\n\nrecordcount=6",
        &["file:3", "recordcount is 6 here and 5 at file:1", "remove"],
    );
    // Nothing of such a file is taken.
    let mut properties = Properties::new();
    let text = "threadcount=3\nrecordcount=5\nrecordcount=6";
    assert!(properties.parse(text, "file").is_err());
    assert_eq!(properties.spec().unwrap(), spec(""));
}

#[test]
fn options_beat_files_and_the_later_beats_the_earlier() {
    let dir = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| dir.path().join(name));
    let text = "recordcount=1\noperationcount=1\nthreadcount=1\nzeropadding=1";
    std::fs::write(&first, text).unwrap();
    std::fs::write(&second, "recordcount=2\noperationcount=2\n# caf\u{e9}").unwrap();
    let mut properties = Properties::new();
    properties.read(&first).unwrap();
    properties.set("recordcount=8").unwrap();
    properties.set(" recordcount = 3 ").unwrap();
    properties.set("zeropadding=4").unwrap();
    properties.read(&second).unwrap();
    let found = properties.spec().unwrap();
    assert_eq!(found.records, Some(3));
    assert_eq!(found.operations, Some(2));
    assert_eq!(found.threads, Some(1));
    assert_eq!(found.zero_padding, Some(4));
    // A message names the place that won.
    std::fs::write(&first, "\nthreadcount=none").unwrap();
    properties.read(&first).unwrap();
    let found = message(&properties.spec().unwrap_err());
    let origin = format!("threadcount=none ({}:2)", first.display());
    assert!(found.contains(&origin), "{found}");
    properties.set("threadcount=2").unwrap();
    assert_eq!(properties.spec().unwrap().threads, Some(2));
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let (large, latin) = (dir.path().join("large"), dir.path().join("latin"));
    std::fs::write(&large, vec![b'\n'; (1 << 20) + 1]).unwrap();
    std::fs::write(&latin, b"# caf\xe9\nrecordcount=5").unwrap();
    let paths = [Path::new("/no/such/file"), dir.path(), &large];
    for path in paths {
        let mut properties = Properties::new();
        let found = message(&properties.read(path).unwrap_err());
        let name = path.display().to_string();
        assert!(found.contains(&name), "{found}");
    }
    std::fs::write(&large, vec![b'\n'; 1 << 20]).unwrap();
    Properties::new().read(&large).unwrap();
    let mut properties = Properties::new();
    properties.read(&latin).unwrap();
    assert_eq!(properties.spec().unwrap().records, Some(5));
}

#[test]
fn unknown_names_get_the_nearest_known_one() {
    let cases = [
        ("recordcuont", "did you mean recordcount?"),
        ("RecordCount", "did you mean recordcount?"),
        ("operationscount", "did you mean operationcount?"),
        ("readpropotion", "did you mean readproportion?"),
        ("seekproportion", "did you mean mountdb.seekproportion?"),
        ("maxscanlen", "did you mean maxscanlength?"),
        ("tabel", "did you mean table?"),
        ("thread", "did you mean threadcount?"),
        ("rocksdb.optionsfile", "choose one of recordcount, "),
        ("", "choose one of recordcount, "),
    ];
    for (name, hint) in cases {
        let part = format!("unknown property `{name}`: {hint}");
        refused(&format!("\n\n{name}=1"), &["file:3", &part]);
        let found = message(&Properties::new().set(&format!("{name}=1")).unwrap_err());
        assert!(
            found.starts_with("-p: ") && found.contains(&part),
            "{found}"
        );
    }
    let long = "x".repeat(1 << 20);
    let Err(found) = try_spec(&format!("{long}=1")) else {
        panic!("accepted");
    };
    assert!(found.len() < 1000, "{}", found.len());
    for pair in ["recordcount", "", "recordcount:5"] {
        let found = message(&Properties::new().set(pair).unwrap_err());
        assert!(found.contains("name=value"), "{found}");
    }
    for name in NAMES {
        let mut properties = Properties::new();
        properties.set(&format!("{name}=1")).unwrap();
    }
}

/// Whatever comes in, there is a spec that holds what it promises or an error of one line.
fn survives(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let mut properties = Properties::new();
    let parsed = properties.parse(&text, "file");
    if let Err(e) = &parsed {
        message(e);
    }
    for line in text.lines() {
        if let Err(e) = properties.set(line) {
            message(&e);
        }
    }
    let found = match properties.spec() {
        Ok(found) => found,
        Err(e) => {
            message(&e);
            return false;
        }
    };
    let p = found.proportions;
    let shares = [p.read, p.update, p.insert, p.scan, p.read_modify_write];
    let shares: Vec<f64> = shares.into_iter().chain([p.seek, p.batch_read]).collect();
    assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    assert!(found.scan.min <= found.scan.max);
    assert!(p.scan == 0.0 || found.scan.max > 0);
    assert!(found.seconds.is_none_or(|s| s > 0.0 && s.is_finite()));
    assert!(found.target.is_none_or(|t| t > 0.0 && t.is_finite()));
    parsed.is_ok()
}

#[test]
fn garbage_never_panics() {
    let mut rng = StdRng::seed_from_u64(7);
    let pieces = "\\ \n \r \t = : # ! 0 1 9 - . e nan inf 1e308 5e-324 \u{e9} \u{feff} \u{1}";
    let pieces: Vec<&str> = pieces
        .split(' ')
        .chain(NAMES.iter().copied())
        .chain(["zipfian", "hotspot", "true", "\n", "\r\n", "\\\n", "=1\n"])
        .collect();
    for _ in 0..3000 {
        let length = rng.random_range(0..200);
        let bytes: Vec<u8> = (0..length).map(|_| rng.random()).collect();
        survives(&bytes);
        let length = rng.random_range(0..40);
        let text: String = (0..length)
            .map(|_| pieces[rng.random_range(0..pieces.len())])
            .collect();
        survives(text.as_bytes());
    }
    let mut accepted = 0;
    for i in 0..8000 {
        let mut bytes = BUNDLED[i % BUNDLED.len()].1.as_bytes().to_vec();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..bytes.len().max(1));
            bytes.resize(bytes.len().max(1), b'\n');
            match rng.random_range(0..4) {
                0 => bytes[at] = rng.random(),
                1 => drop(bytes.remove(at)),
                2 => bytes.truncate(at + 1),
                _ => {
                    let piece = pieces[rng.random_range(0..pieces.len())];
                    drop(bytes.splice(at..at, piece.bytes()));
                }
            }
        }
        accepted += usize::from(survives(&bytes));
    }
    // Both ways were taken.
    assert!((500..7500).contains(&accepted), "{accepted}");
}

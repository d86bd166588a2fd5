//! YCSB's property files and what they ask for.
//!
//! A workload file is a Java `.properties` file: `name=value` or `name: value` a line, comments
//! that begin with `#` or `!`, blank lines, and a backslash as the very last character of a line
//! that goes on in the next. Names are those of YCSB's `CoreWorkload` and client, and a few of
//! our own; [`NAMES`] lists them. What YCSB would pass over in silence is an error here: an
//! unknown name, a value that makes no sense, two properties that contradict each other.
//!
//! `readallfields`, `writeallfields` and `dataintegrity` are accepted without effect: RocksDB
//! stores a record as one value, so it is read and written as a whole, and every value that is
//! read is checked. `table` and the class in `workload` have none either, nor those that are about
//! how YCSB itself measures and reports (`measurementtype` and the like).

use crate::distribution::Distribution;
use crate::error::Error;
use crate::lengths::{LengthLaw, ScanLengths};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The workload files that come with the harness: name and text. The first six are YCSB's core
/// workloads.
pub const BUNDLED: &[(&str, &str)] = &[
    ("a", include_str!("../workloads/workloada")),
    ("b", include_str!("../workloads/workloadb")),
    ("c", include_str!("../workloads/workloadc")),
    ("d", include_str!("../workloads/workloadd")),
    ("e", include_str!("../workloads/workloade")),
    ("f", include_str!("../workloads/workloadf")),
    ("seek", include_str!("../workloads/seek")),
    ("multiget", include_str!("../workloads/multiget")),
];

/// Every property there is, in the order in which they are listed to users.
pub const NAMES: &[&str] = &[
    "recordcount",
    "operationcount",
    "readproportion",
    "updateproportion",
    "insertproportion",
    "scanproportion",
    "readmodifywriteproportion",
    "mountdb.seekproportion",
    "mountdb.batchreadproportion",
    "requestdistribution",
    "zipfianconstant",
    "hotspotdatafraction",
    "hotspotopnfraction",
    "exponential.percentile",
    "exponential.frac",
    "minscanlength",
    "maxscanlength",
    "scanlengthdistribution",
    "fieldcount",
    "fieldlength",
    "fieldlengthdistribution",
    "readallfields",
    "writeallfields",
    "dataintegrity",
    "insertorder",
    "insertstart",
    "zeropadding",
    "threadcount",
    "target",
    "maxexecutiontime",
    "workload",
    "table",
    "measurementtype",
    "measurement.interval",
    "histogram.buckets",
    "hdrhistogram.percentiles",
    "timeseries.granularity",
    "status.interval",
];

/// Which request distributions a property belongs to.
const PARAMETERS: &[(&str, &[&str])] = &[
    ("zipfianconstant", &["zipfian", "zipfian-exact", "latest"]),
    ("hotspotdatafraction", &["hotspot"]),
    ("hotspotopnfraction", &["hotspot"]),
    ("exponential.percentile", &["exponential"]),
    ("exponential.frac", &["exponential"]),
];

/// Where the settings of the command line come from, for messages.
const OPTION: &str = "-p";

/// No workload file is larger, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// About 31 years: more can overflow a clock.
const MAX_SECONDS: f64 = 1e9;

/// The value of a property and where it was found.
#[derive(Clone, Debug)]
struct Setting {
    value: String,
    /// `file:line`, or [`OPTION`].
    origin: String,
    /// Whether the command line says so, which no file overrides.
    is_option: bool,
}

/// Properties from files and from the command line. All names are known ones; the values are
/// looked at by [`spec`](Self::spec).
#[derive(Clone, Debug, Default)]
pub struct Properties {
    settings: BTreeMap<&'static str, Setting>,
}

impl Properties {
    /// No properties at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a file, as `-P` does. It overrides files that were read before, but nothing that
    /// was [`set`](Self::set).
    ///
    /// # Errors
    /// [`Error::Usage`] if the file cannot be read, is larger than 1 MiB, or is not right; see
    /// [`parse`](Self::parse).
    pub fn read(&mut self, path: &Path) -> Result<(), Error> {
        let shown = path.display();
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
            .map_err(|e| Error::Usage(format!("{shown} cannot be read: {e}")))?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(Error::Usage(format!(
                "{shown} is larger than 1 MiB: give a YCSB workload file"
            )));
        }
        // Comments may be in any encoding; what is to be understood is ASCII.
        self.parse(&String::from_utf8_lossy(&bytes), &shown.to_string())
    }

    /// Reads the text of a file; `origin` is its name, for messages. Overrides and is
    /// overridden as in [`read`](Self::read).
    ///
    /// # Errors
    /// [`Error::Usage`] with the line for one that is not `name=value`, an unknown name, or a
    /// name that has two different values in this text. Then nothing of it is taken.
    pub fn parse(&mut self, text: &str, origin: &str) -> Result<(), Error> {
        let mut found: BTreeMap<&'static str, Setting> = BTreeMap::new();
        for (number, line) in logical_lines(text) {
            let origin = format!("{origin}:{number}");
            if line.contains('\\') {
                return Err(Error::Usage(format!(
                    "{origin}: a backslash can only be the very last character of a line that goes on in the next: remove it"
                )));
            }
            let Some((name, value)) = line.split_once(['=', ':']) else {
                return Err(Error::Usage(format!(
                    "{origin}: `{}` is neither a comment nor a property: write name=value",
                    shown(&line)
                )));
            };
            let (name, value) = (known(name.trim(), &origin)?, value.trim());
            match found.get(name) {
                None => {
                    let setting = Setting {
                        value: value.to_owned(),
                        origin,
                        is_option: false,
                    };
                    found.insert(name, setting);
                }
                Some(first) if first.value == value => {}
                Some(first) => {
                    return Err(Error::Usage(format!(
                        "{origin}: {name} is {} here and {} at {}: remove one of the two",
                        shown(value),
                        shown(&first.value),
                        first.origin
                    )));
                }
            }
        }
        for (name, setting) in found {
            if !self.settings.get(name).is_some_and(|old| old.is_option) {
                self.settings.insert(name, setting);
            }
        }
        Ok(())
    }

    /// Takes a `name=value` of the command line, as `-p` does. It overrides every file and what
    /// was set before.
    ///
    /// # Errors
    /// [`Error::Usage`] if it is not `name=value` or the name is unknown.
    pub fn set(&mut self, pair: &str) -> Result<(), Error> {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(Error::Usage(format!(
                "{OPTION} {}: write name=value",
                shown(pair)
            )));
        };
        let setting = Setting {
            value: value.trim().to_owned(),
            origin: OPTION.to_owned(),
            is_option: true,
        };
        self.settings.insert(known(name.trim(), OPTION)?, setting);
        Ok(())
    }

    /// The number of records alone, whatever else is said.
    ///
    /// # Errors
    /// If it is none.
    pub fn records(&self) -> Result<Option<u64>, Error> {
        self.whole("recordcount", 1)
    }

    /// What the properties ask for, all together.
    ///
    /// # Errors
    /// [`Error::Usage`] for the first value that is not right and for properties that contradict
    /// each other; the text names them, where they were found, and what would be right.
    pub fn spec(&self) -> Result<Spec, Error> {
        self.check_those_without_effect()?;
        let proportions = self.proportions()?;
        let seconds = self.number(
            "maxexecutiontime",
            "give seconds from 0 (no limit) to 1000000000",
            |seconds| (0.0..=MAX_SECONDS).contains(&seconds),
        )?;
        let target = self.number(
            "target",
            "give operations per second, 0 for as many as possible",
            |target| target >= 0.0,
        )?;
        let seconds = seconds.filter(|seconds| *seconds > 0.0);
        Ok(Spec {
            records: self.whole("recordcount", 1)?,
            operations: self.whole("operationcount", 1)?,
            proportions,
            distribution: self.distribution()?,
            scan: self.scan(proportions.scan > 0.0)?,
            value_bytes: self.value_bytes()?,
            insert_order: self.word(
                "insertorder",
                &[
                    ("hashed", InsertOrder::Hashed),
                    ("ordered", InsertOrder::Ordered),
                ],
            )?,
            zero_padding: match self.whole("zeropadding", 0)? {
                None => None,
                Some(digits) => Some(u32::try_from(digits).map_err(|_| {
                    self.wrong("zeropadding", &format!("give at most {}", u32::MAX))
                })?),
            },
            threads: self.whole("threadcount", 1)?,
            target: target.filter(|target| *target > 0.0),
            seconds,
        })
    }

    /// Checks what is accepted so that files of others can be read, and then not used.
    fn check_those_without_effect(&self) -> Result<(), Error> {
        for name in ["readallfields", "writeallfields", "dataintegrity"] {
            let setting = self.settings.get(name);
            let value = setting.map(|setting| setting.value.to_ascii_lowercase());
            if !matches!(value.as_deref(), None | Some("true" | "false")) {
                return Err(self.wrong(name, "give true or false"));
            }
        }
        let core = [
            ("site.ycsb.workloads.CoreWorkload", ()),
            ("com.yahoo.ycsb.workloads.CoreWorkload", ()),
            ("core", ()),
        ];
        self.word("workload", &core)?;
        self.word("fieldlengthdistribution", &[("constant", ())])?;
        if self.whole("insertstart", 0)?.is_some_and(|start| start > 0) {
            return Err(self.wrong("insertstart", "give 0: all records are loaded, or none"));
        }
        Ok(())
    }

    fn proportions(&self) -> Result<Proportions, Error> {
        let share = |name| {
            self.number(name, "give a share of at least 0, such as 0.5", |share| {
                share >= 0.0
            })
        };
        let seek = share("mountdb.seekproportion")?;
        let batch_read = share("mountdb.batchreadproportion")?;
        // YCSB's defaults. A file that names shares YCSB does not know means only those.
        let (read, update) = if seek.is_none() && batch_read.is_none() {
            (0.95, 0.05)
        } else {
            (0.0, 0.0)
        };
        let given = Proportions {
            read: share("readproportion")?.unwrap_or(read),
            update: share("updateproportion")?.unwrap_or(update),
            insert: share("insertproportion")?.unwrap_or(0.0),
            scan: share("scanproportion")?.unwrap_or(0.0),
            read_modify_write: share("readmodifywriteproportion")?.unwrap_or(0.0),
            seek: seek.unwrap_or(0.0),
            batch_read: batch_read.unwrap_or(0.0),
        };
        let sum = given.sum();
        if sum == 0.0 || !sum.is_finite() {
            let names = NAMES.iter().filter(|name| name.ends_with("proportion"));
            let names = names.filter(|name| self.settings.contains_key(*name));
            let named: Vec<_> = names.map(|name| self.cite(name, "")).collect();
            let problem = if sum == 0.0 {
                "no operation has a share above 0: raise one of"
            } else {
                "the shares are too large to add up: lower"
            };
            return Err(Error::Usage(format!("{problem} {}", named.join(", "))));
        }
        if given.batch_read > 0.0 && given.read > 0.0 {
            return Err(Error::Usage(format!(
                "{} and {} cannot be mixed: set one of them to 0",
                self.cite("mountdb.batchreadproportion", ""),
                self.cite("readproportion", "")
            )));
        }
        if given.batch_read > 0.0 && given.batch_read < sum {
            return Err(self.wrong(
                "mountdb.batchreadproportion",
                "cannot be mixed with other operations: set their shares to 0",
            ));
        }
        Ok(given.divided_by(sum))
    }

    fn distribution(&self) -> Result<Option<Distribution>, Error> {
        let constant = self
            .number(
                "zipfianconstant",
                "give a number above 0 and below 1, such as 0.99",
                |constant| constant > 0.0 && constant < 1.0,
            )?
            .unwrap_or(0.99);
        let data = self.number(
            "hotspotdatafraction",
            "give a fraction above 0 and below 1, such as 0.2",
            |data| data > 0.0 && data < 1.0,
        )?;
        let operations = self.number(
            "hotspotopnfraction",
            "give a fraction from 0 to 1, such as 0.8",
            |operations| (0.0..=1.0).contains(&operations),
        )?;
        let percentile = self.number(
            "exponential.percentile",
            "give a percentage above 0 and below 100, such as 95",
            |percentile| percentile > 0.0 && percentile < 100.0,
        )?;
        let fraction = self.number(
            "exponential.frac",
            "give a fraction above 0 and up to 1, such as 0.85",
            |fraction| fraction > 0.0 && fraction <= 1.0,
        )?;
        let chosen = self.word(
            "requestdistribution",
            &[
                ("uniform", Distribution::Uniform),
                ("zipfian", Distribution::Zipfian { constant }),
                ("zipfian-exact", Distribution::ZipfianExact { constant }),
                ("latest", Distribution::Latest { constant }),
                (
                    "hotspot",
                    Distribution::Hotspot {
                        data: data.unwrap_or(0.2),
                        operations: operations.unwrap_or(0.8),
                    },
                ),
                (
                    "exponential",
                    Distribution::Exponential {
                        percentile: percentile.unwrap_or(95.0),
                        fraction: fraction.unwrap_or(0.857_142_857_1),
                    },
                ),
                ("sequential", Distribution::Sequential),
            ],
        )?;
        let law = self.settings.get("requestdistribution");
        for (parameter, laws) in PARAMETERS {
            let fits = law.is_some_and(|law| laws.contains(&law.value.as_str()));
            if self.settings.contains_key(parameter) && !fits {
                let instead = match law {
                    Some(_) => self.cite("requestdistribution", ""),
                    None => "no requestdistribution".to_owned(),
                };
                return Err(Error::Usage(format!(
                    "{} has no effect with {instead}: remove it, or set requestdistribution={}",
                    self.cite(parameter, ""),
                    laws.join(" or ")
                )));
            }
        }
        Ok(chosen)
    }

    fn scan(&self, scans: bool) -> Result<ScanLengths, Error> {
        let max = self.whole("maxscanlength", 0)?.unwrap_or(1000);
        // Who says that no record is scanned need not say it twice.
        let min = self.whole("minscanlength", 0)?.unwrap_or(max.min(1));
        let law = self.word(
            "scanlengthdistribution",
            &[
                ("uniform", LengthLaw::Uniform),
                ("zipfian", LengthLaw::Zipfian),
                ("constant", LengthLaw::Constant),
            ],
        )?;
        if min > max {
            return Err(Error::Usage(format!(
                "{} is more than {}: lower it or raise the other",
                self.cite("minscanlength", ""),
                self.cite("maxscanlength", "1000")
            )));
        }
        if scans && max == 0 {
            return Err(Error::Usage(format!(
                "{} asks for scans, and {} for none: give at least 1, or no scans",
                self.cite("scanproportion", ""),
                self.cite("maxscanlength", "")
            )));
        }
        Ok(ScanLengths {
            min,
            max,
            law: law.unwrap_or(LengthLaw::Uniform),
        })
    }

    fn value_bytes(&self) -> Result<Option<u64>, Error> {
        let fields = self.whole("fieldcount", 1)?;
        let bytes = self.whole("fieldlength", 1)?;
        if fields.is_none() && bytes.is_none() {
            return Ok(None);
        }
        match fields.unwrap_or(10).checked_mul(bytes.unwrap_or(100)) {
            Some(bytes) => Ok(Some(bytes)),
            None => Err(Error::Usage(format!(
                "{} times {} is more bytes than can be counted: lower one of them",
                self.cite("fieldcount", "10"),
                self.cite("fieldlength", "100")
            ))),
        }
    }

    /// A whole number of at least `least`.
    fn whole(&self, name: &str, least: u64) -> Result<Option<u64>, Error> {
        let Some(Setting { value, .. }) = self.settings.get(name) else {
            return Ok(None);
        };
        let is_decimal = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        match value.parse() {
            Ok(number) if is_decimal && number >= least => Ok(Some(number)),
            Err(_) if is_decimal => Err(self.wrong(name, &format!("give at most {}", u64::MAX))),
            _ => Err(self.wrong(
                name,
                &format!("give a whole number of at least {least}, in digits alone"),
            )),
        }
    }

    /// A finite number for which `fits` holds; `right` says which those are.
    fn number(
        &self,
        name: &str,
        right: &str,
        fits: impl Fn(f64) -> bool,
    ) -> Result<Option<f64>, Error> {
        let Some(Setting { value, .. }) = self.settings.get(name) else {
            return Ok(None);
        };
        match value.parse::<f64>() {
            Ok(number) if number.is_finite() && fits(number) => Ok(Some(number + 0.0)), // not -0
            _ => Err(self.wrong(name, right)),
        }
    }

    /// What stands next to the value in `choices`.
    fn word<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<Option<T>, Error> {
        let Some(Setting { value, .. }) = self.settings.get(name) else {
            return Ok(None);
        };
        match choices.iter().find(|(word, _)| word == value) {
            Some((_, chosen)) => Ok(Some(*chosen)),
            None => {
                let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
                Err(self.wrong(name, &format!("choose one of {}", words.join(", "))))
            }
        }
    }

    /// The property with its value and where it was found, or with its default.
    fn cite(&self, name: &str, default: &str) -> String {
        match self.settings.get(name) {
            Some(Setting { value, origin, .. }) => format!("{name}={} ({origin})", shown(value)),
            None => format!("{name}={default} (the default)"),
        }
    }

    fn wrong(&self, name: &str, right: &str) -> Error {
        Error::Usage(format!("{}: {right}", self.cite(name, "")))
    }
}

/// What properties ask for. A field is `None` where they say nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Records to load, at least 1.
    pub records: Option<u64>,
    /// Operations of the run phase, at least 1.
    pub operations: Option<u64>,
    /// What share of the operations does what; YCSB's defaults where properties say nothing.
    pub proportions: Proportions,
    /// How records are chosen.
    pub distribution: Option<Distribution>,
    /// How many records a scan reads; YCSB's defaults where properties say nothing.
    pub scan: ScanLengths,
    /// Size of a value in bytes, at least 1: the fields of a record together.
    pub value_bytes: Option<u64>,
    /// The order of the keys in which records are loaded.
    pub insert_order: Option<InsertOrder>,
    /// Digits to which the number in a key is filled up with zeros.
    pub zero_padding: Option<u32>,
    /// Threads, at least 1.
    pub threads: Option<u64>,
    /// Operations per second over all threads together, above 0; `None` for as many as possible.
    pub target: Option<f64>,
    /// Seconds after which the run phase ends, above 0; `None` for no limit.
    pub seconds: Option<f64>,
}

/// Shares of the kinds of operation, each from 0 to 1; they add up to 1 but for rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Proportions {
    /// Point reads.
    pub read: f64,
    /// Writes over existing records.
    pub update: f64,
    /// New records.
    pub insert: f64,
    /// Scans over several records.
    pub scan: f64,
    /// Reads followed by an update of the record.
    pub read_modify_write: f64,
    /// Seeks to existing records.
    pub seek: f64,
    /// Point reads in batches; where there are any, there are no others.
    pub batch_read: f64,
}

impl Proportions {
    fn sum(self) -> f64 {
        let Proportions {
            read,
            update,
            insert,
            scan,
            read_modify_write,
            seek,
            batch_read,
        } = self;
        read + update + insert + scan + read_modify_write + seek + batch_read
    }

    fn divided_by(self, sum: f64) -> Self {
        Self {
            read: self.read / sum,
            update: self.update / sum,
            insert: self.insert / sum,
            scan: self.scan / sum,
            read_modify_write: self.read_modify_write / sum,
            seek: self.seek / sum,
            batch_read: self.batch_read / sum,
        }
    }
}

/// The order of the keys in which records are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertOrder {
    /// Scattered over the key space by a hash.
    Hashed,
    /// From the smallest to the largest.
    Ordered,
}

/// The lines that say something, with the number of the first line of each; continuations are
/// joined, comments and blank lines left out.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (i, line) in text.split('\n').enumerate() {
        let line = line.trim_start();
        let (first, mut whole) = match open.take() {
            Some(begun) => begun,
            None if line.is_empty() || line.starts_with(['#', '!']) => continue,
            None => (i + 1, String::new()),
        };
        whole.push_str(line);
        if line.ends_with('\\') {
            whole.pop();
            open = Some((first, whole));
        } else {
            lines.push((first, whole));
        }
    }
    lines.extend(open);
    lines.retain(|(_, line)| !line.trim().is_empty());
    lines
}

/// `name` as it is in [`NAMES`].
fn known(name: &str, origin: &str) -> Result<&'static str, Error> {
    if let Some(known) = NAMES.iter().find(|known| **known == name) {
        return Ok(known);
    }
    // What is much longer resembles none of them.
    let near = NAMES
        .iter()
        .filter(|_| name.len() < 64)
        .map(|known| {
            let short = known.trim_start_matches("mountdb.");
            (edits(name, known).min(edits(name, short)), *known)
        })
        .filter(|(edits, known)| edits * 2 <= known.len())
        .min_by_key(|(edits, _)| *edits);
    let hint = match near {
        Some((_, known)) => format!("did you mean {known}?"),
        None => format!("choose one of {}", NAMES.join(", ")),
    };
    Err(Error::Usage(format!(
        "{origin}: unknown property `{}`: {hint}",
        shown(name)
    )))
}

/// How many characters have to be inserted, removed or replaced to get from one to the other.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    // From the characters so far to each beginning of `to`.
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

/// `text` for a message of one line: not too long, and nothing that moves the cursor.
fn shown(text: &str) -> String {
    const MOST: usize = 60;
    let mut out: String = text
        .chars()
        .take(MOST)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(MOST).is_some() {
        out.push_str("...");
    }
    out
}

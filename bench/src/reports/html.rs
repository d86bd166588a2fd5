//! The report as one page: charts, tables and all that it takes to repeat the run. It needs no
//! network and no scripts.

use super::chart::{self, Bar, Stack};
use super::quantiles::{self, Since};
use super::summary::{self, Line};
use super::verdict::{self, NOTES, Standing};
use super::{command_line, curve, label, ratio, stopped, table};
use crate::format::count;
use crate::inspect::label::xml;
use crate::results::{EngineFacts, Outcome, Run, Suite};
use crate::stats::Spread;

const STYLE: &str = include_str!("style.css");
/// Parts of the memory.
const MEMORY: [&str; 3] = ["block cache", "table readers", "memtables"];
/// Fillings of these parts that differ by more than colour.
const PATTERNS: &str = "\
<svg class=\"patterns\" width=\"0\" height=\"0\" aria-hidden=\"true\"><defs>\n\
<pattern id=\"hatched\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" \
patternTransform=\"rotate(45)\"><rect class=\"under\" width=\"5\" height=\"5\"/>\
<rect class=\"over\" width=\"2\" height=\"5\"/></pattern>\n\
<pattern id=\"dotted\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\">\
<rect class=\"under\" width=\"5\" height=\"5\"/>\
<circle class=\"over\" cx=\"2.5\" cy=\"2.5\" r=\"1.2\"/></pattern>\n\
</defs></svg>\n";

/// The whole page.
pub fn html(suite: &Suite) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>Benchmark results</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{PATTERNS}"
    );
    page.push_str(&header(suite));
    page.push_str("<main>\n");
    page.push_str(&glance(suite));
    page.push_str(&setup(suite));
    for (n, run) in suite.runs.iter().enumerate() {
        page.push_str(&workload(suite, n, run));
    }
    page.push_str(&repeat(suite));
    page.push_str("</main>\n<footer>\n");
    page.push_str(&banner(stopped(suite)));
    page.push_str("</footer>\n</body>\n</html>\n");
    page
}

/// An element with text.
fn element(tag: &str, text: &str) -> String {
    format!("<{tag}>{}</{tag}>\n", xml(text))
}

/// Text of several lines.
fn lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(xml).collect();
    format!("<pre>{}</pre>\n", lines.join("\n"))
}

fn banner(text: Option<String>) -> String {
    text.map_or_else(String::new, |text| {
        format!("<p class=\"alarm\">{}</p>\n", xml(&text))
    })
}

fn header(suite: &Suite) -> String {
    let number = |n: usize, one: &str| match n {
        1 => format!("1 {one}"),
        n => format!("{n} {one}s"),
    };
    let engines = number(suite.engines.len(), "engine");
    let workloads = number(suite.runs.len(), "workload");
    let mut out = "<header>\n<h1>Benchmark results</h1>\n".to_owned();
    out.push_str(&element("p", &format!("{engines}, {workloads}")));
    out.push_str(&banner(stopped(suite)));
    for alarm in verdict::alarms(suite) {
        out.push_str(&banner(Some(alarm)));
    }
    out.push_str("</header>\n");
    out
}

/// All workloads and engines in one table.
fn glance(suite: &Suite) -> String {
    let lines = summary::lines(suite);
    if lines.is_empty() {
        return String::new();
    }
    let mut out = "<section>\n<h2>All workloads at a glance</h2>\n".to_owned();
    out.push_str(
        "<p>Operations per second as a multiple of the best stock engine of each workload: the \
         median, and from the worst to the best round.</p>\n<div class=\"scroll\" tabindex=\"0\">\n\
         <table class=\"heat\">\n<thead>\n<tr><th scope=\"col\">workload</th>",
    );
    for engine in &suite.engines {
        let label = xml(&engine.label);
        out.push_str(&format!("<th scope=\"col\">{label}</th>"));
    }
    out.push_str("</tr>\n</thead>\n<tbody>\n");
    for line in &lines {
        let at = suite
            .runs
            .iter()
            .position(|run| std::ptr::eq(run, line.run));
        let (at, name) = (at.unwrap_or(0), xml(&line.run.workload));
        out.push_str(&format!(
            "<tr><th scope=\"row\"><a href=\"#workload-{at}\">{name}</a></th>"
        ));
        for i in 0..suite.engines.len() {
            out.push_str(&heat(line, i));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</div>\n");
    out.push_str(&element("p", &verdict::losses(suite)));
    out.push_str("</section>\n");
    out
}

/// A cell of the table of all workloads.
fn heat(line: &Line<'_>, i: usize) -> String {
    let Some(ratio) = line.ratios[i] else {
        return "<td>-</td>".to_owned();
    };
    let (sign, class) = sign(ratio);
    let (sign, small) = if i == line.best {
        ("", "best stock".to_owned())
    } else {
        (sign, format!("{:.2}..{:.2}", ratio.min, ratio.max))
    };
    let is_clean = line.run.outcomes[i].tally.is_clean();
    let (class, wrong) = if is_clean {
        (class.as_str(), "")
    } else {
        ("broken", "<strong>BROKEN</strong>")
    };
    let median = ratio.median;
    format!("<td class=\"{class}\"><b>{sign}{median:.2}x</b><small>{small}</small>{wrong}</td>")
}

/// A sign before a ratio, and the class of its cell: gains and losses of one size look alike.
fn sign(ratio: Spread) -> (&'static str, String) {
    let times = ratio.median.max(1.0 / ratio.median);
    let strength = match times {
        _ if times < 1.05 => 1,
        _ if times < 1.25 => 2,
        _ => 3,
    };
    match Standing::of(ratio) {
        Standing::Faster => ("\u{25b2} ", format!("faster{strength}")),
        Standing::Slower => ("\u{25bc} ", format!("slower{strength}")),
        Standing::Equal => ("", "equal".to_owned()),
    }
}

fn setup(suite: &Suite) -> String {
    let mut out = "<section>\n<h2>Engines</h2>\n<ul class=\"engines\">\n".to_owned();
    for (i, engine) in suite.engines.iter().enumerate() {
        let stock = if engine.is_stock { " (stock)" } else { "" };
        out.push_str(&format!(
            "<li><b class=\"{}\">{}</b>{stock}<br>{}</li>\n",
            super::canvas::series(i),
            xml(&engine.label),
            xml(&engine.about)
        ));
    }
    out.push_str("</ul>\n</section>\n<section>\n<h2>What ran</h2>\n");
    out.push_str(&facts(&suite.facts));
    out.push_str("</section>\n");
    out
}

fn facts(facts: &[(String, String)]) -> String {
    if facts.is_empty() {
        return String::new();
    }
    let fact = |(name, text): &(String, String)| {
        format!("<div><dt>{}</dt><dd>{}</dd></div>\n", xml(name), xml(text))
    };
    let all: String = facts.iter().map(fact).collect();
    format!("<dl>\n{all}</dl>\n")
}

fn workload(suite: &Suite, n: usize, run: &Run) -> String {
    let mut out = format!(
        "<section id=\"workload-{n}\">\n<h2>Workload {}</h2>\n",
        xml(&run.workload)
    );
    out.push_str(&element("p", &run.about));
    out.push_str(&facts(&run.facts));
    out.push_str("<ul class=\"notes\">\n");
    for note in verdict::notes(suite, run) {
        let class = if note.is_alarm {
            " class=\"alarm\""
        } else {
            ""
        };
        out.push_str(&format!("<li{class}>{}</li>\n", xml(&note.text)));
    }
    out.push_str("</ul>\n<div class=\"charts\">\n");
    out.push_str(&throughput(suite, run));
    out.push_str(&latency(suite, run));
    out.push_str(&memory(suite, run));
    out.push_str(&work(suite, run));
    out.push_str("</div>\n<details open>\n<summary>All figures</summary>\n");
    out.push_str(&figures(suite, run));
    out.push_str("</details>\n</section>\n");
    out
}

/// A chart under its name.
fn figure(name: &str, unit: &str, drawing: &str) -> String {
    format!(
        "<figure>\n<figcaption><b>{}</b> {}</figcaption>\n{drawing}</figure>\n",
        xml(name),
        xml(unit)
    )
}

fn throughput(suite: &Suite, run: &Run) -> String {
    let best = suite.best_stock(run);
    let mut bars = Vec::new();
    for (i, outcome) in run.outcomes.iter().enumerate() {
        let Some(spread) = outcome.throughput().filter(|s| s.max.is_finite()) else {
            continue;
        };
        let standing = match best {
            Some(best) if best == i => " \u{b7} best stock".to_owned(),
            Some(best) => ratio(run, i, best).map_or_else(String::new, |ratio| {
                format!(" \u{b7} {}{:.2}x", sign(ratio).0, ratio.median)
            }),
            None => String::new(),
        };
        bars.push(Bar {
            engine: i,
            label: label(suite, i).to_owned(),
            value: spread.median,
            range: Some((spread.min, spread.max)),
            figure: format!("{}{standing}", count(spread.median as u64)),
        });
    }
    if bars.is_empty() {
        return String::new();
    }
    let unit = match best {
        Some(best) => format!(
            "operations per second: median, min..max; as a multiple of {}",
            label(suite, best)
        ),
        None => "operations per second: median, min..max".to_owned(),
    };
    let name = format!("Throughput under {}", run.workload);
    figure("Throughput", &unit, &chart::bars(&name, &bars))
}

fn latency(suite: &Suite, run: &Run) -> String {
    let mut out = String::new();
    for kind in quantiles::kinds(run) {
        for (since, what, unit) in [
            (Since::Began, "", "from when the operation began"),
            (Since::Due, ", intended", "from when the operation was due"),
        ] {
            let outcomes = run.outcomes.iter().enumerate();
            let line = |(i, outcome)| {
                let histogram = quantiles::latencies(outcome, kind, since)?;
                Some((i, label(suite, i).to_owned(), histogram))
            };
            let lines: Vec<curve::Line<'_>> = outcomes.filter_map(line).collect();
            if !lines.is_empty() {
                let name = format!("Latency of {kind}{what}");
                let title = format!("{name}, under {}", run.workload);
                out.push_str(&figure(&name, unit, &curve::curves(&title, &lines)));
            }
        }
    }
    out
}

fn memory(suite: &Suite, run: &Run) -> String {
    if run.outcomes.iter().all(|o| o.memory.total == 0) {
        return String::new();
    }
    let stack = |(i, outcome): (usize, &Outcome)| {
        let memory = outcome.memory;
        let parts = [memory.block_cache, memory.table_readers, memory.memtables];
        Stack {
            label: label(suite, i).to_owned(),
            parts: parts.map(|part| part as f64).to_vec(),
            figure: bytes(memory.total as f64),
        }
    };
    let stacks: Vec<Stack> = run.outcomes.iter().enumerate().map(stack).collect();
    let name = format!("Memory under {}", run.workload);
    let drawing = chart::stacks(&name, &MEMORY, &stacks);
    figure(
        "Memory",
        "the most of each; as a figure, the most of all",
        &drawing,
    )
}

fn work(suite: &Suite, run: &Run) -> String {
    type Of = fn(&Outcome) -> Option<f64>;
    type Show = fn(f64) -> String;
    let charts: [(&str, &str, Of, Show); 3] = [
        ("Blocks read", "per operation", table::blocks_read, |n| {
            format!("{n:.3}")
        }),
        ("Bytes read", "per operation", table::bytes_read, bytes),
        (
            "Write amplification",
            "bytes written for each byte of the user",
            Outcome::write_amplification,
            |n| format!("{n:.2}"),
        ),
    ];
    let mut out = String::new();
    for (name, unit, of, show) in charts {
        let bar = |(i, outcome)| {
            let value = of(outcome).filter(|value| value.is_finite())?;
            Some(Bar {
                engine: i,
                label: label(suite, i).to_owned(),
                value,
                range: None,
                figure: show(value),
            })
        };
        let bars: Vec<Bar> = run.outcomes.iter().enumerate().filter_map(bar).collect();
        if bars.iter().any(|bar| bar.value > 0.0) {
            let title = format!("{name} {unit}, under {}", run.workload);
            out.push_str(&figure(name, unit, &chart::bars(&title, &bars)));
        }
    }
    out
}

/// `1.5 MiB`.
fn bytes(n: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut n, mut unit) = (n, 0);
    while n >= 1024.0 && unit + 1 < units.len() {
        n /= 1024.0;
        unit += 1;
    }
    format!("{n:.1} {}", units[unit])
}

fn figures(suite: &Suite, run: &Run) -> String {
    let mut out =
        "<div class=\"scroll\" tabindex=\"0\">\n<table>\n<thead>\n<tr><td></td>".to_owned();
    for i in 0..run.outcomes.len() {
        out.push_str(&format!("<th scope=\"col\">{}</th>", xml(label(suite, i))));
    }
    out.push_str("</tr>\n</thead>\n");
    for section in table::sections(suite, run) {
        let (span, name) = (run.outcomes.len() + 1, xml(section.name));
        out.push_str(&format!(
            "<tbody>\n<tr><th class=\"group\" scope=\"rowgroup\" colspan=\"{span}\">{name}</th></tr>\n"
        ));
        for (name, cells) in &section.rows {
            out.push_str(&format!("<tr><th scope=\"row\">{}</th>", xml(name)));
            for cell in cells {
                out.push_str(&format!("<td>{}</td>", xml(cell)));
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody>\n");
    }
    out.push_str("</table>\n</div>\n");
    out
}

fn repeat(suite: &Suite) -> String {
    let mut out = "<section>\n<h2>Notes</h2>\n<ul class=\"notes\">\n".to_owned();
    for note in NOTES {
        out.push_str(&element("li", note));
    }
    out.push_str("</ul>\n</section>\n<section>\n<h2>To repeat the run</h2>\n");
    out.push_str(&lines(&command_line(suite)));
    for engine in &suite.engines {
        let EngineFacts {
            label,
            options,
            table_factory,
            memtable_factory,
            resolved,
            ..
        } = engine;
        out.push_str(&format!(
            "<details>\n<summary>{}: table {}, memtable {}</summary>\n<h3>Options string</h3>\n{}",
            xml(label),
            xml(table_factory),
            xml(memtable_factory),
            lines(options)
        ));
        if !resolved.is_empty() {
            out.push_str("<h3>All options, as RocksDB resolved them</h3>\n");
            out.push_str(&lines(resolved));
        }
        out.push_str("</details>\n");
    }
    out.push_str("</section>\n");
    out
}

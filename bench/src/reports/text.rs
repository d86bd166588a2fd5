//! The report as text and as Markdown.

use super::verdict::{self, NOTES};
use super::{command_line, label, stopped, summary, table};
use crate::format::{Table, escape};
use crate::results::{Run, Suite};

/// How a report is written down.
trait Markup {
    fn heading(&mut self, level: usize, text: &str);
    fn command(&mut self, text: &str);
    fn facts(&mut self, facts: &[(String, String)]);
    fn table(&mut self, table: &Table);
    fn line(&mut self, text: &str);
}

/// The report for people at a terminal.
pub fn text(suite: &Suite) -> String {
    let mut out = Plain(String::new());
    write(&mut out, suite);
    out.0
}

/// The same in Markdown.
pub fn markdown(suite: &Suite) -> String {
    let mut out = Markdown(String::new());
    write(&mut out, suite);
    out.0.trim_start().to_owned()
}

fn write(out: &mut impl Markup, suite: &Suite) {
    out.heading(1, "Results");
    let stopped = stopped(suite);
    if let Some(stopped) = &stopped {
        out.line(stopped);
    }
    out.command(&command_line(suite));
    let mut facts = suite.facts.clone();
    for engine in &suite.engines {
        facts.push((
            engine.label.clone(),
            format!(
                "{}; table {}, memtable {}: {}",
                engine.about, engine.table_factory, engine.memtable_factory, engine.options
            ),
        ));
    }
    out.facts(&facts);
    for run in &suite.runs {
        write_run(out, suite, run);
    }
    out.heading(2, "Notes");
    NOTES.iter().for_each(|note| out.line(note));
    if suite.runs.len() > 1 {
        out.heading(2, "All workloads");
        out.line("Operations per second as a multiple of the best stock engine of the workload:");
        out.table(&all(suite));
        out.line(&verdict::losses(suite));
        verdict::alarms(suite)
            .iter()
            .for_each(|alarm| out.line(alarm));
    }
    if let Some(stopped) = &stopped {
        out.line(stopped);
    }
}

fn write_run(out: &mut impl Markup, suite: &Suite, run: &Run) {
    out.heading(2, &format!("Workload {}: {}", run.workload, run.about));
    out.facts(&run.facts);
    let labels = (0..run.outcomes.len()).map(|i| label(suite, i).to_owned());
    let mut figures = Table::new(std::iter::once(String::new()).chain(labels));
    for (name, cells) in table::sections(suite, run).into_iter().flat_map(|s| s.rows) {
        figures.row(&name, cells);
    }
    out.table(&figures);
    for note in verdict::notes(suite, run) {
        out.line(&note.text);
    }
}

fn all(suite: &Suite) -> Table {
    let labels = suite.engines.iter().map(|engine| engine.label.clone());
    let mut table = Table::new(
        std::iter::once("workload".to_owned())
            .chain(labels)
            .chain(["best stock engine".to_owned()]),
    );
    for line in summary::lines(suite) {
        let cell = |i: usize| line.ratios[i].map_or_else(|| "-".to_owned(), verdict::cell);
        let cells = (0..suite.engines.len()).map(cell);
        let best = label(suite, line.best).to_owned();
        table.row(&line.run.workload, cells.chain([best]));
    }
    table
}

/// For a terminal.
struct Plain(String);

impl Markup for Plain {
    fn heading(&mut self, level: usize, text: &str) {
        // A terminal needs no title: the command is on the screen.
        if level > 1 {
            self.0
                .push_str(&format!("\n{text}\n{}\n", "=".repeat(text.chars().count())));
        }
    }

    fn command(&mut self, text: &str) {
        self.0.push_str(&format!("{text}\n\n"));
    }

    fn facts(&mut self, facts: &[(String, String)]) {
        let widths = facts.iter().map(|(name, _)| name.chars().count());
        let width = widths.max().unwrap_or(0);
        for (name, fact) in facts {
            self.0.push_str(&format!("{name:<width$}  {fact}\n"));
        }
    }

    fn table(&mut self, table: &Table) {
        self.0.push_str(&format!("\n{}\n", table.text()));
    }

    fn line(&mut self, text: &str) {
        self.0.push_str(&format!("{text}\n"));
    }
}

struct Markdown(String);

impl Markdown {
    /// Text that is no markup. An engine may be called what its user likes.
    fn plain(text: &str) -> String {
        escape(&text.replace('\\', "\\\\")).replace('<', "&lt;")
    }
}

impl Markup for Markdown {
    fn heading(&mut self, level: usize, text: &str) {
        let text = Self::plain(text);
        self.0
            .push_str(&format!("\n{} {text}\n\n", "#".repeat(level)));
    }

    fn command(&mut self, text: &str) {
        let text = text.replace('\n', "\n    ");
        self.0.push_str(&format!("\n    {text}\n\n"));
    }

    fn facts(&mut self, facts: &[(String, String)]) {
        for (name, fact) in facts {
            let (name, fact) = (Self::plain(name), Self::plain(fact));
            self.0.push_str(&format!("- **{name}**: {fact}\n"));
        }
    }

    fn table(&mut self, table: &Table) {
        let table = table.markdown().replace('<', "&lt;");
        self.0.push_str(&format!("\n{table}\n"));
    }

    fn line(&mut self, text: &str) {
        self.0.push_str(&format!("- {}\n", Self::plain(text)));
    }
}

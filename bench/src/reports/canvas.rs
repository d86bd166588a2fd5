//! A drawing in a page: text, rectangles and paths in the colours of the page's style.

use crate::inspect::label::xml;
use std::fmt::Write;

/// The width of every drawing. A page shows it at 340 to 480 pixels: text stays readable.
pub const WIDTH: f64 = 400.0;
/// Styles of engines before they repeat.
const SERIES: usize = 8;

/// A drawing as it grows.
#[derive(Debug, Default)]
pub struct Canvas(String);

impl Canvas {
    /// Text that starts, ends or has its middle here, in at most `most` characters.
    pub fn text(&mut self, (x, y): (f64, f64), anchor: &str, class: &str, text: &str, most: usize) {
        let text = xml(&shortened(text, most));
        self.add(format_args!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>\n"
        ));
    }

    /// A rectangle.
    pub fn rect(&mut self, class: &str, (x, y): (f64, f64), width: f64, height: f64) {
        self.add(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"2\"/>\n"
        ));
    }

    /// A path, filled or not as `class` says.
    pub fn path(&mut self, class: &str, data: &str) {
        self.add(format_args!("<path class=\"{class}\" d=\"{data}\"/>\n"));
    }

    /// The drawing, with a name and what it shows in words.
    pub fn finish(self, height: f64, name: &str, shows: &str) -> String {
        format!(
            "<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\">\n<title>{}</title>\n\
             <desc>{}</desc>\n{}</svg>\n",
            xml(name),
            xml(shows),
            self.0
        )
    }

    fn add(&mut self, what: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = self.0.write_fmt(what);
    }
}

/// Text of at most `most` characters, its middle left out if it is long: labels often differ
/// only at their ends.
fn shortened(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    let head = most.saturating_sub(1) / 2;
    let tail = most.saturating_sub(1) - head;
    let head: String = text.chars().take(head).collect();
    let tail: String = text.chars().skip(length - tail).collect();
    format!("{head}\u{2026}{tail}")
}

/// The class of what is drawn for engine `i`.
pub fn series(i: usize) -> String {
    format!("s{}", i % SERIES)
}

/// The outline of the mark of engine `i`, around a point.
pub fn mark(i: usize, (x, y): (f64, f64)) -> String {
    match i % 5 {
        0 => format!("M{x:.1} {:.1}m-3 0a3 3 0 1 0 6 0a3 3 0 1 0 -6 0z", y),
        1 => format!("M{:.1} {:.1}h6v6h-6z", x - 3.0, y - 3.0),
        2 => format!("M{x:.1} {:.1}l4 7h-8z", y - 4.5),
        3 => format!("M{x:.1} {:.1}l4.2 4.2l-4.2 4.2l-4.2 -4.2z", y - 4.2),
        _ => format!("M{x:.1} {:.1}l4 -7h-8z", y + 4.5),
    }
}

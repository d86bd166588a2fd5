//! An SVG of panels, lines and text, readable in light and dark surroundings.

use crate::format::count;
use crate::inspect::label;
use std::fmt::{self, Write};

const WIDTH: f64 = 800.0;
/// Where panels begin and end.
pub const LEFT: f64 = 70.0;
/// See [`LEFT`].
pub const RIGHT: f64 = 785.0;
/// Characters of a title that fit.
const TITLE: usize = 90;

/// Colours for light and dark surroundings, the background included: an image in a page does
/// not take the page's.
const STYLE: &str = "\
.bg{fill:#fff}.text{fill:#1f2328}.frame{stroke:#8c959f}.cuts{stroke:#b6bec7}.model{stroke:#0969da}\
.error{fill:#bc4c00;stroke:#bc4c00}\
@media(prefers-color-scheme:dark){.bg{fill:#0d1117}.text{fill:#e6edf3}.frame{stroke:#6e7681}\
.cuts{stroke:#57606a}.model{stroke:#58a6ff}.error{fill:#f0883e;stroke:#f0883e}}";

/// An area from [`LEFT`] to [`RIGHT`].
#[derive(Clone, Copy, Debug)]
pub struct Panel {
    /// Its upper edge.
    pub top: f64,
    /// Its lower edge.
    pub bottom: f64,
    /// What is at the upper edge; 0 is at the lower one.
    pub most: f64,
}

impl Panel {
    /// Where `part` of the way from the left to the right is.
    pub fn x(&self, part: f64) -> f64 {
        LEFT + part * (RIGHT - LEFT)
    }

    /// Where `value` is.
    pub fn y(&self, value: f64) -> f64 {
        self.bottom - (value / self.most).clamp(0.0, 1.0) * (self.bottom - self.top)
    }
}

/// A line that goes to the right, then up, and so on.
#[derive(Debug)]
pub struct Steps {
    path: String,
    x: String,
    y: String,
}

impl Steps {
    /// From here.
    pub fn new((x, y): (f64, f64)) -> Self {
        let (x, y) = (format!("{x:.1}"), format!("{y:.1}"));
        let path = format!("M{x} {y}");
        Self { path, x, y }
    }

    /// To there.
    pub fn to(&mut self, (x, y): (f64, f64)) {
        // What rounds to the same place is not said again.
        for (command, new, old) in [('H', x, &mut self.x), ('V', y, &mut self.y)] {
            let new = format!("{new:.1}");
            if new != *old {
                append(&mut self.path, format_args!("{command}{new}"));
                *old = new;
            }
        }
    }

    /// As the data of a path.
    pub fn finish(self) -> String {
        self.path
    }
}

/// A drawing as it grows.
#[derive(Debug)]
pub struct Svg(String);

impl Svg {
    /// A name and a sentence, and room below them.
    pub fn new(height: f64, name: &str, sentence: &str) -> Self {
        let mut svg = Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             role=\"img\" font-family=\"system-ui,sans-serif\" font-size=\"12\">\n\
             <title>{}: {}</title>\n<style>{STYLE}</style>\n\
             <rect class=\"bg\" width=\"{WIDTH}\" height=\"{height}\"/>\n",
            label::xml(name),
            label::xml(sentence)
        ));
        svg.text((LEFT, 20.0), "start", &label::shortened(name, TITLE));
        svg.text((LEFT, 36.0), "start", sentence);
        svg
    }

    /// Text that starts, ends or has its middle here.
    pub fn text(&mut self, (x, y): (f64, f64), anchor: &str, text: &str) {
        let text = label::xml(text);
        append(
            &mut self.0,
            format_args!(
                "<text class=\"text\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}\
                 </text>\n"
            ),
        );
    }

    /// A path in the colours of `class`, one of those in the style. None but `error` is filled.
    pub fn path(&mut self, class: &str, width: f64, path: &str) {
        let fill = match class {
            "error" => "",
            _ => " fill=\"none\"",
        };
        append(
            &mut self.0,
            format_args!(
                "<path class=\"{class}\"{fill} stroke-width=\"{width}\" stroke-linecap=\"round\" \
                 d=\"{path}\"/>\n"
            ),
        );
    }

    /// The edges of a panel, with round numbers on the left one.
    pub fn frame(&mut self, panel: &Panel) {
        let Panel { top, bottom, most } = *panel;
        let mut path = format!("M{LEFT:.1} {top:.1}V{bottom:.1}H{RIGHT:.1}");
        for value in ticks(most) {
            let y = panel.y(value);
            let from = LEFT - 4.0;
            append(&mut path, format_args!("M{from:.1} {y:.1}H{LEFT:.1}"));
            self.text((LEFT - 8.0, y + 4.0), "end", &count(value as u64));
        }
        self.path("frame", 1.0, &path);
    }

    /// The document.
    pub fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }
}

/// At most six whole numbers from 0 to `most`, 1, 2 or 5 times a power of ten apart.
fn ticks(most: f64) -> impl Iterator<Item = f64> {
    let mut powers = (0..300).map(|power| 10f64.powi(power));
    let apart = powers.find_map(|power| {
        let apart = [1.0, 2.0, 5.0].map(|times| times * power);
        apart.into_iter().find(|apart| most < 6.0 * apart)
    });
    let apart = apart.unwrap_or(most);
    (0..6)
        .map(move |i| f64::from(i) * apart)
        .take_while(move |value| *value <= most)
}

/// Adds to a path or a document.
pub fn append(text: &mut String, what: fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = text.write_fmt(what);
}

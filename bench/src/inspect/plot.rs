//! The model of a learned index over the keys, as an SVG.
//!
//! To the right the keys, upwards the data blocks: a step at every cut between two of them, and
//! the lines of the model on top. A line begins at a cut and is a tangent to those behind it
//! from the side of the smaller keys. Below, how far each line is off at worst.

use crate::format::count;
use crate::inspect::axis::Axis;
use crate::inspect::label;
use crate::inspect::svg::{LEFT, Panel, RIGHT, Steps, Svg, append};
use mountdb::index::{LearnedIndex, Segment, Summary};

/// Cuts that are drawn at most: more would not be told apart.
const CUTS: usize = 1000;
/// Lines, and their errors.
const LINES: usize = 500;

/// Where the keys are written, below the lowest panel, and what they are.
const KEYS: f64 = 16.0;
const BELOW: f64 = 44.0;
const MIDDLE: f64 = (LEFT + RIGHT) / 2.0;

/// Draws the index of the file called `name`.
pub fn svg(name: &str, index: &LearnedIndex) -> String {
    let summary = index.summary();
    let blocks = Panel {
        top: 64.0,
        bottom: 344.0,
        most: (index.blocks() as f64).max(1.0),
    };
    // Less than a block is not much.
    let errors = summary.largest_error.map(|largest| Panel {
        top: 416.0,
        bottom: 486.0,
        most: largest.max(1.0),
    });
    let bottom = errors.map_or(blocks.bottom, |errors| errors.bottom);
    let mut out = Svg::new(bottom + BELOW, name, &sentence(&summary));
    out.frame(&blocks);
    let Some(axis) = Axis::of(index) else {
        let what = match index.blocks() {
            0 => "no data blocks: no cuts, and no model",
            _ => "one data block: no cuts, and no model",
        };
        out.text((MIDDLE, 200.0), "middle", what);
        return out.finish();
    };
    let every = summary.segments.div_ceil(LINES).max(1);
    out.path("cuts", 3.0, &cuts(index, &axis, &blocks));
    let segments = index.segments().step_by(every);
    out.path("model", 1.3, &lines(segments, &axis, &blocks));
    legend(&mut out, LEFT, "cuts", "cuts between data blocks");
    let what = match errors {
        Some(_) => "lines of the model",
        None => "restarts",
    };
    let drawn = match every {
        1 => String::new(),
        _ => format!(", 1 of {} drawn", count(every as u64)),
    };
    let what = format!("{what} ({}{drawn})", count(summary.segments as u64));
    legend(&mut out, LEFT + 190.0, "model", &what);
    if let Some(errors) = errors {
        let each = match every {
            1 => "each line".to_owned(),
            _ => format!("{} lines", count(every as u64)),
        };
        let title = format!("largest residual of {each}, in blocks");
        out.text((LEFT, errors.top - 10.0), "start", &title);
        out.frame(&errors);
        out.path("error", 0.8, &bars(index, every, &axis, &errors));
    } else {
        let why = "cuts are strings: no lines, no residuals";
        out.text((RIGHT, blocks.top - 10.0), "end", why);
    }
    keys(&mut out, bottom, &axis);
    out.finish()
}

fn sentence(summary: &Summary) -> String {
    let mut text = format!(
        "{} data blocks in {} bytes, {:.1} bits a block, {} segments",
        count(summary.blocks as u64),
        count(summary.stored_bytes as u64),
        summary.bits_a_block(),
        count(summary.segments as u64)
    );
    if let Some(error) = summary.largest_error {
        text.push_str(&format!(", largest residual {error:.1} blocks"));
    }
    text
}

/// The number of the block that a key lies in: one more at every cut.
fn cuts(index: &LearnedIndex, axis: &Axis, panel: &Panel) -> String {
    let mut steps = Steps::new((LEFT, panel.bottom));
    let mut key = Vec::new();
    let cuts = index.blocks() - 1;
    let every = cuts.div_ceil(CUTS);
    for cut in (0..cuts).step_by(every).chain([cuts - 1]) {
        key.clear();
        index.separator(cut, &mut key);
        steps.to((panel.x(axis.place(&key)), panel.y((cut + 1) as f64)));
    }
    steps.to((RIGHT, panel.y(cuts as f64)));
    steps.finish()
}

/// A line for every segment; a dot where cuts are strings.
fn lines(segments: impl Iterator<Item = Segment>, axis: &Axis, panel: &Panel) -> String {
    let mut path = String::new();
    for segment in segments {
        let last = segment.first + segment.cuts;
        let (x, y) = (
            panel.x(axis.place(&segment.from)),
            panel.y((segment.first + 1) as f64),
        );
        let (to_x, to_y) = match segment.error {
            Some(_) => (panel.x(axis.place(&segment.to)), panel.y(last as f64)),
            None => (x, y),
        };
        append(
            &mut path,
            format_args!("M{x:.1} {y:.1}L{to_x:.1} {to_y:.1}"),
        );
    }
    path
}

/// A bar for as many lines at a time, as high as the worst of them.
fn bars(index: &LearnedIndex, lines: usize, axis: &Axis, panel: &Panel) -> String {
    let mut path = String::new();
    let mut segments = index.segments();
    while let Some(first) = segments.next() {
        let (mut to, mut worst) = (first.to, first.error.unwrap_or(0.0));
        for segment in segments.by_ref().take(lines - 1) {
            to = segment.to;
            worst = worst.max(segment.error.unwrap_or(0.0));
        }
        let (x, to_x) = (panel.x(axis.place(&first.from)), panel.x(axis.place(&to)));
        let (zero, y) = (panel.bottom, panel.y(worst));
        append(
            &mut path,
            format_args!("M{x:.1} {zero:.1}V{y:.1}H{to_x:.1}V{zero:.1}"),
        );
    }
    path
}

/// The meaning of a colour, above the panel of keys and blocks.
fn legend(out: &mut Svg, x: f64, class: &str, text: &str) {
    out.path(class, 3.0, &format!("M{x:.1} 50.0h16"));
    out.text((x + 22.0, 54.0), "start", text);
}

/// The ends of the axis, and what it is.
fn keys(out: &mut Svg, bottom: f64, axis: &Axis) {
    let (first, last) = (label::key(&axis.first), label::key(&axis.last));
    if axis.is_a_point() {
        out.text((MIDDLE, bottom + KEYS), "middle", &first);
    } else {
        out.text((LEFT, bottom + KEYS), "start", &first);
        out.text((RIGHT, bottom + KEYS), "end", &last);
    }
    let behind = match axis.shared {
        0 => String::new(),
        shared => format!(", by the eight bytes behind the {shared} that all share"),
    };
    let text = format!("keys from the first cut to the last{behind}");
    out.text((MIDDLE, bottom + 2.0 * KEYS + 2.0), "middle", &text);
}

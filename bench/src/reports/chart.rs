//! Charts of horizontal bars, one for every engine.

use super::canvas::{Canvas, WIDTH, series};

/// Height of a bar with its label above.
const ROW: f64 = 42.0;
/// Height of the bar alone.
const BAR: f64 = 13.0;
/// Where a bar is below its label.
const DOWN: f64 = 19.0;
/// Characters of a label that fit next to a figure.
const LABEL: usize = 30;

/// A bar.
#[derive(Debug)]
pub struct Bar {
    /// Which engine it is of.
    pub engine: usize,
    /// Its label.
    pub label: String,
    /// Its length.
    pub value: f64,
    /// The smallest and the largest value, if they are known.
    pub range: Option<(f64, f64)>,
    /// The figure as text.
    pub figure: String,
}

/// A chart of bars.
pub fn bars(name: &str, bars: &[Bar]) -> String {
    let reach = |bar: &Bar| bar.range.map_or(bar.value, |(_, max)| max.max(bar.value));
    let most = bars.iter().map(reach).fold(f64::MIN_POSITIVE, f64::max);
    let x = |value: f64| (value / most).clamp(0.0, 1.0) * WIDTH;
    let mut canvas = Canvas::default();
    let mut shows = Vec::new();
    for (row, bar) in bars.iter().enumerate() {
        let top = row as f64 * ROW;
        heading(&mut canvas, top, &bar.label, &bar.figure);
        shows.push(format!("{}: {}", bar.label, bar.figure));
        let top = top + DOWN;
        canvas.rect("track", (0.0, top), WIDTH, BAR);
        canvas.rect(&series(bar.engine), (0.0, top), x(bar.value), BAR);
        if let Some((min, max)) = bar.range.filter(|(min, max)| min < max) {
            let (min, max, middle) = (x(min).max(1.0), x(max).min(WIDTH - 1.0), top + BAR / 2.0);
            let (upper, lower) = (middle - 4.0, middle + 4.0);
            let whisker = format!(
                "M{min:.1} {middle:.1}H{max:.1}M{min:.1} {upper:.1}V{lower:.1}M{max:.1} {upper:.1}V{lower:.1}"
            );
            canvas.path("halo", &whisker);
            canvas.path("whisker", &whisker);
        }
    }
    canvas.finish(bars.len() as f64 * ROW, name, &shows.join("; "))
}

/// A bar of parts.
#[derive(Debug)]
pub struct Stack {
    /// Its label.
    pub label: String,
    /// The parts, in the order of their names.
    pub parts: Vec<f64>,
    /// The figure as text.
    pub figure: String,
}

/// A chart of bars of parts, and below it the names of the parts. There are styles for three.
pub fn stacks(name: &str, parts: &[&str], stacks: &[Stack]) -> String {
    let whole = |stack: &Stack| stack.parts.iter().sum::<f64>();
    let most = stacks.iter().map(whole).fold(f64::MIN_POSITIVE, f64::max);
    let mut canvas = Canvas::default();
    let mut shows = Vec::new();
    for (row, stack) in stacks.iter().enumerate() {
        let top = row as f64 * ROW;
        heading(&mut canvas, top, &stack.label, &stack.figure);
        shows.push(format!("{}: {}", stack.label, stack.figure));
        canvas.rect("track", (0.0, top + DOWN), WIDTH, BAR);
        let mut left = 0.0;
        for (n, part) in stack.parts.iter().enumerate() {
            let width = part / most * WIDTH;
            if *part > 0.0 {
                // A gap between parts, and no part so small that it is not seen.
                let shown = (width - 1.0).max(1.0);
                canvas.rect(&format!("part{n}"), (left, top + DOWN), shown, BAR);
            }
            left += width;
        }
    }
    let top = stacks.len() as f64 * ROW + 4.0;
    for (n, part) in parts.iter().enumerate() {
        let left = n as f64 * WIDTH / parts.len() as f64;
        canvas.rect(&format!("part{n}"), (left, top), BAR, BAR);
        canvas.text((left + 19.0, top + 11.0), "start", "quiet", part, LABEL);
    }
    canvas.finish(top + BAR + 3.0, name, &shows.join("; "))
}

fn heading(canvas: &mut Canvas, top: f64, label: &str, figure: &str) {
    canvas.text((0.0, top + 13.0), "start", "label", label, LABEL);
    canvas.text((WIDTH, top + 13.0), "end", "figure", figure, LABEL);
}

//! Latency by percentile, a line for every engine.

use super::canvas::{Canvas, WIDTH, mark, series};
use hdrhistogram::Histogram;

const LEFT: f64 = 50.0;
const RIGHT: f64 = WIDTH - 10.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 208.0;
/// Height of a line of the legend.
const ENTRY: f64 = 20.0;
/// Characters of a label that fit into the legend.
const LABEL: usize = 22;
/// Points of a line between two nines.
const POINTS: u32 = 10;
/// Nines up to which the axis is to scale; the next one stands for the maximum.
const NINES: u32 = 4;

/// Percentiles on the axis. Each has one nine more than the one before.
const TICKS: [&str; 6] = ["0", "90", "99", "99.9", "99.99", "max"];

/// A line: which engine it is of, its label, the latencies.
pub type Line<'a> = (usize, String, &'a Histogram<u64>);

/// A chart of latencies; both axes are logarithmic.
pub fn curves(name: &str, lines: &[Line<'_>]) -> String {
    let least = |(_, _, h): &Line<'_>| h.value_at_quantile(0.0);
    let most = |(_, _, h): &Line<'_>| h.max();
    let axis = Axis::new(
        lines.iter().map(least).min().unwrap_or(0),
        lines.iter().map(most).max().unwrap_or(0),
    );
    let mut canvas = Canvas::default();
    grid(&mut canvas, &axis);
    let mut shows = Vec::new();
    for (engine, label, histogram) in lines {
        let point = |nines: f64, quantile: f64| {
            let value = histogram.value_at_quantile(quantile);
            (x(nines), axis.y(value))
        };
        let steps = (0..=NINES * POINTS).map(|step| {
            let nines = f64::from(step) / f64::from(POINTS);
            point(nines, quantile(nines))
        });
        let end = point(f64::from(NINES + 1), 1.0);
        let points: Vec<String> = steps
            .chain([end])
            .map(|(x, y)| format!("{x:.1} {y:.1}"))
            .collect();
        let class = series(*engine);
        canvas.path(&format!("line {class}"), &format!("M{}", points.join("L")));
        let marked = (1..=NINES).map(|n| point(f64::from(n), quantile(f64::from(n))));
        let marks: Vec<_> = marked.chain([end]).map(|at| mark(*engine, at)).collect();
        canvas.path(&class, &marks.concat());
        let [median, tail] = [0.5, 0.99].map(|q| duration(histogram.value_at_quantile(q)));
        shows.push(format!("{label}: p50 {median}, p99 {tail}"));
    }
    let top = BOTTOM + 52.0;
    for (n, (engine, label, _)) in lines.iter().enumerate() {
        let (left, y) = ((n % 2) as f64 * WIDTH / 2.0, top + (n / 2) as f64 * ENTRY);
        let class = series(*engine);
        canvas.path(&format!("line {class}"), &format!("M{left:.1} {y:.1}h28"));
        canvas.path(&class, &mark(*engine, (left + 14.0, y)));
        canvas.text((left + 34.0, y + 4.0), "start", "quiet", label, LABEL);
    }
    let height = top + lines.len().div_ceil(2) as f64 * ENTRY - 6.0;
    canvas.finish(height, name, &shows.join("; "))
}

fn grid(canvas: &mut Canvas, axis: &Axis) {
    let mut lines = String::new();
    for value in axis.ticks() {
        let y = axis.y(value);
        lines.push_str(&format!("M{LEFT:.1} {y:.1}H{RIGHT:.1}"));
        canvas.text(
            (LEFT - 6.0, y + 4.0),
            "end",
            "quiet",
            &duration(value),
            LABEL,
        );
    }
    for (n, tick) in (0..).zip(TICKS) {
        let x = x(f64::from(n));
        lines.push_str(&format!("M{x:.1} {BOTTOM:.1}v4"));
        canvas.text((x, BOTTOM + 17.0), "middle", "quiet", tick, LABEL);
    }
    canvas.path("grid", &lines);
    let middle = f64::midpoint(LEFT, RIGHT);
    canvas.text(
        (middle, BOTTOM + 34.0),
        "middle",
        "quiet",
        "percentile",
        LABEL,
    );
}

/// The quantile with so many nines.
fn quantile(nines: f64) -> f64 {
    1.0 - 10f64.powf(-nines)
}

fn x(nines: f64) -> f64 {
    LEFT + nines / f64::from(NINES + 1) * (RIGHT - LEFT)
}

/// Nanoseconds, from bottom to top.
#[derive(Debug)]
struct Axis {
    /// At the bottom and at the top and between: 1, 2 or 5 times a power of ten each.
    steps: Vec<u64>,
}

impl Axis {
    fn new(least: u64, most: u64) -> Self {
        let powers = (0..19).map(|power| 10u64.pow(power));
        let all: Vec<u64> = powers
            .flat_map(|power| [1, 2, 5].map(|n| n * power))
            .collect();
        let first = all.partition_point(|step| *step <= least).saturating_sub(1);
        let last = all.partition_point(|step| *step < most).min(all.len() - 1);
        let last = last.max(first + 1).min(all.len() - 1);
        let steps = all[first.min(last - 1)..=last].to_vec();
        Self { steps }
    }

    fn y(&self, value: u64) -> f64 {
        let log = |value: u64| (value.max(1) as f64).log10();
        let (low, high) = (log(self.steps[0]), log(self.steps[self.steps.len() - 1]));
        let part = (log(value) - low) / (high - low);
        BOTTOM - part.clamp(0.0, 1.0) * (BOTTOM - TOP)
    }

    /// Every step, or powers of ten only where that would be too many.
    fn ticks(&self) -> impl Iterator<Item = u64> {
        let all = self.steps.len() <= 9;
        let is_power = |step: u64| 10u64.pow(step.ilog10()) == step;
        let steps = self.steps.iter().copied();
        steps.filter(move |step| all || is_power(*step))
    }
}

/// A round number of nanoseconds: `20 us`.
fn duration(nanoseconds: u64) -> String {
    let (unit, name) = match nanoseconds {
        0..1_000 => (1, "ns"),
        1_000..1_000_000 => (1_000, "us"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let text = format!("{:.1}", nanoseconds as f64 / f64::from(unit));
    format!("{} {name}", text.trim_end_matches(".0"))
}

//! A run of the scheduler as a picture of six panels.

use std::path::Path;
use std::sync::Once;

use anyhow::{Context, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, RGBColor, register_font};

use super::record::{Record, Snapshot};
use super::score::{self, Scores};

/// Size of the picture, in pixels.
const WIDTH: u32 = 1500;
const HEIGHT: u32 = 900;

/// Name under which the font is known here.
const FONT: &str = "sans-serif";

/// Colours of lines, told apart by colour-blind eyes too.
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(110, 110, 110),
    RGBColor(160, 120, 60),
];

/// A panel to draw on.
type Panel<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

/// A line: its name, and points of seconds and values.
type Line = (String, Vec<(f64, f64)>);

/// Draws a run into a PNG file.
pub fn draw(record: &Record, file: &Path) -> anyhow::Result<()> {
    static FONTS: Once = Once::new();
    FONTS.call_once(|| {
        // The bytes are part of a package and are a font.
        let _ = register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
    });
    let mut pixels = vec![255; (WIDTH * HEIGHT * 3) as usize];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, (WIDTH, HEIGHT)).into_drawing_area();
        // The errors of the drawing library borrow what they are about.
        draw_panels(record, &area).map_err(|error| anyhow!("cannot draw: {error}"))?;
    }
    write_png(file, &pixels).with_context(|| format!("cannot write {}", file.display()))
}

fn write_png(file: &Path, pixels: &[u8]) -> anyhow::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let out = std::io::BufWriter::new(std::fs::File::create(file)?);
    let mut encoder = png::Encoder::new(out, WIDTH, HEIGHT);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header()?.write_image_data(pixels)?;
    Ok(())
}

fn draw_panels(record: &Record, area: &Panel<'_>) -> anyhow::Result<()> {
    let scores = score::scores(record);
    let title = format!(
        "SchedStress on {} CPU{}: score {:.1}",
        record.end().cpus.len(),
        if record.end().cpus.len() == 1 {
            ""
        } else {
            "s"
        },
        scores.total()
    );
    let area = area.margin(10, 0, 0, 0);
    let area = area.titled(&title, (FONT, 26)).map_err(told)?;
    let panels = area.split_evenly((2, 3));
    let [shares, busy, events, latencies, fairness, bars] = panels.as_slice() else {
        return Err(anyhow!("six panels are not there"));
    };
    lines(
        shares,
        "Share of a CPU by thread, %",
        &thread_shares(record),
    )?;
    lines(busy, "Busy CPUs, %", &cpu_shares(record))?;
    lines(events, "Events a second, all CPUs", &event_rates(record))?;
    columns(
        latencies,
        "Wake-ups by latency up to ... µs",
        &latency_columns(record),
    )?;
    columns(
        fairness,
        "CPU time got, % of a fair share",
        &fairness_columns(record),
    )?;
    columns(bars, "Parts of the score, %", &score_columns(&scores))
}

fn told<E: std::fmt::Display>(error: E) -> anyhow::Error {
    anyhow!("{error}")
}

/// One point for each two snapshots that follow each other: the time, and what `of` says.
fn points(record: &Record, of: impl Fn(&Snapshot, &Snapshot) -> f64) -> Vec<(f64, f64)> {
    let start = record.first().time_ns;
    record
        .snapshots
        .windows(2)
        .map(|pair| ((pair[1].time_ns - start) / 1e9, of(&pair[0], &pair[1])))
        .collect()
}

fn thread_shares(record: &Record) -> Vec<Line> {
    let line = |(id, role): (&u64, &String)| {
        let share = |a: &Snapshot, b: &Snapshot| {
            100.0 * score::thread_growth(a, b, *id, "run_ns") / (b.time_ns - a.time_ns)
        };
        (format!("{role} {id}"), points(record, share))
    };
    record.roles.iter().map(line).collect()
}

fn cpu_shares(record: &Record) -> Vec<Line> {
    let cpus = record.end().cpus.len();
    let line = |cpu: usize| {
        let share = move |a: &Snapshot, b: &Snapshot| {
            let part = |name| score::cpu_growth(a, b, name).get(cpu).copied();
            let (busy, idle) = (part("busy_ns"), part("idle_ns"));
            let (busy, idle) = (busy.unwrap_or(0.0), idle.unwrap_or(0.0));
            100.0 * busy / (busy + idle).max(1.0)
        };
        (format!("CPU {cpu}"), points(record, share))
    };
    (0..cpus).map(line).collect()
}

fn event_rates(record: &Record) -> Vec<Line> {
    let line = |name: &str| {
        let rate = |a: &Snapshot, b: &Snapshot| {
            let sum: f64 = score::cpu_growth(a, b, name).iter().sum();
            sum * 1e9 / (b.time_ns - a.time_ns)
        };
        (name.to_owned(), points(record, rate))
    };
    ["switches", "wakeups", "preemptions", "migrations"]
        .map(line)
        .to_vec()
}

fn latency_columns(record: &Record) -> Vec<(String, f64)> {
    let counts = score::latencies(record);
    let last = counts.len() - 1;
    let name = |bucket: usize| match bucket {
        _ if bucket == last => "more".to_owned(),
        0..10 => format!("{}", 1u32 << bucket),
        _ => format!("{}k", 1u32 << (bucket - 10)),
    };
    let named = |(bucket, count)| (name(bucket), count);
    counts.into_iter().enumerate().map(named).collect()
}

fn fairness_columns(record: &Record) -> Vec<(String, f64)> {
    let column = |one: &score::Use| {
        let role = record.roles.get(&one.id)?;
        let short: String = role.chars().take(5).collect();
        let part = if one.share > 0.0 {
            one.run / one.share
        } else {
            1.0
        };
        Some((format!("{short} {}", one.id), 100.0 * part))
    };
    score::uses(record).iter().filter_map(column).collect()
}

fn score_columns(scores: &Scores) -> Vec<(String, f64)> {
    scores
        .parts()
        .map(|(name, value, weight)| (format!("{name} x{weight}"), 100.0 * value))
        .to_vec()
}

/// The end of an axis that begins at 0.
fn top(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(1.0, f64::max) * 1.1
}

fn lines(panel: &Panel<'_>, title: &str, lines: &[Line]) -> anyhow::Result<()> {
    let all = || lines.iter().flat_map(|(_, points)| points.iter());
    let right = all().map(|(x, _)| *x).fold(0.1, f64::max);
    let mut chart = ChartBuilder::on(panel)
        .caption(title, (FONT, 18))
        .margin(8)
        .x_label_area_size(28)
        .y_label_area_size(46)
        .build_cartesian_2d(0.0..right, 0.0..top(all().map(|(_, y)| *y)))
        .map_err(told)?;
    chart
        .configure_mesh()
        .x_desc("s")
        .label_style((FONT, 13))
        .light_line_style(WHITE)
        .draw()
        .map_err(told)?;
    for ((name, points), colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let style = colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(points.iter().copied(), style))
            .map_err(told)?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], style));
    }
    chart
        .configure_series_labels()
        .label_font((FONT, 12))
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.2))
        .position(SeriesLabelPosition::MiddleRight)
        .draw()
        .map_err(told)
}

fn columns(panel: &Panel<'_>, title: &str, columns: &[(String, f64)]) -> anyhow::Result<()> {
    let count = columns.len().max(1) as f64;
    let highest = top(columns.iter().map(|(_, value)| *value));
    let mut chart = ChartBuilder::on(panel)
        .caption(title, (FONT, 18))
        .margin(8)
        .x_label_area_size(28)
        .y_label_area_size(46)
        .build_cartesian_2d(0.0..count, 0.0..highest)
        .map_err(told)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .label_style((FONT, 13))
        .light_line_style(WHITE)
        .draw()
        .map_err(told)?;
    for (index, (name, value)) in columns.iter().enumerate() {
        let left = index as f64;
        let bar = [(left + 0.1, 0.0), (left + 0.9, *value)];
        let middle = left + 0.5;
        let text = |size: u32| (FONT, size).into_font().color(&BLACK);
        let centred = |size, vertical| text(size).pos(Pos::new(HPos::Center, vertical));
        let shown = match value.fract() == 0.0 || *value >= 1000.0 {
            true => format!("{value:.0}"),
            false => format!("{value:.1}"),
        };
        chart
            .draw_series([Rectangle::new(bar, COLOURS[0].mix(0.7).filled())])
            .map_err(told)?;
        chart
            .plotting_area()
            .draw(&Text::new(
                shown,
                (middle, *value),
                centred(12, VPos::Bottom),
            ))
            .map_err(told)?;
        // Below the axis: outside of what the chart clips.
        let (x, y) = chart.backend_coord(&(middle, 0.0));
        let (x0, y0) = panel.get_base_pixel();
        let at = (x - x0, y - y0 + 5);
        panel
            .draw(&Text::new(name.clone(), at, centred(12, VPos::Top)))
            .map_err(told)?;
    }
    Ok(())
}

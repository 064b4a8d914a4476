//! What is drawn of a reading: as much as fits, the most important first.
//!
//! ```text
//!   sentence, numbers          in as many lines as the width asks for
//!   stages    │ outcomes       side by side where there is room, else one above the other
//!   tables    │
//!   q quits
//! ```

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Cell, Paragraph, Row, Table};

use super::rates::{JournalRates, Rates};
use crate::cli::Failure;
use crate::cli::status::{Life, Seen, bytes, grouped, within};
use ringfence_node::counters::{Reading, ServerReading, State};

/// Share of a table, in percent, from which it is shown as a warning.
const FULL_PERCENT: u64 = 80;
/// From this width on, in columns, stages and outcomes stand side by side.
const WIDE: u16 = 100;
/// Below this width, in columns, numbers stand closer together.
const NARROW: u16 = 50;
/// Below this height, in lines, no line is left empty.
const LOW: u16 = 26;
/// Most columns of the outcomes: with more, names and numbers stand too far apart.
const OUTCOMES_WIDTH: u16 = 80;
/// Lines that outcomes are worth before lines are left empty.
const OUTCOMES: u16 = 8;

/// Draws all of it.
pub(super) fn draw(frame: &mut Frame<'_>, seen: &Result<Seen, Failure>, rates: &Rates) {
    let area = frame.area();
    let mut head = match seen {
        Ok(seen) => head(seen, rates, area.width),
        Err(failure) => colored(&failure.to_string(), area.width, Color::Red),
    };
    // On a small terminal the stages are worth more than the last of the numbers.
    head.truncate(usize::from(area.height / 2).max(1));
    let gap = u16::from(area.height >= LOW);
    let height = head.len() as u16 + gap;
    let parts = [Constraint::Length(height), Constraint::Min(0), Constraint::Length(1)];
    let [above, body, foot] = Layout::vertical(parts).areas(area);
    frame.render_widget(Paragraph::new(head), above);
    frame.render_widget(Line::from("q quits").dark_gray(), foot);
    if let Ok(seen) = seen {
        draw_body(frame, body, seen, rates);
    }
}

fn draw_body(frame: &mut Frame<'_>, area: Rect, seen: &Seen, rates: &Rates) {
    let reading = &seen.reading;
    let stages = reading.stages.len() as u16 + 2;
    let tables = reading.tables.len() as u16 + 1;
    let is_wide = area.width >= WIDE;
    let outcomes = if is_wide { 0 } else { OUTCOMES };
    // A line between two tables, where that leaves none out.
    let gap = u16::from(area.height >= stages + tables + outcomes + 2);
    let (left, right) = if is_wide {
        let parts = [Constraint::Length(50), Constraint::Max(OUTCOMES_WIDTH)];
        let [left, right] = Layout::horizontal(parts).spacing(2).areas(area);
        (left, right)
    } else {
        let parts = [Constraint::Length(stages + tables + gap), Constraint::Min(0)];
        let [left, right] = Layout::vertical(parts).spacing(gap).areas(area);
        (left, right)
    };
    let parts = [Constraint::Length(stages), Constraint::Min(0)];
    let [above, below] = Layout::vertical(parts).spacing(gap).areas(left);
    draw_stages(frame, above, reading);
    draw_tables(frame, below, reading);
    draw_outcomes(frame, right, seen.life, rates);
}

/// How the engine is, and its most important numbers.
fn head(seen: &Seen, rates: &Rates, width: u16) -> Vec<Line<'static>> {
    let reading = &seen.reading;
    let color = match (seen.life, reading.state) {
        (Life::Runs, State::Ready) => Color::Green,
        (Life::Runs, _) => Color::Yellow,
        _ => Color::Red,
    };
    let mut lines = colored(&seen.sentence(), width, color);
    let server = reading.server.as_ref();
    if seen.life != Life::Runs {
        lines.extend(colored("its last numbers:", width, Color::Reset));
        return lines;
    }
    let numbers = [
        format!("{} commands/s", grouped(rates.commands as u64)),
        match within(&rates.latency, 0.99) {
            Some(answered) => format!("answers {answered}"),
            None => "no answers".to_owned(),
        },
        connections(server),
        format!("{:.0} % of a core", rates.processor * 100.0),
        format!("{} MiB", reading.resident_bytes / (1024 * 1024)),
    ];
    lines.extend(packed(&numbers, ", ", width));
    let free = reading.disk_free_bytes.map(|free| format!("disk {} free", bytes(free)));
    let mut numbers: Vec<String> = free.into_iter().collect();
    numbers.extend(rates.journal.iter().flat_map(journal));
    numbers.extend(server.and_then(lag));
    lines.extend(packed(&numbers, ", ", width));
    lines
}

fn journal(rates: &JournalRates) -> Vec<String> {
    let mut numbers = vec![format!("journal {}/s", bytes(rates.bytes as u64))];
    if let Some(written) = within(&rates.group_times, 0.99) {
        let commands = match rates.group_commands {
            few if few < 100.0 => format!("{few:.1}"),
            many => grouped(many as u64),
        };
        numbers.push(format!("{commands} commands a group"));
        numbers.push(format!("writes {written}"));
    }
    numbers
}

fn connections(server: Option<&ServerReading>) -> String {
    match server.map_or(0, |server| server.connections) {
        1 => "1 connection".to_owned(),
        count => format!("{} connections", grouped(count)),
    }
}

/// How far the subscription is behind that is the furthest.
fn lag(server: &ServerReading) -> Option<String> {
    let furthest = server.subscription_lags.iter().map(|lag| lag.sequences).max()?;
    let count = server.subscription_lags.len();
    Some(match count {
        1 => format!("a subscription {} behind", grouped(furthest)),
        _ => format!("{count} subscriptions up to {} behind", grouped(furthest)),
    })
}

/// Words in as many lines as it takes.
fn colored(text: &str, width: u16, color: Color) -> Vec<Line<'static>> {
    let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    packed(&words, " ", width).into_iter().map(|line| line.style(Style::new().fg(color))).collect()
}

/// Parts in as few lines as hold them; no part is broken.
fn packed(parts: &[String], separator: &str, width: u16) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for (index, part) in parts.iter().enumerate() {
        let part = match index + 1 == parts.len() {
            true => part.clone(),
            false => format!("{part}{separator}"),
        };
        let both = line.chars().count() + part.trim_end().chars().count();
        if !line.is_empty() && both > usize::from(width) {
            lines.push(Line::from(std::mem::take(&mut line)));
        }
        line.push_str(&part);
    }
    if !line.is_empty() {
        lines.push(Line::from(line));
    }
    lines
}

fn draw_stages(frame: &mut Frame<'_>, area: Rect, reading: &Reading) {
    let row = |name: &str, sequence: u64, lag: String| {
        Row::new([Cell::from(name.to_owned()), right(grouped(sequence)), right(lag)])
    };
    let stages = reading.stages.iter();
    let stages = stages.map(|stage| row(&stage.name, stage.sequence, grouped(stage.lag)));
    let taken = row("taken in", reading.sequence, String::new());
    let rows = std::iter::once(taken).chain(stages);
    let header = Row::new([Cell::from("stage"), right("sequence"), right("lag")]);
    let widths = if area.width < NARROW { [9, 17, 11] } else { [10, 22, 14] };
    let table = Table::new(rows, widths.map(Constraint::Length)).header(header.dark_gray());
    frame.render_widget(table, area);
}

fn draw_tables(frame: &mut Frame<'_>, area: Rect, reading: &Reading) {
    let rows = reading.tables.iter().map(|table| {
        let percent = table.used * 100 / table.capacity.max(1);
        let row = Row::new([
            Cell::from(table.name.clone()),
            right(grouped(table.used)),
            right(grouped(table.capacity)),
            right(format!("{percent} %")),
        ]);
        if percent >= FULL_PERCENT { row.red() } else { row }
    });
    let header = [Cell::from("table"), right("used"), right("capacity"), right("full")];
    let widths = if area.width < NARROW { [9, 11, 11, 5] } else { [10, 14, 14, 8] };
    let table = Table::new(rows, widths.map(Constraint::Length));
    frame.render_widget(table.header(Row::new(header).dark_gray()), area);
}

fn draw_outcomes(frame: &mut Frame<'_>, area: Rect, life: Life, rates: &Rates) {
    let is_narrow = area.width < NARROW;
    let rows = rates.outcomes.iter().map(|(outcome, rate)| {
        let name = match is_narrow {
            // There is no room for what it is an outcome of.
            true => outcome.status.clone(),
            false => format!("{} {}", outcome.op, outcome.status),
        };
        // Of an engine that shows nothing more, the number is not known.
        let rate = if life == Life::Runs { grouped(*rate as u64) } else { String::new() };
        Row::new([Cell::from(name), right(rate), right(grouped(outcome.count))])
    });
    let none = rates.outcomes.is_empty().then(|| Row::new([Cell::from("none yet")]));
    let rows = rows.chain(none);
    let header = [Cell::from("outcomes"), right("a second"), right("since start")];
    let (rate, count) = if is_narrow { (9, 13) } else { (12, 16) };
    let widths = [Constraint::Min(10), Constraint::Length(rate), Constraint::Length(count)];
    frame.render_widget(Table::new(rows, widths).header(Row::new(header).dark_gray()), area);
}

/// A cell whose text ends where the column ends.
fn right<'a>(text: impl Into<Text<'a>>) -> Cell<'a> {
    Cell::from(text.into().right_aligned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ringfence_node::History;
    use ringfence_node::counters::{
        Counters, JournalReading, LagReading, OutcomeReading, StageReading,
    };

    fn seen(life: Life) -> Seen {
        let mut reading = Counters::default().reading(History::default(), None, State::Ready);
        reading.sequence = 1_234_567;
        let stage =
            |name: &str| StageReading { name: name.to_owned(), sequence: 1_234_560, lag: 7 };
        reading.stages = ["journal", "risk", "settle", "publish"].map(stage).to_vec();
        let (op, status) = ("create_transfer".to_owned(), "created".to_owned());
        reading.outcomes = vec![OutcomeReading { op, status, count: 1_000 }];
        reading.journal = Some(JournalReading::default());
        reading.disk_free_bytes = Some(31_400_000_000);
        let lag = LagReading { name: None, is_connected: true, sequences: 1_234 };
        let subscription_lags = vec![lag];
        reading.server = Some(ServerReading { subscription_lags, ..ServerReading::default() });
        Seen { life, age_ns: 0, reading: Box::new(reading) }
    }

    fn drawn(width: u16, height: u16, seen: Result<Seen, Failure>, rates: &Rates) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, &seen, rates)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn all_of_it_fits_at_80_by_24_and_side_by_side_where_it_is_wide() {
        let mut rates = Rates::default();
        let first = seen(Life::Runs);
        rates.look(&first.reading);
        let mut later = first.reading.clone();
        later.read_ns += 2_000_000_000;
        later.sequence += 3_000;
        later.outcomes[0].count += 5_000;
        later.latency.counts[3] = 5_000;
        let journal = later.journal.as_mut().unwrap();
        (journal.bytes, journal.groups, journal.commands) = (8_000_000, 10, 3_000);
        journal.group_times = later.latency.clone();
        rates.look(&later);
        let texts = [
            "1,500 commands/s",
            "1,234,567",
            "publish",
            "sessions",
            "2,500",
            "journal 4.0 MB/s",
            "300 commands a group",
            "answers 99 % within 131 µs",
            "writes 99 % within 131 µs",
            "disk 31.4 GB free",
            "a subscription 1,234 behind",
            "q quits",
        ];
        for (width, height) in [(80, 24), (100, 20), (200, 60)] {
            let page = drawn(width, height, Ok(seen(Life::Runs)), &rates);
            for text in texts {
                assert!(page.contains(text), "{text} at {width} x {height}\n{page}");
            }
        }
        // The most important is there on a small one.
        let page = drawn(40, 10, Ok(seen(Life::Runs)), &rates);
        for text in ["1,500 commands/s", "taken in", "journal  ", "q quits"] {
            assert!(page.contains(text), "{text}\n{page}");
        }
        // Too small for all of it, but no panic.
        for (width, height) in [(1, 1), (20, 5), (79, 3)] {
            drawn(width, height, Ok(seen(Life::Runs)), &rates);
        }
    }

    #[test]
    fn an_engine_that_starts_is_not_said_to_run() {
        let mut starting = seen(Life::Runs);
        starting.reading.state = State::Starting;
        let page = drawn(80, 24, Ok(starting), &Rates::default());
        assert!(page.contains("has been starting for") && page.contains("none yet"), "{page}");
    }

    #[test]
    fn an_engine_that_died_and_a_directory_that_is_gone_are_said() {
        let mut rates = Rates::default();
        let first = seen(Life::Died);
        rates.look(&first.reading);
        for life in [Life::Died, Life::Hangs] {
            let page = drawn(80, 24, Ok(seen(life)), &rates);
            let sentence = seen(life).sentence();
            for text in [&sentence, "its last numbers:", "1,234,567", "create_transfer created"] {
                assert!(page.contains(text), "{text}\n{page}");
            }
            // What happens in a second is not known, and is not what happened before.
            for text in ["commands/s", "answers", "connection"] {
                assert!(!page.contains(text), "{text}\n{page}");
            }
        }
        let gone = Failure::Operating("no such directory".to_owned());
        assert!(drawn(80, 24, Err(gone), &rates).contains("no such directory"));
    }
}

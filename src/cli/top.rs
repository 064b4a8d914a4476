//! `ringfence top`: what an engine does, live on a terminal.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::Line;
use ratatui::widgets::{Row, Table};
use ratatui::{DefaultTerminal, Frame};

use super::status::{Life, Seen};
use super::{Exit, Failure};
use ringfence_node::counters::{OutcomeReading, Reading};

/// How often the numbers are read.
const EVERY: Duration = Duration::from_millis(500);
/// Share of a table, in percent, from which it is shown as a warning.
const FULL_PERCENT: u64 = 80;

/// Arguments of `ringfence top`.
#[derive(Debug, Args)]
pub(super) struct Top {
    /// Directory of the journal
    #[arg(long, env = "RINGFENCE_DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,
}

impl Top {
    pub(super) fn execute(&self) -> Result<Exit, Failure> {
        if !io::stdout().is_terminal() {
            let text = "top draws on a terminal; `ringfence status` prints to anything";
            return Err(Failure::Operating(text.to_owned()));
        }
        // Before the screen is taken: a wrong directory is an error like any other.
        let first = Seen::look(&self.data_dir)?;
        let mut terminal = ratatui::try_init()
            .map_err(|error| Failure::Operating(format!("taking the terminal: {error}")))?;
        let shown = self.show(&mut terminal, first);
        ratatui::restore();
        shown.map(|()| Exit::Done)
    }

    /// Shows until `q`, Escape or Control-C.
    fn show(&self, terminal: &mut DefaultTerminal, first: Seen) -> Result<(), Failure> {
        let failed = |error| Failure::Operating(format!("drawing on the terminal: {error}"));
        let mut rates = Rates::default();
        let mut seen = Ok(first);
        loop {
            if let Ok(seen) = &seen {
                rates.look(&seen.reading);
            }
            terminal.draw(|frame| draw(frame, &seen, &rates)).map_err(failed)?;
            if event::poll(EVERY).map_err(failed)? {
                match event::read().map_err(failed)? {
                    Event::Key(key) if is_end(&key) => return Ok(()),
                    // Another size, most likely: the numbers are drawn again at once.
                    _ => continue,
                }
            }
            seen = Seen::look(&self.data_dir);
        }
    }
}

fn is_end(key: &KeyEvent) -> bool {
    let is_interrupt =
        key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    key.kind == KeyEventKind::Press
        && (is_interrupt || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc))
}

/// What happens in a second, from two readings.
#[derive(Default)]
struct Rates {
    last: Option<Reading>,
    commands: f64,
    processor: f64,
    outcomes: Vec<(OutcomeReading, f64)>,
}

impl Rates {
    fn look(&mut self, now: &Reading) {
        let Some(before) = self.last.replace(now.clone()) else {
            self.outcomes = now.outcomes.iter().map(|it| (it.clone(), 0.0)).collect();
            return;
        };
        // The same numbers again: the engine has shown no new ones.
        let seconds = now.read_ns.saturating_sub(before.read_ns) as f64 / 1e9;
        if seconds == 0.0 || before.pid != now.pid {
            return;
        }
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
        self.commands = rate(now.sequence, before.sequence);
        self.processor = rate(now.cpu_ns, before.cpu_ns) / 1e9;
        let of = |outcome: &OutcomeReading| {
            let same = |it: &&OutcomeReading| it.op == outcome.op && it.status == outcome.status;
            let earlier = before.outcomes.iter().find(same).map_or(0, |it| it.count);
            (outcome.clone(), rate(outcome.count, earlier))
        };
        self.outcomes = now.outcomes.iter().map(of).collect();
        self.outcomes.sort_by(|(one, first), (other, second)| {
            second.total_cmp(first).then(other.count.cmp(&one.count))
        });
    }
}

fn draw(frame: &mut Frame<'_>, seen: &Result<Seen, Failure>, rates: &Rates) {
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(3), Constraint::Min(0), Constraint::Length(1)])
            .areas(frame.area());
    frame.render_widget(Line::from("q quits").dark_gray(), foot);
    let seen = match seen {
        Ok(seen) => seen,
        Err(failure) => return frame.render_widget(Line::from(failure.to_string()).red(), head),
    };
    draw_head(frame, head, seen, rates);
    let reading = &seen.reading;
    // Side by side where there is room, else one above the other.
    let (left, right) = if body.width >= 100 {
        let [left, right] =
            Layout::horizontal([Constraint::Length(50), Constraint::Min(0)]).spacing(2).areas(body);
        (left, right)
    } else {
        let rows = reading.stages.len() + reading.tables.len() + 3;
        let [left, right] =
            Layout::vertical([Constraint::Length(rows as u16), Constraint::Min(0)]).areas(body);
        (left, right)
    };
    let stages = reading.stages.len() as u16 + 2;
    let [above, below] =
        Layout::vertical([Constraint::Length(stages), Constraint::Min(0)]).areas(left);
    draw_stages(frame, above, reading);
    draw_tables(frame, below, reading);
    draw_outcomes(frame, right, rates);
}

fn draw_head(frame: &mut Frame<'_>, area: Rect, seen: &Seen, rates: &Rates) {
    let [first, second, _] = Layout::vertical([Constraint::Length(1); 3]).areas(area);
    let style = match seen.life {
        Life::Runs => Style::new().fg(Color::Green),
        _ => Style::new().fg(Color::Red),
    };
    frame.render_widget(Line::styled(seen.sentence(), style), first);
    let reading = &seen.reading;
    let latency = match reading.latency.quantile_ns(0.99) {
        Some(ns) => format!("99 % within {} µs", grouped(ns / 1_000)),
        None => "no latency yet".to_owned(),
    };
    let connections = reading.server.as_ref().map_or(0, |server| server.connections);
    let numbers = format!(
        "{} commands/s, {latency}, {connections} connections, {:.0} % of a core, {} MiB",
        grouped(rates.commands as u64),
        rates.processor * 100.0,
        reading.resident_bytes / (1024 * 1024),
    );
    frame.render_widget(Line::from(numbers), second);
}

fn draw_stages(frame: &mut Frame<'_>, area: Rect, reading: &Reading) {
    let stages = reading.stages.iter().map(|stage| {
        Row::new([
            stage.name.clone(),
            right(&grouped(stage.sequence), 22),
            right(&grouped(stage.lag), 14),
        ])
    });
    let taken = ["taken in".to_owned(), right(&grouped(reading.sequence), 22), String::new()];
    let rows = std::iter::once(Row::new(taken)).chain(stages);
    let header = Row::new(["stage".to_owned(), right("sequence", 22), right("lag", 14)]);
    let widths = [Constraint::Length(10), Constraint::Length(22), Constraint::Length(14)];
    frame.render_widget(Table::new(rows, widths).header(header.dark_gray()), area);
}

fn draw_tables(frame: &mut Frame<'_>, area: Rect, reading: &Reading) {
    let rows = reading.tables.iter().map(|table| {
        let percent = table.used * 100 / table.capacity.max(1);
        let row = Row::new([
            table.name.clone(),
            right(&grouped(table.used), 14),
            right(&grouped(table.capacity), 14),
            right(&format!("{percent} %"), 8),
        ]);
        if percent >= FULL_PERCENT { row.red() } else { row }
    });
    let names = ["table".to_owned(), right("used", 14), right("capacity", 14), right("full", 8)];
    let widths = [10, 14, 14, 8].map(Constraint::Length);
    frame.render_widget(Table::new(rows, widths).header(Row::new(names).dark_gray()), area);
}

fn draw_outcomes(frame: &mut Frame<'_>, area: Rect, rates: &Rates) {
    let rows = rates.outcomes.iter().map(|(outcome, rate)| {
        Row::new([
            format!("{} {}", outcome.op, outcome.status),
            right(&grouped(*rate as u64), 12),
            right(&grouped(outcome.count), 16),
        ])
    });
    let header = ["outcomes".to_owned(), right("a second", 12), right("since start", 16)];
    let widths = [Constraint::Min(20), Constraint::Length(12), Constraint::Length(16)];
    frame.render_widget(Table::new(rows, widths).header(Row::new(header).dark_gray()), area);
}

fn right(text: &str, width: usize) -> String {
    format!("{text:>width$}")
}

/// A number with its thousands apart: `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ringfence_node::History;
    use ringfence_node::counters::{Counters, StageReading, State};

    fn seen(life: Life) -> Seen {
        let mut reading = Counters::default().reading(History::default(), None, State::Ready);
        reading.sequence = 1_234_567;
        let stage =
            |name: &str| StageReading { name: name.to_owned(), sequence: 1_234_560, lag: 7 };
        reading.stages = ["journal", "risk", "settle", "publish"].map(stage).to_vec();
        let (op, status) = ("create_transfer".to_owned(), "created".to_owned());
        reading.outcomes = vec![OutcomeReading { op, status, count: 1_000 }];
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
        rates.look(&later);
        for (width, height) in [(80, 24), (100, 20), (200, 60)] {
            let page = drawn(width, height, Ok(seen(Life::Runs)), &rates);
            for text in ["1,500 commands/s", "1,234,567", "publish", "sessions", "2,500", "q quits"]
            {
                assert!(page.contains(text), "{text} at {width} x {height}\n{page}");
            }
        }
        // Too small for all of it, but no panic.
        for (width, height) in [(1, 1), (20, 5), (79, 3)] {
            drawn(width, height, Ok(seen(Life::Runs)), &rates);
        }
    }

    #[test]
    fn an_engine_that_died_and_a_directory_that_is_gone_are_said() {
        let rates = Rates::default();
        let page = drawn(80, 24, Ok(seen(Life::Died)), &rates);
        assert!(page.contains("ended without a word"), "{page}");
        let gone = Failure::Operating("no such directory".to_owned());
        assert!(drawn(80, 24, Err(gone), &rates).contains("no such directory"));
    }

    #[test]
    fn thousands_stand_apart() {
        let cases = [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
    }
}

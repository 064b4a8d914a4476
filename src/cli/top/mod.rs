//! `ringfence top`: what an engine does, live on a terminal.

mod draw;
mod rates;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::status::{Life, Seen};
use super::{Exit, Failure};
use draw::draw;
use rates::Rates;

/// How often the numbers are read.
const EVERY: Duration = Duration::from_millis(500);

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
                if seen.life != Life::Runs {
                    rates.forget();
                }
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

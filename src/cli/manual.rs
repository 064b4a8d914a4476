//! `ringfence completions` and `ringfence man`: what shells and people can know of the program,
//! made from its own options.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;

use super::{Exit, Failure};

/// Arguments of `ringfence completions`.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell that is to complete commands and options
    #[arg(value_enum)]
    shell: Shell,
}

/// Arguments of `ringfence man`.
#[derive(Debug, Args)]
pub(super) struct Manual {
    /// Write all pages there, one for each command; else the first is printed
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Completions {
    pub(super) fn execute(&self, mut program: Command) -> Result<Exit, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut program, "ringfence", &mut script);
        print(&script)
    }
}

impl Manual {
    pub(super) fn execute(&self, program: Command) -> Result<Exit, Failure> {
        if let Some(dir) = &self.out {
            let written = clap_mangen::generate_to(program, dir);
            return written.map(|()| Exit::Done).map_err(|error| {
                Failure::Operating(format!("writing pages to {}: {error}", dir.display()))
            });
        }
        let mut page = Vec::new();
        Man::new(program).render(&mut page).map_err(Failure::operating)?;
        print(&page)
    }
}

fn print(text: &[u8]) -> Result<Exit, Failure> {
    let printed = io::stdout().lock().write_all(text);
    printed
        .map(|()| Exit::Done)
        .map_err(|error| Failure::Operating(format!("writing to standard output: {error}")))
}

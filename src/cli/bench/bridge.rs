//! `ringfence bench bridge`: runs the program that measures bridges.
//!
//! It is a program of its own, so that this one needs no broker's client library.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use super::super::{Exit, Failure};

/// The program.
const PROGRAM: &str = "ringfence-bridge-bench";
/// What builds it, and the programs that it runs.
const BUILD: &str = "cargo build --release -p ringfence -p ringfence-bridge -p bridge-bench";

#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(in super::super) struct BridgeBench {
    /// Options of ringfence-bridge-bench; --help lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
    options: Vec<OsString>,
}

impl BridgeBench {
    /// Becomes that program.
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        let this = std::env::current_exe().map_err(Failure::operating)?;
        let folder = this.parent().unwrap_or(Path::new(""));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let Some(program) = find(folder, &path) else {
            let folder = folder.display();
            return Err(Failure::operating(format_args!(
                "no {PROGRAM} in {folder} or on the PATH: {BUILD}"
            )));
        };
        let error = Command::new(&program).args(self.options).exec();
        Err(Failure::operating(format_args!("starting {}: {error}", program.display())))
    }
}

/// The program in `folder`, else in the first folder of `path` that has it.
fn find(folder: &Path, path: &OsString) -> Option<PathBuf> {
    let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(path));
    folders.map(|folder| folder.join(PROGRAM)).find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_beside_this_one_goes_before_those_on_the_path() {
        let here = tempfile::tempdir().unwrap();
        let there = tempfile::tempdir().unwrap();
        let path = there.path().as_os_str().to_owned();
        assert_eq!(find(here.path(), &path), None);
        let on_path = there.path().join(PROGRAM);
        std::fs::write(&on_path, "").unwrap();
        assert_eq!(find(here.path(), &path), Some(on_path));
        let beside = here.path().join(PROGRAM);
        std::fs::write(&beside, "").unwrap();
        assert_eq!(find(here.path(), &path), Some(beside));
    }
}

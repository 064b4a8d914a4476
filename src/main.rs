//! The `ringfence` program: see `ringfence --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ringfence::cli::main()
}

//! Options from a TOML file: what neither the command line nor the environment says.
//!
//! ```toml
//! data-dir = "/var/lib/ringfence"
//! transfers = 4194304
//! durability = "sync"
//! ```

use std::ffi::OsString;
use std::path::Path;

use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Command};

use super::Failure;

/// The arguments that the file named by `--config` adds to those of `matches`.
///
/// Keys are the names of the options, with `-` or `_`. A key of another command's option is
/// passed over, so that one file can serve all commands; a key that no command knows is an error.
///
/// # Errors
///
/// If the file cannot be read or is no TOML, or a key or value in it makes no sense.
pub(super) fn arguments_from_file(
    root: &Command,
    matches: &ArgMatches,
) -> Result<Vec<OsString>, Failure> {
    let (mut command, mut matches) = (root, matches);
    while let Some((name, inner)) = matches.subcommand() {
        command = command.find_subcommand(name).expect("clap matched a command that it knows");
        matches = inner;
    }
    let named = matches.try_get_one::<std::path::PathBuf>("config").ok().flatten();
    let Some(path) = named else { return Ok(Vec::new()) };
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Operating(format!("reading {}: {error}", path.display())))?;
    let table: toml::Table =
        text.parse().map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;

    let mut arguments = Vec::new();
    for (key, value) in &table {
        let name = key.replace('_', "-");
        let Some(argument) =
            command.get_arguments().find(|argument| argument.get_long() == Some(&name))
        else {
            if is_known_somewhere(root, &name) {
                continue;
            }
            return Err(bad(path, format!("unknown option `{key}`")));
        };
        let id = argument.get_id().as_str();
        if id == "config" {
            return Err(bad(path, "a file cannot name another".to_owned()));
        }
        let given = matches.value_source(id);
        if matches!(given, Some(ValueSource::CommandLine | ValueSource::EnvVariable)) {
            continue;
        }
        let flag = OsString::from(format!("--{name}"));
        match (argument.get_action(), value) {
            (ArgAction::SetTrue, toml::Value::Boolean(true)) => arguments.push(flag),
            (ArgAction::SetTrue, toml::Value::Boolean(false)) => {}
            (ArgAction::SetTrue, _) => {
                return Err(bad(path, format!("`{key}` is either true or false")));
            }
            (ArgAction::Append, toml::Value::Array(values)) => {
                for value in values {
                    arguments.push(flag.clone());
                    arguments.push(plain(path, key, value)?);
                }
            }
            (_, value) => {
                arguments.push(flag);
                arguments.push(plain(path, key, value)?);
            }
        }
    }
    Ok(arguments)
}

fn bad(path: &Path, what: String) -> Failure {
    Failure::Usage(format!("{}: {what}", path.display()))
}

fn plain(path: &Path, key: &str, value: &toml::Value) -> Result<OsString, Failure> {
    match value {
        toml::Value::String(text) => Ok(text.into()),
        toml::Value::Integer(number) => Ok(number.to_string().into()),
        toml::Value::Float(number) => Ok(number.to_string().into()),
        _ => Err(bad(path, format!("`{key}` must be a string or a number"))),
    }
}

fn is_known_somewhere(command: &Command, name: &str) -> bool {
    command.get_arguments().any(|argument| argument.get_long() == Some(name))
        || command.get_subcommands().any(|inner| is_known_somewhere(inner, name))
}

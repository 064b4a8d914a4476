//! Options that the command line leaves open: from the environment, then from a TOML file.
//!
//! ```text
//!   command line ──▶ which options are given, and --config
//!   environment  ──▶ RINGFENCE_… of the others ──┐
//!   file         ──▶ keys of what is still open ─┴─▶ arguments, and where each was set
//! ```
//!
//! ```toml
//! data-dir = "/var/lib/ringfence"
//! transfers = 4194304
//! durability = "sync"
//! ```
//!
//! A variable that is empty is not set. A value that makes no sense is reported with the name of
//! the variable, or with file, line and key.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::{Spanned, Value};

use super::Failure;

/// Where a value was set that the command line does not have.
#[derive(Debug, Clone)]
enum Origin {
    /// A variable of the environment.
    Variable(String),
    /// A key of the file.
    Key { path: PathBuf, line: usize, key: String },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Variable(name) => f.write_str(name),
            Origin::Key { path, line, key } => {
                write!(f, "{}, line {line}, `{key}`", path.display())
            }
        }
    }
}

impl Origin {
    /// What is wrong with the value there: `problem` is a sentence about it.
    fn failure(&self, problem: impl fmt::Display) -> Failure {
        Failure::Usage(format!("{self}: {problem}"))
    }
}

/// An option that is set elsewhere than on the command line.
#[derive(Debug, Clone)]
struct Setting {
    /// The option without its dashes.
    option: String,
    value: SetTo,
    origin: Origin,
}

#[derive(Debug, Clone)]
enum SetTo {
    /// For an option without a value: whether it is there.
    Flag(bool),
    Text(OsString),
}

impl Setting {
    /// The option as the command line would have it.
    fn argument(&self) -> Option<OsString> {
        let mut argument = OsString::from(format!("--{}", self.option));
        match &self.value {
            SetTo::Flag(false) => return None,
            SetTo::Flag(true) => {}
            SetTo::Text(text) => {
                argument.push("=");
                argument.push(text);
            }
        }
        Some(argument)
    }
}

/// Where the options of this process were set, once its arguments are read.
static SETTINGS: OnceLock<Vec<Setting>> = OnceLock::new();

/// The option as it was set: `--cores`, `RINGFENCE_CORES`, or the file with line and key. For errors
/// that show only when the option is used.
pub(super) fn name_as_set(option: &str) -> String {
    let setting =
        SETTINGS.get().and_then(|all| all.iter().find(|setting| setting.option == option));
    setting.map_or_else(|| format!("--{option}"), |setting| setting.origin.to_string())
}

/// Reads `arguments` and what environment and file add to them.
///
/// # Errors
///
/// What is wrong with them, or help that was asked for.
pub(super) fn matches(command: Command, arguments: Vec<OsString>) -> Result<ArgMatches, Failure> {
    let strict = without_environment(command.clone());
    let lenient = strict.clone().ignore_errors(true);
    let added = match lenient.try_get_matches_from(&arguments) {
        Ok(given) => Added::gather(&command, &given)?,
        // Only help and version end here; the help shows the variables.
        Err(_) => {
            return command.try_get_matches_from(arguments).map_err(Failure::Arguments);
        }
    };
    // Behind the program's name and those of the commands, before what may follow a `--`.
    let (names, rest) = arguments.split_at(arguments.len().min(1 + added.command_depth));
    let set = added.settings.iter().filter_map(Setting::argument);
    let all = names.iter().cloned().chain(set).chain(rest.iter().cloned());
    let matches = strict.try_get_matches_from(all).map_err(|error| added.explain(error));
    // The program reads its arguments once; a second reading, in a test, changes nothing.
    let _ = SETTINGS.set(added.settings);
    matches
}

/// The command without its variables: they are read here, where it is known which are empty.
fn without_environment(command: Command) -> Command {
    command
        .mut_args(|argument| argument.env(Resettable::<clap::builder::OsStr>::Reset))
        .mut_subcommands(without_environment)
}

/// What environment and file add to the arguments.
#[derive(Debug, Default)]
struct Added {
    /// How many names of commands the arguments begin with: one, or two as in `journal stat`.
    command_depth: usize,
    settings: Vec<Setting>,
}

impl Added {
    /// What is added to the arguments that gave `matches`.
    ///
    /// Keys of the file are the names of the options, with `-` or `_`. A key of another command's
    /// option is passed over, so that one file can serve all commands.
    fn gather(root: &Command, matches: &ArgMatches) -> Result<Added, Failure> {
        let mut added = Added::default();
        let (mut command, mut matches) = (root, matches);
        while let Some((name, inner)) = matches.subcommand() {
            command = command.find_subcommand(name).expect("clap matched a command that it knows");
            matches = inner;
            added.command_depth += 1;
        }
        let is_given = |argument: &Arg| {
            matches.value_source(argument.get_id().as_str()) == Some(ValueSource::CommandLine)
        };
        let open: Vec<&Arg> = command
            .get_arguments()
            .filter(|argument| argument.get_long().is_some() && !is_given(argument))
            .collect();
        for argument in &open {
            added.add_variable(argument)?;
        }
        let given = matches.try_get_one::<PathBuf>("config").ok().flatten();
        let set = added.setting("config").map(|setting| (&setting.value, &setting.origin));
        match (given, set) {
            (Some(path), _) => added.add_file(path, "--config", root, &open)?,
            (None, Some((SetTo::Text(path), origin))) => {
                let (path, origin) = (PathBuf::from(path), origin.to_string());
                added.add_file(&path, &origin, root, &open)?;
            }
            (None, _) => {}
        }
        Ok(added)
    }

    fn setting(&self, option: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.option == option)
    }

    fn add_variable(&mut self, argument: &Arg) -> Result<(), Failure> {
        let Some(name) = argument.get_env() else { return Ok(()) };
        let Some(value) = std::env::var_os(name).filter(|value| !value.is_empty()) else {
            return Ok(());
        };
        let origin = Origin::Variable(name.to_string_lossy().into_owned());
        let value = match (argument.get_action(), value.to_str()) {
            (ArgAction::SetTrue, Some("true")) => SetTo::Flag(true),
            (ArgAction::SetTrue, Some("false")) => SetTo::Flag(false),
            (ArgAction::SetTrue, _) => {
                let value = value.display();
                return Err(origin.failure(format!("'{value}' is neither true nor false")));
            }
            _ => SetTo::Text(value),
        };
        self.add(argument, value, origin);
        Ok(())
    }

    /// Adds what the file says of the options that are still `open`. `named_by` is what named it.
    fn add_file(
        &mut self,
        path: &Path,
        named_by: &str,
        root: &Command,
        open: &[&Arg],
    ) -> Result<(), Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::Operating(format!("reading {}, named by {named_by}: {error}", path.display()))
        })?;
        let table: BTreeMap<Spanned<String>, Spanned<Value>> =
            toml::from_str(&text).map_err(|error| {
                let error = error.to_string();
                Failure::Usage(format!("{}: {}", path.display(), error.trim_end()))
            })?;
        let mut table: Vec<_> = table.into_iter().collect();
        table.sort_by_key(|(key, _)| key.span().start);
        let from_environment = self.settings.clone();
        for (key, value) in table {
            let line = 1 + text[..key.span().start].matches('\n').count();
            let key = key.into_inner();
            let option = key.replace('_', "-");
            if !has_option(root, &option) {
                return Err(Failure::Usage(format!(
                    "{}, line {line}: unknown option `{key}`: keys are options without their dashes, as --help lists them",
                    path.display()
                )));
            }
            let origin = Origin::Key { path: path.to_owned(), line, key };
            if option == "config" {
                return Err(origin.failure("a file cannot name another"));
            }
            let argument = open.iter().find(|argument| argument.get_long() == Some(&option));
            // Else it is on the command line, or an option of another command.
            let Some(argument) = argument else { continue };
            if from_environment.iter().any(|setting| setting.option == option) {
                continue;
            }
            if self.setting(&option).is_some() {
                return Err(origin.failure("given twice, with `-` and with `_`"));
            }
            let as_written = &text[value.span()];
            self.add_key(argument, value.get_ref(), as_written, origin)?;
        }
        Ok(())
    }

    fn add_key(
        &mut self,
        argument: &Arg,
        value: &Value,
        as_written: &str,
        origin: Origin,
    ) -> Result<(), Failure> {
        match (argument.get_action(), value) {
            // Rights are read in octal: what TOML makes of 0o660 is 432, which would be others.
            (_, Value::Integer(_)) if is_mode(argument) => {
                self.add(argument, SetTo::Text(as_written.into()), origin);
            }
            (ArgAction::SetTrue, Value::Boolean(is_set)) => {
                self.add(argument, SetTo::Flag(*is_set), origin);
            }
            (ArgAction::SetTrue, value) => {
                return Err(origin.failure(format!("{value} is neither true nor false")));
            }
            // A switch that can be given a value too.
            (_, Value::Boolean(is_on)) if takes_no_value(argument) => {
                self.add(argument, SetTo::Text(is_on.to_string().into()), origin);
            }
            (ArgAction::Append, Value::Array(values)) => {
                for value in values {
                    self.add(argument, plain(value, &origin)?, origin.clone());
                }
            }
            (_, value) => self.add(argument, plain(value, &origin)?, origin),
        }
        Ok(())
    }

    fn add(&mut self, argument: &Arg, value: SetTo, origin: Origin) {
        let option = argument.get_long().expect("only options are set so").to_owned();
        self.settings.push(Setting { option, value, origin });
    }

    /// An error of the command line, or of what was added to it: then with the place to mend.
    fn explain(&self, error: clap::Error) -> Failure {
        let set = option_of(&error).and_then(|option| self.setting(&option));
        let Some(setting) = set else {
            return match error.kind() {
                ErrorKind::MissingRequiredArgument | ErrorKind::ArgumentConflict => {
                    self.with_settings(error)
                }
                _ => Failure::Arguments(error),
            };
        };
        let text = |kind| match error.get(kind) {
            Some(ContextValue::String(text)) => text.clone(),
            Some(ContextValue::Strings(texts)) => texts.join(", "),
            _ => String::new(),
        };
        match error.kind() {
            ErrorKind::ValueValidation => {
                let why = std::error::Error::source(&error).map(ToString::to_string);
                let (value, why) = (text(ContextKind::InvalidValue), why.unwrap_or_default());
                setting.origin.failure(format!("invalid value '{value}': {why}"))
            }
            ErrorKind::InvalidValue => {
                let (value, known) = (text(ContextKind::InvalidValue), ContextKind::ValidValue);
                let known = text(known);
                setting.origin.failure(format!("invalid value '{value}': must be one of {known}"))
            }
            _ => self.with_settings(error),
        }
    }

    /// An error in which options take part that the command line does not show.
    fn with_settings(&self, error: clap::Error) -> Failure {
        if self.settings.is_empty() {
            return Failure::Arguments(error);
        }
        let mut text = error.render().to_string().trim_end().to_owned();
        for Setting { option, origin, .. } in &self.settings {
            text.push_str(&format!("\n--{option} is set by {origin}"));
        }
        Failure::Usage(text.strip_prefix("error: ").unwrap_or(&text).to_owned())
    }
}

/// The option, without its dashes, that an error is about.
fn option_of(error: &clap::Error) -> Option<String> {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let name = argument.strip_prefix("--")?;
    Some(name.split([' ', '=']).next().unwrap_or(name).to_owned())
}

fn plain(value: &Value, origin: &Origin) -> Result<SetTo, Failure> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        other => {
            let kind = other.type_str();
            return Err(
                origin.failure(format!("must be a string or a number, and is of type {kind}"))
            );
        }
    };
    Ok(SetTo::Text(text.into()))
}

/// Whether the option's value are rights of a file.
fn is_mode(argument: &Arg) -> bool {
    argument.get_value_names().is_some_and(|names| names.iter().any(|name| name == "MODE"))
}

/// Whether the option may stand without a value.
fn takes_no_value(argument: &Arg) -> bool {
    argument.get_num_args().is_some_and(|values| values.min_values() == 0)
}

fn has_option(command: &Command, name: &str) -> bool {
    command.get_arguments().any(|argument| argument.get_long() == Some(name))
        || command.get_subcommands().any(|inner| has_option(inner, name))
}

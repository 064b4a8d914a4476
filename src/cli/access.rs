//! `ringfence access`: tokens and the access file.

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{Exit, Failure};
use ringfence_server::access::{Access, NewPrincipal, Role, Token, append, check_name};

/// Subcommands of `ringfence access`.
#[derive(Debug, Subcommand)]
pub(super) enum AccessCommand {
    /// Make a token, print it once, and append its hash to the access file.
    Token(Make),
    /// Check an access file, and print who may do what by it.
    Check(Check),
}

/// Arguments of `ringfence access token`.
#[derive(Debug, Args)]
pub(super) struct Make {
    /// Name of the new principal
    #[arg(value_name = "NAME", value_parser = name)]
    name: String,
    /// What it may do; may be given more than once
    #[arg(long = "role", value_name = "ROLE", value_delimiter = ',', required = true)]
    roles: Vec<RoleOption>,
    /// The only ledger that it may see or change; may be given more than once [default: all]
    #[arg(long = "ledger", value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..))]
    ledgers: Vec<u32>,
    /// The access file; it is made if it is not there
    #[arg(long, env = "RINGFENCE_ACCESS", value_name = "FILE")]
    access: PathBuf,
}

/// Arguments of `ringfence access check`.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// The access file
    #[arg(long, env = "RINGFENCE_ACCESS", value_name = "FILE")]
    access: PathBuf,
}

/// `--role`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RoleOption {
    /// Look-ups and subscriptions
    Read,
    /// Transfers, orders and queued payments
    Pay,
    /// Accounts, policies, markets and the resolution of queues
    Operate,
}

impl From<RoleOption> for Role {
    fn from(option: RoleOption) -> Role {
        match option {
            RoleOption::Read => Role::Read,
            RoleOption::Pay => Role::Pay,
            RoleOption::Operate => Role::Operate,
        }
    }
}

fn name(text: &str) -> Result<String, String> {
    check_name(text).map(|()| text.to_owned())
}

fn print(line: &str) -> Result<(), Failure> {
    let failed = |error| Failure::Operating(format!("writing standard output: {error}"));
    writeln!(io::stdout().lock(), "{line}").map_err(failed)
}

impl AccessCommand {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        match self {
            AccessCommand::Token(make) => make.execute(),
            AccessCommand::Check(check) => check.execute(),
        }
    }
}

impl Make {
    fn execute(self) -> Result<Exit, Failure> {
        let token = Token::generate().map_err(Failure::operating)?;
        let mut roles: Vec<Role> = Vec::new();
        for role in self.roles.into_iter().map(Role::from) {
            if !roles.contains(&role) {
                roles.push(role);
            }
        }
        let principal =
            NewPrincipal { name: &self.name, roles: &roles, ledgers: &self.ledgers, token: &token };
        append(&self.access, &principal).map_err(Failure::operating)?;
        print(token.reveal()).map_err(|failure| match failure {
            Failure::Operating(text) => Failure::Operating(format!(
                "{text}; nobody knows the token: remove `{}` from {}",
                self.name,
                self.access.display()
            )),
            other => other,
        })?;
        tell!(
            "ringfence: {} may come in with this token, which is shown only now; a running engine \
             learns of it by SIGHUP",
            self.name
        );
        Ok(Exit::Done)
    }
}

impl Check {
    fn execute(self) -> Result<Exit, Failure> {
        let access = Access::load(&self.access).map_err(Failure::operating)?;
        for principal in access.principals() {
            print(&principal.to_string())?;
        }
        tell!("ringfence: {}: {} principals", self.access.display(), access.principals().len());
        Ok(Exit::Done)
    }
}

//! `stoa admin`

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use clap::Subcommand;
use kernel::ports::Role;
use platform::audit::Actor;
use secrecy::SecretString;

use super::{Failure, say};
use crate::app::Shop;
use crate::settings::Settings;

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub(super) enum Admin {
    /// Create an account; the password is read from standard input
    Create {
        /// The e-mail address to log in with
        email: String,
        /// How to call them
        #[arg(long, default_value = "Administrator")]
        name: String,
        /// What they may do: admin, staff, support, merchandiser, warehouse, finance or customer
        #[arg(long, default_value = "admin")]
        role: Role,
        /// The same as --role staff
        #[arg(long, conflicts_with = "role")]
        staff: bool,
    },
}

/// Creates an account.
pub(super) async fn admin(settings: Settings, what: Admin) -> Result<ExitCode, Failure> {
    let Admin::Create { email, name, role, staff } = what;
    let password = read_password()?;
    let role = if staff { Role::Staff } else { role };
    let shop = Shop::beside(settings).await?;
    let id = shop.accounts.create(&email, password, &name, role, &Actor::OPERATOR).await?;
    say(format!("{email} is {id}"));
    Ok(ExitCode::SUCCESS)
}

fn read_password() -> Result<SecretString, Failure> {
    if std::io::stdin().is_terminal() {
        write!(std::io::stderr(), "Password (it is shown): ")?;
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(SecretString::from(line.trim_end_matches(['\r', '\n']).to_owned()))
}

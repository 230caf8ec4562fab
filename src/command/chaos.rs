//! `stoa chaos`

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::TimeDelta;
use clap::Subcommand;
use kernel::Timestamp;
use notary::Signer;
use platform::chaos::{Fault, length};
use platform::{key_file, random};
use secrecy::zeroize::Zeroizing;

use super::{Failure, say};
use crate::chaos::Order;

/// What to do to let faults happen in a shop that runs. The order is put to a node's ops port: PUT /chaos.
#[derive(Debug, Subcommand)]
pub(super) enum Chaos {
    /// Make a key that signs orders, and print its public half for chaos.public_key
    Key {
        /// The file of its secret half; one that is there is read
        file: PathBuf,
        /// What it signs under
        #[arg(long, default_value = "chaos")]
        name: String,
    },
    /// Print a signed order
    Sign {
        /// The file of the key
        #[arg(long)]
        key: PathBuf,
        /// How long it lasts, e.g. 10m; an hour at most
        #[arg(long = "for", value_parser = long)]
        length: TimeDelta,
        /// When it begins, e.g. 2026-12-01T12:00:00Z; at once, unless given
        #[arg(long)]
        from: Option<Timestamp>,
        /// Which node it is for, as GET /chaos names it; all, unless given
        #[arg(long)]
        node: Option<String>,
        /// What chance follows from; another one each time, unless given
        #[arg(long)]
        seed: Option<u64>,
        /// What goes wrong: latency=50ms:100 errors=20 drops=10 full-disk clock=+90s slow-processor=2s:500
        /// processor-errors=20 lost-answers=10. Shares are of a thousand times, and always unless given
        #[arg(required = true)]
        faults: Vec<Fault>,
    },
}

fn long(text: &str) -> Result<TimeDelta, String> {
    length(text).ok_or_else(|| format!("{text:?} is no time such as 90s, 10m or 1h"))
}

/// Makes keys and orders. It asks nobody and needs no shop.
pub(super) fn chaos(what: Chaos) -> Result<ExitCode, Failure> {
    match what {
        Chaos::Key { file, name } => {
            let secret = Zeroizing::new(random::bytes::<32>());
            let new = Signer::new(&name, &secret).ok_or("--name has no spaces and plus signs")?;
            let made = key_file::read_or_make(&file, || new.secret());
            let text = made.map_err(|error| unreadable(&file, &error))?;
            say(signer(&text)?.public());
        }
        Chaos::Sign { key, length, from, node, seed, faults } => {
            let seed = seed.unwrap_or_else(|| random::between(0, u64::MAX));
            let order = Order::new(node, from, length, seed, faults)?;
            let text = key_file::read(&key).map_err(|error| unreadable(&key, &error))?;
            let signed = signer(&text)?.sign(&order.to_string());
            say(signed.trim_end());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn unreadable(file: &Path, error: &io::Error) -> String {
    format!("{}: {error}", file.display())
}

fn signer(text: &str) -> Result<Signer, Failure> {
    Ok(Signer::read(text).ok_or("the file has no key that `stoa chaos key` made")?)
}

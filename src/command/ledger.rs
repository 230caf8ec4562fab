//! `stoa ledger`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::{NaiveDate, NaiveTime};
use clap::Subcommand;
use kernel::Timestamp;
use ledger::SettlementView;
use platform::audit::Actor;
use uuid::Uuid;
use verifier::{Entry, Fault, Key, WitnessKey, verify_export, verify_receipt};

use super::{Failure, say};
use crate::app::Shop;
use crate::settings::Settings;

/// The file of an export that has the checkpoint that witnesses signed.
const WITNESSED: &str = "checkpoint.witnessed";

/// What to do with the journal, and with the tamper-evident log of what was written.
#[derive(Debug, Subcommand)]
pub(super) enum Ledger {
    /// Take a settlement of the processor: what matches is posted, the rest is a difference. Exits 1 when
    /// there are differences
    Settle {
        /// The file (CSV)
        #[arg(required_unless_present = "from_processor", conflicts_with = "from_processor")]
        file: Option<PathBuf>,
        /// Ask the processor instead; nothing is taken unless it tells all
        #[arg(long, requires = "since")]
        from_processor: bool,
        /// From the beginning of this day on (UTC), e.g. 2026-11-29
        #[arg(long, requires = "from_processor")]
        since: Option<NaiveDate>,
        /// Before the beginning of this day (UTC); without it, until now
        #[arg(long, requires = "from_processor")]
        until: Option<NaiveDate>,
    },
    /// Print the public half of the key that signs: name+id+key
    Key,
    /// Seal what waits, and copy the log into a folder that `verify` checks
    Export {
        /// The folder; an older export in it is gone on with
        folder: PathBuf,
    },
    /// Check an export, without a database: exits 1 when something was changed
    Verify {
        /// The folder of the export
        export: PathBuf,
        /// A checkpoint that was kept from before: what it was signed over must be unchanged
        #[arg(long)]
        checkpoint: Option<PathBuf>,
        /// The key, name+id+key; without it, the one that lies in the export
        #[arg(long)]
        key: Option<String>,
        /// A witness that must have signed the checkpoint (--checkpoint, or else the one in the export), name+id+key; may be
        /// repeated
        #[arg(long = "witness")]
        witnesses: Vec<String>,
    },
    /// Check a receipt, without a database: exits 1 when it proves nothing
    VerifyReceipt {
        /// The file of the receipt
        file: PathBuf,
        /// The key, name+id+key; without it, this shop's own
        #[arg(long)]
        key: Option<String>,
        /// A witness that must have signed the checkpoint, name+id+key; may be repeated
        #[arg(long = "witness")]
        witnesses: Vec<String>,
    },
    /// Destroy a subject's key: what the log has of it says nothing any more, and stays proved
    Forget {
        /// A customer, a product, ...: the subject of entries of the audit log
        subject: Uuid,
    },
    /// After the database was restored from a backup: take over what is signed and not in it
    Adopt,
}

/// Works on the journal, on the log, or on what was taken out of it.
pub(super) async fn ledger(settings: Settings, what: Ledger) -> Result<ExitCode, Failure> {
    match what {
        Ledger::Verify { export, checkpoint, key, witnesses } => {
            let own = key.is_none();
            let key = given_or_in(key, &export)?;
            let witnesses = keys_of(&witnesses)?;
            let in_export = (!witnesses.is_empty()).then(|| export.join(WITNESSED));
            // What came with the export must be of all of it: else whoever made it chooses what was seen.
            let all = checkpoint.is_none() && in_export.is_some();
            let older = checkpoint.or(in_export).as_deref().map(read).transpose()?;
            let witnessed = cosigned(&witnesses, older.as_deref().unwrap_or_default());
            let verdict = witnessed.and_then(|()| verify_export(&export, &key, older.as_deref()));
            let verdict = verdict.and_then(|verified| match verified.known {
                Some(known) if all && known < verified.checkpoint.size => {
                    Err(Fault::Unseen { known, size: verified.checkpoint.size })
                }
                _ => Ok(verified),
            });
            return Ok(judged(verdict.map(|verified| {
                let size = verified.checkpoint.size;
                let known = verified.known.map_or_else(
                    || {
                        "without an older checkpoint: a log that was made anew is not found"
                            .to_owned()
                    },
                    |known| format!("the first {known} are those that were signed before"),
                );
                let trust = if own { "; the key came with the export" } else { "" };
                format!(
                    "{size} entries of {} are those that were signed; {known}{trust}",
                    key.name()
                )
            })));
        }
        Ledger::VerifyReceipt { file, key, witnesses } => {
            let key = given_or_in(key, &settings.ledger_folder())?;
            let receipt = read(&file)?;
            let note = receipt_note(&receipt);
            let witnessed = cosigned(&keys_of(&witnesses)?, note);
            let verdict = witnessed.and_then(|()| verify_receipt(&receipt, &key));
            return Ok(judged(verdict.map(|proved| {
                let entry = Entry::read(&proved.entry);
                let entry = entry.map_or_else(|| "an entry".to_owned(), |entry| entry.to_string());
                let (size, index) = (proved.checkpoint.size, proved.index);
                format!("{entry}: entry {index} of the {size} of {}", key.name())
            })));
        }
        Ledger::Settle { file: Some(file), .. } => return settle(settings, &file).await,
        Ledger::Settle { since, until, .. } => return fetch(settings, since, until).await,
        _ => {}
    }
    let notary = Shop::beside(settings).await?.notary;
    match what {
        Ledger::Key => say(notary.log().public_key()),
        Ledger::Export { folder } => {
            while notary.seal().await? {}
            notary.be_witnessed().await?;
            let head = notary.export(&folder).await?;
            say(format!("{} entries in {}", head.checkpoint.size, folder.display()));
        }
        Ledger::Forget { subject } => {
            let destroyed = notary.forget(subject, &Actor::OPERATOR).await?;
            let word = if destroyed { "is destroyed" } else { "was never made, or is destroyed" };
            say(format!("the key of {subject} {word}"));
        }
        Ledger::Adopt => {
            let adopted = notary.adopt(&Actor::OPERATOR).await?;
            say(format!("{adopted} entries are taken over; `stoa verify` finds what they miss"));
        }
        Ledger::Settle { .. } | Ledger::Verify { .. } | Ledger::VerifyReceipt { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}

async fn settle(settings: Settings, path: &Path) -> Result<ExitCode, Failure> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let csv = std::fs::read_to_string(path).map_err(|error| told(&error))?;
    let shop = Shop::beside(settings).await?;
    let settled = shop.ledger.settle(&csv, &Actor::OPERATOR).await;
    Ok(taken(&settled.map_err(|error| told(&error))?))
}

async fn fetch(
    settings: Settings,
    since: Option<NaiveDate>,
    until: Option<NaiveDate>,
) -> Result<ExitCode, Failure> {
    let shop = Shop::beside(settings).await?;
    let begin = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    let from = since.map(begin).ok_or("--since says from when on")?;
    let until = until.map_or(Timestamp::MAX_UTC, begin);
    if let Some(settled) = shop.ledger.fetch((from, until), &Actor::OPERATOR).await? {
        return Ok(taken(&settled));
    }
    say("nothing that was not told before");
    Ok(ExitCode::SUCCESS)
}

/// Says what became of a settlement.
fn taken(settled: &SettlementView) -> ExitCode {
    let (lines, posted) = (settled.lines, settled.posted);
    say(format!("{lines} lines, {posted} posted, {} differences", settled.differences));
    if settled.differences == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()).into())
}

/// The key that was given, or the one in the folder of a log.
fn given_or_in(key: Option<String>, folder: &Path) -> Result<Key, Failure> {
    let text = match key {
        Some(key) => key,
        None => String::from_utf8(read(&folder.join("key"))?)?,
    };
    Ok(Key::read(&text)?)
}

fn keys_of(witnesses: &[String]) -> Result<Vec<WitnessKey>, Failure> {
    Ok(witnesses.iter().map(|key| WitnessKey::read(key)).collect::<Result<_, _>>()?)
}

/// Whether each of the witnesses signed a checkpoint.
fn cosigned(witnesses: &[WitnessKey], note: &[u8]) -> Result<(), Fault> {
    witnesses.iter().try_for_each(|witness| witness.cosigned(note, "checkpoint").map(drop))
}

/// The checkpoint of a receipt: what is behind its first empty line.
fn receipt_note(receipt: &[u8]) -> &[u8] {
    let blank = receipt.windows(2).position(|two| two == b"\n\n");
    blank.and_then(|blank| receipt.get(blank + 2..)).unwrap_or_default()
}

/// Says what was found.
fn judged(verdict: Result<String, Fault>) -> ExitCode {
    match verdict {
        Ok(proved) => {
            say(format!("ok: {proved}"));
            ExitCode::SUCCESS
        }
        Err(fault) => {
            say(format!("BROKEN: {fault}"));
            ExitCode::FAILURE
        }
    }
}

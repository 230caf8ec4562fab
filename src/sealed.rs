//! What `stoa verify` checks of the tamper-evident log: that it is whole, and that it has the audit log and the journal.

use ledger::Ledger;
use notary::Seal;
use platform::audit::{self, Recorded, SOURCE, Sought};
use platform::seal::Note;
use platform::sql::Db;
use platform::verify::Check;
use tokio::task::spawn_blocking;
use verifier::{Fault, Key, verify_export};

use crate::app::Shop;
use crate::command::Failure;

/// How many entries of a module are compared at a time.
const PAGE: i64 = 500;

/// Compares the audit log and the journal with what is sealed of them, and the log's tables with its files, which the
/// verifier checks as it would those of an export.
pub async fn verify(shop: &Shop) -> Result<Vec<Check>, Failure> {
    let mut found = Found {
        noted: Check::new("every entry of the audit log and the journal is sealed or waits to be"),
        unchanged: Check::new("every sealed entry is there as it was written"),
    };
    // What gets a place from here on is not counted, so that a shop that runs can be looked at.
    let places = shop.notary.places().await?;
    for db in shop.databases() {
        found.audit_log(shop, db, places).await?;
    }
    found.journal(shop, places).await?;
    Ok(vec![found.noted, found.unchanged, files(shop, places).await?])
}

struct Found {
    noted: Check,
    unchanged: Check,
}

impl Found {
    async fn audit_log(&mut self, shop: &Shop, db: &Db, places: u64) -> Result<(), Failure> {
        let (sought, mut there) = (Sought::default(), 0);
        let mut after = sought.first();
        // Entries of before the log have no name; who adds one later has a higher number than those that do.
        let (mut nameless, mut named) = (i64::MIN, i64::MAX);
        loop {
            let page = audit::oldest(db, &sought, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.place();
            for entry in &page {
                match entry.id {
                    Some(_) => named = named.min(entry.seq),
                    None => nameless = nameless.max(entry.seq),
                }
            }
            let notes: Vec<Note> = page.iter().filter_map(Recorded::note).collect();
            there += self.compare(shop, (db, SOURCE), &notes, places).await?;
        }
        let told = || format!("{} has entries without a name since the log began", db.module());
        self.noted.row(nameless < named, told);
        self.count(shop, (db, SOURCE), there, places).await
    }

    async fn journal(&mut self, shop: &Shop, places: u64) -> Result<(), Failure> {
        let of = (shop.database(ledger::SCHEMA.module)?, Ledger::SOURCE);
        let (mut after, mut there) = (0, 0);
        loop {
            let (notes, last) = shop.ledger.notes(after, PAGE).await?;
            if notes.is_empty() {
                return self.count(shop, of, there, places).await;
            }
            after = last;
            there += self.compare(shop, of, &notes, places).await?;
        }
    }

    /// Compares what a source wrote down with its seals. How many have a place among those that are looked at.
    async fn compare(
        &mut self,
        shop: &Shop,
        (db, source): (&Db, &str),
        notes: &[Note],
        places: u64,
    ) -> Result<u64, Failure> {
        let mut there = 0;
        for (note, seal) in notes.iter().zip(shop.notary.seals(db, source, notes).await?) {
            let name = || format!("{} {} of {}", note.kind, note.id, db.module());
            self.noted.row(seal != Seal::Missing, name);
            if let Seal::Same(pos) | Seal::Forgotten(pos) | Seal::Changed(pos) = seal {
                there += u64::from(pos < places);
                self.unchanged.row(!matches!(seal, Seal::Changed(_)), name);
            }
        }
        Ok(there)
    }

    async fn count(
        &mut self,
        shop: &Shop,
        (db, source): (&Db, &'static str),
        there: u64,
        places: u64,
    ) -> Result<(), Failure> {
        let sealed = shop.notary.sealed_of(db, source, places).await?;
        if sealed != there {
            let module = db.module();
            self.unchanged.broken(format!("{module}: {sealed} are sealed and {there} are there"));
        }
        Ok(())
    }
}

/// The log's files, and the entries in them.
async fn files(shop: &Shop, places: u64) -> Result<Check, Failure> {
    let mut check = Check::new("every entry of the log is in the tree that its checkpoint signs");
    if shop.notary.head().await?.is_none() && places > 0 {
        check.broken("its checkpoint is gone".to_owned());
    }
    if let Some(fault) = fault(shop).await? {
        check.broken(fault.to_string());
        return Ok(check);
    }
    let (size, strangers) = shop.notary.strangers().await?;
    check.rows = size;
    for place in strangers {
        check.broken(format!("entry {place} is another one in the database"));
    }
    Ok(check)
}

/// What is wrong with the log's files. A shop that runs fills tiles and removes what they were before:
/// a fault that is not there under the next checkpoint was none.
async fn fault(shop: &Shop) -> Result<Option<Fault>, Failure> {
    let key = Key::read(&shop.notary.log().public_key())?;
    let mut head = shop.notary.head().await?;
    while head.is_some() {
        let (folder, key) = (shop.settings.ledger_folder(), key.clone());
        let verified = spawn_blocking(move || verify_export(&folder, &key, None)).await?;
        let Err(fault) = verified else { return Ok(None) };
        let next = shop.notary.head().await?;
        if next == head {
            return Ok(Some(fault));
        }
        head = next;
    }
    Ok(None)
}

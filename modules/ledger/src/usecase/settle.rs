//! Taking a file of the processor: what matches is posted, the rest is a difference.

use std::collections::HashSet;

use kernel::Timestamp;
use kernel::id::EventId;
use platform::audit::{self, Actor, Entry as Noted};
use platform::sql::Tx;
use sha2::{Digest, Sha256};

use crate::Ledger;
use crate::domain::{Difference, Found, Line, Movement, Reason, Source, lines, matched};
use crate::error::Result;
use crate::store::difference::{NewDifference, insert_differences};
use crate::store::settlement::{self, Seen, Settlement};
use crate::store::{Held, append, lock};
use crate::view::SettlementView;

/// How many things that no line told of are put on the list with one file; the next file brings the rest.
const MISSING_MAX: i64 = 20_000;

/// Takes a file; one that was taken before changes nothing, and a line that was read before is passed over.
pub(crate) async fn settle(ledger: &Ledger, csv: &str, actor: &Actor) -> Result<SettlementView> {
    let lines = lines(csv)?;
    let digest = hex::encode(Sha256::digest(csv));
    let mut tx = ledger.db.begin("ledger.settle").await?;
    let held = lock(&mut tx).await?;
    if let Some(known) = settlement::by_digest(&mut tx, &digest).await? {
        // It may be on its way to the disk in this very group.
        tx.commit().await?;
        return Ok(known.into());
    }
    let newest = lines.iter().map(|line| line.created_at).max();
    let count = lines.len();
    let told = Told { lines, from: Timestamp::UNIX_EPOCH, until: newest };
    let brought = brought(&mut tx, ledger, told).await?;
    let view = keep(&mut tx, held, Source::File, digest, count, &brought, actor).await?;
    tx.commit().await?;
    Ok(view)
}

/// What the processor told, and of which time that is all.
pub(super) struct Told {
    pub lines: Vec<Line>,
    pub from: Timestamp,
    pub until: Option<Timestamp>,
}

/// What is new of what the processor told.
pub(super) struct Brought {
    /// The lines that were not read before, and their places among all.
    pub lines: Vec<Line>,
    places: Vec<i64>,
    found: Vec<Found>,
    /// What no line told of.
    pub missing: Vec<Movement>,
}

/// Compares what the processor tells with the journal.
pub(super) async fn brought(tx: &mut Tx, ledger: &Ledger, told: Told) -> Result<Brought> {
    let seen = settlement::seen(tx, &told.lines).await?;
    let is_new = |line: &Line| seen.get(&line.id).is_none_or(|it| !it.contains(&read_as(line)));
    let new = (1..).zip(told.lines).filter(|(_, line)| is_new(line));
    let (places, new): (Vec<i64>, Vec<Line>) = new.unzip();
    let movements = settlement::movements(tx, &new).await?;
    let seen: HashSet<String> = seen.into_keys().collect();
    let found = matched(&new, &movements, seen, &ledger.terms);
    let named: HashSet<&str> = found.iter().filter_map(|found| found.movement.as_deref()).collect();
    let mut missing = missing(tx, ledger, told.from, told.until).await?;
    missing.retain(|movement| !named.contains(movement.id.as_str()));
    Ok(Brought { lines: new, places, found, missing })
}

/// Posts what matches, and keeps the rest as differences.
pub(super) async fn keep(
    tx: &mut Tx,
    mut held: Held,
    source: Source,
    digest: String,
    lines: usize,
    brought: &Brought,
    actor: &Actor,
) -> Result<SettlementView> {
    let mut entries = Vec::new();
    let (mut pairs, mut kept) = (Vec::new(), Vec::new());
    let mut differences = Vec::new();
    let each = brought.places.iter().zip(&brought.lines).zip(&brought.found);
    for ((n, line), found) in each {
        kept.push((*n, line, found.entry.is_some()));
        entries.extend(found.entry.clone());
        if let (Some(movement), Some(_)) = (&found.movement, &found.entry) {
            pairs.push((movement.as_str(), line.id.as_str()));
        }
        differences.extend(
            found.difference.clone().map(|difference| of_line(*n, line, found, difference)),
        );
    }
    append(tx, &mut held, &entries).await?;
    settlement::settle(tx, &pairs).await?;
    differences.extend(brought.missing.iter().map(of_nothing));

    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let settlement = Settlement {
        id: EventId::new().uuid(),
        source: source.word().to_owned(),
        digest,
        lines: count(lines),
        posted: count(pairs.len()),
        differences: count(differences.len()),
        imported_at: tx.now(),
    };
    settlement::insert(tx, &settlement).await?;
    settlement::insert_lines(tx, settlement.id, &kept).await?;
    insert_differences(tx, settlement.id, &differences).await?;
    let view = SettlementView::from(settlement);
    let noted = Noted::created("settlement.import", view.id, &view)?;
    audit::record(tx, actor, &[noted]).await?;
    Ok(view)
}

fn read_as(line: &Line) -> Seen {
    let (gross, fee) = (line.gross.minor(), line.fee.minor());
    (line.kind.word().to_owned(), gross, fee, line.gross.currency().code().to_owned())
}

fn of_line<'a>(
    n: i64,
    line: &'a Line,
    found: &'a Found,
    difference: Difference,
) -> NewDifference<'a> {
    NewDifference {
        n: Some(n),
        movement: found.movement.as_deref(),
        payment: line.payment_id,
        currency: line.gross.currency(),
        difference,
    }
}

fn of_nothing(movement: &Movement) -> NewDifference<'_> {
    let expected = Some(movement.kind.signed(movement.amount.minor()));
    NewDifference {
        n: None,
        movement: Some(&movement.id),
        payment: Some(movement.payment_id),
        currency: movement.amount.currency(),
        difference: Difference { reason: Reason::Missing, expected, found: None, exposed: 0 },
    }
}

/// What happened from one moment on and should have been settled before another, and of which nothing was told.
async fn missing(
    tx: &mut Tx,
    ledger: &Ledger,
    from: Timestamp,
    until: Option<Timestamp>,
) -> Result<Vec<Movement>> {
    let due = until.and_then(|until| until.checked_sub_signed(ledger.terms.patience()));
    let Some(due) = due else { return Ok(vec![]) };
    Ok(settlement::untold(tx, (from, due), MISSING_MAX).await?)
}

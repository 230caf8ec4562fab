//! Taking a file of the processor: what matches is posted, the rest is a difference.

use std::collections::HashSet;

use kernel::id::EventId;
use platform::audit::{self, Actor, Entry as Noted};
use platform::sql::Tx;
use sha2::{Digest, Sha256};

use crate::Ledger;
use crate::domain::{Difference, Found, Line, Movement, Reason, lines, matched};
use crate::error::Result;
use crate::store::settlement::{self, NewDifference, Seen, Settlement};
use crate::store::{append, lock};
use crate::view::SettlementView;

/// How many things that no line told of are put on the list with one file; the next file brings the rest.
const MISSING_MAX: i64 = 20_000;

/// Takes a file; one that was taken before changes nothing, and a line that was read before is passed over.
pub(crate) async fn settle(ledger: &Ledger, csv: &str, actor: &Actor) -> Result<SettlementView> {
    let lines = lines(csv)?;
    let digest = hex::encode(Sha256::digest(csv));
    let mut tx = ledger.db.begin("ledger.settle").await?;
    let mut held = lock(&mut tx).await?;
    if let Some(known) = settlement::by_digest(&mut tx, &digest).await? {
        // It may be on its way to the disk in this very group.
        tx.commit().await?;
        return Ok(known.into());
    }
    let seen = settlement::seen(&mut tx, &lines).await?;
    let is_new = |line: &Line| seen.get(&line.id).is_none_or(|it| !it.contains(&read_as(line)));
    let new: Vec<(i64, Line)> = (1..).zip(lines.clone()).filter(|(_, it)| is_new(it)).collect();
    let (places, new): (Vec<i64>, Vec<Line>) = new.into_iter().unzip();
    let movements = settlement::movements(&mut tx, &new).await?;
    let seen: HashSet<String> = seen.into_keys().collect();
    let found = matched(&new, &movements, seen, &ledger.terms);

    let mut entries = Vec::new();
    let (mut pairs, mut kept) = (Vec::new(), Vec::new());
    let mut differences = Vec::new();
    for ((n, line), found) in places.iter().zip(&new).zip(&found) {
        kept.push((*n, line, found.entry.is_some()));
        entries.extend(found.entry.clone());
        if let (Some(movement), Some(_)) = (&found.movement, &found.entry) {
            pairs.push((movement.as_str(), line.id.as_str()));
        }
        differences.extend(
            found.difference.clone().map(|difference| of_line(*n, line, found, difference)),
        );
    }
    append(&mut tx, &mut held, &entries).await?;
    settlement::settle(&mut tx, &pairs).await?;
    let told: HashSet<&str> = found.iter().filter_map(|found| found.movement.as_deref()).collect();
    let missing = missing(&mut tx, ledger, &lines).await?;
    let missing = missing.iter().filter(|movement| !told.contains(movement.id.as_str()));
    differences.extend(missing.map(of_nothing));

    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let settlement = Settlement {
        id: EventId::new().uuid(),
        digest,
        lines: count(lines.len()),
        posted: count(pairs.len()),
        differences: count(differences.len()),
        imported_at: tx.now(),
    };
    settlement::insert(&mut tx, &settlement).await?;
    settlement::insert_lines(&mut tx, settlement.id, &kept).await?;
    settlement::insert_differences(&mut tx, settlement.id, &differences).await?;
    let view = SettlementView::from(settlement);
    let noted = Noted::created("settlement.import", view.id, &view)?;
    audit::record(&mut tx, actor, &[noted]).await?;
    tx.commit().await?;
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

/// What should have been settled before the newest line of a file was made, and of which nothing was told.
async fn missing(tx: &mut Tx, ledger: &Ledger, lines: &[Line]) -> Result<Vec<Movement>> {
    let newest = lines.iter().map(|line| line.created_at).max();
    let due = newest.and_then(|newest| newest.checked_sub_signed(ledger.terms.patience()));
    let Some(due) = due else { return Ok(vec![]) };
    Ok(settlement::untold(tx, due, MISSING_MAX).await?)
}

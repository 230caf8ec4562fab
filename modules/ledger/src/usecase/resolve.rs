//! Taking a difference off the list: somebody has looked into it, and says what came of it.

use platform::audit::{self, Actor, Entry as Noted};
use platform::sql::Tx;
use uuid::Uuid;

use crate::Ledger;
use crate::domain::{Line, Movement, Reason, settled};
use crate::error::{Error, NOTE_MAX, Result};
use crate::store::difference::{self, DifferenceRow};
use crate::store::settlement;
use crate::store::{Held, append, lock};
use crate::view::DifferenceView;

/// Resolves a difference with a note. One that is accepted is posted as the processor told it: what it settles
/// is settled, and the rest is an adjustment.
pub(crate) async fn resolve(
    ledger: &Ledger,
    id: Uuid,
    note: &str,
    is_accepted: bool,
    actor: &Actor,
) -> Result<DifferenceView> {
    let note = note.trim();
    if note.is_empty() || note.chars().count() > NOTE_MAX {
        return Err(Error::Note);
    }
    let mut tx = ledger.db.begin("ledger.resolve").await?;
    // First of all, as whoever takes a file does.
    let mut held = lock(&mut tx).await?;
    let before = difference::difference(&mut tx, id).await?.ok_or(Error::NoDifference)?;
    if !difference::resolve(&mut tx, id, note).await? {
        return Err(Error::Resolved);
    }
    if is_accepted {
        accept(&mut tx, &mut held, &before).await?;
    }
    let gone = || platform::sql::Error::Inconsistent(format!("difference {id} is gone"));
    let after = difference::difference(&mut tx, id).await?.ok_or_else(gone)?;
    let (before, after) = (DifferenceView::try_from(before)?, DifferenceView::try_from(after)?);
    let noted = Noted::changed("difference.resolve", id, &before, &after)?;
    audit::record(&mut tx, actor, &[noted]).await?;
    tx.commit().await?;
    Ok(after)
}

async fn accept(tx: &mut Tx, held: &mut Held, difference: &DifferenceRow) -> Result<()> {
    let (Some(line), Some(n)) = (difference.line()?, difference.n) else {
        return Err(Error::NotAcceptable);
    };
    let movement = match difference.reason()? {
        Reason::Amount | Reason::Fee => match &difference.movement_id {
            Some(id) => settlement::movement(tx, id).await?,
            None => None,
        },
        // What the file told of may have been journaled since.
        Reason::OrphanCharge | Reason::OrphanRefund | Reason::OrphanDispute => {
            journaled_since(tx, &line).await?
        }
        Reason::Missing | Reason::Duplicate | Reason::Currency | Reason::Late => None,
    };
    let open = movement.filter(|movement| movement.line.is_none());
    let movement = open.ok_or(Error::NotAcceptable)?;
    append(tx, held, &[settled(&line, &movement)]).await?;
    settlement::settle(tx, &[(&movement.id, &line.id)]).await?;
    Ok(settlement::posted(tx, difference.settlement_id, n).await?)
}

/// What a line settles that was read before its event was heard of.
async fn journaled_since(tx: &mut Tx, line: &Line) -> Result<Option<Movement>> {
    let known = settlement::movements(tx, std::slice::from_ref(line)).await?;
    Ok(known.into_iter().find(|movement| {
        movement.line.is_none()
            && movement.kind == line.kind
            && movement.amount.currency() == line.gross.currency()
            && movement.kind.signed(movement.amount.minor()) == line.gross.minor()
    }))
}

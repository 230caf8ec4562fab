//! What the staff found out about an attempt to pay.

use kernel::id::DecisionId;
use platform::audit::{Actor, Entry, record};
use serde::Serialize;

use crate::Fraud;
use crate::error::{Error, Result};
use crate::store::{self, DecisionRow, Verdict};

#[derive(Serialize)]
struct Judged {
    verdict: Option<Verdict>,
}

/// Keeps a verdict. It is what the model learns from, so that a wrong one can be put right by another.
pub async fn judge(
    fraud: &Fraud,
    id: DecisionId,
    verdict: Verdict,
    actor: &Actor,
) -> Result<DecisionRow> {
    let mut tx = fraud.db.begin("fraud.judge").await?;
    let decision = store::held(&mut tx, id).await?.ok_or(Error::NotFound(id))?;
    let before = decision.verdict()?;
    if before != Some(verdict) {
        store::judge(&mut tx, id, verdict, actor.id()).await?;
        let (before, after) = (Judged { verdict: before }, Judged { verdict: Some(verdict) });
        let entry = Entry::changed("fraud.verdict", id.uuid(), &before, &after)?;
        record(&mut tx, actor, &[entry]).await?;
    }
    let decision = store::held(&mut tx, id).await?.ok_or(Error::NotFound(id))?;
    tx.commit().await?;
    Ok(decision)
}

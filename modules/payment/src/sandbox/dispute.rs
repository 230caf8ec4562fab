//! Disputes of the sandbox: they open some time after the capture of a card that is made for it, and end
//! by what the merchant says to them.

use chrono::TimeDelta;
use platform::sql::{self, Tx};

use super::commands::{no, unknown_charge};
use super::{NoAnswer, Sandbox, store};
use crate::domain::dispute::State;
use crate::processor::Outcome;

/// What the merchant says to win, and to lose at once; anything else is lost when the time is over.
const WINNING: &str = "winning_evidence";
const LOSING: &str = "losing_evidence";
/// Why holders of the sandbox's cards dispute.
const REASON: &str = "fraudulent";

impl Sandbox {
    /// Lets one thing happen whose time has come. Whether there was one.
    pub async fn tick(&self) -> sql::Result<bool> {
        if let Some(charge) = store::due_charge(&self.db).await? {
            self.open_dispute(&charge).await?;
            return Ok(true);
        }
        let Some(charge) = store::overdue(&self.db).await? else { return Ok(false) };
        let mut tx = self.db.begin("sandbox.overdue").await?;
        self.close(&mut tx, &charge, State::Lost, None).await?;
        self.wake_after(&mut tx);
        tx.commit().await?;
        Ok(true)
    }

    /// What was taken of a charge and not given back is disputed.
    async fn open_dispute(&self, id: &str) -> sql::Result<()> {
        let mut tx = self.db.begin("sandbox.dispute").await?;
        let Some(mut charge) = store::lock(&mut tx, id).await? else { return Ok(()) };
        if charge.dispute_at.take().is_none() {
            return tx.commit().await;
        }
        let amount = charge.captured_minor - charge.refunded_minor - charge.lost_minor;
        let respond_by = tx.now() + TimeDelta::seconds(self.settings.respond_s.into());
        if amount > 0
            && store::insert_dispute(&mut tx, &charge, (amount, REASON), respond_by).await?
        {
            self.tell(&mut tx, id, "dispute.opened").await?;
        }
        let status = charge.status()?;
        store::save(&mut tx, &mut charge, status).await?;
        self.wake_after(&mut tx);
        tx.commit().await
    }

    /// Takes the merchant's answer to a dispute; without evidence it gives the dispute up.
    pub(super) async fn judge(
        &self,
        tx: &mut Tx,
        id: &str,
        evidence: Option<&str>,
    ) -> Result<Outcome, NoAnswer> {
        let ended = match evidence {
            Some(WINNING) => self.close(tx, id, State::Won, evidence).await?,
            Some(LOSING) | None => self.close(tx, id, State::Lost, evidence).await?,
            Some(text) => {
                let is_read = store::review(tx, id, text).await?;
                if is_read {
                    self.tell(tx, id, "dispute.answered").await?;
                }
                is_read
            }
        };
        let Some(charge) = store::lock(tx, id).await? else { return Ok(unknown_charge()) };
        if !ended {
            return Ok(no("dispute_state", "There is no dispute that waits for an answer."));
        }
        Ok(Outcome::Approved(charge.stands(tx.now())))
    }

    /// Ends the dispute of a charge; one that is lost takes its amount away.
    async fn close(
        &self,
        tx: &mut Tx,
        id: &str,
        end: State,
        evidence: Option<&str>,
    ) -> sql::Result<bool> {
        let Some(mut charge) = store::lock(tx, id).await? else { return Ok(false) };
        let Some(dispute) = store::dispute_in(tx, id).await? else { return Ok(false) };
        if !store::close(tx, id, end, evidence).await? {
            return Ok(false);
        }
        if end == State::Lost {
            charge.lost_minor += dispute.amount;
            let status = charge.status()?;
            store::save(tx, &mut charge, status).await?;
        }
        self.tell(tx, id, "dispute.closed").await?;
        Ok(true)
    }
}

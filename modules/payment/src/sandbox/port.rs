//! What the merchant asks of the sandbox.

use async_trait::async_trait;
use kernel::card::Card;
use kernel::id::PaymentId;
use kernel::ports::{CardAcceptor, SettledLine, SettlementError, Unavailable};
use kernel::{Money, Timestamp};
use platform::webhook::Signed;

use super::behaviour::Behaviour;
use super::commands::stands;
use super::store::ChargeRow;
use super::{Command, NAME, NoAnswer, Sandbox, Told, store};
use crate::processor::{Answer, Charge, Disputed, NewCharge, News, NoNews, Outcome, Processor};

#[async_trait]
impl CardAcceptor for Sandbox {
    async fn accept(&self, token: &str, fingerprint: &str, card: &Card) -> Result<(), Unavailable> {
        let kept = store::CardRow {
            token: token.to_owned(),
            fingerprint: Some(fingerprint.to_owned()),
            brand: card.number.brand().to_owned(),
            last4: card.number.last4(),
            exp_month: card.exp_month,
            exp_year: card.exp_year,
            behaviour: Behaviour::of(card.number.expose_digits()).word().to_owned(),
        };
        store::insert_card(&self.db, &kept).await.map_err(NoAnswer::Storage)?;
        self.wait().await;
        Ok(())
    }
}

#[async_trait]
impl Processor for Sandbox {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn fingerprint(&self, token: &str) -> Result<Option<String>, Unavailable> {
        Ok(store::fingerprint(&self.db, token).await.map_err(NoAnswer::Storage)?)
    }

    async fn authorize(&self, key: &str, charge: NewCharge) -> Result<Outcome, Unavailable> {
        let NewCharge { reference, amount, token, challenge, exemption } = charge;
        let command = Command::Authorize { reference, amount, token: &token, challenge, exemption };
        Ok(self.run(key, &command).await?)
    }

    async fn capture(
        &self,
        key: &str,
        charge: &str,
        amount: Money,
    ) -> Result<Outcome, Unavailable> {
        Ok(self.run(key, &Command::Capture { charge, amount }).await?)
    }

    async fn void(&self, key: &str, charge: &str) -> Result<Outcome, Unavailable> {
        Ok(self.run(key, &Command::Void { charge }).await?)
    }

    async fn refund(&self, key: &str, charge: &str, amount: Money) -> Result<Outcome, Unavailable> {
        Ok(self.run(key, &Command::Refund { charge, amount }).await?)
    }

    async fn find(&self, key: &str, _: Option<&str>) -> Result<Option<Outcome>, Unavailable> {
        let found = store::find(&self.db, key).await.map_err(NoAnswer::Storage)?;
        let Some((answer, charge)) = found else { return Ok(None) };
        Ok(Some(stands(answer, charge, self.db.clock().now())?))
    }

    async fn answer(
        &self,
        key: &str,
        charge: &str,
        answer: Answer<'_>,
    ) -> Result<Outcome, Unavailable> {
        let evidence = match answer {
            Answer::Evidence(text) => Some(text),
            Answer::Accept => None,
        };
        Ok(self.run(key, &Command::Dispute { charge, evidence }).await?)
    }

    async fn charge(&self, id: &str) -> Result<Option<Charge>, Unavailable> {
        let found = store::charge(&self.db, id).await.map_err(NoAnswer::Storage)?;
        Ok(found.map(|row| row.stands(self.db.clock().now())))
    }

    async fn dispute(&self, charge: &str) -> Result<Option<Disputed>, Unavailable> {
        let found = store::dispute(&self.db, charge).await.map_err(NoAnswer::Storage)?;
        Ok(found)
    }

    async fn has_signed(&self, call: Signed<'_>) -> Result<bool, Unavailable> {
        let secret = self.secret().await.map_err(NoAnswer::Storage)?;
        Ok(call.is_by(secret))
    }

    async fn news(&self, call: Signed<'_>) -> Result<Option<News>, NoNews> {
        let told: Told = platform::http::from_slice(call.body)?;
        Ok(Some(News { id: call.id.to_owned(), kind: told.kind, reference: told.reference }))
    }

    async fn charges(
        &self,
        after: Option<PaymentId>,
        limit: u32,
    ) -> Result<Vec<Charge>, Unavailable> {
        let rows = store::charges(&self.db, after, limit).await.map_err(NoAnswer::Storage)?;
        let now = self.db.clock().now();
        Ok(rows.into_iter().map(|row: ChargeRow| row.stands(now)).collect())
    }

    async fn settled(
        &self,
        from: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<SettledLine>, SettlementError> {
        let lines = self.lines((from, until)).await.map_err(NoAnswer::Storage);
        let lines = lines.map_err(Unavailable::from)?;
        if lines.len() > most { Err(SettlementError::TooMany(most)) } else { Ok(lines) }
    }
}

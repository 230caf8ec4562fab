//! What payments keep about whoever pays: sealed, and gone when they are erased.

use std::sync::Arc;

use async_trait::async_trait;
use kernel::events::{CustomerErased, GuestMerged};
use kernel::id::{CustomerId, PaymentId};
use kernel::ports::{PersonKey, Purpose};
use platform::idempotency;
use platform::people::Keeps;
use platform::personal::{self, ERASED, Kept};
use platform::sql::{Db, Error, Result, Sql, Tx};
use uuid::Uuid;

use super::{PaymentRow, each, save};
use crate::domain::dispute::Dispute;
use crate::domain::payment::{CardShown, Payment};

platform::statements! {
    OF_CUSTOMER = payment!("where customer_id = $1 order by id");
    DISPUTED_OF = "select id from payment where customer_id = $1 and disputed_minor > 0 order by id";
    ADOPT = "update payment set customer_id = $2 where customer_id = $1";
    REMEMBER = "insert into merged (guest_id, customer_id) values ($1, $2) on conflict do nothing";
    /// A payment that was begun while its guest logged in may still be the guest's.
    TAKE_IN = "update payment set customer_id = $1
                where customer_id in (select guest_id from merged where customer_id = $1)";
    /// A call that ends right now is recorded before, or sees what becomes of its payment; SQLite has one writer.
    HOLD =
        "select id from payment where customer_id = $1 order by id",
        "select id from payment where customer_id = $1 order by id for update";
    ERASE_EVIDENCE = "update dispute set evidence = null, evidence_sealed = 'erased'
                       where (evidence is not null or evidence_sealed is not null)
                         and payment_id in (select id from payment where customer_id = $1)";
    /// What went wrong with their cards is no amount and no state.
    ERASE_ERRORS = "update payment_operation set error = 'erased'
                     where error is not null
                       and payment_id in (select id from payment where customer_id = $1)";
    /// Answers to the staff that show their cards.
    ERASE_ANSWERS = "delete from idempotency where (scope, key) in
                       (select o.answer_scope, o.answer_key
                          from payment p join payment_operation o on o.payment_id = p.id
                         where p.customer_id = $1 and o.ended_at is not null)";
    /// Before the payments forget what tells the cards again.
    ERASE_EXEMPTED = "delete from exempted where card in
                        (select coalesce(fingerprint, token) from payment where customer_id = $1)";
    /// A call that is open may be made again, which takes the token.
    ERASE = "update payment set card_brand = null, card_last4 = null, card_sealed = 'erased', fingerprint = null,
                    decline_code = null, decline_detail = null,
                    token = case when exists (select 1 from payment_operation o
                                               where o.payment_id = payment.id and o.state in ('started', 'unknown'))
                            then token else 'erased' end
              where customer_id = $1";
    SEALED_CARDS = platform::sealed_after!("payment", "id", "card_sealed");
    SEALED_EVIDENCE = platform::sealed_after!("dispute", "id", "evidence_sealed");
}

/// Everything that is sealed and kept, page by page.
pub const SEALED: &[Sql] = &[SEALED_CARDS, SEALED_EVIDENCE];

/// What is sealed in a row; None of what was erased.
pub fn sealed<T>(sealed: String) -> Option<Kept<T>> {
    (sealed != ERASED).then_some(Kept::Sealed(sealed))
}

/// The key of whoever pays, for what is kept about them. None when nobody knows who that is, or they were erased.
pub async fn key(db: &Db, customer: Option<CustomerId>) -> Result<Option<Arc<PersonKey>>> {
    let Some(customer) = customer else { return Ok(None) };
    match db.people()?.key(customer, Purpose::Service).await {
        Ok(key) => Ok(Some(key)),
        Err(Error::Erased) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Seals what was just learnt of a payment's card. Of somebody who was erased nothing is kept.
pub fn seal(payment: &mut Payment, key: Option<&PersonKey>) -> Result<()> {
    let (Some(_), Some(Kept::Plain(card))) = (payment.customer, &payment.card) else {
        return Ok(());
    };
    let sealed = key.map(|key| personal::seal(key, &card_of(payment.id), card)).transpose()?;
    payment.card = sealed.map(Kept::Sealed);
    Ok(())
}

/// Saves what was just learnt of a payment that is held, its card sealed; what else was learnt of somebody who was
/// erased goes as it went then. The row says that too: a key that another process destroyed may still be at hand.
pub async fn save_known(tx: &mut Tx, payment: &mut Payment, key: Option<&PersonKey>) -> Result<()> {
    seal(payment, key)?;
    save(tx, payment).await?;
    match payment.customer {
        Some(erased) if payment.is_erased || key.is_none() => let_go(tx, erased).await,
        _ => Ok(()),
    }
}

/// Opens the cards of payments, to be shown. A card whose key was destroyed is none.
pub async fn open(db: &Db, payments: &mut [Payment]) -> Result<()> {
    let sealed = payments.iter().filter_map(|payment| payment.card.as_ref()?.sealed());
    let ring = db.people()?.ring(sealed).await?;
    for payment in payments {
        if let Some(card) = payment.card.take() {
            let card: Option<CardShown> = ring.open_kept(&card_of(payment.id), card)?;
            payment.card = card.map(Kept::Plain);
        }
    }
    Ok(())
}

/// What the staff says to a dispute of a payment, as it is kept: for as long as the law wants its records kept.
pub async fn evidence(db: &Db, text: &str, payment: &Payment) -> Result<Kept<String>> {
    let Some(customer) = payment.customer else { return Ok(Kept::Plain(text.to_owned())) };
    let key = db.people()?.key(customer, Purpose::Records).await?;
    personal::seal(&key, &evidence_of(payment.id), &text).map(Kept::Sealed)
}

/// Opens what was said to a dispute, to be shown.
pub async fn open_evidence(db: &Db, dispute: &mut Dispute) -> Result<()> {
    if let Some(said) = dispute.evidence.take() {
        let place = evidence_of(dispute.payment_id);
        dispute.evidence = db.people()?.open(&place, said).await?.map(Kept::Plain);
    }
    Ok(())
}

/// The payments of a person, the first one first.
pub async fn of_customer(db: &Db, customer: CustomerId) -> Result<Vec<Payment>> {
    each(db.query(OF_CUSTOMER).bind(customer.uuid()).all::<PaymentRow>().await?)
}

/// Those of a person's payments that an open dispute is about.
pub async fn disputed_of(db: &Db, customer: CustomerId) -> Result<Vec<PaymentId>> {
    let rows: Vec<(Uuid,)> = db.query(DISPUTED_OF).bind(customer.uuid()).all().await?;
    Ok(rows.into_iter().map(|(id,)| id.into()).collect())
}

/// What becomes of payments when something happens to who paid. States, amounts and references of whoever is erased
/// stay: the books need them.
pub struct People;

#[async_trait]
impl Keeps for People {
    async fn erase(&self, tx: &mut Tx, erased: CustomerErased) -> Result<()> {
        let CustomerErased { customer_id, with_records } = erased;
        tx.query(TAKE_IN).bind(customer_id.uuid()).execute().await?;
        tx.query(HOLD).bind(customer_id.uuid()).all::<(Uuid,)>().await?;
        if with_records {
            tx.query(ERASE_EVIDENCE).bind(customer_id.uuid()).execute().await?;
        }
        tx.query(ERASE_ANSWERS).bind(customer_id.uuid()).execute().await?;
        let_go(tx, customer_id).await?;
        idempotency::forget(tx, customer_id).await
    }

    async fn adopt(&self, tx: &mut Tx, merged: GuestMerged) -> Result<()> {
        let (guest, account) = (merged.guest_id.uuid(), merged.customer_id.uuid());
        for sql in [REMEMBER, ADOPT] {
            tx.query(sql).bind(guest).bind(account).execute().await?;
        }
        Ok(())
    }
}

/// Lets go what payments of somebody say of their cards.
async fn let_go(tx: &mut Tx, customer: CustomerId) -> Result<()> {
    const ALL: [Sql; 3] = [ERASE_ERRORS, ERASE_EXEMPTED, ERASE];
    for sql in ALL {
        tx.query(sql).bind(customer.uuid()).execute().await?;
    }
    Ok(())
}

fn card_of(payment: PaymentId) -> String {
    format!("payment:{payment}:card")
}

fn evidence_of(payment: PaymentId) -> String {
    format!("payment:{payment}:evidence")
}

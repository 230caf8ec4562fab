//! What payments keep about whoever pays: sealed, and gone when they are erased.

use std::sync::Arc;

use kernel::id::{CustomerId, PaymentId};
use kernel::ports::{PersonKey, Purpose};
use platform::idempotency::{self, Answer, Key};
use platform::personal::{self, Kept};
use platform::sql::{Db, Error, Result, Sql, Tx};

use super::{PaymentRow, each};
use crate::domain::dispute::Dispute;
use crate::domain::payment::{CardShown, Payment};

platform::statements! {
    OF_CUSTOMER = payment!("where customer_id = $1 order by id");
    ADOPT = "update payment set customer_id = $2 where customer_id = $1";
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
    ERASE = "update payment set card_brand = null, card_last4 = null, card_sealed = 'erased',
                    decline_detail = case when decline_detail is not null then 'erased' end
              where customer_id = $1";
    SEALED_CARDS = platform::sealed_after!("payment", "id", "card_sealed");
    SEALED_EVIDENCE = platform::sealed_after!("dispute", "id", "evidence_sealed");
}

/// Everything that is sealed and kept, page by page.
pub const SEALED: &[Sql] = &[SEALED_CARDS, SEALED_EVIDENCE];

/// What stands in the place of what was erased.
const ERASED: &str = "erased";

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

/// What the staff says to a dispute of a payment, as it is kept.
pub fn evidence(text: &str, payment: &Payment, key: Option<&PersonKey>) -> Result<Kept<String>> {
    match (payment.customer, key) {
        (None, _) => Ok(Kept::Plain(text.to_owned())),
        (Some(_), Some(key)) => {
            personal::seal(key, &evidence_of(payment.id), &text).map(Kept::Sealed)
        }
        (Some(_), None) => Err(Error::Erased),
    }
}

/// Opens what was said to a dispute, to be shown.
pub async fn open_evidence(db: &Db, dispute: &mut Dispute) -> Result<()> {
    if let Some(said) = dispute.evidence.take() {
        let place = evidence_of(dispute.payment_id);
        dispute.evidence = db.people()?.open(&place, said).await?.map(Kept::Plain);
    }
    Ok(())
}

/// The body of a command's answer, which shows a card, as it is stored.
pub fn seal_body(key: &PersonKey, scope: &str, name: &str, body: &str) -> Result<String> {
    personal::seal(key, &answer_of(scope, name), &body)
}

/// A stored answer as it is told: JSON, whether it was sealed or not. [`Error::Erased`] when nobody can open it
/// any more.
pub async fn open_answer(db: &Db, key: &Key, answer: Answer) -> Result<Answer> {
    if answer.body.starts_with('{') {
        return Ok(answer);
    }
    let place = answer_of(&key.scope, &key.key);
    let opened = db.people()?.open(&place, Kept::Sealed(answer.body)).await?;
    Ok(Answer { status: answer.status, body: opened.ok_or(Error::Erased)? })
}

/// The payments of a person, the first one first.
pub async fn of_customer(db: &Db, customer: CustomerId) -> Result<Vec<Payment>> {
    each(db.query(OF_CUSTOMER).bind(customer.uuid()).all::<PaymentRow>().await?)
}

/// What a guest paid is paid by the account that they logged in to.
pub async fn adopt(tx: &mut Tx, guest: CustomerId, customer: CustomerId) -> Result<()> {
    tx.query(ADOPT).bind(guest.uuid()).bind(customer.uuid()).execute().await.map(drop)
}

/// Lets what is kept about somebody go. States, amounts and references stay: the books need them.
pub async fn erase(tx: &mut Tx, customer: CustomerId) -> Result<()> {
    for sql in [ERASE_EVIDENCE, ERASE_ERRORS, ERASE_ANSWERS, ERASE] {
        tx.query(sql).bind(customer.uuid()).execute().await?;
    }
    idempotency::forget(tx, customer).await
}

fn card_of(payment: PaymentId) -> String {
    format!("payment:{payment}:card")
}

fn evidence_of(payment: PaymentId) -> String {
    format!("payment:{payment}:evidence")
}

fn answer_of(scope: &str, key: &str) -> String {
    format!("answer:{scope}:{key}")
}

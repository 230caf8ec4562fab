//! What else moves money or tells of it: cards, refunds, disputes.

use hmac::{Hmac, KeyInit as _, Mac as _};
use kernel::card::Card;
use kernel::id::EventId;
use kernel::ports::CardAcceptor as _;
use sha2::Sha256;

use super::form::Form;
use super::intents::{approved, money_of};
use super::refusal::Refusal;
use super::{Face, Said, shapes};
use crate::sandbox::store::intents::{self as store, DisputeRow, IntentRow};
use crate::sandbox::{Command, store as books};

/// What Stripe calls its cards for tests (docs.stripe.com/testing), and their numbers here.
const TEST_CARDS: &[(&str, &str)] = &[
    ("pm_card_visa", "4242424242424242"),
    ("pm_card_mastercard", "5555555555554444"),
    ("pm_card_chargeDeclined", "4000000000000002"),
    ("pm_card_visa_chargeDeclined", "4000000000000002"),
    ("pm_card_chargeDeclinedInsufficientFunds", "4000000000009995"),
    ("pm_card_visa_chargeDeclinedInsufficientFunds", "4000000000009995"),
    ("pm_card_chargeDeclinedProcessingError", "4000000000000119"),
    ("pm_card_threeDSecure2Required", "4000002760003184"),
    ("pm_card_authenticationRequired", "4000002760003184"),
    ("pm_card_createDispute", "4000000000000259"),
    ("pm_card_chargeCustomerFail", "4000000000000341"),
];
/// How many years a card for tests is good from now on.
const GOOD_FOR_YEARS: i64 = 5;
/// The last month of them, and a verification code, which nobody checks.
const GOOD_UNTIL_MONTH: i64 = 12;
const ANY_CVC: &str = "123";

/// Takes a card, as Stripe's fields in the shopper's browser do.
pub async fn keep_card(face: &Face, mut form: Form) -> Said {
    if form.need("type")? != "card" {
        return Err(Refusal::parameter("type", "must be card here"));
    }
    let (number, cvc) = (form.need("card[number]")?, form.need("card[cvc]")?);
    let month =
        form.number("card[exp_month]")?.ok_or_else(|| Refusal::missing("card[exp_month]"))?;
    let year = form.number("card[exp_year]")?.ok_or_else(|| Refusal::missing("card[exp_year]"))?;
    form.end()?;
    let now = face.sandbox.db.clock().now();
    let card = Card::new(&number, month, year, &cvc, now);
    let card = card.map_err(|faults| match faults.first() {
        Some(fault) => Refusal::parameter(&format!("card[{}]", fault.field()), &fault.to_string()),
        None => Refusal::parameter("card", "cannot be used"),
    })?;
    let token = format!("pm_{}", EventId::new().uuid().simple());
    accept(face, &token, &card).await?;
    self::card(face, &token).await
}

/// Keeps one of Stripe's cards for tests when it is first named.
pub async fn know_card(face: &Face, token: &str) -> Result<(), Refusal> {
    let Some((_, number)) = TEST_CARDS.iter().find(|(name, _)| *name == token) else {
        return Ok(());
    };
    let now = face.sandbox.db.clock().now();
    let year = i64::from(chrono::Datelike::year(&now)) + GOOD_FOR_YEARS;
    let card =
        Card::new(number, GOOD_UNTIL_MONTH, year, ANY_CVC, now).map_err(|_| Refusal::broken())?;
    accept(face, token, &card).await
}

async fn accept(face: &Face, token: &str, card: &Card) -> Result<(), Refusal> {
    // What tells the card again must not tell its number.
    let mac = Hmac::<Sha256>::new_from_slice(face.settings.api_key.as_bytes());
    let mut mac = mac.map_err(|_| Refusal::broken())?;
    mac.update(card.number.expose_digits().as_bytes());
    let fingerprint = hex::encode(mac.finalize().into_bytes());
    face.sandbox.accept(token, &fingerprint, card).await.map_err(|_| Refusal::broken())
}

pub async fn card(face: &Face, token: &str) -> Said {
    know_card(face, token).await?;
    let mut tx = face.sandbox.db.begin("sandbox.card").await?;
    let found = books::card(&mut tx, token).await?;
    let found = found.ok_or_else(|| Refusal::no_such("PaymentMethod", "id"))?;
    Ok(shapes::method(&found, face.sandbox.db.clock().now()))
}

/// The PaymentIntent that a list or a command names, with its charge.
async fn charged(face: &Face, form: &mut Form) -> Result<(IntentRow, Option<String>), Refusal> {
    let id = form.need("payment_intent")?;
    let row = store::intent(&face.sandbox.db, &id).await?;
    let row = row.ok_or_else(|| Refusal::no_such("payment_intent", "payment_intent"))?;
    let charge = row.charge_id.clone();
    Ok((row, charge))
}

pub async fn refund(face: &Face, key: &str, mut form: Form) -> Said {
    let (row, charge) = charged(face, &mut form).await?;
    let amount = form.number("amount")?;
    let metadata = form.metadata();
    form.take("reason");
    form.end()?;
    let uncharged = || Refusal::wrong_state("This PaymentIntent has no successful charge.");
    let charge = charge.ok_or_else(uncharged)?;
    let rest = row.captured_minor.unwrap_or_default() - row.refunded_minor.unwrap_or_default();
    let minor = amount.unwrap_or(rest);
    let amount = money_of(&row, minor)?;
    let command = Command::Refund { charge: &charge, amount };
    approved(face.run(key, &command).await?)?;
    let db = &face.sandbox.db;
    let mut tx = db.begin("sandbox.refunded").await?;
    store::insert_refund(&mut tx, key, (&charge, minor), &metadata).await?;
    tx.commit().await?;
    let made = store::refund_of_key(db, key).await?.ok_or_else(Refusal::broken)?;
    Ok(shapes::refund(&made, &row))
}

pub async fn refunds(face: &Face, mut form: Form) -> Said {
    let (row, charge) = charged(face, &mut form).await?;
    let page = form.page()?;
    form.end()?;
    let after = page.after.as_deref();
    let charge = charge.unwrap_or_default();
    let found = store::refunds(&face.sandbox.db, &charge, after, page.limit + 1).await?;
    let shown = found.iter().map(|refund| shapes::refund(refund, &row)).collect();
    Ok(shapes::list("/v1/refunds", shown, page.limit))
}

/// The disputes of a PaymentIntent, or those that were opened in a time.
pub async fn disputes(face: &Face, mut form: Form) -> Said {
    let page = form.page()?;
    let when = form.span("created")?;
    let db = &face.sandbox.db;
    let found = if form.names("payment_intent") {
        let charge = charged(face, &mut form).await?.1.unwrap_or_default();
        form.end()?;
        store::dispute_of_charge(db, &charge).await?.into_iter().collect()
    } else {
        form.end()?;
        // Behind every id, which begins with "dp_".
        let before = page.after.as_deref().unwrap_or("e");
        store::disputes_before(db, before, when, page.limit + 1).await?
    };
    let shown = found.iter().map(|row: &DisputeRow| face.dispute(row)).collect();
    Ok(shapes::list("/v1/disputes", shown, page.limit))
}

async fn dispute_row(face: &Face, id: &str) -> Result<DisputeRow, Refusal> {
    let found = store::dispute_by_id(&face.sandbox.db, id).await?;
    found.ok_or_else(|| Refusal::no_such("dispute", "id"))
}

pub async fn dispute(face: &Face, id: &str) -> Said {
    Ok(face.dispute(&dispute_row(face, id).await?))
}

/// Takes what the merchant says to a dispute. It is sent to the bank at once.
pub async fn say_evidence(face: &Face, key: &str, id: &str, mut form: Form) -> Said {
    let text = form.need("evidence[uncategorized_text]")?;
    if form.flag("submit")? == Some(false) {
        return Err(Refusal::parameter("submit", "must be true here"));
    }
    let metadata = form.metadata();
    form.end()?;
    let row = dispute_row(face, id).await?;
    let command = Command::Dispute { charge: &row.charge_id, evidence: Some(&text) };
    approved(face.run(key, &command).await?)?;
    let mut tx = face.sandbox.db.begin("sandbox.evidence").await?;
    store::note_dispute(&mut tx, id, &metadata).await?;
    tx.commit().await?;
    dispute(face, id).await
}

/// Gives a dispute up.
pub async fn close(face: &Face, key: &str, id: &str, form: Form) -> Said {
    form.end()?;
    let row = dispute_row(face, id).await?;
    let command = Command::Dispute { charge: &row.charge_id, evidence: None };
    approved(face.run(key, &command).await?)?;
    dispute(face, id).await
}

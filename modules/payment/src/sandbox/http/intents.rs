//! PaymentIntents: made, confirmed, captured, called off, listed.

use kernel::id::PaymentId;
use kernel::{Currency, Money, Timestamp};
use platform::sql;
use sha2::{Digest, Sha256};

use super::form::Form;
use super::refusal::Refusal;
use super::shapes::{self, Expand, standing};
use super::{Face, Said, money};
use crate::processor::Outcome;
use crate::sandbox::Command;
use crate::sandbox::store::intents::{self as store, IntentRow, NewIntent};

/// Under this name a merchant notes its own id of a payment, a UUID.
const PAYMENT: &str = "payment";
const THREE_D: &str = "payment_method_options[card][request_three_d_secure]";

/// What a PaymentIntent is confirmed with.
struct Confirmation {
    method: Option<String>,
    challenge: bool,
    return_url: Option<String>,
}

impl Confirmation {
    fn of(form: &mut Form) -> Self {
        let challenge = matches!(form.take(THREE_D).as_deref(), Some("challenge" | "any"));
        Self { method: form.take("payment_method"), challenge, return_url: form.take("return_url") }
    }
}

pub async fn create(face: &Face, key: &str, mut form: Form) -> Said {
    let expand = Expand::of(&form);
    let amount = form.number("amount")?.ok_or_else(|| Refusal::missing("amount"))?;
    let currency = form.need("currency")?;
    let currency: Currency = currency
        .to_ascii_uppercase()
        .parse()
        .map_err(|_| Refusal::parameter("currency", "must be a currency"))?;
    if amount <= 0 {
        return Err(Refusal::parameter("amount", "must be more than zero"));
    }
    if form.take("capture_method").as_deref() != Some("manual") {
        return Err(Refusal::parameter("capture_method", "must be manual here"));
    }
    let is_confirmed = form.flag("confirm")?.unwrap_or(false);
    let confirmation = Confirmation::of(&mut form);
    let metadata = form.metadata();
    for told in [
        "payment_method_types[]",
        "payment_method_types[0]",
        "payment_method_options[card][request_multicapture]",
        "description",
    ] {
        form.take(told);
    }
    form.end()?;
    if let Some(method) = &confirmation.method {
        money::know_card(face, method).await?;
    }
    let db = &face.sandbox.db;
    let own = metadata.get(PAYMENT).and_then(|id| id.parse::<PaymentId>().ok());
    let new = |reference: PaymentId| NewIntent {
        key,
        reference: reference.uuid(),
        amount: Money::from_minor(amount, currency),
        payment_method: confirmation.method.as_deref(),
        challenge: confirmation.challenge,
        return_url: confirmation.return_url.as_deref(),
        metadata: &metadata,
    };
    let mut tx = db.begin("sandbox.intent").await?;
    // A merchant may note the same id twice; the sandbox's books need one of their own then.
    if !store::insert_intent(&mut tx, &new(own.unwrap_or_else(PaymentId::new))).await? {
        store::insert_intent(&mut tx, &new(PaymentId::new())).await?;
    }
    tx.commit().await?;
    let row = store::intent_of_key(db, key).await?;
    let row = row.ok_or_else(|| sql::Error::Inconsistent("an intent is not there".to_owned()))?;
    if is_confirmed { pay(face, key, row, expand).await } else { face.shown(&row, expand) }
}

pub async fn confirm(face: &Face, key: &str, id: &str, mut form: Form) -> Said {
    let expand = Expand::of(&form);
    let Confirmation { method, challenge, return_url } = Confirmation::of(&mut form);
    form.end()?;
    if let Some(method) = &method {
        money::know_card(face, method).await?;
    }
    let mut row = face.intent(id).await?;
    if row.charge_id.is_none() && row.canceled_at.is_some() {
        return Err(wrong_state(&row, face.sandbox.db.clock().now())?);
    }
    if row.charge_id.is_none() {
        row.payment_method = method.or(row.payment_method);
        row.challenge |= challenge;
        row.return_url = return_url.or(row.return_url);
        let mut tx = face.sandbox.db.begin("sandbox.confirm").await?;
        store::confirm_intent(&mut tx, &row).await?;
        tx.commit().await?;
    }
    pay(face, key, row, expand).await
}

/// Sets the amount aside, or has the shopper asked, or refuses.
async fn pay(face: &Face, key: &str, row: IntentRow, expand: Expand) -> Said {
    let token = row.payment_method.as_deref().ok_or_else(|| Refusal::missing("payment_method"))?;
    let reference = PaymentId::from(row.reference);
    let amount = money_of(&row, row.amount_minor)?;
    let challenge = row.challenge;
    let command = Command::Authorize { reference, amount, token, challenge, exemption: None };
    let outcome = face.run(key, &command).await?;
    let Outcome::Declined { code, detail } = outcome else {
        return face.shown(&face.intent(&row.id).await?, expand);
    };
    let refusal = Refusal::declined(&code, &detail);
    if refusal.status == 402 {
        let mut tx = face.sandbox.db.begin("sandbox.refused").await?;
        store::refuse_intent(&mut tx, &row.id, &code, &detail).await?;
        tx.commit().await?;
    }
    let after = face.intent(&row.id).await?;
    Err(refusal.with(face.shown(&after, expand)?))
}

pub async fn capture(face: &Face, key: &str, id: &str, mut form: Form) -> Said {
    let expand = Expand::of(&form);
    let (amount, is_last) = (form.number("amount_to_capture")?, form.flag("final_capture")?);
    let metadata = form.metadata();
    form.end()?;
    let row = face.intent(id).await?;
    let now = face.sandbox.db.clock().now();
    let Some(charge) = row.charge_id.as_deref() else { return Err(wrong_state(&row, now)?) };
    let (_, capturable) = standing(&row, now)?;
    let amount = money_of(&row, amount.unwrap_or(capturable))?;
    approved(face.run(key, &Command::Capture { charge, amount }).await?)?;
    if is_last.unwrap_or(true) {
        let void = Command::Void { charge };
        // There may be no rest, which is no refusal.
        face.run(&format!("rest:{}", hash(key)), &void).await?;
    }
    note(face, row, metadata).await?;
    face.shown(&face.intent(id).await?, expand)
}

pub async fn cancel(face: &Face, key: &str, id: &str, mut form: Form) -> Said {
    let expand = Expand::of(&form);
    form.take("cancellation_reason");
    form.end()?;
    let row = face.intent(id).await?;
    let now = face.sandbox.db.clock().now();
    let (status, _) = standing(&row, now)?;
    if matches!(status, "succeeded" | "canceled") {
        return Err(wrong_state(&row, now)?);
    }
    if let Some(charge) = row.charge_id.as_deref() {
        approved(face.run(key, &Command::Void { charge }).await?)?;
    }
    let mut tx = face.sandbox.db.begin("sandbox.cancel").await?;
    store::cancel_intent(&mut tx, id).await?;
    tx.commit().await?;
    face.shown(&face.intent(id).await?, expand)
}

pub async fn list(face: &Face, mut form: Form) -> Said {
    let expand = Expand::of(&form);
    let page = form.page()?;
    let since = form.time("created[gte]")?.unwrap_or(Timestamp::UNIX_EPOCH);
    form.end()?;
    let after = page.after.as_deref();
    let rows = store::intents_before(&face.sandbox.db, after, since, page.limit + 1).await?;
    let shown = rows.iter().map(|row| face.shown(row, expand)).collect::<Result<_, _>>()?;
    Ok(shapes::list("/v1/payment_intents", shown, page.limit))
}

/// Finds PaymentIntents by what the merchant noted as its payment; the sandbox knows no other search.
pub async fn search(face: &Face, mut form: Form) -> Said {
    let expand = Expand::of(&form);
    let query = form.need("query")?;
    let page = form.page()?;
    form.end()?;
    let wanted =
        query.strip_prefix("metadata['payment']:'").and_then(|rest| rest.strip_suffix('\''));
    let wanted: Option<PaymentId> = wanted.and_then(|id| id.parse().ok());
    let wanted =
        wanted.ok_or_else(|| Refusal::parameter("query", "must be metadata['payment']:'...'"))?;
    let found = store::intent_of_reference(&face.sandbox.db, wanted.uuid()).await?;
    let shown = found.iter().map(|row| face.shown(row, expand)).collect::<Result<_, _>>()?;
    Ok(shapes::list("/v1/payment_intents/search", shown, page.limit))
}

/// Adds to what the merchant notes at a PaymentIntent.
async fn note(face: &Face, row: IntentRow, metadata: store::Metadata) -> sql::Result<()> {
    if metadata.is_empty() {
        return Ok(());
    }
    let mut noted = row.metadata.0;
    noted.extend(metadata);
    let mut tx = face.sandbox.db.begin("sandbox.note").await?;
    store::note_intent(&mut tx, &row.id, &noted).await?;
    tx.commit().await
}

/// The sandbox's answer to a command, if it is none but yes.
pub fn approved(outcome: Outcome) -> Result<(), Refusal> {
    match outcome {
        Outcome::Approved(_) | Outcome::RequiresAction { .. } => Ok(()),
        Outcome::Declined { code, detail } => Err(Refusal::declined(&code, &detail)),
    }
}

fn wrong_state(row: &IntentRow, now: Timestamp) -> sql::Result<Refusal> {
    let (status, _) = standing(row, now)?;
    let message = format!("This PaymentIntent's status {status} does not allow it.");
    Ok(Refusal::wrong_state(message))
}

/// An amount in the currency of a PaymentIntent.
pub fn money_of(row: &IntentRow, minor: i64) -> sql::Result<Money> {
    let unknown = |_| sql::Error::Inconsistent(format!("the currency of {}", row.id));
    Ok(Money::from_minor(minor, row.currency.parse().map_err(unknown)?))
}

fn hash(key: &str) -> String {
    hex::encode(Sha256::digest(key))
}

//! What the shop asks of a processor, in Stripe's calls.

use actix_web::HttpRequest;
use async_trait::async_trait;
use kernel::id::PaymentId;
use kernel::ports::{SettledLine, SettlementError, Unavailable};
use kernel::{Money, Timestamp};
use platform::webhook::Signed;
use secrecy::ExposeSecret;

use super::client::{Form, NoAnswer};
use super::intent::{Intent, Method, Status};
use super::objects::{AUTHORIZE, CAPTURE, COMMAND, Dispute, Event, PAYMENT, Refund};
use super::{INTENTS, METHODS, NAME, Stripe, expanding, signature};
use crate::domain::dispute::State;
use crate::processor::{Answer, Charge, Disputed, NewCharge, News, NoNews, Outcome, Processor};

/// Whose smallest unit is another one at Stripe (docs.stripe.com/currencies, "Special cases").
const COUNTED_OTHERWISE: [&str; 3] = ["ISK", "MGA", "UGX"];

fn no(code: &str, detail: &str) -> Outcome {
    Outcome::Declined { code: code.to_owned(), detail: detail.to_owned() }
}

fn unknown_charge() -> Outcome {
    no("invalid_charge", "There is no such charge.")
}

/// What Stripe's events are called here; the others are kept for the staff under Stripe's name.
fn word(kind: &str) -> &str {
    match kind {
        "payment_intent.amount_capturable_updated" => "charge.authorized",
        "payment_intent.payment_failed" => "charge.declined",
        "payment_intent.canceled" => "charge.voided",
        "charge.dispute.created" => "dispute.opened",
        "charge.dispute.updated" => "dispute.answered",
        "charge.dispute.closed" => "dispute.closed",
        other => other,
    }
}

impl Stripe {
    /// Makes the PaymentIntent of a payment and confirms it at once.
    async fn create(&self, key: &str, new: &NewCharge) -> Result<Outcome, NoAnswer> {
        let mut form = expanding("expand[]", "");
        form.extend([
            ("amount", new.amount.minor().to_string()),
            ("currency", new.amount.currency().code().to_ascii_lowercase()),
            ("payment_method", new.token.clone()),
            ("payment_method_types[]", "card".to_owned()),
            ("capture_method", "manual".to_owned()),
            ("confirm", "true".to_owned()),
            ("return_url", self.return_url.clone()),
            ("payment_method_options[card][request_multicapture]", "if_available".to_owned()),
            ("metadata[payment]", new.reference.to_string()),
            ("metadata[authorize]", key.to_owned()),
        ]);
        if new.challenge {
            let three_d = "payment_method_options[card][request_three_d_secure]";
            form.push((three_d, "challenge".to_owned()));
        }
        match self.client.post::<Intent>(key, INTENTS, &form).await? {
            Ok(intent) => self.final_outcome(&intent).await,
            Err(refusal) => Ok(refusal.declined()),
        }
    }

    /// How an authorization stands that must stand somewhere.
    async fn final_outcome(&self, intent: &Intent) -> Result<Outcome, NoAnswer> {
        let outcome = self.stands(intent).await?;
        outcome.ok_or(NoAnswer::Senseless("the PaymentIntent is still being processed"))
    }

    async fn authorized(&self, key: &str, new: &NewCharge) -> Result<Outcome, NoAnswer> {
        if self.is_old(new.reference)
            && let Some(found) = self.search(new.reference, key).await?
        {
            return self.final_outcome(&found).await;
        }
        match self.create(key, new).await {
            // Its answer tells nothing any more; whether it took effect the search knows, a little later.
            Err(NoAnswer::KeySpent) => match self.search(new.reference, key).await? {
                Some(found) => self.final_outcome(&found).await,
                None => Err(NoAnswer::KeySpent),
            },
            outcome => outcome,
        }
    }

    async fn captured(&self, key: &str, id: &str, amount: Money) -> Result<Outcome, NoAnswer> {
        let Some(intent) = self.intent(id).await? else { return Ok(unknown_charge()) };
        if !intent.currency.eq_ignore_ascii_case(amount.currency().code()) {
            return Ok(no("charge_state", "There is nothing to capture in this currency."));
        }
        // A repetition would say something else of the rest, which its key does not allow.
        if intent.knows(CAPTURE, key) {
            return Ok(Outcome::Approved(self.charge_of(&intent).await?));
        }
        let mut form = expanding("expand[]", "");
        form.extend([
            ("amount_to_capture", amount.minor().to_string()),
            ("metadata[capture]", key.to_owned()),
        ]);
        // Without it Stripe lets go of the rest, which it does too where an account may capture once only.
        if amount.minor() < intent.amount_capturable && intent.is_multicapture() {
            form.push(("final_capture", "false".to_owned()));
        }
        match self.client.post::<Intent>(key, &format!("{INTENTS}/{id}/capture"), &form).await? {
            Ok(intent) => Ok(Outcome::Approved(self.charge_of(&intent).await?)),
            Err(refusal) => Ok(refusal.declined()),
        }
    }

    async fn voided(&self, key: &str, id: &str) -> Result<Outcome, NoAnswer> {
        let path = format!("{INTENTS}/{id}/cancel");
        let refusal =
            match self.client.post::<Intent>(key, &path, &expanding("expand[]", "")).await? {
                Ok(intent) => return Ok(Outcome::Approved(self.charge_of(&intent).await?)),
                Err(refusal) => refusal,
            };
        let Some(intent) = self.intent(id).await? else { return Ok(unknown_charge()) };
        let charge = self.charge_of(&intent).await?;
        // Nothing is held, as was wanted: it was let go before, or with a capture of a part.
        let is_let_go = match intent.status {
            Status::Canceled | Status::RequiresPaymentMethod => true,
            Status::Succeeded => charge.captured < charge.authorized,
            Status::RequiresAction | Status::RequiresCapture | Status::Other => false,
        };
        Ok(if is_let_go { Outcome::Approved(charge) } else { refusal.declined() })
    }

    async fn refunded(&self, key: &str, id: &str, amount: Money) -> Result<Outcome, NoAnswer> {
        // A day later Stripe has forgotten the key, and would pay back again for a shop that was restored.
        if let Some(made) = self.refund_of(key, id).await? {
            return self.after_refund(&made, id).await;
        }
        let form = vec![
            ("payment_intent", id.to_owned()),
            ("amount", amount.minor().to_string()),
            ("metadata[command]", key.to_owned()),
        ];
        match self.client.post::<Refund>(key, "/v1/refunds", &form).await? {
            Ok(refund) => self.after_refund(&refund, id).await,
            Err(refusal) => Ok(refusal.declined()),
        }
    }

    /// The refund of a PaymentIntent that the command with this key made.
    async fn refund_of(&self, key: &str, id: &str) -> Result<Option<Refund>, NoAnswer> {
        let is_of = |refund: &Refund| refund.metadata.get(COMMAND).is_some_and(|made| made == key);
        Ok(self.refunds(id).await?.into_iter().find(is_of))
    }

    async fn after_refund(&self, refund: &Refund, id: &str) -> Result<Outcome, NoAnswer> {
        if refund.has_failed() {
            return Ok(no("refund_failed", "The card's bank did not take the refund."));
        }
        self.approved(id).await
    }

    async fn approved(&self, id: &str) -> Result<Outcome, NoAnswer> {
        let Some(intent) = self.intent(id).await? else { return Ok(unknown_charge()) };
        Ok(Outcome::Approved(self.charge_of(&intent).await?))
    }

    async fn answered(&self, key: &str, id: &str, answer: Answer<'_>) -> Result<Outcome, NoAnswer> {
        let nothing = || no("dispute_state", "There is no dispute that waits for an answer.");
        let Some(dispute) = self.disputes(id).await?.into_iter().next() else {
            return Ok(nothing());
        };
        let path = format!("/v1/disputes/{}", dispute.id);
        let said = match answer {
            Answer::Evidence(text) => {
                let form: Form<'_> = vec![
                    ("evidence[uncategorized_text]", text.to_owned()),
                    ("submit", "true".to_owned()),
                    ("metadata[command]", key.to_owned()),
                ];
                self.client.post::<Dispute>(key, &path, &form).await?
            }
            Answer::Accept => {
                self.client.post::<Dispute>(key, &format!("{path}/close"), &vec![]).await?
            }
        };
        match said {
            Ok(_) => self.approved(id).await,
            // It was given up before, by this very command for all that is known.
            Err(_) if answer == Answer::Accept && dispute.state()? == State::Lost => {
                self.approved(id).await
            }
            Err(_) => Ok(nothing()),
        }
    }

    /// What became of the command with this key at a charge.
    async fn found(&self, key: &str, id: &str) -> Result<Option<Outcome>, NoAnswer> {
        let Some(intent) = self.intent(id).await? else { return Ok(None) };
        if intent.knows(AUTHORIZE, key) {
            return self.stands(&intent).await;
        }
        if intent.knows(CAPTURE, key) {
            return Ok(Some(Outcome::Approved(self.charge_of(&intent).await?)));
        }
        if intent.is_taken()
            && let Some(refund) = self.refund_of(key, id).await?
        {
            return self.after_refund(&refund, id).await.map(Some);
        }
        let is_of = |known: Option<&String>| known.is_some_and(|known| known == key);
        if intent.is_disputed()
            && self.disputes(id).await?.iter().any(|dispute| is_of(dispute.metadata.get(COMMAND)))
        {
            return Ok(Some(Outcome::Approved(self.charge_of(&intent).await?)));
        }
        Ok(None)
    }

    /// The payment that an event is about, if it is one of the shop's.
    async fn about(&self, event: &Event) -> Result<Option<PaymentId>, NoAnswer> {
        let object = &event.data.object;
        let ours = |metadata: &std::collections::BTreeMap<String, String>| {
            metadata.get(PAYMENT).and_then(|id| id.parse().ok())
        };
        if object.object == "payment_intent" {
            return Ok(ours(&object.metadata));
        }
        let Some(id) = &object.payment_intent else { return Ok(None) };
        Ok(self.intent(id).await?.and_then(|intent| ours(&intent.metadata)))
    }
}

#[async_trait]
impl Processor for Stripe {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn fingerprint(&self, token: &str) -> Result<Option<String>, Unavailable> {
        // Whoever orders says what the token is, and it becomes part of a path.
        if !token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Ok(None);
        }
        let found = self.client.get::<Method>(&format!("{METHODS}/{token}"), &Vec::new()).await?;
        Ok(found.ok().and_then(Method::fingerprint))
    }

    async fn authorize(&self, key: &str, charge: NewCharge) -> Result<Outcome, Unavailable> {
        if COUNTED_OTHERWISE.contains(&charge.amount.currency().code()) {
            return Ok(no(
                "currency_not_supported",
                "The payment cannot be made in this currency.",
            ));
        }
        Ok(self.authorized(key, &charge).await?)
    }

    async fn capture(
        &self,
        key: &str,
        charge: &str,
        amount: Money,
    ) -> Result<Outcome, Unavailable> {
        Ok(self.captured(key, charge, amount).await?)
    }

    async fn void(&self, key: &str, charge: &str) -> Result<Outcome, Unavailable> {
        Ok(self.voided(key, charge).await?)
    }

    async fn refund(&self, key: &str, charge: &str, amount: Money) -> Result<Outcome, Unavailable> {
        Ok(self.refunded(key, charge, amount).await?)
    }

    async fn answer(
        &self,
        key: &str,
        charge: &str,
        answer: Answer<'_>,
    ) -> Result<Outcome, Unavailable> {
        Ok(self.answered(key, charge, answer).await?)
    }

    async fn charge(&self, id: &str) -> Result<Option<Charge>, Unavailable> {
        Ok(match self.intent(id).await? {
            Some(intent) => Some(self.charge_of(&intent).await?),
            None => None,
        })
    }

    async fn dispute(&self, charge: &str) -> Result<Option<Disputed>, Unavailable> {
        let newest = self.disputes(charge).await?.into_iter().next();
        Ok(newest.map(|dispute| dispute.disputed(self.clock.now())).transpose()?)
    }

    fn signed<'a>(&self, request: &'a HttpRequest, body: &'a [u8]) -> Option<Signed<'a>> {
        let mut headers = request.headers().get_all(signature::HEADER);
        let header = headers.next().filter(|_| headers.next().is_none())?.to_str().ok()?;
        Some(Signed { id: "", at: signature::time_of(header)?, body, signature: header })
    }

    async fn has_signed(&self, call: Signed<'_>) -> Result<bool, Unavailable> {
        let Signed { at, body, signature: header, .. } = call;
        let is_by = |secret: &secrecy::SecretString| {
            signature::is_signed(secret.expose_secret().as_bytes(), at, body, header)
        };
        Ok(self.webhook_secrets.iter().any(is_by))
    }

    async fn news(&self, call: Signed<'_>) -> Result<Option<News>, NoNews> {
        let event: Event = platform::http::from_slice(call.body)?;
        let Some(reference) = self.about(&event).await.map_err(Unavailable::from)? else {
            return Ok(None);
        };
        Ok(Some(News { id: event.id, kind: word(&event.kind).to_owned(), reference }))
    }

    async fn find(&self, key: &str, charge: Option<&str>) -> Result<Option<Outcome>, Unavailable> {
        let Some(id) = charge else { return Ok(None) };
        Ok(self.found(key, id).await?)
    }

    async fn charges(
        &self,
        after: Option<PaymentId>,
        limit: u32,
    ) -> Result<Vec<Charge>, Unavailable> {
        let mut charges = Vec::new();
        for intent in self.intents_since(after).await? {
            if !intent.metadata.contains_key(PAYMENT) {
                continue;
            }
            let charge = self.charge_of(&intent).await?;
            if after.is_none_or(|after| charge.reference > after) {
                charges.push(charge);
            }
        }
        charges.sort_unstable_by_key(|charge| charge.reference);
        charges.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(charges)
    }

    async fn settled(
        &self,
        from: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<SettledLine>, SettlementError> {
        self.settled_between(from, until, most).await
    }
}

//! The sandbox's webhooks as Stripe's events.

use platform::webhook::CallError;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::balance;
use super::shapes::{self, Expand};
use crate::sandbox::Sandbox;
use crate::sandbox::store::{Notice, intents};
use crate::stripe::signature;

/// What Stripe calls what happened.
fn stripes(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "charge.authorized" => "payment_intent.amount_capturable_updated",
        "charge.declined" => "payment_intent.payment_failed",
        "dispute.opened" => "charge.dispute.created",
        "dispute.answered" => "charge.dispute.updated",
        "dispute.closed" => "charge.dispute.closed",
        _ => return None,
    })
}

impl Sandbox {
    /// Tells a merchant of something as Stripe would.
    pub(in crate::sandbox) async fn call_as_stripe(
        &self,
        secret: &SecretString,
        notice: &Notice,
    ) -> Result<(), CallError> {
        let kind = stripes(&notice.kind).ok_or(CallError::Unusable)?;
        let object = self.object(notice).await.ok().flatten().ok_or(CallError::Unusable)?;
        let id = format!("evt_{}", notice.id.simple());
        let body = shapes::event(&id, kind, notice.happened_at, &object).to_string().into_bytes();
        let at = self.db.clock().now().timestamp();
        let header = signature::sign(secret.expose_secret().as_bytes(), at, &body);
        let header = header.ok_or(CallError::Unusable)?;
        self.target.send(&[(signature::HEADER, &header)], body).await
    }

    /// What an event is about, as it stands now; none when it was not made over HTTP.
    async fn object(&self, notice: &Notice) -> platform::sql::Result<Option<Value>> {
        let Some(row) = intents::intent_of_reference(&self.db, notice.reference).await? else {
            return Ok(None);
        };
        let now = self.db.clock().now();
        if !notice.kind.starts_with("dispute.") {
            return shapes::intent(&row, now, "", Expand::NOTHING).map(Some);
        }
        let charge = row.charge_id.as_deref().unwrap_or_default();
        let dispute = intents::dispute_of_charge(&self.db, charge).await?;
        Ok(dispute
            .map(|dispute| shapes::dispute(&dispute, now, &balance::of_dispute(self, &dispute))))
    }
}

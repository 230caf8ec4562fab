//! The sandbox's rows as Stripe's objects (docs.stripe.com/api).

use kernel::Timestamp;
use platform::sql::Result;
use serde_json::{Value, json};

use super::form::Form;
use crate::domain::authentication::Authentication;
use crate::sandbox::store::intents::{DisputeRow, IntentRow, RefundRow};
use crate::sandbox::store::{CardRow, Status};

/// What is told with a PaymentIntent.
#[derive(Clone, Copy)]
pub struct Expand {
    pub charge: bool,
    pub method: bool,
}

impl Expand {
    pub const NOTHING: Self = Self { charge: false, method: false };

    pub fn of(form: &Form) -> Self {
        Self { charge: form.expands("latest_charge"), method: form.expands("payment_method") }
    }
}

/// A page of a list, of which one more than `limit` was read.
pub fn list(path: &str, mut data: Vec<Value>, limit: i64) -> Value {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = data.len() > limit;
    data.truncate(limit);
    json!({"object": "list", "url": path, "has_more": has_more, "data": data})
}

/// Where a PaymentIntent stands, and what of it could be captured.
pub fn standing(row: &IntentRow, now: Timestamp) -> Result<(&'static str, i64)> {
    let (authorized, captured) =
        (row.authorized_minor.unwrap_or_default(), row.captured_minor.unwrap_or_default());
    let is_held = row.authorized_until.is_none_or(|until| now < until);
    Ok(match row.charge_status()? {
        None | Some(Status::Declined) if row.canceled_at.is_some() => ("canceled", 0),
        None if row.payment_method.is_none() => ("requires_payment_method", 0),
        None => ("requires_confirmation", 0),
        Some(Status::Declined) => ("requires_payment_method", 0),
        Some(Status::RequiresAction) => ("requires_action", 0),
        Some(Status::Authorized) if is_held => ("requires_capture", authorized - captured),
        Some(Status::Authorized) if captured == 0 => ("canceled", 0),
        Some(Status::Voided) => ("canceled", 0),
        Some(Status::Authorized | Status::Captured) => ("succeeded", 0),
    })
}

/// A PaymentIntent. Challenges are answered at `origin`.
pub fn intent(row: &IntentRow, now: Timestamp, origin: &str, expand: Expand) -> Result<Value> {
    let (status, capturable) = standing(row, now)?;
    let charge = charge(row, now)?;
    let charge = if expand.charge { charge } else { charge["id"].clone() };
    let method = match (&row.payment_method, &row.brand) {
        (Some(id), Some(_)) if expand.method => {
            let shown = json!({"brand": row.brand, "exp_month": row.exp_month, "exp_year": row.exp_year,
                "fingerprint": row.fingerprint, "last4": row.last4});
            payment_method(id, row.created_at, shown)
        }
        (id, _) => json!(id),
    };
    let next_action = (status == "requires_action").then(|| {
        let url = format!("{origin}/challenge/{}", row.id);
        json!({"type": "redirect_to_url",
            "redirect_to_url": {"url": url, "return_url": row.return_url}})
    });
    let is_refused = status == "requires_payment_method" && row.charge_id.is_some();
    let error = is_refused.then(|| refused(row));
    Ok(json!({
        "id": row.id,
        "object": "payment_intent",
        "amount": row.amount_minor,
        "amount_capturable": capturable,
        "amount_details": {"tip": {}},
        "amount_received": row.captured_minor.unwrap_or_default(),
        "automatic_payment_methods": null,
        "canceled_at": row.canceled_at.map(|at| at.timestamp()),
        "cancellation_reason": (status == "canceled" && row.canceled_at.is_none()).then_some("automatic"),
        "capture_method": "manual",
        "client_secret": format!("{}_secret_{}", row.id, row.reference.simple()),
        "confirmation_method": "automatic",
        "created": row.created_at.timestamp(),
        "currency": row.currency.to_ascii_lowercase(),
        "customer": null,
        "description": null,
        "last_payment_error": error,
        "latest_charge": charge,
        "livemode": false,
        "metadata": row.metadata.0,
        "next_action": next_action,
        "payment_method": method,
        "payment_method_options": {"card": options(row)},
        "payment_method_types": ["card"],
        "processing": null,
        "receipt_email": null,
        "review": null,
        "setup_future_usage": null,
        "shipping": null,
        "source": null,
        "statement_descriptor": null,
        "statement_descriptor_suffix": null,
        "status": status,
        "transfer_data": null,
        "transfer_group": null,
    }))
}

fn options(row: &IntentRow) -> Value {
    json!({
        "installments": null, "mandate_options": null, "network": null,
        "request_multicapture": "if_available",
        "request_three_d_secure": if row.challenge { "challenge" } else { "automatic" },
    })
}

/// Why a PaymentIntent was not paid. A card that was refused says so at once; who did not authenticate later.
fn refused(row: &IntentRow) -> Value {
    let (code, detail) = match (&row.error_code, &row.error_detail) {
        (Some(code), Some(detail)) => (code.as_str(), detail.as_str()),
        _ => ("authentication_failed", "The card's holder did not authenticate."),
    };
    super::refusal::Refusal::declined(code, detail).body()["error"].clone()
}

fn billing() -> Value {
    json!({"address": {"city": null, "country": null, "line1": null, "line2": null,
        "postal_code": null, "state": null}, "email": null, "name": null, "phone": null, "tax_id": null})
}

/// A card as a payment method. `card` has what is known of it: brand, expiry, fingerprint and last digits.
fn payment_method(id: &str, at: Timestamp, mut card: Value) -> Value {
    card["display_brand"] = card["brand"].clone();
    card["checks"] = checks();
    card["funding"] = json!("credit");
    card["three_d_secure_usage"] = json!({"supported": true});
    for none in ["country", "generated_from", "networks", "regulated_status", "wallet"] {
        card[none] = Value::Null;
    }
    json!({"id": id, "object": "payment_method", "type": "card", "created": at.timestamp(), "customer": null,
        "livemode": false, "metadata": {}, "billing_details": billing(), "card": card})
}

fn checks() -> Value {
    json!({"address_line1_check": null, "address_postal_code_check": null, "cvc_check": "pass"})
}

/// The card of a charge, and until when what it set aside can be captured.
fn paid_by(
    row: &IntentRow,
    authentication: Authentication,
    authorized: i64,
    until: Option<i64>,
) -> Value {
    json!({
        "amount_authorized": authorized, "authorization_code": null, "brand": row.brand,
        "capture_before": until, "checks": checks(), "country": null,
        "exp_month": row.exp_month, "exp_year": row.exp_year, "fingerprint": row.fingerprint,
        "funding": "credit", "installments": null, "last4": row.last4, "mandate": null,
        "multicapture": {"status": "available"}, "network": row.brand,
        "network_token": {"used": false}, "network_transaction_id": null,
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": {"status": "unavailable"},
        "overcapture": {"maximum_amount_capturable": authorized, "status": "unavailable"},
        "regulated_status": null, "three_d_secure": three_d_secure(authentication), "wallet": null,
    })
}

/// How the card's holder was authenticated.
fn three_d_secure(authentication: Authentication) -> Value {
    let (flow, result) = match authentication {
        Authentication::None => return Value::Null,
        Authentication::Frictionless => (Some("frictionless"), "authenticated"),
        Authentication::Challenged => (Some("challenge"), "authenticated"),
        Authentication::Attempted => (Some("frictionless"), "attempt_acknowledged"),
        Authentication::ExemptLowValue | Authentication::ExemptLowRisk => (None, "exempted"),
    };
    json!({"authentication_flow": flow, "electronic_commerce_indicator": null, "exemption_indicator": null,
        "result": result, "result_reason": null, "transaction_id": null, "version": "2.2.0"})
}

/// The charge of a PaymentIntent; null before one was tried.
pub fn charge(row: &IntentRow, now: Timestamp) -> Result<Value> {
    let (Some(id), Some(status)) = (&row.charge_id, row.charge_status()?) else {
        return Ok(Value::Null);
    };
    let authorized = row.authorized_minor.unwrap_or_default();
    let is_failed = status == Status::Declined;
    if authorized == 0 && !is_failed {
        return Ok(Value::Null);
    }
    let captured = row.captured_minor.unwrap_or_default();
    let refunded = row.refunded_minor.unwrap_or_default();
    let held = standing(row, now)?.1 > 0;
    let until = row.authorized_until.filter(|_| held).map(|until| until.timestamp());
    Ok(json!({
        "id": id,
        "object": "charge",
        "amount": row.amount_minor,
        "amount_captured": captured,
        "amount_refunded": refunded,
        "application_fee_amount": null,
        "balance_transaction": null,
        "billing_details": billing(),
        "calculated_statement_descriptor": null,
        "captured": captured > 0,
        "created": row.created_at.timestamp(),
        "currency": row.currency.to_ascii_lowercase(),
        "customer": null,
        "description": null,
        "disputed": row.dispute_id.is_some(),
        "failure_code": row.error_code,
        "failure_message": row.error_detail,
        "fraud_details": {},
        "livemode": false,
        "metadata": row.metadata.0,
        "outcome": null,
        "paid": !is_failed,
        "payment_intent": row.id,
        "payment_method": row.payment_method,
        "payment_method_details": {"type": "card", "card": paid_by(row, row.authentication(), authorized, until)},
        "receipt_email": null,
        "receipt_number": null,
        "receipt_url": null,
        "refunded": refunded > 0 && refunded == captured,
        "review": null,
        "shipping": null,
        "source_transfer": null,
        "statement_descriptor": null,
        "statement_descriptor_suffix": null,
        "status": if is_failed { "failed" } else { "succeeded" },
        "transfer_data": null,
        "transfer_group": null,
    }))
}

/// A refund of a PaymentIntent's charge.
pub fn refund(row: &RefundRow, of: &IntentRow) -> Value {
    json!({
        "id": row.id,
        "object": "refund",
        "amount": row.amount_minor,
        "balance_transaction": null,
        "charge": row.charge_id,
        "created": row.created_at.timestamp(),
        "currency": of.currency.to_ascii_lowercase(),
        "metadata": row.metadata.0,
        "payment_intent": of.id,
        "reason": null,
        "receipt_number": null,
        "source_transfer_reversal": null,
        "status": "succeeded",
        "transfer_reversal": null,
    })
}

/// A dispute; `booked` is how its money moved.
pub fn dispute(row: &DisputeRow, now: Timestamp, booked: &[Value]) -> Value {
    let metadata = row.metadata.as_ref().map(|metadata| &metadata.0).cloned().unwrap_or_default();
    let text = &row.evidence;
    json!({
        "id": row.id,
        "object": "dispute",
        "amount": row.amount_minor,
        "balance_transactions": booked,
        "charge": row.charge_id,
        "created": row.opened_at.timestamp(),
        "currency": row.currency.to_ascii_lowercase(),
        "enhanced_eligibility_types": [],
        "evidence": {
            "access_activity_log": null, "billing_address": null, "cancellation_policy": null,
            "cancellation_policy_disclosure": null, "cancellation_rebuttal": null,
            "customer_communication": null, "customer_email_address": null, "customer_name": null,
            "customer_purchase_ip": null, "customer_signature": null,
            "duplicate_charge_documentation": null, "duplicate_charge_explanation": null,
            "duplicate_charge_id": null, "enhanced_evidence": {}, "product_description": null,
            "receipt": null, "refund_policy": null, "refund_policy_disclosure": null,
            "refund_refusal_explanation": null, "service_date": null, "service_documentation": null,
            "shipping_address": null, "shipping_carrier": null, "shipping_date": null,
            "shipping_documentation": null, "shipping_tracking_number": null,
            "uncategorized_file": null, "uncategorized_text": text,
        },
        "evidence_details": {
            "due_by": row.respond_by.timestamp(),
            "enhanced_eligibility": {},
            "has_evidence": text.is_some(),
            "past_due": row.respond_by <= now,
            "submission_count": i64::from(text.is_some()),
        },
        "is_charge_refundable": false,
        "livemode": false,
        "metadata": metadata,
        "payment_intent": row.intent_id,
        "reason": row.reason,
        "status": row.state,
    })
}

/// A card that the sandbox keeps.
pub fn method(row: &CardRow, now: Timestamp) -> Value {
    let shown = json!({"brand": row.brand, "exp_month": row.exp_month, "exp_year": row.exp_year,
        "fingerprint": row.fingerprint, "last4": row.last4});
    payment_method(&row.token, now, shown)
}

/// What a webhook says: an event about an object.
pub fn event(id: &str, kind: &str, at: Timestamp, object: &Value) -> Value {
    json!({
        "id": id,
        "object": "event",
        "api_version": crate::stripe::API_VERSION,
        "created": at.timestamp(),
        "data": {"object": object},
        "livemode": false,
        "pending_webhooks": 1,
        "request": {"id": null, "idempotency_key": null},
        "type": kind,
    })
}

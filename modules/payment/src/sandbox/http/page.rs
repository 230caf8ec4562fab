//! The 3-D Secure page of the sandbox, which stands for one of the card's bank: whoever was sent to it
//! knows the PaymentIntent's id.

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data, Path};
use platform::http::{self, Nonce};

use super::form::Form;
use super::refusal::Refusal;
use super::shapes::standing;
use super::{Face, intents};
use crate::sandbox::store::intents::IntentRow;

/// The page, with its buttons.
pub async fn show(face: Data<Face>, id: Path<String>) -> HttpResponse {
    match shown(&face, &id).await {
        Ok(page) => page,
        Err(refusal) => refusal.response(),
    }
}

/// The shopper's answer. A repeated or late one changes nothing.
pub async fn answer(face: Data<Face>, id: Path<String>, body: Bytes) -> HttpResponse {
    match answered(&face, &id, Form::parse(&body)).await {
        Ok(page) => page,
        Err(refusal) => refusal.response(),
    }
}

async fn answered(face: &Face, id: &str, mut form: Form) -> Result<HttpResponse, Refusal> {
    let approve = match form.need("outcome")?.as_str() {
        "approve" => true,
        "decline" => false,
        _ => return Err(Refusal::parameter("outcome", "must be approve or decline")),
    };
    let row = face.intent(id).await?;
    if let Some(charge) = &row.charge_id {
        let key = format!("challenge:{id}:{approve}");
        let ended = face.sandbox.challenge(&key, charge, approve).await;
        ended.map_err(|_| Refusal::broken())?;
    }
    shown(face, id).await
}

async fn shown(face: &Face, id: &str) -> Result<HttpResponse, Refusal> {
    let row = face.intent(id).await?;
    let (status, _) = standing(&row, face.sandbox.db.clock().now())?;
    let content = if status == "requires_action" {
        format!(
            "<p>Your bank asks: is this payment of {} yours?</p><form method=\"post\">\
             <button name=\"outcome\" value=\"approve\">Approve</button> \
             <button name=\"outcome\" value=\"decline\">Decline</button></form>",
            intents::money_of(&row, row.amount_minor)?
        )
    } else {
        format!("<p>The payment is {status}.</p>{}", way_back(&row))
    };
    Ok(http::page(|nonce: &Nonce| {
        format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>3-D Secure sandbox</title>\
             <style nonce=\"{nonce}\">body{{font-family:sans-serif;margin:3rem auto;max-width:30rem}}\
             </style><h1>3-D Secure sandbox</h1>{content}</html>"
        )
    }))
}

/// A link to where the merchant waits for the shopper; nothing but a web address is one.
fn way_back(row: &IntentRow) -> String {
    let url = row
        .return_url
        .as_deref()
        .filter(|url| ["https://", "http://"].iter().any(|scheme| url.starts_with(scheme)));
    url.map_or_else(String::new, |url| {
        format!("<p><a href=\"{}\">Return to the shop</a></p>", escaped(url))
    })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_way_back_is_text_of_the_merchant_and_no_markup() {
        assert_eq!(
            super::escaped("https://a/?b=\"><script>&"),
            "https://a/?b=&quot;&gt;&lt;script&gt;&amp;"
        );
    }
}

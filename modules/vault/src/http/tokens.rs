//! Cards become tokens here. No value of the request is ever repeated in an answer or an error.

use std::collections::BTreeMap;
use std::fmt;

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use kernel::Problem;
use kernel::card::Card;
use kernel::problem::code;
use platform::http::{Answer, Body, Caller};
use secrecy::{ExposeSecret, SecretString};
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::Vault;

/// The longest name of a card's holder, in characters.
const NAME_MAX: usize = 100;
/// The most fields a request may have before it is not read further.
const FIELDS_MAX: usize = 16;
/// What a request has.
const FIELDS: &[&str] = &["number", "exp_month", "exp_year", "cvc", "name"];

/// A card.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPaymentToken)]
#[expect(dead_code, reason = "it describes the request; a card is read without ever being shown")]
pub struct TokenRequest {
    /// The card's number.
    #[schema(example = "4242424242424242", pattern = "^[ -]*([0-9][ -]*){12,19}$")]
    number: String,
    /// The month it expires, 1 to 12.
    #[schema(example = 12, minimum = 1, maximum = 12)]
    exp_month: i64,
    /// The year it expires, four digits.
    #[schema(example = 2030, minimum = 1000, maximum = 9999)]
    exp_year: i64,
    /// The card verification code. It is checked for its shape and not kept.
    #[schema(example = "123", pattern = "^[0-9]{3,4}$")]
    cvc: String,
    /// The name on the card, at most 100 characters. It is not kept.
    #[schema(example = "Ada Lovelace", min_length = 1, max_length = 100)]
    name: String,
}

/// What stands for the card from now on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PaymentToken)]
pub struct TokenBody {
    /// To be named as `payment.token` of an order.
    pub token: String,
    /// The card's scheme.
    #[schema(example = "visa")]
    pub brand: String,
    /// The last four digits.
    #[schema(example = "4242")]
    pub last4: String,
    /// The month it expires.
    #[schema(example = 12)]
    pub exp_month: i64,
    /// The year it expires.
    #[schema(example = 2030)]
    pub exp_year: i64,
}

/// Exchanges a card for a token.
#[utoipa::path(
    post, path = "/v1/payment-tokens", tag = "payments", request_body = TokenRequest,
    responses((status = 201, description = "The token", body = TokenBody))
)]
pub async fn create(vault: Data<Vault>, _caller: Caller, body: Body<Field>) -> Answer {
    let card = card(body.value, vault.db.clock().now())?;
    let kept = vault.keep(card).await?;
    Ok(HttpResponse::Created().insert_header((CACHE_CONTROL, "no-store")).json(TokenBody {
        token: kept.token,
        brand: kept.brand,
        last4: kept.last4,
        exp_month: kept.exp_month,
        exp_year: kept.exp_year,
    }))
}

fn card(body: Field, now: kernel::Timestamp) -> Result<Card, Problem> {
    let Field::Object(fields) = body else {
        let detail = "Send an object with number, exp_month, exp_year, cvc and name.";
        return Err(Problem::new(code::INVALID_REQUEST, detail));
    };
    if fields.keys().any(|field| !FIELDS.contains(&field.as_str())) {
        let detail = "Only number, exp_month, exp_year, cvc and name are allowed.";
        return Err(Problem::new(code::INVALID_VALUE, detail));
    }
    let number = text(&fields, "number")?;
    let cvc = text(&fields, "cvc")?;
    let name = text(&fields, "name")?.trim();
    if !(1..=NAME_MAX).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(Problem::invalid("name", "must have 1 to 100 printable characters"));
    }
    let (month, year) = (whole(&fields, "exp_month")?, whole(&fields, "exp_year")?);
    Card::new(number, month, year, cvc, now).map_err(|faults| {
        let detail = "The card cannot be used; see the fields that are named.";
        faults.iter().fold(Problem::new(code::INVALID_VALUE, detail), |problem, fault| {
            problem.field(fault.field(), fault.to_string())
        })
    })
}

fn text<'a>(fields: &'a BTreeMap<String, Field>, name: &str) -> Result<&'a str, Problem> {
    match fields.get(name) {
        Some(Field::Text(text)) => Ok(text.expose_secret()),
        Some(Field::Whole(_) | Field::Object(_) | Field::Other) | None => {
            Err(Problem::invalid(name, "must be given, as a text"))
        }
    }
}

fn whole(fields: &BTreeMap<String, Field>, name: &str) -> Result<i64, Problem> {
    match fields.get(name) {
        Some(Field::Whole(number)) => Ok(*number),
        Some(Field::Text(_) | Field::Object(_) | Field::Other) | None => {
            Err(Problem::invalid(name, "must be given, as a whole number"))
        }
    }
}

/// Any JSON value, read so that no error can repeat it. It has no `Debug`, and texts are wiped when
/// they are dropped.
pub enum Field {
    /// A text.
    Text(SecretString),
    /// A whole number.
    Whole(i64),
    /// An object.
    Object(BTreeMap<String, Self>),
    /// Whatever else; it is not kept.
    Other,
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyField)
    }
}

struct AnyField;

impl<'de> Visitor<'de> for AnyField {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a card")
    }

    fn visit_str<E>(self, text: &str) -> Result<Field, E> {
        Ok(Field::Text(text.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Field, E> {
        Ok(Field::Whole(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Field, E> {
        Ok(i64::try_from(number).map_or(Field::Other, Field::Whole))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Field, E> {
        Ok(Field::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Field, E> {
        Ok(Field::Other)
    }

    fn visit_unit<E>(self) -> Result<Field, E> {
        Ok(Field::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Field, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Field, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, Field>()? {
            if fields.len() < FIELDS_MAX {
                fields.insert(name, value);
            }
        }
        Ok(Field::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(body: &str) -> Problem {
        let field: Field = serde_json::from_str(body).unwrap();
        card(field, "2026-03-15T12:00:00Z".parse().unwrap()).err().unwrap()
    }

    #[test]
    fn wrong_fields_are_named() {
        let fields = |body: &str| {
            let problem = refused(body);
            problem.errors.into_iter().map(|error| error.field).collect::<Vec<_>>()
        };
        assert_eq!(fields("{}"), ["number"]);
        assert_eq!(
            fields(
                r#"{"number":"4242424242424241","exp_month":13,"exp_year":2030,"cvc":"1","name":"A"}"#
            ),
            ["number", "exp_month", "cvc"]
        );
        assert_eq!(refused("[]").code, "invalid_request");
        assert_eq!(refused(r#"{"track":1}"#).code, "invalid_value");
    }

    proptest! {
        #[test]
        fn no_refusal_repeats_a_value(place in 0_usize..7) {
            const SECRET: &str = "4242424242424241";
            let bodies = [
                format!("\"{SECRET}\""),
                SECRET.to_owned(),
                format!("[{SECRET}]"),
                format!("{{\"number\":{SECRET}}}"),
                format!("{{\"number\":\"x\",\"cvc\":\"1\",\"name\":\"x\",\"exp_month\":\"{SECRET}\"}}"),
                format!("{{\"{SECRET}\":1}}"),
                format!("{{\"number\":\"{SECRET}\",\"cvc\":\"{SECRET}\",\"name\":\"{SECRET}\",\
                         \"exp_month\":{SECRET},\"exp_year\":{SECRET}}}"),
            ];
            let problem = serde_json::to_string(&refused(&bodies[place])).unwrap();
            prop_assert!(!problem.contains(SECRET), "{}", problem);
        }
    }
}

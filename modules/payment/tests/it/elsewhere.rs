//! What else speaks Stripe's API, so that the sandbox is not the only judge of itself: localstripe
//! (`scripts/with-localstripe`), and Stripe's test mode where a key is given. `make contract-stripe`.

use kernel::Clock;
use kernel::id::PaymentId;
use payment::stripe::{Settings, Stripe};
use payment::{NewCharge, Outcome, Processor as _};
use platform::sql::Db;
use serde_json::{Value, json};

use crate::shop::{APPROVED, CHALLENGE, euros, open};
use crate::stripe::{API_KEY, over_http, settings};

platform::on_both_engines!(payment::SCHEMA => the_sandbox_answers_the_subset_as_localstripe_does);

const LOCALSTRIPE: &str = "STOA_TEST_LOCALSTRIPE";
const STRIPE_KEY: &str = "STOA_TEST_STRIPE_KEY";

#[expect(clippy::disallowed_methods, reason = "a test has no settings")]
fn variable(name: &str) -> Option<String> {
    let told = std::env::var(name).ok().filter(|text| !text.is_empty());
    if told.is_none() {
        tracing::warn!("skipped: {name} is not set; run it by `make contract-stripe`");
    }
    told
}

/// Somebody with curl.
struct Caller {
    base: String,
    key: String,
    http: reqwest::Client,
}

impl Caller {
    fn new(base: &str, key: &str) -> Self {
        let wait = std::time::Duration::from_secs(30);
        let http = reqwest::Client::builder().timeout(wait).build().unwrap();
        Self { base: base.to_owned(), key: key.to_owned(), http }
    }

    async fn post(&self, path: &str, form: &str) -> (u16, Value) {
        let request = self.http.post(format!("{}/v1/{path}", self.base)).bearer_auth(&self.key);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(form.to_owned()).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn card(&self, number: &str) -> String {
        let form = format!(
            "type=card&card[number]={number}&card[exp_month]=12&card[exp_year]=2030&card[cvc]=123"
        );
        let (status, kept) = self.post("payment_methods", &form).await;
        assert_eq!(status, 200, "{kept}");
        kept["id"].as_str().unwrap().to_owned()
    }

    async fn intent(&self, card: &str) -> (String, Value) {
        let form = format!(
            "amount=1000&currency=eur&payment_method={card}&payment_method_types[]=card\
             &capture_method=manual&confirm=true&metadata[note]=x"
        );
        let (status, made) = self.post("payment_intents", &form).await;
        assert_eq!(status, 200, "{made}");
        (made["id"].as_str().unwrap().to_owned(), told(&made))
    }

    /// What both sides have to say the same of, step by step.
    async fn subset(&self) -> Vec<Value> {
        let mut said = Vec::new();
        let card = self.card(APPROVED).await;
        let (id, made) = self.intent(&card).await;
        said.push(made);
        let capture = format!("payment_intents/{id}/capture");
        let (status, taken) = self.post(&capture, "amount_to_capture=1000").await;
        said.push(json!([status, told(&taken)]));
        said.push(json!(self.post(&capture, "").await.0));
        let refund = format!("payment_intent={id}&amount=400");
        let (status, given) = self.post("refunds", &refund).await;
        said.push(json!([
            status,
            given["object"],
            given["amount"],
            given["status"],
            given["currency"]
        ]));
        let (id, _) = self.intent(&card).await;
        let (status, let_go) = self.post(&format!("payment_intents/{id}/cancel"), "").await;
        said.push(json!([status, told(&let_go)]));
        let (id, asked) = self.intent(&self.card(CHALLENGE).await).await;
        said.push(asked);
        let url = format!("{}/v1/payment_intents/{id}", self.base);
        let shown = self.http.get(&url).bearer_auth(&self.key).send().await.unwrap();
        said.push(told(&shown.json().await.unwrap()));
        said.push(json!(self.http.get(&url).send().await.unwrap().status().as_u16()));
        let unknown = self.post("payment_intents/pi_nobody/capture", "").await.0;
        said.push(json!(unknown));
        said
    }
}

fn told(intent: &Value) -> Value {
    let fields =
        ["object", "status", "amount", "currency", "capture_method", "metadata", "livemode"];
    fields.iter().map(|field| intent[*field].clone()).collect()
}

async fn the_sandbox_answers_the_subset_as_localstripe_does(db: Db) {
    let Some(base) = variable(LOCALSTRIPE) else { return };
    let socket = over_http(&open(db).await);
    let ours = Caller::new(&socket.base, API_KEY).subset().await;
    let theirs = Caller::new(&base, "sk_test_x").subset().await;
    assert_eq!(ours, theirs);
}

#[tokio::test]
async fn the_adapter_keeps_its_promises_at_stripe() {
    let Some(key) = variable(STRIPE_KEY) else { return };
    assert!(key.starts_with("sk_test_"), "a key of the test mode is wanted");
    let told = Settings { secret_key: key.into(), ..settings("https://api.stripe.com") };
    let stripe = Stripe::new(&told, Clock::system()).unwrap();
    let new = |token: &str| NewCharge {
        reference: PaymentId::new(),
        amount: euros(1_000),
        token: token.to_owned(),
        challenge: false,
        exemption: None,
    };
    let (paid, key) = (new("pm_card_visa"), PaymentId::new().to_string());
    let outcome = stripe.authorize(&key, paid.clone()).await.unwrap();
    let Outcome::Approved(charge) = outcome else { panic!("{outcome:?}") };
    assert_eq!((charge.authorized, charge.held, charge.last4.as_str()), (1_000, true, "4242"));
    assert_eq!(stripe.authorize(&key, paid).await.unwrap(), Outcome::Approved(charge.clone()));
    let id = charge.id.as_str();
    for (step, captured, refunded) in [("capture", 400, 0), ("refund", 400, 150)] {
        let own = format!("{key}:{step}");
        let outcome = match step {
            "capture" => stripe.capture(&own, id, euros(400)).await,
            _ => stripe.refund(&own, id, euros(150)).await,
        };
        let Outcome::Approved(now) = outcome.unwrap() else { panic!("{step}") };
        assert_eq!((now.captured, now.refunded), (captured, refunded), "{step}");
        assert!(stripe.find(&own, Some(id)).await.unwrap().is_some(), "{step}");
    }
    let refused = new("pm_card_chargeDeclinedInsufficientFunds");
    let outcome = stripe.authorize(&format!("{key}:refused"), refused).await.unwrap();
    let is_poor =
        matches!(&outcome, Outcome::Declined { code, .. } if code == "insufficient_funds");
    assert!(is_poor, "{outcome:?}");
}

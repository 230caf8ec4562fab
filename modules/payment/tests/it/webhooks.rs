//! What the processor tells: signed, kept once, and in whatever order it comes.

use actix_web::App;
use actix_web::test::{TestRequest, call_service, init_service};
use kernel::id::PaymentId;
use kernel::ports::Role;
use payment::Processor as _;
use platform::audit;
use platform::sql::{Db, Engine, Sql};
use platform::webhook::sign;
use serde_json::json;

use crate::http::{parsed, send};
use crate::shop::{Failing, Shop, open};

platform::on_both_engines!(payment::SCHEMA =>
    whatever_the_order_of_six_webhooks_the_end_is_the_same,
    who_is_not_the_processor_changes_nothing_and_is_noted_once_a_minute,
    what_the_shop_does_not_know_is_kept_and_seen,
);

const STATES: Sql = Sql::new("select kind, state from processor_event order by id");
const KEPT: Sql = Sql::new("select count(*) from processor_event");

impl Shop {
    fn now(&self) -> i64 {
        self.db.clock().now().timestamp()
    }

    /// A call as the sandbox makes it.
    async fn webhook(&self, id: &str, kind: &str, payment: PaymentId) -> TestRequest {
        self.webhook_at(id, kind, payment, self.now()).await
    }

    async fn webhook_at(&self, id: &str, kind: &str, payment: PaymentId, at: i64) -> TestRequest {
        let body =
            json!({"type": kind, "reference": payment, "created_at": "2026-01-01T00:00:00Z"});
        let body = body.to_string();
        let secret = self.sandbox.secret().await.unwrap();
        let signature = sign(secret, id, at, body.as_bytes()).unwrap();
        TestRequest::post()
            .uri("/v1/webhooks/sandbox")
            .insert_header(("webhook-id", id.to_owned()))
            .insert_header(("webhook-timestamp", at.to_string()))
            .insert_header(("webhook-signature", signature))
            .insert_header(("content-type", "application/json"))
            .set_payload(body)
    }

    pub async fn hears(&self, id: &str, kind: &str, payment: PaymentId) {
        let call = self.webhook(id, kind, payment).await;
        assert_eq!(send(self, None, call).await.0, 204);
    }
}

/// Every order of so many things.
fn permutations(items: &[usize]) -> Vec<Vec<usize>> {
    if items.is_empty() {
        return vec![vec![]];
    }
    let mut all = Vec::new();
    for (place, first) in items.iter().enumerate() {
        let mut rest = items.to_vec();
        rest.remove(place);
        for mut order in permutations(&rest) {
            order.insert(0, *first);
            all.push(order);
        }
    }
    all
}

/// All 720 orders on SQLite, and some on PostgreSQL, where it takes longer.
async fn whatever_the_order_of_six_webhooks_the_end_is_the_same(db: Db) {
    let step = if db.engine() == Engine::Sqlite { 1 } else { 40 };
    let shop = open(db).await;
    let (order, id) = shop.disputed().await;
    let charge = shop.charges().await[&id].id.clone();
    let app = App::new().configure(|config| shop.payments.routes(config));
    let service = init_service(app).await;
    let told = [
        ("a", "dispute.opened"),
        ("b", "dispute.answered"),
        ("c", "dispute.closed"),
        ("a", "dispute.opened"),
        ("c", "dispute.closed"),
        ("d", "charge.eaten"),
    ];
    for (round, order_of) in permutations(&[0, 1, 2, 3, 4, 5]).into_iter().step_by(step).enumerate()
    {
        for place in order_of {
            let (event, kind) = told[place];
            let call = shop.webhook(&format!("{round}/{event}"), kind, id).await;
            assert_eq!(call_service(&service, call.to_request()).await.status(), 204);
            // The bank decides while they are under way.
            if round == 0 && place == 0 {
                shop.payments.hear().await.unwrap();
                assert_eq!(shop.status(order).await, "disputed");
                let answer = payment::Answer::Evidence("losing_evidence");
                shop.sandbox.answer("bank", &charge, answer).await.unwrap();
            }
        }
        shop.payments.hear().await.unwrap();
        assert_eq!(shop.status(order).await, "lost");
    }
    let (kept,): (i64,) = shop.db.query(KEPT).one().await.unwrap();
    assert_eq!(kept, i64::try_from(720_usize.div_ceil(step)).unwrap() * 4, "each is kept once");
    let told = shop.told(id).await;
    assert_eq!(told[2..], ["payment.disputed", "payment.dispute_closed"], "each is told once");
    shop.books_hold().await;
}

async fn who_is_not_the_processor_changes_nothing_and_is_noted_once_a_minute(db: Db) {
    let shop = open(db).await;
    let (_, id) = shop.disputed().await;
    let forged = shop.webhook("x", "dispute.closed", id).await;
    let forged = forged.insert_header(("webhook-signature", "v1,AAAA"));
    let old = shop.webhook_at("y", "dispute.closed", id, shop.now() - 301).await;
    let bare = TestRequest::post().uri("/v1/webhooks/sandbox").set_json(json!({}));
    for call in [forged, old, bare] {
        let (status, body) = send(&shop, None, call).await;
        assert_eq!((status.as_u16(), &parsed(&body)["code"]), (401, &json!("unauthenticated")));
    }
    let other = TestRequest::post().uri("/v1/webhooks/nobody").set_json(json!({}));
    assert_eq!(send(&shop, None, other).await.0, 404);
    let (kept,): (i64,) = shop.db.query(KEPT).one().await.unwrap();
    assert_eq!(kept, 0);
    let about = audit::named("processor", "sandbox");
    let noted = audit::history(&shop.db, about, None, 10).await.unwrap();
    let actions: Vec<_> = noted.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["webhook.forged"]);
    // What is signed and says nothing is no attack.
    let at = shop.now();
    let secret = shop.sandbox.secret().await.unwrap();
    let empty = TestRequest::post()
        .uri("/v1/webhooks/sandbox")
        .insert_header(("webhook-id", "z"))
        .insert_header(("webhook-timestamp", at.to_string()))
        .insert_header(("webhook-signature", sign(secret, "z", at, b"{}").unwrap()))
        .insert_header(("content-type", "application/json"))
        .set_payload("{}");
    assert_eq!(send(&shop, None, empty).await.0, 422);
}

async fn what_the_shop_does_not_know_is_kept_and_seen(db: Db) {
    let shop = open(db).await;
    let (order, id) = shop.disputed().await;
    shop.hears("1", "payout.paid", id).await;
    shop.hears("2", "dispute.opened", PaymentId::new()).await;
    shop.hears("3", "dispute.opened", id).await;
    // The processor cannot be asked: what is told waits, and nothing is moved by its word alone.
    let unreachable = shop.with(Failing::Unreachable);
    unreachable.payments.hear().await.unwrap();
    let states: Vec<(String, String)> = shop.db.query(STATES).all().await.unwrap();
    let states: Vec<&str> = states.iter().map(|(_, state)| state.as_str()).collect();
    assert_eq!(states[0], "ignored");
    assert_eq!(states[1], "waiting", "there is no such payment, as far as is known");
    assert_eq!((states[2], shop.status(order).await), ("waiting", "captured"));
    let list = TestRequest::get().uri("/v1/admin/payments/processor-events?state=ignored");
    let (status, body) = send(&shop, Some(Role::Staff), list).await;
    assert_eq!((status.as_u16(), &parsed(&body)["items"][0]["type"]), (200, &json!("payout.paid")));
    let event = parsed(&body)["items"][0]["id"].as_str().unwrap().to_owned();
    let retry =
        TestRequest::post().uri(&format!("/v1/admin/payments/processor-events/{event}/retry"));
    assert_eq!(send(&shop, Some(Role::Staff), retry).await.0, 409, "it is not stuck");
}

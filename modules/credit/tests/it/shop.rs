//! A shop of which only stored value is there.

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::dev::Service as _;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, HttpMessage as _};
use async_trait::async_trait;
use credit::{Credits, Settings};
use kernel::id::{CustomerId, EventId, OrderId};
use kernel::ports::{
    Contact, Credit as _, CreditPart, CreditWish, GiftCode, People, Principal, Role, Unavailable,
};
use kernel::{Currency, Event, Money, Timestamp};
use platform::audit::Actor;
use platform::bus::Handler;
use platform::sql::Db;
use serde_json::Value;

/// Somebody with an account; nobody else has one.
pub fn ada() -> CustomerId {
    CustomerId::from(uuid::Uuid::from_u128(7))
}

struct OnlyAda;

#[async_trait]
impl People for OnlyAda {
    async fn contacts(
        &self,
        people: &[CustomerId],
    ) -> Result<HashMap<CustomerId, Contact>, Unavailable> {
        let contact = || Contact { email: "ada@lovelace.example".to_owned() };
        Ok(people.iter().filter(|id| **id == ada()).map(|id| (*id, contact())).collect())
    }
}

pub fn euros(minor: i64) -> Money {
    Money::from_minor(minor, Currency::EUR)
}

#[derive(Clone)]
pub struct Shop {
    pub credits: Credits,
}

impl Shop {
    pub fn new(db: &Db) -> Self {
        let settings = Settings { prolonged_days: 30, poll_ms: 1_000 };
        Self { credits: Credits::new(db.clone(), settings, Arc::new(OnlyAda)) }
    }

    /// A new gift card.
    pub async fn card(&self, minor: i64, until: Option<Timestamp>) -> GiftCode {
        let key = EventId::new().to_string();
        let issued = self.credits.issue(euros(minor), until, None, &key, &Actor::SYSTEM).await;
        issued.unwrap().1.expect("a code")
    }

    pub async fn left(&self, code: &GiftCode) -> i64 {
        self.credits.card(code).await.unwrap().balance().minor()
    }

    /// What a card would pay of a total.
    pub async fn cover(&self, code: &GiftCode, total: i64) -> Vec<CreditPart> {
        let wish = CreditWish { codes: vec![code.clone()], store_credit: false };
        self.credits.cover(ada(), &wish, euros(total)).await.unwrap()
    }

    /// Takes a part of a card for a new order.
    pub async fn spend(&self, code: &GiftCode, minor: i64) -> OrderId {
        let (order, parts) = (OrderId::new(), self.cover(code, minor).await);
        self.credits.spend(order, ada(), &parts).await.unwrap();
        order
    }

    /// Lets the module hear of an event.
    pub async fn hear<E: Event>(&self, event: &E) {
        let envelope = platform::testing::told(event, Timestamp::UNIX_EPOCH);
        let subscription = self.credits.subscriptions().swap_remove(0);
        let Handler::Reaction(reaction) = &subscription.handler else { panic!("not a reaction") };
        let mut tx = subscription.db.begin("hear").await.unwrap();
        reaction.apply(&mut tx, &envelope).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub async fn books_are_right(&self) {
        for check in self.credits.verify().await.unwrap() {
            assert!(check.holds(), "{check:?}");
        }
    }

    /// Asks an endpoint as Ada in a role, with a key for a command.
    pub async fn ask(&self, role: Role, request: TestRequest, key: &str) -> (u16, Value) {
        let who = Principal { id: ada(), ..platform::testing::principal(role) };
        let app = App::new().configure(|config| self.credits.routes(config)).wrap_fn(
            move |request, next| {
                request.extensions_mut().insert(who.clone());
                next.call(request)
            },
        );
        let service = init_service(app).await;
        let request = request.insert_header(("idempotency-key", key)).to_request();
        let response = call_service(&service, request).await;
        let status = response.status().as_u16();
        let body = read_body(response).await;
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    pub async fn post(&self, path: &str, key: &str, body: Value) -> (u16, Value) {
        let request = TestRequest::post().uri(path).set_json(body);
        self.ask(Role::Staff, request, key).await
    }

    pub async fn get(&self, role: Role, path: &str) -> (u16, Value) {
        self.ask(role, TestRequest::get().uri(path), "unused").await
    }
}

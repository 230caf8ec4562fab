//! A node of the shop: its modules, and the door through which it is asked.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Extensions, Service as _};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::Data;
use actix_web::{App, HttpMessage};
use credit::Credits;
use futures_util::future::LocalBoxFuture;
use inventory::Inventory;
use kernel::Timestamp;
use kernel::ports::{Principal, Role};
use ledger::Ledger;
use order::Orders;
use payment::{Payments, Sandbox};
use platform::bus::Bus;
use platform::tasks::Tasks;
use serde_json::Value;

use super::principal;
use crate::carrier::SECRET;

/// What an endpoint answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

/// One node of the shop. It dies with [`Node::kill`], and another one goes on over the same databases.
#[derive(Clone)]
pub struct Node {
    pub orders: Orders,
    pub inventory: Inventory,
    pub payments: Payments,
    pub credits: Credits,
    pub bus: Bus,
    pub(super) ledger: Ledger,
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) tasks: Tasks,
    pub(super) door: Door,
    pub(super) asked: Asked,
}

/// The modules that requests ask, and what their endpoints know them by.
#[derive(Clone)]
pub(super) struct Asked(Rc<Extensions>);

impl Asked {
    pub(super) fn new(
        orders: &Orders,
        payments: &Payments,
        inventory: &Inventory,
        ledger: &Ledger,
    ) -> Self {
        let mut asked = Extensions::new();
        asked.insert(Data::new(orders.clone()));
        asked.insert(Data::new(payments.clone()));
        asked.insert(Data::new(inventory.clone()));
        asked.insert(Data::new(ledger.clone()));
        Self(Rc::new(asked))
    }
}

/// Where the requests of all nodes come in, each for the modules that are given with it. To build it takes longer than
/// to live through a world: each of its paths is a pattern.
pub(super) type Door = Rc<dyn Fn(TestRequest, Principal, Asked) -> LocalBoxFuture<'static, Answer>>;

/// A door to the endpoints of these modules.
pub(super) async fn door(
    orders: &Orders,
    payments: &Payments,
    inventory: &Inventory,
    ledger: &Ledger,
) -> Door {
    let app = App::new()
        .configure(|config| orders.routes(config))
        .configure(|config| payments.routes(config))
        .configure(|config| inventory.routes(config))
        .configure(|config| ledger.routes(config))
        .wrap_fn(|mut request, endpoint| {
            let asked = request.extensions_mut().remove::<Asked>();
            if let Some(Asked(modules)) = asked {
                request.add_data_container(modules);
            }
            endpoint.call(request)
        });
    let app = Rc::new(init_service(app).await);
    Rc::new(move |request, who, asked| {
        let (app, request) = (app.clone(), request.to_request());
        Box::pin(async move {
            // As the gate would let it through.
            request.extensions_mut().insert(who);
            request.extensions_mut().insert(asked);
            let response = call_service(&*app, request).await;
            let status = response.status().as_u16();
            let body = serde_json::from_slice(&read_body(response).await).unwrap_or_default();
            Answer { status, body }
        })
    })
}

impl Node {
    /// Asks an endpoint.
    pub async fn ask(
        &self,
        who: &Principal,
        method: &str,
        path: &str,
        key: &str,
        body: Value,
    ) -> Answer {
        let request = TestRequest::with_uri(path).method(method.parse().unwrap());
        let request = match key {
            "" => request,
            key => request.insert_header(("idempotency-key", key)),
        };
        let request = if body.is_null() { request } else { request.set_json(body) };
        (self.door)(request, who.clone(), self.asked.clone()).await
    }

    /// Tells what a carrier tells, at this moment.
    pub async fn told(&self, id: &str, event: &Value, now: Timestamp) -> Answer {
        let (at, body) = (now.timestamp(), event.to_string().into_bytes());
        let signature = platform::webhook::sign(&SECRET, id, at, &body).unwrap();
        let request = TestRequest::with_uri("/v1/webhooks/carrier")
            .method("POST".parse().unwrap())
            .insert_header(("content-type", "application/json"))
            .insert_header(("webhook-id", id))
            .insert_header(("webhook-timestamp", at.to_string()))
            .insert_header(("webhook-signature", signature))
            .set_payload(body);
        (self.door)(request, principal(Role::Customer), self.asked.clone()).await
    }

    /// Ends at once what the node was at, wherever it stood.
    pub async fn kill(&self) {
        self.tasks.stop(Duration::ZERO).await;
    }
}

//! The switch of chaos at the ops port: `/chaos`.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::web::{self, Bytes, Data, PayloadConfig, ServiceConfig};
use kernel::Timestamp;
use kernel::id::EventId;
use kernel::problem::{Problem, code};
use platform::audit::{self, Actor, Entry, Who};
use platform::chaos::{self, Experiment};
use platform::http::Failure;
use platform::{sql, trace};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::Shop;
use crate::chaos::{Order, Refusal, Switch};

/// How long an order may be, in bytes.
const ORDER_MAX: usize = 8 << 10;
/// 1 while faults are let happen.
const ACTIVE: &str = "stoa_chaos_active";

/// What stands, as it is told.
#[derive(Serialize)]
struct Standing {
    node: String,
    /// None when nothing goes wrong on purpose.
    experiment: Option<Told>,
}

#[derive(Serialize)]
struct Told {
    id: Uuid,
    /// Milliseconds until it begins; 0 once it has.
    begins_in_ms: u128,
    /// Milliseconds until it ends.
    ends_in_ms: u128,
    faults: Vec<Value>,
}

impl Told {
    fn of(experiment: &Experiment) -> Self {
        let faults = experiment.struck().into_iter();
        let told =
            faults.map(|it| json!({"fault": it.fault.to_string(), "struck": it.times})).collect();
        Self {
            id: experiment.id(),
            begins_in_ms: experiment.begins_in().as_millis(),
            ends_in_ms: experiment.ends_in().as_millis(),
            faults: told,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let kind = match &refusal {
            Refusal::Nobody | Refusal::Unsigned => code::FORBIDDEN,
            Refusal::Unreadable(_) => code::INVALID_REQUEST,
            Refusal::Used | Refusal::Underway(_) => code::CONFLICT,
            Refusal::Elsewhere(..) | Refusal::TooLong | Refusal::Over(_) | Refusal::BeforeStart => {
                code::INVALID_VALUE
            }
        };
        Self::new(kind, format!("The order is not obeyed: {refusal}."))
    }
}

/// Adds the switch of a node.
pub fn routes(switch: Data<Switch>) -> impl FnOnce(&mut ServiceConfig) {
    metrics::gauge!(ACTIVE).set(0.0);
    move |config| {
        let chaos =
            web::resource("/chaos").app_data(switch).app_data(PayloadConfig::new(ORDER_MAX));
        let chaos = chaos.route(web::get().to(show)).route(web::put().to(begin));
        config.service(chaos.route(web::delete().to(stop)));
    }
}

async fn show(switch: Data<Switch>) -> HttpResponse {
    HttpResponse::Ok().json(shown(&switch, chaos::standing().as_deref()))
}

fn shown(switch: &Switch, experiment: Option<&Experiment>) -> Standing {
    Standing { node: switch.node().to_owned(), experiment: experiment.map(Told::of) }
}

/// Obeys an order. It is in the audit log before anything goes wrong.
async fn begin(
    shop: Data<Shop>,
    switch: Data<Switch>,
    request: HttpRequest,
    body: Bytes,
) -> Result<HttpResponse, Failure> {
    let order = switch.read(&body).map_err(Problem::from)?;
    if let Some(other) = chaos::standing() {
        return Err(Problem::from(Refusal::Underway(chaos::Underway(other.id()))).into());
    }
    let told = json!({
        "node": switch.node(), "from": order.from, "until": order.until, "seed": order.seed,
        "faults": order.faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    note(&shop, &request, "chaos.begin", order.id, &told).await?;
    let experiment = switch.obey(&order).map_err(Problem::from)?;
    let tasks = shop.tasks.clone();
    let (watched, until) = (experiment.clone(), order.until);
    shop.tasks.spawn(async move {
        tokio::select! {
            () = tasks.stopped() => {}
            () = watch(&order, &watched, until) => {}
        }
    });
    Ok(HttpResponse::Ok().json(shown(&switch, Some(&experiment))))
}

/// Says when an experiment begins and ends.
async fn watch(order: &Order, experiment: &Arc<Experiment>, until: Timestamp) {
    let stands = || chaos::standing().is_some_and(|standing| standing.id() == experiment.id());
    tokio::time::sleep(experiment.begins_in()).await;
    if !stands() {
        return;
    }
    let faults: Vec<String> = order.faults.iter().map(ToString::to_string).collect();
    tracing::warn!(id = %order.id, %until, faults = faults.join(" "), "chaos begins");
    metrics::gauge!(ACTIVE).set(1.0);
    tokio::time::sleep(experiment.ends_in()).await;
    if chaos::standing().is_none() {
        metrics::gauge!(ACTIVE).set(0.0);
    }
    tracing::warn!(id = %order.id, struck = %struck(experiment), "chaos has ended");
}

fn struck(experiment: &Experiment) -> String {
    let told = experiment.struck().into_iter().map(|it| format!("{} {}", it.fault, it.times));
    told.collect::<Vec<_>>().join(", ")
}

/// Stops at once whatever goes wrong on purpose. Nobody has to sign that.
async fn stop(
    shop: Data<Shop>,
    switch: Data<Switch>,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let Some(stopped) = chaos::stop() else {
        return Ok(HttpResponse::Ok().json(shown(&switch, None)));
    };
    metrics::gauge!(ACTIVE).set(0.0);
    tracing::warn!(id = %stopped.id(), struck = %struck(&stopped), "chaos was stopped");
    let told = Told::of(&stopped);
    let told = json!({"node": switch.node(), "faults": told.faults});
    note(&shop, &request, "chaos.stop", stopped.id(), &told).await?;
    Ok(HttpResponse::Ok().json(shown(&switch, None)))
}

/// Notes in the audit log what an operator did.
async fn note(
    shop: &Shop,
    request: &HttpRequest,
    action: &'static str,
    id: Uuid,
    told: &Value,
) -> sql::Result<()> {
    let address = request.peer_addr().map(|peer| peer.ip());
    let actor = Actor { who: Who::Operator, address };
    let entry = Entry::done(action, id, told)?;
    let noted = async {
        let mut tx = shop.database(auth::SCHEMA.module)?.begin(action).await?;
        audit::record(&mut tx, &actor, &[entry]).await?;
        tx.commit().await
    };
    trace::within(EventId::new().to_string(), noted).await
}

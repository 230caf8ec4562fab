//! The ops port: is it alive, is it ready, what are the figures.

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use futures_util::future::join_all;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde::Serialize;

use crate::app::Shop;
#[cfg(feature = "chaos")]
use crate::chaos::Switch;
use crate::command::Failure;

/// How long a database may take to answer: whoever asks whether a node is ready does not wait for long either.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// Lets the figures be collected.
pub fn install_metrics() -> Result<PrometheusHandle, metrics_exporter_prometheus::BuildError> {
    PrometheusBuilder::new().install_recorder()
}

#[derive(Serialize)]
struct Dependency {
    name: String,
    ready: bool,
}

/// The server of the ops port, and the addresses it is bound to.
pub fn serve(shop: &Shop, metrics: PrometheusHandle) -> Result<(Server, Vec<SocketAddr>), Failure> {
    let (shop, listen) = (shop.clone(), shop.settings.server.ops_listen);
    #[cfg(feature = "chaos")]
    let switch = Data::new(Switch::new(&shop.settings.chaos.public_key, shop.node())?);
    let server = HttpServer::new(move || {
        let app = App::new()
            .app_data(Data::new(shop.clone()))
            .app_data(Data::new(metrics.clone()))
            .route("/health/live", web::get().to(HttpResponse::Ok))
            .route("/health/ready", web::get().to(ready))
            .route("/about", web::get().to(about))
            .route("/metrics", web::get().to(figures));
        #[cfg(feature = "chaos")]
        let app = app.configure(super::chaos::routes(switch.clone()));
        app
    });
    let server = server.workers(1).disable_signals().bind(listen)?;
    let addresses = server.addrs();
    Ok((server.run(), addresses))
}

/// 200 when every dependency answers in time, else 503; both name each dependency.
async fn ready(shop: Data<Shop>) -> HttpResponse {
    let asked = shop.databases().iter().map(|db| async move {
        let answered = tokio::time::timeout(ANSWERS_WITHIN, db.ping()).await;
        let ready = answered.is_ok_and(|answered| answered.is_ok());
        Dependency { name: format!("database {}", db.module()), ready }
    });
    let mut dependencies = join_all(asked).await;
    if !shop.settings.is_vault_alone() {
        let searches = shop.catalog.can_search();
        dependencies.push(Dependency { name: "search index".to_owned(), ready: searches });
    }
    let stopping = shop.is_leaving();
    dependencies.push(Dependency { name: "not stopping".to_owned(), ready: !stopping });
    if dependencies.iter().all(|dependency| dependency.ready) {
        HttpResponse::Ok().json(dependencies)
    } else {
        HttpResponse::ServiceUnavailable().json(dependencies)
    }
}

/// What kind of shop this is.
#[derive(Serialize)]
struct About {
    version: &'static str,
    /// Whether it may be attacked.
    test_shop: bool,
}

async fn about(shop: Data<Shop>) -> HttpResponse {
    let test_shop = shop.settings.server.test_shop;
    HttpResponse::Ok().json(About { version: env!("CARGO_PKG_VERSION"), test_shop })
}

async fn figures(shop: Data<Shop>, metrics: Data<PrometheusHandle>) -> HttpResponse {
    for subscription in shop.bus.subscriptions() {
        for source in subscription.sources() {
            let Ok(from) = shop.bus.publisher(source) else { continue };
            if let Ok(lag) = platform::bus::lag(subscription, source, from).await {
                let labels = [("subscription", subscription.name), ("source", source)];
                // A gauge is a float; a lag of 2^52 events has other problems.
                #[expect(clippy::cast_precision_loss, reason = "see above")]
                metrics::gauge!("bus_lag_events", &labels).set((lag.last - lag.pos) as f64);
            }
        }
    }
    if let Ok(Some(ago)) = shop.ledger.fetched_ago().await {
        metrics::gauge!("settlements_fetched_seconds_ago").set(ago.as_seconds_f64());
    }
    metrics.run_upkeep();
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(metrics.render())
}

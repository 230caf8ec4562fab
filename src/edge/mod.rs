//! The edge: what every request passes before it reaches a module.

mod audit;
#[cfg(feature = "chaos")]
mod chaos;
mod client;
mod connection;
mod cors;
mod description;
mod figures;
mod firewall;
mod gate;
mod headers;
mod host;
mod ops;
mod pages;
mod redirect;
mod refusals;
mod request_id;
mod route;
mod shedding;
mod throttle;
mod tls;
mod tree;
mod web;

use ipnet::IpNet;
use serde::Deserialize;
use utoipa::openapi::OpenApi;

pub use audit::routes as audit_routes;
pub use client::ProxyHeader;
pub use connection::Connections;
pub use gate::{Gate, GateError, gate};
pub use ops::{install_metrics, serve as serve_ops};
pub use pages::routes;
pub use redirect::serve as serve_redirect;
use route::Table;
pub use route::{Access, Caching, Route, TableError};
pub use shedding::Shedding;
pub use tls::{Certificates, Settings as Tls, TlsError};
pub use web::Web;

/// How the edge is set up.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// The networks of proxies that are believed when they tell whom they speak for.
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which they tell it.
    pub proxy_header: ProxyHeader,
    /// Whether `per_second` of the routes counts.
    pub throttle: bool,
    /// How many requests may be answered at the same time, a quarter of them essential; further ones
    /// get 503 at once.
    pub in_flight_max: usize,
    /// How long a queue of the shop may make everybody wait before fewer requests are answered at the
    /// same time, in milliseconds; 0 looks at no queue.
    pub queue_target_ms: u64,
    /// Whether a route of `mfa` asks for no second factor, so that guests can order.
    pub guest_checkout: bool,
    /// Whether whoever works in the shop needs a second factor for everything of the staff.
    pub staff_second_factor: bool,
    /// Which pages of other origins may read answers.
    pub cors: cors::Settings,
    /// What is refused as an attack.
    pub firewall: ::firewall::Settings,
    /// The table of routes, as written.
    pub routes: Vec<Route>,
}

impl Edge {
    /// The routes as they count.
    fn effective_routes(&self) -> Vec<Route> {
        let relaxed = |route: &Route| match route.access {
            Access::Mfa if self.guest_checkout => {
                Route { access: Access::Required, ..route.clone() }
            }
            _ => route.clone(),
        };
        self.routes.iter().map(relaxed).collect()
    }
}

/// The description of the whole API under these settings; refused like the gate.
pub fn description(edge: &Edge) -> Result<OpenApi, TableError> {
    let table = Table::new(edge.effective_routes(), &pages::endpoints())?;
    Ok(pages::description(&table, edge.staff_second_factor))
}

/// A line for each endpoint of the program with what its route says; refused like the gate.
pub fn listed(edge: &Edge) -> Result<Vec<String>, TableError> {
    route::listed(edge.effective_routes(), &pages::endpoints())
}

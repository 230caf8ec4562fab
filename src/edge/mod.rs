//! The edge: what every request passes before it reaches a module.

mod client;
mod connection;
mod cors;
mod figures;
mod firewall;
mod gate;
mod headers;
mod host;
mod ops;
mod pages;
mod redirect;
mod request_id;
mod route;
mod throttle;
mod tls;
mod web;

use ipnet::IpNet;
use serde::Deserialize;

pub use client::ProxyHeader;
pub use connection::Connections;
pub use gate::{Gate, GateError, gate};
pub use ops::{install_metrics, serve as serve_ops};
pub use pages::{openapi, routes};
pub use redirect::serve as serve_redirect;
pub use route::{Access, Route, TableError};
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
    /// How many requests may be answered at the same time; further ones get 503 at once.
    pub in_flight_max: usize,
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

/// A line for each endpoint of the program with what its route says; refused like the gate.
pub fn listed(edge: &Edge) -> Result<Vec<String>, TableError> {
    route::listed(edge.effective_routes(), &pages::endpoints())
}

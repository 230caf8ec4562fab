//! The edge: what every request passes before it reaches a module.

mod client;
mod figures;
mod gate;
mod headers;
mod ops;
mod pages;
mod route;
mod throttle;

use ipnet::IpNet;
use serde::Deserialize;

pub use client::ProxyHeader;
pub use gate::{Gate, gate};
pub use ops::{install_metrics, serve as serve_ops};
pub use pages::{openapi, routes};
pub use route::{Access, Route, TableError};

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
    /// The table of routes.
    pub routes: Vec<Route>,
}

/// A line for each endpoint of the program with what its route says; refused like the gate.
pub fn listed(edge: &Edge) -> Result<Vec<String>, TableError> {
    route::listed(edge.routes.clone(), &pages::endpoints())
}

//! `/v1/admin/stock`: what the staff see and change.

mod problem;
mod stock;

pub(crate) use stock::{openapi, routes};

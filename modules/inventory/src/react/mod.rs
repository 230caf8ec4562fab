//! What the inventory does when others publish, one file for each subscription.

mod orders;
mod products;

pub(crate) use orders::Orders;
pub(crate) use products::Products;

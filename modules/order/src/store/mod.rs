//! The module's rows.

pub mod cart;
pub mod coupon;
pub mod orders;
pub mod shipment;

//! The rules of orders: pure, without I/O, clock or randomness.

pub mod address;
pub mod after_sale;
pub mod cart;
pub mod change_state;
pub mod contact;
pub mod covered;
pub mod difference;
pub mod discount;
pub mod edit;
pub mod exchange;
pub mod inspection;
pub mod invoice;
pub mod number;
pub mod order;
pub mod promotion;
pub mod rate;
pub mod share;
pub mod sheet;
pub mod shipment;
pub mod shipping;
pub mod spread;
pub mod status;
pub mod tax;
pub mod timeline;
pub mod totals;
pub mod tracking;

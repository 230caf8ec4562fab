//! What can be done with carts and orders.

pub mod advance;
pub mod call_off;
pub mod cancel_lines;
pub mod carrier;
pub mod cart;
pub mod changed;
pub mod credit;
pub mod edit;
pub mod exchange;
pub mod import_taxes;
pub mod invoice;
pub mod personal;
pub mod place;
pub mod promotions;
pub mod quote;
pub mod refund;
pub mod remembered;
pub mod returns;
pub mod saved;
pub mod ship;
pub mod shipping;
pub mod timeline;

//! The module's rows.

pub mod balance;
pub mod books;
pub mod carrier;
pub mod cart;
pub mod change;
pub mod edit;
pub mod exchange;
pub mod invoice;
pub mod lines;
pub mod orders;
pub mod personal;
pub mod promotion;
pub mod saved;
pub mod shipment;
pub mod shipping;
pub mod tax;

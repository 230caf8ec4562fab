//! The module's sagas.

pub mod checkout;
pub mod give_back;

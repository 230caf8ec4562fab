//! The module's sagas.

pub mod checkout;
pub mod edit;
pub mod give_back;

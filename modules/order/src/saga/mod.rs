//! The module's sagas.

pub mod checkout;
pub mod edit;
pub mod exchange;
pub mod give_back;
pub mod replacement;

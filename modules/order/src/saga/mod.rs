//! The module's sagas.

pub mod checkout;
pub mod edit;

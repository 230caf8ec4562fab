//! The module's sagas.

pub mod checkout;

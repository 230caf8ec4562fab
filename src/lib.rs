//! Stoa: an online shop's whole back end in one program.

pub mod app;
mod audit;
pub mod backup;
pub mod books;
#[cfg(feature = "chaos")]
mod chaos;
mod checks;
pub mod command;
pub mod demo;
mod doctor;
pub mod edge;
mod mailer;
pub mod moving;
mod sealed;
pub mod settings;

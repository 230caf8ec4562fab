//! What the figures are made of, one file for each subscription.

mod sales;
mod searches;

pub(crate) use sales::Sales;
pub(crate) use searches::Searches;

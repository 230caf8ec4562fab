//! What the figures are made of, one file for each subscription.

mod sales;

pub(crate) use sales::Sales;

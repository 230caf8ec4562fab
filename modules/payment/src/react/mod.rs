//! What payments do when something happens to an order.

mod cancel;
mod capture;

pub use cancel::CancelPayment;
pub use capture::CapturePayment;

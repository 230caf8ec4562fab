//! What payments do when something happens to an order or a person.

mod cancel;
mod capture;
mod people;

pub use cancel::CancelPayment;
pub use capture::CapturePayment;
pub use people::People;

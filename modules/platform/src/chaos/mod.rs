//! Faults that an operator lets happen in a running shop for a while, to see that it keeps its promises. Without the
//! feature `chaos` they are nothing at all.
//!
//! They act at the ports: on what is asked of a database (`crate::sql`), on calls of others ([`outside`]), and on the
//! clock ([`clock`]). What chance does follows from the experiment's seed: of two runs with one seed, the n-th time that a
//! fault of some kind may strike it strikes in both or in neither.

#[cfg(feature = "chaos")]
mod experiment;
#[cfg(feature = "chaos")]
mod fault;
#[cfg(feature = "chaos")]
mod ports;

#[cfg(feature = "chaos")]
pub use experiment::{Experiment, Struck, Underway, begin, standing, stop};
#[cfg(feature = "chaos")]
pub(crate) use experiment::{pause, strikes};
#[cfg(feature = "chaos")]
pub use fault::{Fault, Kind, Unreadable, length};
#[cfg(feature = "chaos")]
pub use ports::{clock, outside};

/// The clock of a shop.
#[cfg(not(feature = "chaos"))]
pub fn clock() -> kernel::Clock {
    kernel::Clock::system()
}

/// A call of somebody outside.
#[cfg(not(feature = "chaos"))]
#[inline]
pub fn outside<C: Future>(_whom: &'static str, call: C) -> C {
    call
}

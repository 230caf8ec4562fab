//! The firewall of the edge: tells attacks from the words of a shop, and ambiguous requests from
//! plain ones. It does no I/O, keeps no state and takes time proportional to what it reads.
//!
//! It is a second line of defence. Statements are parameterised and output is encoded; what is
//! refused here never had to rely on that.
//!
//! It reads the values that the handler's own parser produced, so that the two cannot read a request
//! in different ways; what two parsers could read differently is refused by [`normalize`] and
//! [`framing`].

mod address;
mod agent;
mod detector;
mod fold;
pub mod framing;
mod inspect;
pub mod normalize;
mod patterns;
mod request;
mod rules;
mod settings;
mod sql;

pub use detector::Detector;
pub use inspect::Firewall;
pub use request::{Action, Body, Finding, Part, Place, Request, Verdict};
pub use rules::Rule;
pub use settings::{Exception, Mode, Settings};

/// Why a firewall cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum FirewallError {
    /// A pattern does not compile.
    #[error("a pattern of the firewall does not compile: {0}")]
    Pattern(#[from] regex::Error),
    /// The names of scanners do not compile.
    #[error("the names of scanners do not compile")]
    Names(#[from] aho_corasick::BuildError),
    /// A setting is out of range; it names the field.
    #[error("{field} {message}")]
    Setting {
        /// The setting.
        field: &'static str,
        /// What is wrong with it.
        message: &'static str,
    },
}

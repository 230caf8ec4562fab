//! The firewall of the edge: tells attacks from the words of a shop, and ambiguous requests from
//! plain ones. It does no I/O, keeps no state and takes time proportional to what it reads.
//!
//! It is a second line of defence. Statements are parameterised and output is encoded; what is
//! refused here never had to rely on that.
//!
//! It reads the values that the handler's own parser produced, so that the two cannot read a request
//! in different ways: `form_urlencoded` and `serde_json` read for it what they read for the handlers.
//! What two readers of a path, a query or the header fields could read differently is refused. A
//! parameter or a member that comes twice is read twice; whether it may is the parser's matter.
//!
//! Three steps, each on its own: [`Firewall::inspect_head`] before a request is routed, and
//! [`Firewall::inspect_json`] or [`Firewall::inspect_form`] once there is a body.

mod address;
mod agent;
mod detector;
mod field;
mod fold;
mod framing;
mod glance;
mod harmless;
mod inspect;
mod json;
pub mod normalize;
mod patterns;
mod reading;
mod rules;
mod settings;
mod sql;
mod verdict;

pub use detector::Detector;
pub use inspect::Firewall;
pub use rules::Rule;
pub use settings::{Exception, Mode, Settings};
pub use verdict::{Action, Finding, Part, Place, Verdict};

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
        message: String,
    },
}

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The most characters of a browser's name that are kept.
const USER_AGENT_CHARS_MAX: usize = 200;

/// What a login came from, as its owner sees it in the list of sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Device {
    /// What the browser calls itself; empty when it says nothing.
    pub user_agent: String,
    /// Where it was.
    pub address: IpAddr,
}

impl Device {
    pub(crate) fn new(user_agent: &str, address: IpAddr) -> Self {
        let plain = user_agent.chars().filter(|c| !c.is_control());
        Self { user_agent: plain.take(USER_AGENT_CHARS_MAX).collect(), address }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_says_is_bounded_and_plain() {
        let device = Device::new(&format!("a\u{7}b{}", "ü".repeat(500)), [127, 0, 0, 1].into());
        assert!(device.user_agent.starts_with("abü"));
        assert_eq!(device.user_agent.chars().count(), USER_AGENT_CHARS_MAX);
    }
}

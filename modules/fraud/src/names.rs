//! What attempts to pay are known by: names under the shop's key, of which nobody reads who it was.

use std::net::IpAddr;

use kernel::Address;
use kernel::ports::{Attempt, Vault};
use uuid::Uuid;

/// What an attempt shares with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names {
    /// The account, or the guest.
    pub account: Uuid,
    /// The card, behind whatever token it comes where somebody can tell.
    pub card: Uuid,
    /// Where the goods go.
    pub destination: Uuid,
    /// The e-mail address.
    pub email: Option<Uuid>,
    /// The network it comes from; that of a house or machine of one's own is none.
    pub network: Option<Uuid>,
}

impl Names {
    /// The names of an attempt.
    pub fn of(attempt: &Attempt, vault: &dyn Vault) -> Self {
        let name = |purpose: &str, value: &str| {
            let name = vault.name(format!("fraud:{purpose}").as_bytes(), value.as_bytes());
            // Half of it is long enough that no two values meet.
            let mut half = [0; 16];
            half.copy_from_slice(&name[..16]);
            Uuid::from_bytes(half)
        };
        let payer = &attempt.payer;
        let email = payer.email.as_deref().map(|email| name("email", &email.trim().to_lowercase()));
        let network = payer.from.and_then(network).map(|network| name("network", &network));
        Self {
            account: payer.customer_id.uuid(),
            card: name("card", attempt.fingerprint.as_ref().unwrap_or(&attempt.token)),
            destination: name("destination", &place(&payer.ships_to)),
            email,
            network,
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Uuid> {
        [Some(self.account), Some(self.card), Some(self.destination), self.email, self.network]
            .into_iter()
            .flatten()
    }
}

/// An address, so that one that is written a little differently is the same. The name of whoever lives there
/// is not part of it.
fn place(address: &Address) -> String {
    let plain = |text: &str| {
        text.chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect::<String>()
    };
    let code = address.postal_code.as_deref().unwrap_or_default();
    [address.country.as_str(), code, &address.city, &address.line1].map(plain).join("|")
}

/// The network that an address is of: what a provider gives to one customer (/24, and /48 of IPv6). None of
/// addresses that everybody has at home.
fn network(address: IpAddr) -> Option<String> {
    match address.to_canonical() {
        IpAddr::V4(v4) if v4.is_loopback() || v4.is_private() || v4.is_link_local() => None,
        IpAddr::V4(v4) if v4.is_unspecified() => None,
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            Some(format!("{a}.{b}.{c}.0/24"))
        }
        IpAddr::V6(v6) if v6.is_loopback() || v6.is_unspecified() => None,
        IpAddr::V6(v6) if v6.is_unique_local() || v6.is_unicast_link_local() => None,
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            Some(format!("{a:x}:{b:x}:{c:x}::/48"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_those_of_strangers() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("203.0.113.7"), of("203.0.113.200"));
        assert_ne!(of("203.0.113.7"), of("203.0.114.7"));
        assert_eq!(of("::ffff:203.0.113.7"), of("203.0.113.200"));
        assert_eq!(of("2001:db8:1:2::3"), of("2001:db8:1:9::4"));
        for home in
            ["127.0.0.1", "10.1.2.3", "192.168.0.9", "169.254.1.1", "::1", "fd00::1", "0.0.0.0"]
        {
            assert_eq!(of(home), None, "{home}");
        }
    }

    #[test]
    fn an_address_is_the_same_however_it_is_written() {
        let address = |name: &str, line1: &str| Address {
            name: name.to_owned(),
            line1: line1.to_owned(),
            line2: None,
            city: "Berlin".to_owned(),
            region: None,
            postal_code: Some("10117".to_owned()),
            country: "DE".to_owned(),
        };
        let a = place(&address("Ada", "Unter den Linden 1"));
        assert_eq!(a, place(&address("Eve", "unter den  Linden 1.")));
        assert_ne!(a, place(&address("Ada", "Unter den Linden 2")));
    }
}

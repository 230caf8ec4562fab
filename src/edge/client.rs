//! Where a request comes from, if proxies stand in between.

use std::net::{IpAddr, SocketAddr};

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{
    FORWARDED, HeaderMap, HeaderName, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO,
};
use ipnet::IpNet;
use serde::Deserialize;

/// The most addresses of a header that are looked at, from its end.
const HOPS_MAX: usize = 20;

/// The header in which the proxies tell the addresses. Only one is believed: a proxy that writes
/// one lets the other through as the client made it up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyHeader {
    /// `X-Forwarded-For`: addresses between commas, the nearest last.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl ProxyHeader {
    const fn name(self) -> HeaderName {
        match self {
            Self::XForwardedFor => X_FORWARDED_FOR,
            Self::Forwarded => FORWARDED,
        }
    }

    /// The address that an element of the header tells, if it tells one.
    fn address(self, element: &str) -> Option<IpAddr> {
        let node = match self {
            Self::XForwardedFor => element.trim(),
            Self::Forwarded => {
                let pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
                let found = pairs.rev().find(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
                found?.1.trim().trim_matches('"')
            }
        };
        let within = node.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let bare = within.unwrap_or(node);
        let with_port = || node.parse::<std::net::SocketAddr>().ok().map(|at| at.ip());
        bare.parse().ok().or_else(with_port)
    }
}

/// The proxies that are believed.
#[derive(Debug, Clone)]
pub struct Proxies {
    /// Their networks.
    pub networks: Vec<IpNet>,
    /// Where they tell whom they speak for.
    pub header: ProxyHeader,
}

impl Proxies {
    /// The client of a connection: its peer, or if that is a proxy, the nearest address the header
    /// tells that is none. What stands further away was told by the client and may be made up.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.believes(client) {
            return client;
        }
        let lines: Vec<&str> =
            headers.get_all(self.header.name()).filter_map(|line| line.to_str().ok()).collect();
        let elements = lines.iter().rev().flat_map(|line| line.rsplit(','));
        for element in elements.take(HOPS_MAX) {
            let Some(address) = self.header.address(element) else { break };
            client = address.to_canonical();
            if !self.believes(client) {
                break;
            }
        }
        client
    }

    /// Takes out what nobody who is believed has told of the client: all of it where no proxy is
    /// named, and the header that the proxies do not write.
    pub fn strip(&self, request: &mut ServiceRequest) {
        let by_proxy = |peer: SocketAddr| self.believes(peer.ip().to_canonical());
        let header = request.peer_addr().is_some_and(by_proxy).then_some(self.header);
        let headers = &mut request.head_mut().headers;
        if header != Some(ProxyHeader::Forwarded) {
            headers.remove(FORWARDED);
        }
        if header != Some(ProxyHeader::XForwardedFor) {
            for name in [X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO] {
                headers.remove(name);
            }
        }
    }

    /// Whether the client's side is encrypted: here, or at a proxy that is believed. Of a request
    /// without what was made up.
    pub fn is_tls(&self, request: &ServiceRequest) -> bool {
        let headers = request.headers();
        let told = match self.header {
            ProxyHeader::XForwardedFor => {
                headers.get(X_FORWARDED_PROTO).is_some_and(|it| it == "https")
            }
            ProxyHeader::Forwarded => {
                headers.contains_key(FORWARDED) && request.connection_info().scheme() == "https"
            }
        };
        told || request.app_config().secure()
    }

    fn believes(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn client(header: ProxyHeader, peer: &str, lines: &[&'static str]) -> String {
        let networks = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header.name(), HeaderValue::from_static(line));
        }
        let proxies = Proxies { networks: networks.into(), header };
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_a_known_proxy_is_believed_and_only_what_it_saw() {
        let told = |peer, lines: &[&'static str]| client(ProxyHeader::XForwardedFor, peer, lines);
        assert_eq!(told("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(told("10.1.1.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(told("::ffff:10.1.1.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(told("10.1.1.1", &["1.1.1.1, 198.51.100.1, 10.2.2.2"]), "198.51.100.1");
        assert_eq!(told("10.1.1.1", &["1.1.1.1", "198.51.100.1", "10.2.2.2"]), "198.51.100.1");
        assert_eq!(told("10.1.1.1", &["198.51.100.1, nonsense"]), "10.1.1.1");
        assert_eq!(told("10.1.1.1", &["198.51.100.1:4711"]), "198.51.100.1");
        assert_eq!(told("10.1.1.1", &["[2001:db8::1]:80"]), "2001:db8::1");
        assert_eq!(told("10.1.1.1", &["[2001:db8::1]"]), "2001:db8::1");
        for wrong in ["[2001:db8::1", "2001:db8::1]", "[2001:db8::1]x", "[2001:db8::1]:x", "[]"] {
            assert_eq!(told("10.1.1.1", &[wrong]), "10.1.1.1", "{wrong}");
        }
        assert_eq!(told("10.1.1.1", &[]), "10.1.1.1");
        assert_eq!(told("10.1.1.1", &["10.3.3.3"]), "10.3.3.3");
    }

    #[test]
    fn forwarded_is_read_as_its_rfc_says() {
        let told = |lines: &[&'static str]| client(ProxyHeader::Forwarded, "10.1.1.1", lines);
        assert_eq!(told(&["for=192.0.2.60;proto=http;by=203.0.113.43"]), "192.0.2.60");
        assert_eq!(told(&["For=\"[2001:db8:cafe::17]:4711\""]), "2001:db8:cafe::17");
        assert_eq!(told(&["for=192.0.2.43, for=10.9.9.9"]), "192.0.2.43");
        assert_eq!(told(&["for=_hidden"]), "10.1.1.1");
        assert_eq!(told(&["by=203.0.113.43"]), "10.1.1.1");
    }
}

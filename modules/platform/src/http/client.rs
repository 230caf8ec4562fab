use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

/// Where a request comes from. The edge knows which proxies to believe and puts it into the
/// request; without an edge it is the peer of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// Where a request comes from.
    pub fn of(request: &HttpRequest) -> Self {
        let told = request.extensions().get::<Self>().copied();
        let peer = || request.peer_addr().map(|peer| Self(peer.ip()));
        told.or_else(peer).unwrap_or(Self(Ipv4Addr::UNSPECIFIED.into()))
    }
}

impl FromRequest for ClientAddress {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

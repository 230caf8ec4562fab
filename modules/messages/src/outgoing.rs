//! Calls of customers' systems: on the internet only, without redirects, and not for long.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use platform::http::outbound;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};

use crate::domain::address::is_public;

/// How long a connection may take to be made, ...
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(5);
/// ... and all of a call.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("the call was not answered")]
    Http(#[from] reqwest::Error),
    #[error("the answer was {0}")]
    Answered(u16),
}

/// A name that leads into the shop's own network.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not on the internet")]
struct NotPublic(String);

/// Finds the addresses of a name, and refuses it if one of them is not public. It does so when a
/// connection is made: a name that was good when it was looked at may lead elsewhere since.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.iter().all(|address| is_public(address.ip())) {
                return Ok(Box::new(found.into_iter()) as Addrs);
            }
            Err(NotPublic(name.as_str().to_owned()).into())
        })
    }
}

/// Calls customers' systems.
pub(crate) struct Outgoing(Client);

impl Outgoing {
    /// `allow_private` lets them be in the shop's own network.
    pub(crate) fn new(allow_private: bool) -> Result<Self, reqwest::Error> {
        let client = outbound()
            .timeout(ANSWER_WAIT_MAX)
            .connect_timeout(CONNECT_WAIT_MAX)
            .redirect(Policy::none())
            .no_proxy()
            .user_agent("stoa-webhooks/1");
        let client = if allow_private { client } else { client.dns_resolver(Arc::new(PublicOnly)) };
        client.build().map(Self)
    }

    /// Posts a body. Only the status of the answer is read.
    pub(crate) async fn post(
        &self,
        url: Url,
        headers: [(&'static str, String); 3],
        body: Vec<u8>,
    ) -> Result<(), CallError> {
        let request = self.0.post(url).header("content-type", "application/json");
        let request =
            headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        let status = request.body(body).send().await?.status();
        if status.is_success() { Ok(()) } else { Err(CallError::Answered(status.as_u16())) }
    }
}

//! The firewall at its two places: what comes before the body, and the bodies that handlers read.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::dev::ServiceRequest;
use firewall::{Action, Firewall, FirewallError, Settings, Verdict};
use kernel::problem::{Problem, code};
use platform::http::{BodyGuard, ClientAddress};
use platform::trace;

/// What refuses attacks, and tells the log which rules they broke and where, without their text.
pub(super) struct Guard(Firewall);

impl Guard {
    /// A guard of these settings.
    pub(super) fn new(settings: Settings) -> Result<Self, FirewallError> {
        Ok(Self(Firewall::new(settings)?))
    }

    /// Reads a request as far as its body: 403 `blocked` when it looks like an attack.
    pub(super) fn check_head(
        &self,
        request: &ServiceRequest,
        client: IpAddr,
    ) -> Result<(), Problem> {
        let headers = request.headers().iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
        let verdict = self.0.inspect_head(request.path(), request.query_string(), headers);
        decide(&verdict, client)
    }
}

impl BodyGuard for Guard {
    fn check_json(&self, request: &HttpRequest, body: &[u8]) -> Result<(), Problem> {
        let verdict = self.0.inspect_json(request.path(), body);
        decide(&verdict, ClientAddress::of(request).0)
    }

    fn check_form(&self, request: &HttpRequest, body: &[u8]) -> Result<(), Problem> {
        let verdict = self.0.inspect_form(request.path(), form_urlencoded::parse(body));
        decide(&verdict, ClientAddress::of(request).0)
    }
}

fn decide(verdict: &Verdict, client: IpAddr) -> Result<(), Problem> {
    let action = match verdict.action {
        Action::Allow => return Ok(()),
        Action::Log => "log",
        Action::Block => "block",
    };
    if let Some(worst) = verdict.findings.iter().max_by_key(|finding| finding.rule.score()) {
        let labels = [("action", action.to_owned()), ("rule", worst.rule.to_string())];
        metrics::counter!("firewall_total", &labels).increment(1);
    }
    let request_id = trace::current();
    tracing::warn!(action, score = verdict.score, rules = %verdict, %client, request_id, "firewall");
    if verdict.action == Action::Log {
        return Ok(());
    }
    // Which rule it was is for the log: an attacker would learn to go around it.
    let detail = "The request looks like an attack and was not looked at further. If it is none, \
                  tell the shop its request_id.";
    Err(Problem::new(code::BLOCKED, detail))
}

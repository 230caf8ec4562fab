//! Settings that work, and that no shop on the internet should have.

use super::Finding;
use payment::ProcessorName;

use crate::settings::Settings;

const ABOUT: &str = "settings";

pub(super) fn examine(settings: &Settings) -> Vec<Finding> {
    let Settings { server, edge, mail, payment, notary, bus, .. } = settings;
    let is_public = !server.listen.ip().is_loopback();
    let speaks_tls = !server.tls.certificate.as_os_str().is_empty();
    let doubts = [
        (
            server.test_shop,
            "server.test_shop: anybody who reaches the shop may attack it with `stoa torture`",
        ),
        (
            payment.processor == ProcessorName::Sandbox,
            "payment.processor is the sandbox: no money moves",
        ),
        (mail.url.is_empty(), "mail.url is empty: letters are files in server.data_dir"),
        (
            notary.origin == LOG_OF_NOBODY,
            "notary.origin is the default: the log's signatures do not tell whose it is",
        ),
        (
            is_public && !speaks_tls && edge.trusted_proxies.is_empty(),
            "server.listen is open to others without TLS, and edge.trusted_proxies names nobody who speaks it",
        ),
        (
            !edge.staff_second_factor,
            "edge.staff_second_factor is off: a password alone opens the staff's endpoints",
        ),
        (!edge.throttle, "edge.throttle is off: a client may ask as often as it likes"),
        (
            bus.effect_wait_ms > bus.lease_ms / 2,
            "bus.effect_wait_ms is longer than half of bus.lease_ms: effects are given up after that half",
        ),
    ];
    let mut findings: Vec<Finding> = doubts
        .into_iter()
        .filter(|(is_so, _)| *is_so)
        .map(|(_, text)| Finding::doubtful(ABOUT, text))
        .collect();
    if server.ops_listen.ip().is_unspecified() {
        let text =
            "server.ops_listen is open at every address: metrics tell strangers what is sold";
        findings.push(Finding::bad(ABOUT, text));
    }
    if findings.is_empty() {
        findings.push(Finding::fine(ABOUT, "nothing that only a test would have"));
    }
    findings
}

/// What the log is called as long as nobody has named it.
const LOG_OF_NOBODY: &str = "stoa.local/ledger";

#[cfg(test)]
mod tests {
    use super::super::Mark;
    use super::*;

    #[test]
    fn what_a_test_has_is_doubtful_and_open_metrics_are_bad() {
        let mut settings = Settings::read(None).unwrap();
        let sandbox = |settings: &Settings| {
            examine(settings).iter().any(|finding| finding.text.contains("no money moves"))
        };
        assert!(sandbox(&settings));
        settings.payment.processor = ProcessorName::Stripe;
        assert!(!sandbox(&settings));
        let is_bad = |settings: &Settings| examine(settings).iter().any(|it| it.mark == Mark::Bad);
        assert!(!is_bad(&settings), "{:?}", examine(&settings));
        settings.server.ops_listen = "0.0.0.0:8081".parse().unwrap();
        assert!(is_bad(&settings));
    }

    #[test]
    fn a_shop_that_is_set_up_has_nothing_doubtful() {
        let mut settings = Settings::read(None).unwrap();
        settings.payment.processor = ProcessorName::Stripe;
        settings.mail.url = "smtps://mail.example".to_owned();
        settings.notary.origin = "shop.example/ledger".to_owned();
        settings.edge.staff_second_factor = true;
        let findings = examine(&settings);
        assert!(findings.iter().all(|finding| finding.mark == Mark::Fine), "{findings:?}");
    }
}

//! What is true of each verdict of the firewall, in each of its modes.

use std::sync::LazyLock;

use firewall::{Action, Firewall, Mode, Settings, Verdict};

/// The firewall as shops have it.
pub static BLOCKING: LazyLock<Firewall> = LazyLock::new(|| of(Mode::Block));
/// One that only tells what it sees.
static LOGGING: LazyLock<Firewall> = LazyLock::new(|| of(Mode::Log));
/// One that sees nothing.
static OFF: LazyLock<Firewall> = LazyLock::new(|| of(Mode::Off));

/// The most findings that are told.
const FINDINGS_MAX: usize = 16;

fn of(mode: Mode) -> Firewall {
    Firewall::new(Settings { mode, ..Settings::default() }).expect("the default settings")
}

/// Inspects by each firewall, asserts what is true of every verdict, and returns that of the shop.
pub fn judged(inspect: impl Fn(&Firewall) -> Verdict) -> Verdict {
    let verdict = inspect(&BLOCKING);
    assert_eq!(inspect(&BLOCKING), verdict, "the same request is judged alike");
    let blocks = verdict.score >= Settings::default().threshold;
    assert_eq!(verdict.action, if blocks { Action::Block } else { Action::Allow });
    assert!(verdict.findings.len() <= FINDINGS_MAX);
    assert_eq!(verdict.findings.is_empty(), verdict.score == 0, "{verdict:?}");
    for finding in &verdict.findings {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.[]?".contains(&byte);
        assert!(finding.place.field.bytes().all(plain), "text of a request: {verdict:?}");
    }
    let logged = inspect(&LOGGING);
    assert_eq!((logged.score, &logged.findings), (verdict.score, &verdict.findings));
    assert_eq!(logged.action, if blocks { Action::Log } else { Action::Allow });
    let off = inspect(&OFF);
    assert_eq!((off.action, off.score, off.findings.len()), (Action::Allow, 0, 0));
    verdict
}

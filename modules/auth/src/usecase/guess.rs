//! Guesses of passwords and codes. A failure is counted before anything is looked at and given back
//! when it was none, so that guesses made at the same time cannot pass the limit together.

use std::net::IpAddr;

use platform::guard::Refused;
use platform::sql::{self, Tx};

use crate::Accounts;
use crate::domain::attempt;
use crate::error::AccountError;
use crate::store::attempts::{self, LOGIN_ATTEMPTS, Window};

/// A day, in seconds.
pub(super) const DAY_S: u32 = 24 * 60 * 60;

/// What a guess is counted against: a word for what is guessed, whose it is, how many may fail, and
/// in how long; 0 is the window of the settings.
pub(super) struct Limit<'a> {
    pub of: &'static str,
    pub whose: &'a str,
    pub failures_max: u32,
    pub window_s: u32,
}

impl<'a> Limit<'a> {
    /// A limit in the window of the settings.
    pub(super) fn of(of: &'static str, whose: &'a str, failures_max: u32) -> Self {
        Self { of, whose, failures_max, window_s: 0 }
    }
}

/// Failures that are counted and can be given back.
pub(super) struct Counted {
    taken: Vec<(String, i64)>,
    was_last: bool,
}

impl Counted {
    /// Whether there is none left of one of the limits.
    pub(super) fn was_last(&self) -> bool {
        self.was_last
    }
}

/// Counts a guess of a password against its account and the client.
pub(super) async fn count(
    accounts: &Accounts,
    account: &str,
    client: IpAddr,
) -> Result<Counted, AccountError> {
    let settings = accounts.settings();
    let client = attempt::client(client);
    let limits = [
        Limit::of("account", account, settings.account_failures_max),
        Limit::of("client", &client, settings.address_failures_max),
    ];
    count_each(accounts, &limits).await
}

/// Takes one failure of each limit; refused when one has none left, and then none is taken.
pub(super) async fn count_each(
    accounts: &Accounts,
    limits: &[Limit<'_>],
) -> Result<Counted, AccountError> {
    let mut tx = accounts.db().begin("auth.guess").await?;
    let counted = count_in(accounts, &mut tx, limits).await?;
    tx.commit().await?;
    Ok(counted)
}

/// The same in a unit of work, which is of no use any more when it is refused.
pub(super) async fn count_in(
    accounts: &Accounts,
    tx: &mut Tx,
    limits: &[Limit<'_>],
) -> Result<Counted, AccountError> {
    let now = tx.now();
    let window = |limit: &Limit<'_>| {
        let configured = accounts.settings().failure_window_s;
        let window_s = if limit.window_s == 0 { configured } else { limit.window_s };
        let (number, ends) = attempt::window(now, window_s);
        let whose = accounts.secrets().pseudonym(limit.whose);
        let key = format!("{}:{whose}:{number}", limit.of);
        Window { key, failures_max: limit.failures_max, ends }
    };
    let windows: Vec<Window> = limits.iter().map(window).collect();
    attempts::open(tx, &windows).await?;
    let taken: Vec<(String, i64)> = windows.iter().map(|one| (one.key.clone(), 1)).collect();
    match LOGIN_ATTEMPTS.take(tx, &taken).await? {
        Ok(changed) => {
            let was_last = changed.iter().any(|row| row.used >= row.limit);
            Ok(Counted { taken, was_last })
        }
        Err(Refused(full)) => {
            let full = windows.iter().filter(|window| full.contains(&window.key));
            let ends = full.map(|window| window.ends).max().unwrap_or(now);
            Err(AccountError::TooManyAttempts { retry_after_s: attempt::seconds_until(ends, now) })
        }
    }
}

/// It was no failure. A window that was pruned meanwhile takes nothing back, which is as good.
pub(super) async fn give_back(tx: &mut Tx, counted: &Counted) -> sql::Result<()> {
    LOGIN_ATTEMPTS.give(tx, &counted.taken).await.map(drop)
}

/// Nothing was learnt, so it was no guess.
pub(super) async fn uncount(accounts: &Accounts, counted: &Counted) -> sql::Result<()> {
    let mut tx = accounts.db().begin("auth.uncount").await?;
    give_back(&mut tx, counted).await?;
    tx.commit().await
}

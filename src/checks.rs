//! Settings that can be read and make no sense: the shop does not start with them.

use crate::settings::{EngineName, Settings};

/// Why settings make no sense.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// Nobody would be served, or without an end, or a thread would do nothing but look.
    #[error("{key} is {value}, and must be at least {least}")]
    TooSmall {
        /// The setting.
        key: String,
        /// Its value.
        value: u64,
        /// The least that makes sense.
        least: u64,
    },
    /// Plain HTTP would be led to a side that is not there.
    #[error(
        "server.tls.redirect_listen needs server.tls.certificate: it leads to what is encrypted"
    )]
    NoTls,
    /// Nothing streams to it.
    #[error("database.replica_url needs database.engine = \"postgres\"")]
    NoReplica,
}

/// Refuses what makes no sense. Modules check their own settings when they are opened.
pub fn check(settings: &Settings) -> Result<(), CheckError> {
    let Settings { server, edge, database, redis, bus, saga, credit, fraud, notary, vault, .. } =
        settings;
    let tls = &server.tls;
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let numbers = [
        ("server.connections_max", count(server.connections_max)),
        ("server.streams_max", count(server.streams_max)),
        ("server.head_timeout_ms", server.head_timeout_ms),
        ("server.keep_alive_ms", server.keep_alive_ms),
        ("server.disconnect_timeout_ms", server.disconnect_timeout_ms),
        ("server.tls.poll_ms", tls.poll_ms),
        ("server.tls.handshake_timeout_ms", tls.handshake_timeout_ms),
        ("database.connections", database.connections.into()),
        ("database.readers", database.readers.into()),
        ("database.replica_wait_ms", database.replica_wait_ms),
        ("redis.budget_ms", redis.budget_ms),
        ("redis.failures_max", redis.failures_max.into()),
        ("redis.pause_ms", redis.pause_ms),
        ("bus.poll_ms", bus.poll_ms),
        ("bus.effects_at_once", count(bus.effects_at_once)),
        ("bus.batch", u64::try_from(bus.batch).unwrap_or_default()),
        ("bus.lease_ms", bus.lease_ms),
        ("saga.lease_ms", saga.lease_ms),
        ("saga.poll_ms", saga.poll_ms),
        ("credit.poll_ms", credit.poll_ms),
        ("fraud.trim_every_ms", fraud.trim_every_ms),
        ("notary.poll_ms", notary.poll_ms),
        ("notary.witness_every_ms", notary.witness_every_ms),
        ("vault.tend_every_ms", vault.tend_every_ms),
    ];
    for (key, value) in numbers {
        at_least_one(key, value)?;
    }
    for route in &edge.routes {
        at_least_one(&format!("edge.routes: {}: timeout_ms", route.prefix), route.timeout_ms)?;
    }
    let (days, least) = (settings.settlements.fetch_days, settings.ledger.payout_days);
    if settings.settlements.fetch_every_h > 0 && days < least {
        // What is due is older than that by then, and would never be looked for.
        let key = "settlements.fetch_days".to_owned();
        return Err(CheckError::TooSmall { key, value: days.into(), least: least.into() });
    }
    if tls.redirect_listen.is_some() && tls.certificate.as_os_str().is_empty() {
        return Err(CheckError::NoTls);
    }
    if database.engine == EngineName::Sqlite && !database.replica_url.is_empty() {
        return Err(CheckError::NoReplica);
    }
    Ok(())
}

fn at_least_one(key: &str, value: u64) -> Result<(), CheckError> {
    if value > 0 {
        return Ok(());
    }
    Err(CheckError::TooSmall { key: key.to_owned(), value, least: 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut Settings);

    #[test]
    fn what_would_serve_nobody_or_without_an_end_is_refused_by_its_name() {
        let wrong = |change: Change| {
            let mut settings = Settings::read(None).unwrap();
            assert_eq!(check(&settings), Ok(()), "the defaults make sense");
            change(&mut settings);
            check(&settings).unwrap_err().to_string()
        };
        let changes: [(&str, Change); 11] = [
            ("server.connections_max is 0, and must be at least 1", |it| {
                it.server.connections_max = 0;
            }),
            ("server.streams_max is 0", |it| it.server.streams_max = 0),
            ("server.head_timeout_ms is 0", |it| it.server.head_timeout_ms = 0),
            ("server.keep_alive_ms is 0", |it| it.server.keep_alive_ms = 0),
            ("server.disconnect_timeout_ms is 0", |it| it.server.disconnect_timeout_ms = 0),
            ("server.tls.poll_ms is 0", |it| it.server.tls.poll_ms = 0),
            ("server.tls.handshake_timeout_ms is 0", |it| it.server.tls.handshake_timeout_ms = 0),
            ("edge.routes: /v1/products: timeout_ms is 0", |it| it.edge.routes[0].timeout_ms = 0),
            ("settlements.fetch_days is 7, and must be at least 14", |it| {
                it.settlements.fetch_every_h = 24;
                it.ledger.payout_days = 14;
            }),
            ("database.replica_url needs", |it| {
                it.database.replica_url = "postgres://shop@replica/shop".to_owned();
            }),
            ("server.tls.redirect_listen needs", |it| {
                it.server.tls.redirect_listen = Some("127.0.0.1:80".parse().unwrap());
            }),
        ];
        for (told, change) in changes {
            let error = wrong(change);
            assert!(error.starts_with(told), "{error}");
        }
    }

    #[test]
    fn zero_stays_where_it_means_something() {
        let mut settings = Settings::read(None).unwrap();
        settings.server.workers = 0;
        settings.server.stop_wait_s = 0;
        settings.edge.in_flight_max = 0;
        settings.edge.queue_target_ms = 0;
        settings.bus.linger_ms = 0;
        settings.bus.rest_ms = 0;
        assert_eq!(check(&settings), Ok(()));
    }
}

//! What a login tells by the time it takes, and what a storm of logins leaves to shoppers; with the
//! cost of passwords that shops have by default.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Client;
use crate::drive::Ready;
use crate::error::{Error, Result};
use crate::process::Server;
use crate::rank;
use crate::report::{Report, Row};
use crate::scenario::{self, Scenario};
use crate::{Run, process};

/// A customer of the demo shop.
const EMAIL: &str = "ada@demo.example";
const PASSWORD: &str = "demo-customer-pass";
/// As long as the customer's.
const STRANGER: &str = "eve@demo.example";
/// Wrong passwords in a row before the samples count.
const WARM_UP: usize = 20;
/// Limits that a measurement does not reach.
const NO_LIMIT: [&str; 2] =
    ["STOA__AUTH__ACCOUNT_FAILURES_MAX", "STOA__AUTH__ADDRESS_FAILURES_MAX"];
/// Two medians may differ by so much, ...
const DIFFERENCE_MAX: f64 = 0.02;
/// ... and chance must explain the difference this easily.
const P_MIN: f64 = 0.01;

/// What was measured.
pub struct Logins {
    /// Microseconds of a wrong password for an account, ...
    known: Vec<u64>,
    /// ... and for an address that has none.
    unknown: Vec<u64>,
    /// A product's page alone, then logins and the page beside them.
    storm: Report,
}

/// Takes so many samples of each kind, then lets each number of clients log in for some seconds.
pub async fn measure(run: &Run, samples: usize) -> Result<Logins> {
    let folder = run.folder()?;
    let data = folder.path().join("data");
    let mut extra = run.extra.clone();
    extra.server_args.push("--demo".to_owned());
    extra.server_env.extend(NO_LIMIT.map(|key| (key.to_owned(), "1000000000".to_owned())));
    let mut server = Server::start_shop(&run.stoa, &data, &extra).await?;
    let (known, unknown) = sample(&server, samples).await?;
    let mut storm = Report::new(process::filesystem_of(folder.path()), run.seconds);
    let pages = pages(&server).await?;
    row(run, &server, &pages, 1, &mut storm).await?;
    for clients in run.clients.iter().copied() {
        let login = Scenario::Login { email: EMAIL, password: PASSWORD };
        let mut beside = Report::new(String::new(), run.seconds);
        let shopper = row(run, &server, &pages, 1, &mut beside);
        let (logins, shopper) =
            tokio::join!(row(run, &server, &login, clients, &mut storm), shopper);
        logins.and(shopper)?;
        storm.rows.append(&mut beside.rows);
    }
    server.stop().await?;
    storm.verified = Some(process::verify(&run.stoa, &data, &run.extra.server_env).await?);
    Ok(Logins { known, unknown, storm })
}

async fn row(
    run: &Run,
    server: &Server,
    scenario: &Scenario,
    clients: usize,
    report: &mut Report,
) -> Result<()> {
    let lasting = Duration::from_secs(run.seconds);
    let ready = Ready::warm(server.address, scenario, clients).await;
    let before = (server.usage()?, process::own_usage()?);
    let measured = ready.run(lasting).await?;
    let after = (server.usage()?, process::own_usage()?);
    report.rows.push(Row::new((scenario.name(), false), clients, &measured, before, after));
    Ok(())
}

/// Samples of both kinds in turn, of which now one and now the other comes first, so that what the
/// machine does beside them touches both alike.
async fn sample(server: &Server, samples: usize) -> Result<(Vec<u64>, Vec<u64>)> {
    let mut client = Client::new(server.address);
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for turn in 0..samples + WARM_UP {
        let mut pair = [(EMAIL, &mut known), (STRANGER, &mut unknown)];
        if turn % 2 == 1 {
            pair.reverse();
        }
        for (email, kept) in pair {
            let took = wrong_password(&mut client, email).await?;
            if turn >= WARM_UP {
                kept.push(took);
            }
        }
    }
    Ok((known, unknown))
}

async fn wrong_password(client: &mut Client, email: &str) -> Result<u64> {
    let body = json!({"email": email, "password": "none of their passwords"});
    let began = Instant::now();
    let answer = client.post("/v1/auth/login", &body, None).await?;
    let took = began.elapsed();
    if answer.status != 401 {
        return Err(Error::Setup(format!("a wrong password was answered {}", answer.status)));
    }
    Ok(u64::try_from(took.as_micros()).unwrap_or(u64::MAX))
}

/// Pages of products, of a size that a shopper looks at.
async fn pages(server: &Server) -> Result<Scenario> {
    let mut client = Client::new(server.address);
    crate::shop::wait_for_search(&mut client).await?;
    let list: Value = client.must_get("/v1/products?limit=100").await?;
    let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let paths: Result<Vec<String>> = items
        .iter()
        .map(|item| Ok(format!("/v1/products/{}", scenario::text(item, "id")?)))
        .collect();
    Ok(Scenario::Read { name: "product by id", paths: Arc::new(paths?), guests: Vec::new() })
}

impl Logins {
    /// Why the run does not show what it should, if so.
    pub fn fault(&self) -> Option<String> {
        let told_apart = self.difference().abs() > DIFFERENCE_MAX || self.p_value() <= P_MIN;
        let told_apart =
            told_apart.then(|| "AN ACCOUNT CAN BE TOLD BY THE TIME OF A LOGIN".to_owned());
        told_apart.or_else(|| self.storm.fault())
    }

    fn difference(&self) -> f64 {
        let unknown = rank::median(&self.unknown);
        (rank::median(&self.known) - unknown) / unknown.max(1.0)
    }

    fn p_value(&self) -> f64 {
        rank::p_value(&self.known, &self.unknown)
    }
}

impl fmt::Display for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (known, unknown) = (rank::median(&self.known), rank::median(&self.unknown));
        writeln!(f, "{} wrong passwords of each kind, in turn:\n", self.known.len())?;
        writeln!(f, "| median, account | median, no account | difference | Mann-Whitney p |")?;
        writeln!(f, "|---:|---:|---:|---:|")?;
        let (difference, p) = (self.difference() * 100.0, self.p_value());
        writeln!(f, "| {known:.0} us | {unknown:.0} us | {difference:+.2} % | {p:.3} |\n")?;
        writeln!(f, "Logins by the right password, and one shopper beside them:\n")?;
        write!(f, "{}", self.storm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logins(known: Vec<u64>, unknown: Vec<u64>) -> Logins {
        let mut storm = Report::new("ext4".to_owned(), 1);
        storm.verified = Some(process::Verified { clean: true, output: String::new() });
        Logins { known, unknown, storm }
    }

    #[test]
    fn a_shop_that_tells_is_told_of() {
        let even = || (0..500).map(|n| 25_000 + n * 7 % 400).collect::<Vec<u64>>();
        assert_eq!(logins(even(), even()).fault(), None);
        let slower = even().iter().map(|took| took + 1_000).collect();
        let found = logins(slower, even());
        assert!(found.fault().unwrap().contains("BY THE TIME"), "{found}");
        assert!(found.to_string().contains("+3.97 % | 0.000 |"), "{found}");
    }
}

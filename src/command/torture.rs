//! `stoa torture`

use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use clap::Args;
use kernel::id::ApiKeyId;
use kernel::ports::Role;
use kernel::{Clock, Permission, Permissions};
use order::CarrierName;
use platform::audit::Actor;
use platform::http::outbound;
use platform::{random, saga, webhook};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use torture::{Plan, Signed, Signer, Target, Verdict};

use super::{Failure, say};
use crate::app::Shop;
use crate::books;
use crate::settings::Settings;

/// Who the staff is in the audit log.
const ACCOUNT: &str = "torture@stoa.invalid";
/// How long the key of a run is good for.
const KEY_HOURS: i64 = 6;
/// Within which time whatever is under way goes on: longer than a lease and each pause.
const SOON: TimeDelta = TimeDelta::seconds(30);
/// How many sagas are looked at.
const SAGAS_MAX: i64 = 1_000;
/// How long the ops port may take to say what kind of shop it is.
const ABOUT_WAIT_MAX: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// What the staff does.
const STAFF: Permissions = Permissions::of(&[
    Permission::ProductsRead,
    Permission::ProductsWrite,
    Permission::PricesWrite,
    Permission::PromotionsWrite,
    Permission::StockRead,
    Permission::StockWrite,
    Permission::OrdersRead,
    Permission::OrdersWrite,
    Permission::OrdersRefund,
    Permission::PaymentsRead,
    Permission::CreditRead,
    Permission::CreditWrite,
]);

/// Which shop, how hard, how often.
#[derive(Debug, Args)]
pub(super) struct Torture {
    /// The shop's origin; that of `server.listen` unless given
    #[arg(long)]
    base: Option<String>,
    /// Where it serves health and metrics; `server.ops_listen` unless given
    #[arg(long)]
    ops: Option<String>,
    /// What is attempted follows from it: a number, or a range such as 1..20, each in turn
    #[arg(long, default_value = "1", value_parser = seeds)]
    seed: RangeInclusive<u64>,
    /// How many want the last units at the same moment; other attacks grow with it
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=5_000))]
    crowd: u16,
    /// How many seconds the shop may take until what it promised has come true, and the books too
    #[arg(long, default_value_t = 120)]
    patience_s: u64,
}

/// What the ops port says of a shop.
#[derive(Deserialize)]
struct About {
    test_shop: bool,
}

fn seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{text:?} is no number"));
    let range = match text.split_once("..") {
        Some((first, last)) => number(first)?..=number(last)?,
        None => number(text)?..=number(text)?,
    };
    if range.is_empty() { Err("a range goes up, e.g. 1..20".to_owned()) } else { Ok(range) }
}

/// Attacks a running shop once for each seed, and proves its books each time.
pub(super) async fn torture(settings: Settings, what: Torture) -> Result<ExitCode, Failure> {
    let base = what.base.unwrap_or_else(|| format!("http://{}", settings.server.listen));
    let ops = what.ops.unwrap_or_else(|| format!("http://{}", settings.server.ops_listen));
    refuse_a_real_shop(&settings, &ops).await?;
    let is_carried = settings.order.carrier == CarrierName::Sandbox;
    let shop = Shop::beside(settings).await?;
    let signer = is_carried.then(|| signer(&shop));
    let (key_id, key) = staff_key(&shop).await?;
    let patience = Duration::from_secs(what.patience_s);
    let attacked = async {
        let mut broken = 0;
        for seed in what.seed {
            let run = format!("T{}", hex::encode_upper(random::bytes::<4>()));
            let (base, key) = (base.clone(), key.expose_secret().to_owned());
            let target = Target { base, key, patience, run, signer: signer.clone() };
            broken += attack(&shop, &target, &Plan::new(seed, what.crowd.into()), seed).await?;
        }
        Ok::<usize, Failure>(broken)
    };
    let attacked = attacked.await;
    // Also when the attack broke off: nobody is to find a key that works.
    shop.accounts.revoke_key(key_id).await?;
    let broken = attacked?;
    if broken == 0 {
        say("every promise was kept");
        return Ok(ExitCode::SUCCESS);
    }
    say(format!("{broken} promises were broken"));
    Ok(ExitCode::FAILURE)
}

/// Neither the shop that answers nor the databases these settings name may be anybody's real shop.
async fn refuse_a_real_shop(settings: &Settings, ops: &str) -> Result<(), Failure> {
    let client = outbound().timeout(ABOUT_WAIT_MAX).build()?;
    let about = client.get(format!("{}/about", ops.trim_end_matches('/'))).send().await?;
    let about: About = about.error_for_status()?.json().await?;
    let refuse = |which: &str| {
        let why = "would be filled with thousands of orders. If nothing in it is worth keeping, set \
                   server.test_shop";
        Err(format!("{which} {why}").into())
    };
    if !about.test_shop {
        return refuse("the running shop is not marked as a test shop: it");
    }
    if !settings.server.test_shop {
        return refuse("these settings are not those of a test shop: it");
    }
    if !settings.edge.guest_checkout {
        return Err("guests must be able to order: set edge.guest_checkout in both".into());
    }
    Ok(())
}

/// Speaks for the built-in carrier of these databases, which signs its calls with a secret of its own.
fn signer(shop: &Shop) -> Signer {
    let secret = shop.carrier.secret().to_vec();
    let clock = Clock::system();
    Arc::new(move |id: &str, shift_s: i64, body: &[u8]| {
        let at = clock.now().timestamp() + shift_s;
        Signed { at, signature: webhook::sign(&secret, id, at, body).unwrap_or_default() }
    })
}

/// A key for the staff of this run, in the name of an account that nobody can log in to.
async fn staff_key(shop: &Shop) -> Result<(ApiKeyId, SecretString), Failure> {
    let accounts = &shop.accounts;
    let password = SecretString::from(hex::encode(random::bytes::<32>()));
    let id = accounts.ensure(ACCOUNT, password, "Torture", Role::Admin, &Actor::OPERATOR).await?;
    let now = shop.database("auth")?.clock().now();
    Ok(accounts.issue_key(id, "stoa torture", STAFF, now + TimeDelta::hours(KEY_HOURS)).await?)
}

/// One plan; how many promises were broken, the books' among them.
async fn attack(shop: &Shop, target: &Target, plan: &Plan, seed: u64) -> Result<usize, Failure> {
    let began = Instant::now();
    let verdicts = torture::run(target, plan).await?;
    let wrong = settled_books(shop, target.patience).await?;
    let tries: u64 = verdicts.iter().map(Verdict::tries).sum();
    let (run, plan, took) = (&target.run, plan.fingerprint(), began.elapsed().as_secs_f32());
    say(format!("seed {seed}, plan {plan}, run {run}: {tries} tries in {took:.1} s"));
    for verdict in &verdicts {
        say(verdict);
    }
    for line in &wrong {
        say(format!("BROKEN books: {line}"));
    }
    if wrong.is_empty() {
        say("ok     books                    every invariant of `stoa verify` holds");
    }
    Ok(verdicts.iter().filter(|verdict| !verdict.is_kept()).count() + wrong.len())
}

/// What is wrong with the books once everything is settled. They are right when they are so twice with
/// the same rows, and no saga goes on soon: an event that is handled while one looks may cause another one in a table
/// that was looked at before.
async fn settled_books(shop: &Shop, patience: Duration) -> Result<Vec<String>, Failure> {
    let began = Instant::now();
    let mut before = None;
    loop {
        let checks = books::verify(shop, Duration::ZERO).await?;
        let rows: Vec<u64> = checks.iter().map(|(_, check)| check.rows).collect();
        let mut wrong = Vec::new();
        for (module, check) in checks.iter().filter(|(_, check)| !check.holds()) {
            let of = check.broken.iter().map(|row| format!("{module}: {}: {row}", check.invariant));
            wrong.extend(of);
        }
        let is_right = wrong.is_empty();
        let is_settled = is_right && before.as_ref() == Some(&rows) && !wakes_soon(shop).await?;
        if began.elapsed() > patience || is_settled {
            return Ok(wrong);
        }
        before = is_right.then_some(rows);
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Whether a saga goes on soon. One that waits for a shopper does so for longer.
async fn wakes_soon(shop: &Shop) -> Result<bool, Failure> {
    let orders = shop.database(order::SCHEMA.module)?;
    let soon = orders.clock().now() + SOON;
    let open = saga::list(orders, SAGAS_MAX).await?;
    Ok(open.iter().any(|saga| saga.phase != "stuck" && saga.due_at < soon))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_number_or_a_range() {
        assert_eq!(seeds("7"), Ok(7..=7));
        assert_eq!(seeds("1..20"), Ok(1..=20));
        for wrong in ["", "x", "1..", "5..4", "-1"] {
            assert!(seeds(wrong).is_err(), "{wrong}");
        }
    }
}

//! What a payment costs from its decision about fraud to its entries in the journal, durable, behind a
//! processor that takes its time (`make bench-payments`).
#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use kernel::card::{Card, CardNumber};
use kernel::events::{Breakdown, CategoryGoods, OrderConfirmed, PaymentCaptured};
use kernel::id::{CustomerId, OrderId};
use kernel::ports::{Attempt, Authorization, Authorize, Payer, Payments as _, Purpose, Risk as _};
use kernel::{Address, Currency, Event, Money, Timestamp};
use platform::bus::Bus;
use platform::sql::{Db, Sql};
use platform::tasks::Tasks;
use stoa::app::Shop;
use stoa::command::Failure;
use stoa::settings::Settings;
use uuid::Uuid;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long the processor takes for an answer, in milliseconds.
const LATENCY_MS: u64 = 50;
/// Who pays, each with a card: so many that nobody pays more often than is usual.
const SHOPPERS: usize = 4_000;
/// Payments that are measured at a time, ...
const PAYMENTS: usize = 10_000;
/// ... and those before, which fill caches.
const WARM_UP: usize = 1_000;
/// How many shoppers pay at the same time, each as soon as one before was answered.
const AT_ONCE: usize = 96;
/// How often somebody begins to pay where they come on their own: 500 in a second.
const EVERY: Duration = Duration::from_millis(2);
/// Decisions that are measured by themselves.
const DECISIONS: usize = 5_000;
/// How long captures and the journal may be behind.
const BEHIND_MAX: Duration = Duration::from_mins(2);

/// Somebody with a card.
struct Shopper {
    payer: Payer,
    token: String,
}

/// A shop that takes payments and does nothing else.
struct Stand {
    shop: Shop,
    tasks: Tasks,
    shoppers: Vec<Shopper>,
    total: Money,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let stand = Stand::open(folder.path()).await?;
    let mut before = 0;
    for (name, payments, comes) in [
        ("warm-up", WARM_UP, Comes::AtOnce),
        ("500 begin in a second", PAYMENTS, Comes::OnTheirOwn),
        ("96 at once", PAYMENTS, Comes::AtOnce),
    ] {
        println!("{payments} payments, {name}, the processor takes {LATENCY_MS} ms:");
        stand.measure(before, payments, comes).await?;
        before += payments;
    }
    for at_once in [1, 16] {
        let mut decisions = stand.decide(at_once).await?;
        println!("  a decision, {at_once} at once: {}", told(&mut decisions));
    }
    stand.close().await
}

/// How shoppers come to pay.
#[derive(Clone, Copy)]
enum Comes {
    /// Some are always there, and wait for their answer.
    AtOnce,
    /// So many in a second, whatever the shop does.
    OnTheirOwn,
}

/// A payment that was answered.
struct Paid {
    began: Timestamp,
    answered: Duration,
}

impl Stand {
    async fn open(folder: &Path) -> Result<Self, Failure> {
        let mut settings = Settings::read(None)?;
        folder.clone_into(&mut settings.server.data_dir);
        settings.payment.sandbox.latency_ms = LATENCY_MS;
        let shop = Shop::open(settings).await?;
        let tasks = Tasks::default();
        let subscriptions = [
            shop.payments.subscriptions(),
            shop.fraud.subscriptions(),
            shop.ledger.subscriptions(),
        ];
        let how = stoa::app::bus_settings(&shop.settings, "bench");
        let bus = Bus::new(shop.databases().to_vec(), subscriptions.concat(), how);
        bus.register().await?;
        bus.start(&tasks)?;
        shop.payments.start(&tasks);
        let made = (0..SHOPPERS).map(|n| shopper(&shop, n));
        let shoppers = stream::iter(made).buffered(AT_ONCE).try_collect().await?;
        Ok(Self { shop, tasks, shoppers, total: Money::from_minor(4_999, Currency::EUR) })
    }

    /// Has so many orders paid, after those of before, and tells how long it took.
    async fn measure(&self, before: usize, payments: usize, comes: Comes) -> Result<(), Failure> {
        let began = Instant::now();
        let begun = self.pay(payments, comes).await?;
        let answered = began.elapsed();
        self.caught_up(before + payments).await?;
        let done = began.elapsed();
        let mut answers: Vec<Duration> = begun.values().map(|paid| paid.answered).collect();
        println!("  answered: {:.0}/s, {}", rate(payments, answered), told(&mut answers));
        let mut captured = self.until_captured(&begun).await?;
        println!(
            "  captured: {}; with the journal {:.0}/s",
            told(&mut captured),
            rate(payments, done)
        );
        Ok(())
    }

    async fn pay(&self, payments: usize, comes: Comes) -> Result<HashMap<Uuid, Paid>, Failure> {
        let began = Instant::now();
        let paying = (0..payments).map(|n| async move {
            let mut since = Instant::now();
            if let Comes::OnTheirOwn = comes {
                since = began + EVERY * u32::try_from(n)?;
                tokio::time::sleep_until(since.into()).await;
            }
            self.pay_one(n, since).await
        });
        let at_once = match comes {
            Comes::AtOnce => AT_ONCE,
            Comes::OnTheirOwn => payments,
        };
        stream::iter(paying).buffer_unordered(at_once).try_collect().await
    }

    /// Pays an order whose shopper came at `since`.
    async fn pay_one(&self, n: usize, since: Instant) -> Result<(Uuid, Paid), Failure> {
        let (order_id, shopper) = (OrderId::new(), &self.shoppers[n % SHOPPERS]);
        let request = Authorize {
            order_id,
            key: format!("pay:{order_id}"),
            amount: self.total,
            token: shopper.token.clone(),
            payer: Some(shopper.payer.clone()),
        };
        let late = chrono::TimeDelta::from_std(since.elapsed())?;
        let began = self.shop.database("payment")?.clock().now() - late;
        let answer = self.shop.payments.authorize(request).await?;
        let answered = since.elapsed();
        if !matches!(answer, Authorization::Authorized(_)) {
            return Err(format!("payment {n} was not authorized: {answer:?}").into());
        }
        self.confirm(order_id, shopper.payer.customer_id).await?;
        Ok((order_id.uuid(), Paid { began, answered }))
    }

    /// The checkout has ended, so that the amount is taken.
    async fn confirm(&self, order_id: OrderId, customer_id: CustomerId) -> Result<(), Failure> {
        let none = Money::from_minor(0, Currency::EUR);
        let goods = vec![CategoryGoods { category: None, amount: self.total }];
        let event = OrderConfirmed {
            order_id,
            number: order_id.to_string(),
            customer_id,
            lines: Vec::new(),
            total: self.total,
            breakdown: Some(Breakdown { goods, shipping: none, tax: none }),
            account_id: None,
        };
        let mut tx = self.shop.database("order")?.begin("bench.confirm").await?;
        tx.emit(&event, 1)?;
        Ok(tx.commit().await?)
    }

    /// Waits until everything is captured and the journal has both entries of each order.
    async fn caught_up(&self, orders: usize) -> Result<(), Failure> {
        let (journal, since) = (self.shop.database("ledger")?, Instant::now());
        while count(journal, "select count(*) from entry").await? < 2 * orders {
            if since.elapsed() > BEHIND_MAX {
                return Err("captures or the journal are behind".into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// How long each took from its begin until it was captured.
    async fn until_captured(&self, begun: &HashMap<Uuid, Paid>) -> Result<Vec<Duration>, Failure> {
        let sql = Sql::new("select data, time from outbox where kind = $1");
        let payments = self.shop.database("payment")?;
        let told: Vec<(platform::sql::Json<PaymentCaptured>, Timestamp)> =
            payments.query(sql).bind(PaymentCaptured::TYPE).all().await?;
        Ok(told
            .into_iter()
            .filter_map(|(captured, at)| {
                let paid = begun.get(&captured.0.order_id.uuid())?;
                (at - paid.began).to_std().ok()
            })
            .collect())
    }

    /// Decides about attempts of shoppers who paid before.
    async fn decide(&self, at_once: usize) -> Result<Vec<Duration>, Failure> {
        let deciding = (0..DECISIONS).map(|n| async move {
            let (order_id, shopper) = (OrderId::new(), &self.shoppers[n % SHOPPERS]);
            let attempt = Attempt {
                key: format!("decide:{order_id}"),
                order_id,
                amount: self.total,
                token: shopper.token.clone(),
                fingerprint: None,
                payer: shopper.payer.clone(),
            };
            let since = Instant::now();
            self.shop.fraud.assess(&attempt).await?;
            Ok::<_, Failure>(since.elapsed())
        });
        stream::iter(deciding).buffer_unordered(at_once).try_collect().await
    }

    async fn close(self) -> Result<(), Failure> {
        self.tasks.stop(Duration::from_secs(5)).await;
        self.shop.stop().await;
        Ok(())
    }
}

/// Somebody whose key is made, as an order makes it, and whose card is kept.
async fn shopper(shop: &Shop, n: usize) -> Result<Shopper, Failure> {
    let customer_id = CustomerId::new();
    shop.database("payment")?.people()?.key(customer_id, Purpose::Service).await?;
    let card = Card { number: CardNumber::parse(&number(n))?, exp_month: 12, exp_year: 2_034 };
    let vault = shop.vault.as_ref().ok_or("there is no vault")?;
    let token = vault.keep(card).await?.token;
    let ships_to = Address {
        name: "Ada Lovelace".to_owned(),
        line1: format!("{n} St James's Square"),
        line2: None,
        city: "London".to_owned(),
        region: None,
        postal_code: Some("SW1Y 4JH".to_owned()),
        country: "GB".to_owned(),
    };
    let email = Some(format!("ada{n}@example.com"));
    Ok(Shopper { payer: Payer { customer_id, email, from: None, ships_to, bills_to: None }, token })
}

/// A number with the right check digit (ISO/IEC 7812) that is none of the test cards.
fn number(n: usize) -> String {
    let body = format!("4929{n:011}");
    let sum: u32 = body
        .chars()
        .rev()
        .filter_map(|digit| digit.to_digit(10))
        .enumerate()
        .map(|(place, digit)| if place % 2 == 0 { digit * 2 / 10 + digit * 2 % 10 } else { digit })
        .sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

async fn count(db: &Db, sql: &'static str) -> Result<usize, Failure> {
    let (count,): (i64,) = db.query(Sql::new(sql)).one().await?;
    Ok(usize::try_from(count)?)
}

#[expect(clippy::cast_precision_loss, reason = "a count of thousands")]
fn rate(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

/// The middle one, and the one that a hundredth take longer than.
fn told(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)];
    format!("p50 {:.2?}, p99 {:.2?}", at(50), at(99))
}

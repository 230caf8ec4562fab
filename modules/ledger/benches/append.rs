//! What it costs to journal an event behind 10,000 entries and behind 1,000,000: `make bench-ledger`.

use std::io::Write;
use std::time::{Duration, Instant};

use kernel::events::{Breakdown, CategoryGoods, OrderConfirmed, PaymentCaptured};
use kernel::id::{CustomerId, EventId, OrderId, PaymentId};
use kernel::{Clock, Currency, Envelope, Event, Money};
use ledger::{Ledger, SCHEMA, Terms};
use platform::bus::{Handler, Reaction};
use platform::sql::{Db, Engine};

/// How long the journal is when it is measured.
const LENGTHS: [usize; 2] = [10_000, 1_000_000];
/// How many events are journaled in one commit while it grows.
const BATCH: usize = 1_000;
/// How many events are measured, each in a commit of its own.
const MEASURED: usize = 2_000;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn told<E: Event>(event: &E) -> Result<Envelope, Failure> {
    Ok(Envelope {
        id: EventId::new(),
        source: E::SOURCE.to_owned(),
        kind: E::TYPE.to_owned(),
        version: 1,
        time: Clock::system().now(),
        subject: event.subject(),
        trace: String::new(),
        data: serde_json::to_value(event)?,
    })
}

/// An order that is confirmed, and its payment: two entries.
fn sale(n: usize) -> Result<[Envelope; 2], Failure> {
    let euros = |minor| Money::from_minor(minor, Currency::EUR);
    let (order_id, payment_id) = (OrderId::new(), PaymentId::new());
    let category = Some(["Home", "Garden", "Kitchen", "Office"][n % 4].to_owned());
    let confirmed = OrderConfirmed {
        order_id,
        number: "S-1".to_owned(),
        customer_id: CustomerId::new(),
        lines: vec![],
        total: euros(2_870),
        breakdown: Some(Breakdown {
            goods: vec![CategoryGoods { category, amount: euros(2_000) }],
            shipping: euros(412),
            tax: euros(458),
        }),
        account_id: None,
    };
    let captured = PaymentCaptured {
        payment_id,
        order_id,
        change_id: None,
        amount: euros(2_870),
        reason: None,
        charge: Some(format!("ch_{payment_id}")),
        by_staff: false,
    };
    Ok([told(&confirmed)?, told(&captured)?])
}

async fn grow(db: &Db, journal: &dyn Reaction, entries: usize) -> Result<(), Failure> {
    for _ in 0..entries / BATCH {
        let mut tx = db.begin("grow").await?;
        for n in 0..BATCH / 2 {
            for event in sale(n)? {
                journal.apply(&mut tx, &event).await?;
            }
        }
        tx.commit().await?;
    }
    Ok(())
}

/// How long an event takes: to be applied, and with its commit; the median of each.
async fn measure(db: &Db, journal: &dyn Reaction) -> Result<(Duration, Duration), Failure> {
    let (mut applied, mut committed) = (Vec::new(), Vec::new());
    for n in 0..MEASURED / 2 {
        for event in sale(n)? {
            let began = Instant::now();
            let mut tx = db.begin("measure").await?;
            journal.apply(&mut tx, &event).await?;
            applied.push(began.elapsed());
            tx.commit().await?;
            committed.push(began.elapsed());
        }
    }
    applied.sort_unstable();
    committed.sort_unstable();
    Ok((applied[MEASURED / 2], committed[MEASURED / 2]))
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let db = platform::testing::database(Engine::Sqlite, &SCHEMA, Clock::system()).await;
    let db = db.ok_or("SQLite is always there")?;
    let terms = Terms { fee_ppm: 14_000, fee_fixed_minor: 25, payout_days: 2 };
    let subscription = Ledger::new(db.clone(), terms).subscriptions().remove(0);
    let Handler::Reaction(journal) = subscription.handler else {
        return Err("the journal is a reaction".into());
    };
    let (mut length, mut first) = (0, None);
    for wanted in LENGTHS {
        grow(&db, journal.as_ref(), wanted - length).await?;
        let (applied, committed) = measure(&db, journal.as_ref()).await?;
        length = wanted + MEASURED;
        let before = *first.get_or_insert(applied);
        let ratio = applied.as_secs_f64() / before.as_secs_f64();
        writeln!(
            std::io::stdout(),
            "{wanted} entries: {applied:?} to append, {committed:?} with its commit, {ratio:.2} of the first"
        )?;
    }
    Ok(())
}

//! What the processor settled is asked for: all of a time is taken or nothing, once.

use std::sync::{Arc, Mutex};

use actix_web::test::TestRequest;
use async_trait::async_trait;
use chrono::TimeDelta;
use kernel::ports::{SettledKind, SettledLine, SettlementError, Settlements, Unavailable};
use kernel::{Clock, Money, Timestamp};
use ledger::{Error, Fetching, SCHEMA};
use platform::audit::Actor;
use platform::sql::Db;
use serde_json::json;

use crate::shop::{Sale, Shop, TERMS, euros};

const DAILY: Fetching = Fetching { fetch_every_h: 24, fetch_days: 3 };

/// A processor that tells what it was told to.
#[derive(Default)]
struct Processor {
    lines: Mutex<Vec<SettledLine>>,
    /// Of which times it was asked.
    asked: Mutex<Vec<(Timestamp, Timestamp)>>,
    /// How often it does not answer from now on.
    failures: Mutex<u32>,
    /// Of what time it tells too much.
    span_max: Mutex<Option<TimeDelta>>,
}

#[async_trait]
impl Settlements for Processor {
    async fn settled(
        &self,
        from: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<SettledLine>, SettlementError> {
        self.asked.lock().unwrap().push((from, until));
        if self.span_max.lock().unwrap().is_some_and(|max| until - from > max) {
            return Err(SettlementError::TooMany(most));
        }
        let mut failures = self.failures.lock().unwrap();
        if *failures > 0 {
            *failures -= 1;
            return Err(Unavailable::new("the test's processor", "it is out of reach").into());
        }
        let lines = self.lines.lock().unwrap();
        let within = lines.iter().filter(|line| line.created_at >= from && line.created_at < until);
        Ok(within.cloned().collect())
    }
}

impl Processor {
    fn settle(&self, sale: &Sale) -> SettledLine {
        let line = SettledLine {
            id: format!("txn_{}", sale.payment_id),
            kind: SettledKind::Charge,
            payment_id: Some(sale.payment_id),
            charge: Some(sale.charge()),
            gross: euros(sale.minor),
            fee: euros(TERMS.fee(sale.minor)),
            created_at: sale.confirmed_at,
            available_on: sale.confirmed_at + TimeDelta::days(2),
        };
        self.lines.lock().unwrap().push(line.clone());
        line
    }

    fn asked(&self) -> Vec<(Timestamp, Timestamp)> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

/// A shop whose ledger asks a processor.
async fn asking(db: &Db) -> (Shop, Arc<Processor>) {
    let processor = Arc::new(Processor::default());
    let mut shop = Shop::new(db).await;
    shop.ledger = shop.ledger.clone().asking(processor.clone(), DAILY);
    (shop, processor)
}

/// The last hour, and what is to come.
fn lately() -> (Timestamp, Timestamp) {
    let now = Clock::system().now();
    (now - TimeDelta::hours(1), now + TimeDelta::hours(1))
}

pub async fn what_was_fetched_is_taken_once(db: Db) {
    let (shop, processor) = asking(&db).await;
    for n in 0..3 {
        processor.settle(&shop.sold(10_000 + n).await);
    }
    shop.deliver().await;
    let fetch = || shop.ledger.fetch(lately(), &Actor::OPERATOR);
    let first = fetch().await.unwrap().unwrap();
    assert_eq!((first.source.as_str(), first.lines, first.posted), ("processor", 3, 3));
    assert_eq!(first.differences, 0);
    assert_eq!(shop.balance("clearing").await, 0);
    assert!(fetch().await.unwrap().is_none(), "nothing of it is new");
    assert_eq!(shop.get("settlements").await["items"].as_array().unwrap().len(), 1);

    // What is new beside it: a sale, and a charge that nobody knows.
    processor.settle(&shop.sold(500).await);
    shop.deliver().await;
    let stray = processor.lines.lock().unwrap()[0].clone();
    let stray = SettledLine {
        id: "txn_stray".to_owned(),
        payment_id: None,
        charge: Some("ch_stray".to_owned()),
        ..stray
    };
    processor.lines.lock().unwrap().push(stray);
    let body = json!({"from": lately().0, "until": lately().1});
    let request = || TestRequest::post().uri("/v1/admin/ledger/settlements/fetch");
    let (status, second) = shop.send(request().set_json(&body)).await;
    assert_eq!(status, 200, "{second}");
    assert_eq!((&second["lines"], &second["posted"]), (&json!(2), &json!(1)));
    let open = shop.get("differences?open=true").await;
    assert_eq!(
        (&open["items"][0]["reason"], &open["items"][1]),
        (&json!("orphan_charge"), &json!(null))
    );
    assert_eq!(shop.balance("clearing").await, 0);
    let refused = shop.send(request().set_json(json!({"from": "2999-01-01T00:00:00Z"}))).await;
    let field = &refused.1["errors"][0]["field"];
    assert_eq!((refused.0, field), (422, &json!("from")), "{}", refused.1);

    // A file that tells the same brings nothing more.
    let row = |line: &SettledLine| {
        let (gross, fee, net) = (line.gross, line.fee, line.gross.checked_sub(line.fee).unwrap());
        let [gross, fee, net] = [gross, fee, net].map(Money::amount);
        let SettledLine { id, created_at, available_on, .. } = line;
        let (at, on) = (created_at.to_rfc3339(), available_on.to_rfc3339());
        format!("{id},charge,,,{gross},{fee},{net},EUR,{at},{on}\n")
    };
    let rows: String = processor.lines.lock().unwrap().iter().map(row).collect();
    let header = "id,type,payment_id,charge_id,gross,fee,net,currency,created_at,available_on";
    let file = shop.ledger.settle(&format!("{header}\n{rows}"), &Actor::OPERATOR).await.unwrap();
    assert_eq!((file.lines, file.posted, file.differences), (5, 0, 0));
    shop.books_are_right().await;
}

pub async fn nothing_is_taken_of_what_was_told_in_part(db: Db) {
    let (shop, processor) = asking(&db).await;
    processor.settle(&shop.sold(10_000).await);
    shop.deliver().await;
    *processor.failures.lock().unwrap() = 2;
    let failed = shop.ledger.fetch(lately(), &Actor::OPERATOR).await;
    let is_known = matches!(failed, Err(Error::Processor(SettlementError::Unavailable(_))));
    assert!(is_known, "{failed:?}");
    let body = json!({"from": lately().0});
    let request = TestRequest::post().uri("/v1/admin/ledger/settlements/fetch").set_json(&body);
    assert_eq!(shop.send(request).await.0, 503);
    assert_eq!(shop.get("settlements").await["items"], json!([]));
    assert_eq!(shop.balance("clearing").await, 10_000);
    let settled = shop.ledger.fetch(lately(), &Actor::OPERATOR).await.unwrap().unwrap();
    assert_eq!((settled.posted, shop.balance("clearing").await), (1, 0));
}

pub async fn one_node_fetches_each_day_and_catches_up(db: Db) {
    let begin = Clock::system().now();
    let (clock, hand) = Clock::fixed(begin);
    let db = platform::testing::database(db.engine(), &SCHEMA, clock.clone()).await.unwrap();
    let (shop, processor) = asking(&db).await;
    let other = shop.ledger.clone();
    let (one, two) = futures_util::future::join(shop.ledger.fetch_due(), other.fetch_due()).await;
    one.unwrap();
    two.unwrap();
    // The days before, and one for what was booked before the shop heard of it, by one node.
    let whole = |asked: &[(Timestamp, Timestamp)]| {
        assert!(asked.windows(2).all(|pair| pair[0].1 == pair[1].0), "a gap in {asked:?}");
        (asked[0].0, asked.last().unwrap().1, asked.len())
    };
    let now = clock.now();
    assert_eq!(whole(&processor.asked()), (now - TimeDelta::days(4), now, 4));
    assert_eq!(shop.ledger.fetched_ago().await.unwrap(), Some(TimeDelta::zero()));
    hand.advance(TimeDelta::hours(23));
    shop.ledger.fetch_due().await.unwrap();
    assert_eq!(processor.asked(), []);

    // It fails, which is seen, and is tried again later; the next who comes does not hurry.
    hand.advance(TimeDelta::hours(1));
    *processor.failures.lock().unwrap() = 1;
    shop.ledger.fetch_due().await.unwrap_err();
    assert_eq!(processor.asked().len(), 1);
    other.fetch_due().await.unwrap();
    assert_eq!(processor.asked(), []);
    assert_eq!(shop.ledger.fetched_ago().await.unwrap(), Some(TimeDelta::days(1)));

    // After a week of standing still nothing is left out, also where a day is too much.
    hand.advance(TimeDelta::days(7));
    *processor.span_max.lock().unwrap() = Some(TimeDelta::hours(6));
    other.fetch_due().await.unwrap();
    let mut asked = processor.asked();
    asked.retain(|(from, until)| *until - *from <= TimeDelta::hours(6));
    assert_eq!(whole(&asked), (now - TimeDelta::days(4), clock.now(), 12 * 4));
}

pub async fn what_nobody_told_of_is_missing_until_it_is_told(db: Db) {
    let begin = Clock::system().now();
    let (clock, hand) = Clock::fixed(begin);
    let db = platform::testing::database(db.engine(), &SCHEMA, clock.clone()).await.unwrap();
    let (shop, processor) = asking(&db).await;
    let (told, untold) = (shop.sold(10_000).await, shop.sold(20_000).await);
    processor.settle(&told);
    shop.deliver().await;
    hand.advance(TimeDelta::hours(1));
    let reasons = async || {
        let open = shop.get("differences?open=true").await;
        let items = open["items"].as_array().unwrap().clone();
        items.iter().map(|it| it["reason"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for (day, wanted) in [(0, 0), (1, 0), (2, 1), (3, 1)] {
        shop.ledger.fetch_due().await.unwrap();
        assert_eq!(reasons().await, vec!["missing"; wanted], "day {day}");
        hand.advance(TimeDelta::days(1));
    }
    processor.settle(&untold);
    let booked_at = clock.now() - TimeDelta::hours(1);
    processor.lines.lock().unwrap()[1].created_at = booked_at;
    shop.ledger.fetch_due().await.unwrap();
    assert_eq!((reasons().await, shop.balance("clearing").await), (vec![], 0));
    shop.books_are_right().await;
}

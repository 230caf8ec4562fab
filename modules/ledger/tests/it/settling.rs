//! The processor tells what it settles, and not always what happened.

use actix_web::test::TestRequest;
use futures_util::future::join_all;
use kernel::events::{PaymentDisputeClosed, PaymentDisputed};
use kernel::id::PaymentId;
use kernel::{Money, Timestamp};
use platform::audit::Actor;
use platform::sql::{Db, Sql};
use serde_json::{Value, json};

use crate::shop::{Sale, Shop, TERMS, euros};

const HEADER: &str = "id,type,payment_id,charge_id,gross,fee,net,currency,created_at,available_on";

/// A line of a file.
#[derive(Clone)]
struct Line {
    id: String,
    kind: &'static str,
    payment: String,
    charge: String,
    gross: i64,
    fee: i64,
    currency: &'static str,
    created_at: Timestamp,
    days: i64,
}

impl Line {
    fn of(sale: &Sale) -> Self {
        Self {
            id: format!("txn_{}", sale.payment_id),
            kind: "charge",
            payment: sale.payment_id.to_string(),
            charge: sale.charge(),
            gross: sale.minor,
            fee: TERMS.fee(sale.minor),
            currency: "EUR",
            created_at: sale.confirmed_at,
            days: 2,
        }
    }

    fn row(&self) -> String {
        let amount = |minor| Money::amount(euros(minor));
        let available = self.created_at + chrono::TimeDelta::days(self.days);
        format!(
            "{},{},{},{},{},{},{},{},{},{}",
            self.id,
            self.kind,
            self.payment,
            self.charge,
            amount(self.gross),
            amount(self.fee),
            amount(self.gross - self.fee),
            self.currency,
            self.created_at.to_rfc3339(),
            available.to_rfc3339(),
        )
    }
}

fn file(lines: &[Line]) -> String {
    let rows: Vec<String> = lines.iter().map(Line::row).collect();
    format!("{HEADER}\n{}\n", rows.join("\n"))
}

async fn sales(shop: &Shop, count: i64) -> Vec<Sale> {
    let mut sales = Vec::new();
    for n in 0..count {
        sales.push(shop.sold(10_000 + n).await);
    }
    shop.deliver().await;
    sales
}

async fn import(shop: &Shop, file: &str) -> (u16, Value) {
    let request = TestRequest::post().uri("/v1/admin/ledger/settlements");
    shop.send(request.set_payload(file.to_owned())).await
}

fn reasons(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap().iter();
    let mut reasons: Vec<_> = items.map(|it| it["reason"].as_str().unwrap().to_owned()).collect();
    reasons.sort_unstable();
    reasons
}

pub async fn every_seeded_fault_is_found(db: Db) {
    let shop = Shop::new(&db).await;
    let sales = sales(&shop, 8).await;
    let mut lines: Vec<Line> = sales.iter().skip(1).map(Line::of).collect();
    lines[0].gross -= 500;
    lines[1].currency = "USD";
    lines[2].fee += 1;
    lines[3].days = 9;
    lines.push(Line { id: "txn_twice".to_owned(), ..lines[4].clone() });
    let some = lines[4].clone();
    let orphan = |kind, gross| Line {
        id: format!("txn_{kind}"),
        kind,
        payment: PaymentId::new().to_string(),
        charge: "ch_unknown".to_owned(),
        gross,
        fee: 0,
        ..some.clone()
    };
    let orphans = [orphan("charge", 700), orphan("refund", -300)];
    lines.extend(orphans);
    // The file tells of later days too: what it does not tell of is missing.
    let mut later = orphan("dispute", -1);
    later.created_at += chrono::TimeDelta::days(5);
    lines.push(later);
    let (status, settled) = import(&shop, &file(&lines)).await;
    assert_eq!((status, &settled["lines"], &settled["posted"]), (200, &json!(11), &json!(4)));
    let found = reasons(&shop.get("differences?open=true").await);
    let seeded = [
        "amount",
        "currency",
        "duplicate",
        "fee",
        "late",
        "missing",
        "orphan_charge",
        "orphan_dispute",
        "orphan_refund",
    ];
    assert_eq!(found, seeded);
    assert_eq!(settled["differences"], 9);
    shop.books_are_right().await;
    let at_risk = shop.get("at-risk").await;
    let euro = &at_risk["items"][0];
    let amount = |part: &str| euro[part]["amount"]["amount"].as_str().unwrap().to_owned();
    // Four payments are not settled: the first four.
    let open: i64 = sales.iter().take(4).map(|sale| sale.minor).sum();
    assert_eq!(amount("unsettled"), euros(open).amount().to_string());
    assert_eq!(amount("differences"), euros(sales[5].minor + 700 + 300 + 1).amount().to_string());
    let total = open + sales[5].minor + 1_001;
    assert_eq!(euro["total"]["amount"], euros(total).amount().to_string());

    // What was missing comes after all, and is off the list.
    let late = Line { days: 6, ..Line::of(&sales[0]) };
    let (status, settled) = import(&shop, &file(&[late])).await;
    assert_eq!((status, &settled["posted"], &settled["differences"]), (200, &json!(1), &json!(1)));
    let found = reasons(&shop.get("differences?open=true").await);
    assert!(!found.contains(&"missing".to_owned()), "{found:?}");
    assert_eq!(found.iter().filter(|reason| *reason == "late").count(), 2);
}

pub async fn a_file_and_a_line_count_once(db: Db) {
    let shop = Shop::new(&db).await;
    let sales = sales(&shop, 3).await;
    let lines: Vec<Line> = sales.iter().map(Line::of).collect();
    let first = import(&shop, &file(&lines[..2])).await;
    assert_eq!((first.0, &first.1["posted"]), (200, &json!(2)));
    assert_eq!(import(&shop, &file(&lines[..2])).await, first, "the same file");
    let (_, more) = import(&shop, &file(&lines)).await;
    assert_eq!(
        (&more["lines"], &more["posted"], &more["differences"]),
        (&json!(3), &json!(1), &json!(0))
    );
    assert_eq!(shop.balance("clearing").await, 0);
    let gross: i64 = sales.iter().map(|sale| sale.minor).sum();
    let fees: i64 = sales.iter().map(|sale| TERMS.fee(sale.minor)).sum();
    assert_eq!((shop.balance("bank").await, shop.balance("fees").await), (gross - fees, fees));
    let listed = shop.get("settlements").await;
    assert_eq!(listed["items"], json!([more, first.1]));
    let wrong = format!("{HEADER}\n{}\nnonsense\n", lines[0].row());
    let (status, problem) = import(&shop, &wrong).await;
    assert_eq!((status, &problem["line"]), (422, &json!(3)));
    assert_eq!(import(&shop, &"x".repeat(5 << 20)).await.0, 413);
    shop.books_are_right().await;
}

pub async fn several_who_take_files_settle_once(db: Db) {
    let shop = Shop::new(&db).await;
    let sales = sales(&shop, 12).await;
    let lines: Vec<Line> = sales.iter().map(Line::of).collect();
    let files =
        [file(&lines), file(&lines), file(&lines[..6]), file(&lines[6..]), file(&lines[3..9])];
    let taken = files.iter().map(|file| shop.ledger.settle(file, &Actor::OPERATOR));
    for taken in join_all(taken).await {
        assert_eq!(taken.unwrap().differences, 0);
    }
    assert_eq!(shop.balance("clearing").await, 0);
    shop.books_are_right().await;
}

pub async fn a_difference_is_resolved_with_a_note(db: Db) {
    let shop = Shop::new(&db).await;
    let sales = sales(&shop, 2).await;
    let mut lines: Vec<Line> = sales.iter().map(Line::of).collect();
    lines[0].gross -= 500;
    lines.push(Line { id: "txn_twice".to_owned(), ..lines[1].clone() });
    import(&shop, &file(&lines)).await;
    let page = shop.get("differences?open=true").await;
    let of = |reason: &str| {
        let found = page["items"].as_array().unwrap().iter().find(|it| it["reason"] == reason);
        found.unwrap()["id"].as_str().unwrap().to_owned()
    };
    let resolve = async |id: &str, body: Value| {
        let request =
            TestRequest::post().uri(&format!("/v1/admin/ledger/differences/{id}/resolve"));
        shop.send(request.set_json(body)).await
    };
    let (amount, twice) = (of("amount"), of("duplicate"));
    assert_eq!(resolve(&amount, json!({"note": " "})).await.0, 422);
    assert_eq!(resolve(&twice, json!({"note": "again", "accept": true})).await.0, 409);
    assert_eq!(resolve("x", json!({"note": "none"})).await.0, 404);
    let (status, resolved) =
        resolve(&amount, json!({"note": "They keep it.", "accept": true})).await;
    assert_eq!((status, &resolved["note"]), (200, &json!("They keep it.")));
    assert_eq!(resolve(&amount, json!({"note": "again"})).await.0, 409);
    assert_eq!(resolve(&twice, json!({"note": "They took it back."})).await.0, 200);
    assert_eq!(shop.get("differences?open=true").await["items"], json!([]));
    assert_eq!((shop.balance("clearing").await, shop.balance("adjustments").await), (0, 500));
    shop.books_are_right().await;
    let noted = Sql::new("select count(*) from audit where action = 'difference.resolve'");
    assert_eq!(db.query(noted).one::<(i64,)>().await.unwrap(), (2,));
}

pub async fn what_is_disputed_is_no_open_clearing(db: Db) {
    let shop = Shop::new(&db).await;
    let sales = sales(&shop, 2).await;
    import(&shop, &file(&sales.iter().map(Line::of).collect::<Vec<_>>())).await;
    for (sale, end) in sales.iter().zip(["won", "lost"]) {
        let told = |reason: &str| PaymentDisputed {
            payment_id: sale.payment_id,
            order_id: sale.order_id,
            change_id: None,
            amount: euros(sale.minor),
            reason: Some(reason.to_owned()),
            charge: Some(sale.charge()),
            by_staff: false,
        };
        shop.tell_payment(&told("fraudulent"), 2).await;
        shop.deliver().await;
        shop.books_are_right().await;
        let PaymentDisputed { payment_id, order_id, change_id, amount, reason, charge, by_staff } =
            told(end);
        let closed = PaymentDisputeClosed {
            payment_id,
            order_id,
            change_id,
            amount,
            reason,
            charge,
            by_staff,
        };
        shop.tell_payment(&closed, 3).await;
        shop.deliver().await;
        shop.books_are_right().await;
    }
    assert_eq!(shop.balance("disputes").await, 0);
    assert_eq!(shop.balance("dispute_losses").await, sales[1].minor);
    let lost = Line { id: "txn_lost".to_owned(), kind: "dispute", fee: 0, ..Line::of(&sales[1]) };
    let lost = Line { gross: -sales[1].minor, ..lost };
    let (_, settled) = import(&shop, &file(&[lost])).await;
    assert_eq!((&settled["posted"], &settled["differences"]), (&json!(1), &json!(0)));
    assert_eq!(shop.balance("clearing").await, 0);
    shop.books_are_right().await;
}

pub async fn a_line_that_came_before_its_event_is_accepted_afterwards(db: Db) {
    let shop = Shop::new(&db).await;
    let sale = shop.sold(5_000).await;
    let early = file(&[Line::of(&sale)]);
    import(&shop, &early).await;
    let page = shop.get("differences?open=true").await;
    assert_eq!(reasons(&page), ["orphan_charge"]);
    let path = page["items"][0]["id"].as_str().unwrap();
    let path = format!("/v1/admin/ledger/differences/{path}/resolve");
    let accept = || {
        let body = json!({"note": "It is known by now.", "accept": true});
        shop.send(TestRequest::post().uri(&path).set_json(body))
    };
    assert_eq!(accept().await.0, 409, "nobody has heard of it yet");
    shop.deliver().await;
    assert_eq!(accept().await.0, 200);
    assert_eq!(shop.balance("clearing").await, 0);
    assert_eq!(shop.balance("fees").await, TERMS.fee(5_000));
    shop.books_are_right().await;
}

pub async fn a_line_that_was_told_in_two_ways_is_no_third(db: Db) {
    let shop = Shop::new(&db).await;
    let sale = shop.sold(5_000).await;
    shop.deliver().await;
    let first = Line::of(&sale);
    let other = Line { gross: 4_000, ..first.clone() };
    let more = Line { id: "txn_more".to_owned(), ..first.clone() };
    import(&shop, &file(std::slice::from_ref(&first))).await;
    import(&shop, &file(&[other])).await;
    let before = reasons(&shop.get("differences?open=true").await);
    import(&shop, &file(&[first, more])).await;
    let after = reasons(&shop.get("differences?open=true").await);
    assert_eq!(after.len(), before.len() + 1, "{before:?} {after:?}: only what is more");
}

//! What Stripe books, and what it is to the shop.
#![cfg(test)]

use kernel::id::PaymentId;
use proptest::prelude::*;
use serde_json::json;

use super::*;

const PAYMENT_ID: &str = "018f0000-0000-7000-8000-000000000001";

fn charge() -> Value {
    json!({"id": "ch_1", "object": "charge", "payment_intent": "pi_1",
        "metadata": {"payment": PAYMENT_ID}})
}

fn refund() -> Value {
    json!({"id": "re_1", "object": "refund", "charge": "ch_1", "payment_intent": "pi_1",
        "metadata": {"command": "r"}})
}

fn booked(id: &str, category: &str, amount: i64, fee: i64, source: &Value) -> Transaction {
    let told = json!({
        "id": id, "amount": amount, "currency": "eur", "fee": fee, "created": 1_700_000_000,
        "available_on": 1_700_172_800, "reporting_category": category, "source": source,
    });
    serde_json::from_value(told).unwrap()
}

/// A dispute of 10.00 euros, with what was booked of it.
fn dispute(status: &str, moved: &[(i64, i64)]) -> Dispute {
    let booked = moved.iter().enumerate().map(|(n, (amount, fee))| {
        json!({"id": format!("txn_{n}"), "amount": amount, "currency": "eur", "fee": fee,
            "created": 1_700_000_000 + n, "available_on": 1_700_172_800, "source": "dp_1"})
    });
    let told = json!({
        "id": "dp_1", "amount": 1_000, "reason": "fraudulent", "status": status, "created": 1_700_000_000,
        "charge": "ch_1", "payment_intent": "pi_1", "balance_transactions": booked.collect::<Vec<_>>(),
    });
    serde_json::from_value(told).unwrap()
}

/// A line in short: id, kind, charge, gross and fee.
type Short = (String, SettledKind, String, i64, i64);

fn short(line: &SettledLine) -> Short {
    let charge = line.charge.clone().unwrap_or_default();
    (line.id.clone(), line.kind, charge, line.gross.minor(), line.fee.minor())
}

fn told(booked: &[Transaction], disputes: &[Dispute]) -> Vec<Short> {
    lines(booked, disputes).unwrap().iter().map(short).collect()
}

#[test]
fn each_category_is_what_it_is_to_the_shop() {
    use SettledKind::{Charge, Refund};
    let external =
        json!({"id": "ch_9", "object": "charge", "payment_intent": null, "metadata": {}});
    for (category, amount, fee, source, line) in [
        ("charge", 1_000, 39, charge(), Some((Charge, "pi_1", 1_000, 39))),
        ("charge", 500, 20, external, Some((Charge, "ch_9", 500, 20))),
        ("charge", 500, 20, json!("ch_9"), Some((Charge, "ch_9", 500, 20))),
        ("charge_failure", -1_000, 0, charge(), Some((Refund, "pi_1", -1_000, 0))),
        ("refund", -400, 0, refund(), Some((Refund, "pi_1", -400, 0))),
        ("refund", -400, -6, refund(), Some((Refund, "pi_1", -400, -6))),
        // It came back: a charge of nothing that the shop knows.
        ("refund_failure", 400, 0, refund(), Some((Charge, "re_1", 400, 0))),
        ("partial_capture_reversal", -600, 0, refund(), Some((Refund, "pi_1", -600, 0))),
        ("dispute", -1_000, 1_500, json!({"id": "dp_1", "object": "dispute"}), None),
        ("dispute_reversal", 1_000, 0, json!({"id": "dp_1", "object": "dispute"}), None),
        ("payout", -5_000, 0, json!({"id": "po_1", "object": "payout"}), None),
        ("transfer", -5_000, 0, json!("tr_1"), None),
        ("fee", -100, 0, Value::Null, None),
        ("other_adjustment", -100, 0, json!({"id": 7}), None),
    ] {
        let wanted: Vec<Short> = line
            .map(|(kind, charge, gross, fee)| {
                ("txn_1".to_owned(), kind, charge.to_owned(), gross, fee)
            })
            .into_iter()
            .collect();
        let one = booked("txn_1", category, amount, fee, &source);
        assert_eq!(told(&[one], &[]), wanted, "{category}");
    }
}

#[test]
fn only_a_charge_names_the_payment() {
    let payment = |one| lines(&[one], &[]).unwrap()[0].payment_id;
    let known: PaymentId = PAYMENT_ID.parse().unwrap();
    assert_eq!(payment(booked("t", "charge", 1, 0, &charge())), Some(known));
    assert_eq!(payment(booked("t", "refund", -1, 0, &refund())), None);
    // What came back must not settle another capture of its payment.
    let mut of_charge = refund();
    of_charge["metadata"]["payment"] = json!(PAYMENT_ID);
    assert_eq!(payment(booked("t", "refund_failure", 1, 0, &of_charge)), None);
}

#[test]
fn a_capture_of_a_part_is_one_line() {
    let whole = || booked("txn_c", "charge", 1_000, 39, &charge());
    let rest = || booked("txn_p", "partial_capture_reversal", -600, -8, &refund());
    let line = ("txn_c".to_owned(), SettledKind::Charge, "pi_1".to_owned(), 400, 31);
    for booked in [[whole(), rest()], [rest(), whole()]] {
        assert_eq!(told(&booked, &[]), std::slice::from_ref(&line));
    }
}

#[test]
fn a_dispute_is_a_line_once_it_is_lost() {
    let taken = (-1_000, 1_500);
    let line = |gross, fee| {
        vec![("txn_0".to_owned(), SettledKind::Dispute, "pi_1".to_owned(), gross, fee)]
    };
    for (status, moved, wanted) in [
        ("needs_response", &[taken][..], vec![]),
        ("under_review", &[taken], vec![]),
        ("won", &[taken, (1_000, -1_500)], vec![]),
        ("won", &[taken, (1_000, 0)], vec![]),
        ("lost", &[taken], line(-1_000, 1_500)),
        // A part came back, and nothing was taken.
        ("lost", &[taken, (300, 0)], line(-700, 1_500)),
        ("lost", &[taken, (1_000, 0)], vec![]),
        ("lost", &[], vec![]),
        ("warning_closed", &[], vec![]),
    ] {
        assert_eq!(told(&[], &[dispute(status, moved)]), wanted, "{status} {moved:?}");
    }
}

#[test]
fn amounts_are_counted_as_iso_4217_does() {
    for (code, told, minor) in [
        ("eur", 1_234, 1_234),
        ("jpy", 500, 500),
        ("kwd", 5_000, 5_000),
        ("isk", 50_000, 500),
        ("ugx", 500, 5),
        ("mga", 7, 700),
    ] {
        let money = money(told, code).unwrap();
        assert_eq!((money.minor(), money.currency().code()), (minor, &*code.to_ascii_uppercase()));
    }
    assert!(money(1, "xxx").is_err() && money(i64::MAX, "mga").is_err());
}

proptest! {
    /// In whatever order pages tell it, what the lines sum to is what was booked about payments, less what disputes hold.
    #[test]
    fn nothing_that_is_about_a_payment_is_lost(
        sales in prop::collection::vec((1..99_999_i64, 0..999_i64, 0..99_999_i64, prop::collection::vec(1..500_i64, 0..3)), 1..20),
        seed in any::<u64>(),
    ) {
        let (mut all, mut sum, mut kept) = (Vec::new(), 0, 0);
        for (n, (amount, fee, let_go, refunds)) in sales.iter().enumerate() {
            let mut source = charge();
            source["id"] = json!(format!("ch_{n}"));
            all.push(booked(&format!("c{n}"), "charge", *amount, *fee, &source));
            let mut of = refund();
            of["charge"] = json!(format!("ch_{n}"));
            let let_go = let_go % amount;
            all.push(booked(&format!("p{n}"), "partial_capture_reversal", -let_go, 0, &of));
            for (m, refund) in refunds.iter().enumerate() {
                all.push(booked(&format!("r{n}.{m}"), "refund", -refund, 0, &of));
                sum -= refund;
            }
            all.push(booked(&format!("o{n}"), "payout", -amount, 0, &Value::Null));
            sum += amount - let_go;
            kept += fee;
        }
        let turn = usize::try_from(seed % all.len() as u64).unwrap();
        all.rotate_left(turn);
        let lines = lines(&all, &[]).unwrap();
        prop_assert_eq!(lines.iter().map(|line| line.gross.minor()).sum::<i64>(), sum);
        prop_assert_eq!(lines.iter().map(|line| line.fee.minor()).sum::<i64>(), kept);
        let charges = lines.iter().filter(|line| line.kind == SettledKind::Charge);
        prop_assert_eq!(charges.count(), sales.len());
    }
}

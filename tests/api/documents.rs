//! Invoices and packing slips: the PDF is read back.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    APPROVED, CHALLENGED, Customer, Engine, Shop, id_of, on_both_engines, order_body, product,
};

on_both_engines![an_invoice_says_what_the_order_does_and_stays_so, invoice_numbers_have_no_gaps,];

/// How many invoices are asked for at once, each by two.
const ORDERS: usize = 8;

/// The text of a PDF that somebody can see, in one line.
pub(crate) async fn paper(who: &Customer, path: &str) -> String {
    let (status, kind, bytes) = who.download(path).await;
    assert_eq!((status, kind.as_str()), (200, "application/pdf"), "{path}");
    let text = pdf_extract::extract_text_from_mem(&bytes).unwrap();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// All of these, in this order.
pub(crate) fn says(paper: &str, all: &[&str]) {
    let mut rest = paper;
    for what in all {
        let at = rest.find(what).unwrap_or_else(|| panic!("{what:?} is not in {rest:?}"));
        rest = &rest[at + what.len()..];
    }
}

async fn an_invoice_says_what_the_order_does_and_stays_so(engine: Engine) {
    let mut lamp = product("LAMP-1", "20.00", 5);
    lamp["name"] = json!("Grüne Öllampe „Straße“");
    let mut book = product("BOOK-1", "10.00", 5);
    book["tax_category"] = json!("books");
    let Some(mut shop) = Shop::new(engine, &[lamp, book]) else { return };
    shop.set("STOA__ORDER__SELLER", "Stoa Läden GmbH,VAT DE123456789");
    shop.start(&[]);
    let (staff, ada) = (shop.staff().await, Customer::guest(&shop).await);
    let admin = shop.admin().await;
    for (category, rate) in [("", "19"), ("books", "7")] {
        let mut rate = json!({"country": "DE", "rate": rate});
        if !category.is_empty() {
            rate["category"] = json!(category);
        }
        assert_eq!(admin.post("/v1/admin/tax-rates", &rate).await.status, 201);
    }
    for (sku, units) in [("LAMP-1", 3), ("BOOK-1", 1)] {
        ada.fill_cart(&id_of(&ada, sku).await, units).await;
    }
    let mut body = order_body(&ada.card(APPROVED).await);
    body["billing_address"] = json!({
        "name": "Jürgen Groß", "line1": "Königsallee 1", "city": "Düsseldorf",
        "postal_code": "40212", "country": "DE",
    });
    let order = ada.command("/v1/orders", "first", &body).await;
    let id = text(&order.body["id"]).to_owned();
    let order = ada.until(&id, &["CONFIRMED"]).await.body;
    let (mine, theirs) =
        (format!("/v1/orders/{id}/invoice.pdf"), format!("/v1/admin/orders/{id}/invoice.pdf"));
    let invoice = paper(&ada, &mine).await;
    let sum = |name: &str| format!("{} €", text(&order["totals"][name]["amount"]));
    let (items, shipping, total) = (sum("items"), sum("shipping"), sum("total"));
    says(&invoice, &["Stoa Läden GmbH", "VAT DE123456789", "Invoice INV-000001"]);
    says(&invoice, &[text(&order["number"]), "Jürgen Groß", "Königsallee 1", "40212 Düsseldorf"]);
    for goods_to in ["Ada Lovelace", "Unter den Linden 1", "10117 Berlin"] {
        assert!(invoice.contains(goods_to), "{goods_to} is not in {invoice}");
    }
    says(&invoice, &["Grüne Öllampe „Straße“ (LAMP-1)", "3", "20.00 €", "60.00 €"]);
    says(&invoice, &["Product BOOK-1 (BOOK-1)", "1", "10.00 €", "10.00 €"]);
    says(&invoice, &["Items", &items, "Shipping", &shipping, "Total", &total]);
    let rates = order["tax_lines"].as_array().unwrap();
    assert_eq!(rates.len(), 2, "{order}");
    let mut cents = 0;
    for line in rates {
        let (base, tax) = (text(&line["base"]["amount"]), text(&line["tax"]["amount"]));
        let what = format!("Tax, {} % of {base} €", text(&line["rate"]));
        says(&invoice, &[&what, &format!("{tax} €"), "Total"]);
        cents += tax.replace('.', "").parse::<i64>().unwrap();
    }
    // 3 * 20.00 + 10.00 + 4.90, and the taxes that the invoice tells.
    let total: i64 = text(&order["totals"]["total"]["amount"]).replace('.', "").parse().unwrap();
    assert_eq!(total, 7490 + cents);
    assert_eq!(paper(&staff, &theirs).await, invoice);

    let ships = format!("/v1/admin/orders/{id}/shipments");
    let one = json!({
        "lines": [{"line_id": order["lines"][0]["id"], "quantity": 2}],
        "carrier": "DHL", "tracking": "00340434161094042557",
    });
    let left = staff.post(&ships, &one).await;
    let parcel = text(&left.body["shipments"][0]["id"]);
    let slip = paper(&staff, &format!("/v1/admin/shipments/{parcel}/packing-slip.pdf")).await;
    says(&slip, &["Packing slip", "DHL", "00340434161094042557", "Ada Lovelace", "10117 Berlin"]);
    says(&slip, &[text(&order["lines"][0]["sku"]), "2"]);
    assert!(!slip.contains('€') && !slip.contains(text(&order["lines"][1]["sku"])), "{slip}");

    // What was issued stays, whatever the shop is called later.
    shop.stop();
    shop.set("STOA__ORDER__SELLER", "Another name");
    shop.start(&[]);
    let (ada, staff) = (ada.at(&shop), staff.at(&shop));
    assert_eq!(paper(&ada, &mine).await, invoice);
    let slip = format!("/v1/admin/shipments/{parcel}/packing-slip.pdf");
    assert!(paper(&staff, &slip).await.starts_with("Another name"));
    let other = Customer::guest(&shop).await;
    assert_eq!(other.get(&mine).await.status, 404);
    let unknown = format!("/v1/admin/shipments/{id}/packing-slip.pdf");
    assert_eq!(staff.get(&unknown).await.status, 404);
}

async fn invoice_numbers_have_no_gaps(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 50)]) else { return };
    let lamp = id_of(&Customer::anyone(&shop), "LAMP-1").await;
    let ordered = async |card: &str, status: &str| {
        let ada = Customer::guest(&shop).await;
        ada.fill_cart(&lamp, 1).await;
        let order = ada.order("first", &ada.card(card).await).await;
        let order = ada.until(text(&order.body["id"]), &[status]).await;
        let path = format!("/v1/orders/{}/invoice.pdf", text(&order.body["id"]));
        (ada, path)
    };
    // Nothing is owed yet, and no number is taken for it.
    let (eve, waiting) = ordered(CHALLENGED, "AWAITING_PAYMENT").await;
    let refused = eve.get(&waiting).await;
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("order_state")));
    let (bob, called_off) = ordered(APPROVED, "CONFIRMED").await;
    let cancel = called_off.replace("invoice.pdf", "cancel");
    assert_eq!(bob.post(&cancel, &json!({})).await.status, 200);
    assert_eq!(bob.get(&called_off).await.status, 409);

    let orders = join_all((0..ORDERS).map(|_| ordered(APPROVED, "CONFIRMED"))).await;
    let twice = orders.iter().chain(&orders);
    let papers = join_all(twice.map(|(ada, path)| paper(ada, path))).await;
    let name = |paper: &String| {
        paper.split_whitespace().find(|it| it.starts_with("INV-")).map(str::to_owned)
    };
    let names: Vec<String> = papers.iter().map(|paper| name(paper).unwrap()).collect();
    assert_eq!(names[..ORDERS], names[ORDERS..], "an order has one invoice");
    let expected: BTreeSet<String> = (1..=ORDERS).map(|n| format!("INV-{n:06}")).collect();
    assert_eq!(names.into_iter().collect::<BTreeSet<_>>(), expected);
    shop.settle();
}

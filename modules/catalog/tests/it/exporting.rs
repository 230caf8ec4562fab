use std::io::Cursor;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, HttpMessage};
use catalog::{Catalog, Format, SCHEMA};
use kernel::id::ProductId;
use kernel::ports::Role;
use platform::audit::Actor;
use platform::sql::Db;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::world::{catalog, input, kinds};

platform::on_both_engines!(super::SCHEMA =>
    an_export_changes_nothing_where_it_comes_from_and_makes_the_same_shop_elsewhere,
    an_export_is_answered_piece_by_piece,
);

async fn exported(catalog: &Catalog, format: Format) -> String {
    let mut export = catalog.export(format);
    let mut text = Vec::new();
    while let Some(piece) = export.next().await.unwrap() {
        text.extend_from_slice(&piece);
    }
    String::from_utf8(text).unwrap()
}

/// Texts with what CSV and lists find hard.
fn text() -> impl Strategy<Value = String> {
    "[a-zé|,;\"'\\[\\]{}=\n\t ]{0,12}".prop_map(|text| format!("x{text}"))
}

fn product() -> impl Strategy<Value = Value> {
    let categories = proptest::collection::vec("[A-F|,\"]{1,3}", 0..3);
    let images = proptest::collection::vec(text(), 0..3);
    let value = prop_oneof![
        text().prop_map(|text| json!(text)),
        (-1e9_f64..1e9).prop_map(|number| json!(number)),
        any::<i32>().prop_map(|number| json!(number)),
        any::<bool>().prop_map(|yes| json!(yes)),
        proptest::collection::vec(text(), 0..3).prop_map(|texts| json!(texts)),
    ];
    let attributes = proptest::collection::btree_map("[a-z.]{1,6}", value, 0..4);
    let options = proptest::collection::btree_map("[a-z]{1,6}", text(), 0..3);
    let status = prop_oneof![Just("draft"), Just("active"), Just("archived")];
    let more = (any::<bool>(), 1..100_000_i64, text(), status, text());
    (text(), 0..1_000_000_i64, categories, images, attributes, options, more).prop_map(
        |(name, cents, categories, images, attributes, options, more)| {
            let (has_more, weight, description, status, brand) = more;
            let mut product = json!({
                "name": name, "price": {"amount": format!("{}.{:02}", cents / 100, cents % 100),
                "currency": "EUR"}, "categories": categories, "images": images,
                "attributes": attributes, "options": options, "status": status,
                "description": description, "brand": brand, "weight_g": weight,
            });
            if has_more {
                product["barcode"] = json!("4006381333931");
                product["tax_category"] = json!("reduced");
                product["publish_at"] = json!("2031-02-03T04:05:06.789012Z");
                product["translations"] = json!({"de": {"name": name, "description": "ä|"}});
            }
            product
        },
    )
}

/// Makes products and variants of some of them, such as a shop may have.
async fn fill(catalog: &Catalog, products: usize) {
    let mut runner = TestRunner::deterministic();
    let mut parents: Vec<ProductId> = Vec::new();
    for n in 0..products {
        let mut fields = product().new_tree(&mut runner).unwrap().current();
        let parent = if n % 3 == 2 { parents.get(n / 4) } else { None };
        if let Some(parent) = parent {
            fields["parent_id"] = json!(parent);
        }
        let created = catalog.create(input(&format!("S, {n}"), fields), &Actor::SYSTEM).await;
        if let (Ok(created), None) = (created, parent) {
            parents.push(created.id);
        }
    }
}

async fn import(catalog: &Catalog, text: &str, format: Format) -> catalog::Report {
    let mut file = Cursor::new(text.as_bytes().to_vec());
    catalog.import(&mut file, format, &mut |_| {}).await.unwrap()
}

async fn an_export_changes_nothing_where_it_comes_from_and_makes_the_same_shop_elsewhere(db: Db) {
    let here = catalog(&db);
    fill(&here, 150).await;
    let lines = exported(&here, Format::Jsonl).await;
    let count = lines.lines().count() as u64;
    assert!(count > 100, "{count}");
    let events = kinds(&db).await.len();
    for format in [Format::Jsonl, Format::Csv] {
        let text = exported(&here, format).await;
        let report = import(&here, &text, format).await;
        assert_eq!(
            (report.unchanged, report.updated, report.failed, report.ignored_fields.len()),
            (count, 0, 0, 0),
            "{report:?}"
        );
        let clock = kernel::Clock::system();
        let empty = platform::testing::database(db.engine(), &SCHEMA, clock).await.unwrap();
        let there = catalog(&empty);
        let report = import(&there, &text, format).await;
        assert_eq!((report.created, report.failed), (count, 0), "{report:?}");
        assert_eq!(exported(&there, Format::Jsonl).await, lines);
    }
    assert_eq!(kinds(&db).await.len(), events);
}

async fn an_export_is_answered_piece_by_piece(db: Db) {
    let catalog = catalog(&db);
    let text: Vec<String> = (0..1_200)
        .map(|n| json!({"sku": format!("S{n}"), "name": "N", "price": n}).to_string())
        .collect();
    import(&catalog, &text.join("\n"), Format::Jsonl).await;
    let app = init_service(App::new().configure(|config| catalog.routes(config))).await;
    let get = async |uri: &str, role: Role| {
        let request = TestRequest::get().uri(uri).to_request();
        request.extensions_mut().insert(platform::testing::principal(role));
        call_service(&app, request).await
    };
    let uri = "/v1/admin/products/export?format=csv";
    let response = get(uri, Role::Staff).await;
    assert_eq!(response.headers().get(CONTENT_TYPE).unwrap(), "text/csv; charset=utf-8");
    let text = read_body(response).await;
    let mut reader = csv::Reader::from_reader(&text[..]);
    let skus: Vec<String> = reader.records().map(|row| row.unwrap()[0].to_owned()).collect();
    assert_eq!(skus, (0..1_200).map(|n| format!("S{n}")).collect::<Vec<_>>());
    assert_eq!(get(uri, Role::Customer).await.status(), 403);
    assert_eq!(get("/v1/admin/products/export", Role::Staff).await.status(), 422);
}

use std::io::Cursor;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::{App, HttpMessage};
use catalog::{Catalog, Format, Import, Relation, RelationKind, SCHEMA};
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
    related_products_may_come_later_in_a_file,
    former_slugs_belong_to_one_product,
    what_is_defined_is_exported,
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

/// Relates products to earlier and to later ones, and gives some another slug.
async fn relate(catalog: &Catalog) {
    let products = catalog.export(Format::Jsonl).next().await.unwrap().unwrap();
    let skus: Vec<String> = String::from_utf8(products)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["sku"].as_str().unwrap().into())
        .collect();
    let mut ids = Vec::new();
    for sku in &skus[..40] {
        ids.push(catalog.shown(sku).await.map(|(product, _)| product.id).ok());
    }
    let ids: Vec<ProductId> = ids.into_iter().flatten().collect();
    for (n, id) in ids.iter().enumerate() {
        let other = |by: usize| ids[(n + by) % ids.len()];
        let relations = vec![
            Relation { kind: RelationKind::Upsell, product_id: other(1) },
            Relation { kind: RelationKind::Accessory, product_id: other(2) },
            Relation { kind: RelationKind::Accessory, product_id: other(1) },
        ];
        catalog.relate(*id, 1, relations, &Actor::SYSTEM).await.unwrap();
        let slug = json!({"slug": format!("renamed-{n}")});
        catalog.patch(*id, 2, slug, &Actor::SYSTEM).await.unwrap();
    }
    assert!(ids.len() > 3);
}

async fn import(catalog: &Catalog, text: &str, format: Format) -> catalog::Report {
    let mut file = Cursor::new(text.as_bytes().to_vec());
    catalog.import(&mut file, format, &mut |_| {}).await.unwrap()
}

async fn an_export_changes_nothing_where_it_comes_from_and_makes_the_same_shop_elsewhere(db: Db) {
    let here = catalog(&db);
    fill(&here, 150).await;
    relate(&here).await;
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

fn lines(all: &[Value]) -> String {
    all.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")
}

async fn related_products_may_come_later_in_a_file(db: Db) {
    let catalog = catalog(&db);
    let text = lines(&[
        json!({"sku": "A", "name": "A", "price": 1, "related": {"upsell": ["C", "B"]}}),
        json!({"sku": "B", "name": "B", "price": 1, "related": {"accessory": ["gone"]}}),
        json!({"sku": "C", "name": "C", "price": 1, "related": {"accessory": ["C"]}}),
        json!({"sku": "D", "name": "D", "price": 1, "related": {"friend": ["A"]}}),
        json!({"sku": "E", "name": "E", "related": {"upsell": ["A"]}}),
    ]);
    let trial = Import { dry_run: true, ..Format::Jsonl.into() };
    let tried = catalog.import(&mut Cursor::new(&text), trial, &mut |_| {}).await.unwrap();
    let report = import(&catalog, &text, Format::Jsonl).await;
    assert_eq!(tried, report);
    let errors: Vec<(u64, &str)> =
        report.errors.iter().map(|error| (error.line, error.field.as_str())).collect();
    assert_eq!(errors, [(4, "related"), (5, "price"), (2, "related"), (3, "related")]);
    assert_eq!((report.created, report.updated, report.failed), (3, 1, 4));
    let (a, _) = catalog.shown("A").await.unwrap();
    let related = catalog.related("A").await.unwrap();
    let skus: Vec<&str> = related.iter().map(|(_, card)| card.sku.as_str()).collect();
    assert_eq!((skus, a.revision), (vec!["C", "B"], 2));
    let audit = catalog.history(a.id.uuid(), None, 10).await.unwrap();
    assert_eq!(audit[0].action, "product.relate");
    let csv = "sku,related\nA,\"{\"\"accessory\"\":[\"\"B\"\"]}\"\nB,\n";
    assert_eq!(import(&catalog, csv, Format::Csv).await.updated, 1);
    assert_eq!(catalog.related("A").await.unwrap().len(), 1);
    let again = import(&catalog, csv, Format::Csv).await;
    assert_eq!((again.updated, again.unchanged), (0, 2));
    let none = lines(&[json!({"sku": "A", "related": {}})]);
    assert_eq!(import(&catalog, &none, Format::Jsonl).await.updated, 1);
    assert_eq!(catalog.related("A").await.unwrap().len(), 0);
}

async fn former_slugs_belong_to_one_product(db: Db) {
    let catalog = catalog(&db);
    let line = |sku: &str, slugs: &[&str]| json!({"sku": sku, "name": sku, "price": 1, "slug": sku.to_lowercase(), "former_slugs": slugs});
    let text = lines(&[line("A", &["x", "y"]), line("B", &["y"]), line("C", &["No slug"])]);
    let trial = Import { dry_run: true, ..Format::Jsonl.into() };
    let tried = catalog.import(&mut Cursor::new(&text), trial, &mut |_| {}).await.unwrap();
    let report = import(&catalog, &text, Format::Jsonl).await;
    assert_eq!(tried, report);
    let errors: Vec<(u64, &str)> =
        report.errors.iter().map(|error| (error.line, error.field.as_str())).collect();
    assert_eq!(errors, [(2, "former_slugs"), (3, "former_slugs")]);
    let (id, now) = catalog.leads_to("y").await.unwrap();
    assert_eq!(now.as_deref(), Some("a"));
    let more = lines(&[line("A", &["z"]), line("B", &["x"])]);
    let report = import(&catalog, &more, Format::Jsonl).await;
    assert_eq!((report.updated, report.failed), (1, 1));
    assert_eq!(catalog.leads_to("z").await.unwrap().0, id);
    assert_eq!(catalog.leads_to("x").await.unwrap().0, id, "what is left out stays");
    let audit = catalog.history(id.uuid(), None, 1).await.unwrap();
    assert_eq!(audit[0].after, Some(json!({"former_slugs": ["z"]})));
    assert_eq!(import(&catalog, &more, Format::Jsonl).await.unchanged, 1);
}

async fn what_is_defined_is_exported(db: Db) {
    let catalog = catalog(&db);
    let system = &Actor::SYSTEM;
    let attribute = json!({"code": "colour", "kind": "text", "options": ["red"], "facet": true});
    catalog.define_attribute(read(&attribute), system).await.unwrap();
    let product = input("A", json!({"categories": ["Home", "Lamps"]}));
    let product = catalog.create(product, system).await.unwrap();
    let gifts = catalog.create_collection(read(&json!({"name": "Gifts"})), system).await.unwrap();
    catalog.choose(gifts.id, 1, vec![product.id], system).await.unwrap();
    let market = json!({"code": "de", "currency": "EUR", "countries": ["DE"]});
    catalog.create_market(read(&market), system).await.unwrap();
    let sale = json!({"code": "sale", "currency": "EUR", "market": "de"});
    catalog.create_price_list(read(&sale), system).await.unwrap();
    let tv = json!({"kind": "equivalent", "terms": ["tv", "television"]});
    catalog.create_synonym(read(&tv), system).await.unwrap();

    let mut export = catalog.export_definitions();
    let mut text = Vec::new();
    while let Some(piece) = export.next().await.unwrap() {
        text.extend_from_slice(&piece);
    }
    let lines: Vec<Value> =
        serde_json::Deserializer::from_slice(&text).into_iter().collect::<Result<_, _>>().unwrap();
    let kinds: Vec<&str> = lines.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    let expected =
        ["attribute", "category", "category", "collection", "market", "price_list", "synonym"];
    assert_eq!(kinds, expected);
    let of = |n: usize| &lines[n]["definition"];
    assert_eq!((&of(1)["path"], &of(2)["path"]), (&json!("Home"), &json!("Home > Lamps")));
    assert_eq!(of(3)["products"], json!(["A"]));
    assert!(lines.iter().all(|line| line["definition"].get("id").is_none()));
    read::<catalog::AttributeInput>(of(0));
    read::<catalog::MarketInput>(of(4));
    read::<catalog::PriceListInput>(of(5));
    read::<catalog::SynonymInput>(of(6));
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

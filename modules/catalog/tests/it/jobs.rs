use std::fs::File;
use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::time::Duration;

use actix_web::dev::ServiceResponse;
use actix_web::http::header::{CONTENT_ENCODING, LOCATION};
use actix_web::test::{TestRequest, call_service, init_service, read_body, read_body_json};
use actix_web::{App, HttpMessage};
use catalog::{Catalog, Format, Import, ImportError, Report, SCHEMA, Settings};
use flate2::Compression;
use flate2::write::GzEncoder;
use kernel::id::CustomerId;
use kernel::ports::{Principal, Role};
use platform::audit;
use platform::sql::{Db, Sql};
use platform::testing::folder;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::importing::Failing;
use crate::world::kinds;

platform::on_both_engines!(super::SCHEMA =>
    a_trial_says_what_the_import_comes_to_and_writes_nothing,
    every_line_that_is_left_out_is_in_the_file_of_errors,
    an_import_killed_between_batches_names_each_error_once,
    a_file_is_imported_over_the_api,
    a_killed_job_goes_on_where_it_stopped,
    a_cancelled_job_does_not_go_on,
    what_cannot_be_imported_is_refused,
);

async fn import(catalog: &Catalog, text: &str, how: Import) -> Report {
    let mut file = Cursor::new(text.as_bytes().to_vec());
    catalog.import(&mut file, how, &mut |_| {}).await.unwrap()
}

async fn count(db: &Db, sql: &'static str) -> i64 {
    db.query(Sql::new(sql)).one::<(i64,)>().await.unwrap().0
}

/// Lines that disturb each other: repeated SKUs, parents that come later or never, slugs that two
/// products want, broken fields.
fn troubled_file() -> impl Strategy<Value = String> {
    let sku = (0..12_u32).prop_map(|n| format!("S{n}"));
    let parent = proptest::option::weighted(0.3, sku.clone());
    let price = prop_oneof![8 => (0..3_i64).prop_map(|n| json!(n)), 1 => Just(json!("x")),
                            1 => Just(Value::Null)];
    let name = prop_oneof![4 => (0..3_u32).prop_map(|n| json!(format!("N{n}"))),
                           1 => Just(json!("")), 2 => Just(Value::Null)];
    let slug = proptest::option::weighted(0.3, (0..4_u32).prop_map(|n| format!("slug-{n}")));
    let line = (sku, parent, price, name, slug).prop_map(|(sku, parent, price, name, slug)| {
        json!({"sku": sku, "parent_sku": parent, "price": price, "name": name, "slug": slug})
            .to_string()
    });
    proptest::collection::vec(line, 1..40).prop_map(|lines| lines.join("\n"))
}

async fn a_trial_says_what_the_import_comes_to_and_writes_nothing(db: Db) {
    let catalog = Catalog::new(db.clone(), Settings::default());
    let mut runner = TestRunner::deterministic();
    let mut seen = Report::default();
    for _ in 0..25 {
        let text = troubled_file().new_tree(&mut runner).unwrap().current();
        let before = (count(&db, "select count(*) from product").await, kinds(&db).await.len());
        let trial = Import { dry_run: true, ..Format::Jsonl.into() };
        let told = import(&catalog, &text, trial).await;
        let after = (count(&db, "select count(*) from product").await, kinds(&db).await.len());
        assert_eq!(before, after, "a trial writes nothing");
        assert_eq!(count(&db, "select count(*) from import_progress").await, 0);
        let done = import(&catalog, &text, Format::Jsonl.into()).await;
        assert_eq!(told, done, "{text}");
        seen.created += done.created;
        seen.updated += done.updated;
        seen.unchanged += done.unchanged;
        seen.failed += done.failed;
    }
    let all = [seen.created, seen.updated, seen.unchanged, seen.failed];
    assert!(all.iter().all(|count| *count > 5), "{seen:?}");
}

async fn every_line_that_is_left_out_is_in_the_file_of_errors(db: Db) {
    let catalog = Catalog::new(db.clone(), Settings::default());
    let path = folder().join("errors.csv");
    let mut text = "not json\n{\"sku\":\"A\",\"name\":\"A, \\\"b\\\"\",\"price\":-1}\n".to_owned();
    let unpriced = |n| format!("{{\"sku\":\"S{n}\"}}\n");
    text.extend((0..1_500).map(unpriced));
    for dry_run in [true, false] {
        let errors = Some(File::create(&path).unwrap());
        let report = import(&catalog, &text, Import { dry_run, errors, ..Format::Jsonl.into() });
        let report = report.await;
        assert_eq!((report.failed, report.errors.len()), (1_502, 1_000));
        let rows: Vec<csv::StringRecord> =
            csv::Reader::from_path(&path).unwrap().records().map(Result::unwrap).collect();
        let lines: Vec<usize> = rows.iter().map(|row| row[0].parse().unwrap()).collect();
        assert!(lines.is_sorted());
        assert_eq!(lines.len(), 1_502);
        assert_eq!((&rows[1][1], &rows[5][1]), ("price", "price"));
    }
}

async fn an_import_killed_between_batches_names_each_error_once(db: Db) {
    let catalog = Catalog::new(db.clone(), Settings::default());
    let path = folder().join("errors.csv");
    let text = (0..2_000).map(|n| format!("{{\"sku\":\"S{n}\"}}")).collect::<Vec<_>>().join("\n");
    let how = || Import {
        errors: Some(File::options().create(true).truncate(false).write(true).open(&path).unwrap()),
        ..Format::Jsonl.into()
    };
    let mut failing = Failing::new(&text, text.len() * 5 / 8);
    let died = catalog.import(&mut failing, how(), &mut |_| {}).await;
    assert!(matches!(died, Err(ImportError::File(_))));
    // A batch whose commit never was has told of its lines.
    let mut file = File::options().append(true).open(&path).unwrap();
    file.write_all(b"1001,price,of a batch that never was\n").unwrap();
    let report = import(&catalog, &text, how()).await;
    assert_eq!((report.resumed_after, report.failed), (1_000, 2_000));
    let lines: Vec<u64> = csv::Reader::from_path(&path)
        .unwrap()
        .records()
        .map(|row| row.unwrap()[0].parse().unwrap())
        .collect();
    assert_eq!(lines, (1..=2_000).collect::<Vec<u64>>());
}

struct Shop {
    catalog: Catalog,
    staff: CustomerId,
    files: PathBuf,
}

fn shop(db: &Db) -> Shop {
    let files = folder();
    let settings = Settings { import_bytes_max: 1_000_000, ..Settings::default() };
    let catalog = Catalog::new(db.clone(), settings).with_files(&files);
    Shop { catalog, staff: CustomerId::new(), files }
}

impl Shop {
    async fn send(&self, request: TestRequest) -> ServiceResponse {
        let app = init_service(App::new().configure(|config| self.catalog.routes(config))).await;
        let request = request.to_request();
        let staff = platform::testing::principal(Role::Staff);
        request.extensions_mut().insert(Principal { id: self.staff, ..staff });
        call_service(&app, request).await.map_into_boxed_body()
    }

    /// Asks for an import; its address.
    async fn ask(&self, query: &str, text: &str) -> String {
        let post = TestRequest::post().uri(&format!("/v1/admin/imports?{query}"));
        let asked = self.send(post.set_payload(text.to_owned())).await;
        assert_eq!(asked.status(), 202);
        asked.headers().get(LOCATION).unwrap().to_str().unwrap().to_owned()
    }

    async fn get(&self, uri: &str) -> Value {
        read_body_json(self.send(TestRequest::get().uri(uri)).await).await
    }

    async fn post(&self, uri: &str) -> (u16, Value) {
        let response = self.send(TestRequest::post().uri(uri)).await;
        (response.status().as_u16(), read_body_json(response).await)
    }

    fn files(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.files.join("imports")) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn lines(count: usize) -> String {
    let line = |n| format!("{{\"sku\":\"S{n}\",\"name\":\"N{n}\",\"price\":{n}}}\n");
    (0..count).map(line).collect::<Vec<_>>().concat()
}

async fn a_file_is_imported_over_the_api(db: Db) {
    let shop = shop(&db);
    let text = format!("{}{{\"sku\":\"BROKEN\"}}\n", lines(700));
    let trial = shop.ask("format=jsonl&dry_run=true", &text).await;
    let waiting = shop.get(&trial).await;
    assert_eq!((&waiting["status"], &waiting["dry_run"]), (&json!("queued"), &json!(true)));
    let missing = shop.send(TestRequest::get().uri(&format!("{trial}/errors"))).await;
    assert_eq!(missing.status(), 404);
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let post = || {
        let post = TestRequest::post().uri("/v1/admin/imports?format=jsonl");
        let post = post.insert_header((CONTENT_ENCODING, "gzip"));
        post.insert_header(("Idempotency-Key", "k")).set_payload(packed.clone())
    };
    let asked: Value = read_body_json(shop.send(post()).await).await;
    let again: Value = read_body_json(shop.send(post()).await).await;
    assert_eq!(asked, again, "a repeated request asks for one import");
    assert_eq!(shop.files().len(), 2);
    assert!(shop.catalog.work_on_imports().await.unwrap());
    assert_eq!(count(&db, "select count(*) from product").await, 0);
    assert!(shop.catalog.work_on_imports().await.unwrap());
    assert!(!shop.catalog.work_on_imports().await.unwrap());

    let real = format!("/v1/admin/imports/{}", asked["id"].as_str().unwrap());
    for uri in [&trial, &real] {
        let job = shop.get(uri).await;
        let counts = [&job["records"], &job["created"], &job["failed"]];
        assert_eq!(counts, [&json!(701), &json!(700), &json!(1)], "{job}");
        assert_eq!((&job["status"], &job["bytes"]), (&json!("done"), &job["bytes_total"]));
        assert_eq!(job["bytes"], text.len());
        let errors = shop.send(TestRequest::get().uri(&format!("{uri}/errors"))).await;
        let errors = read_body(errors).await;
        let expected = "line,field,message\n701,price,must be there for a new product\n";
        assert_eq!(std::str::from_utf8(&errors).unwrap(), expected);
    }
    assert_eq!(shop.files().len(), 2, "only the files of errors are kept: {:?}", shop.files());
    assert_eq!(count(&db, "select count(*) from import_progress").await, 0);
    let list = shop.get("/v1/admin/imports?limit=1").await;
    assert_eq!(list["items"][0]["id"], asked["id"]);
    assert!(list["next_cursor"].is_string());

    let product = shop.catalog.shown("S7").await.unwrap().0;
    let history = audit::history(&db, product.id.uuid(), None, 10).await.unwrap();
    assert_eq!(history[0].actor, Some(shop.staff.uuid()));
    assert_eq!(history[0].action, "product.create");
}

async fn a_killed_job_goes_on_where_it_stopped(db: Db) {
    let shop = shop(&db);
    let broken = "{\"sku\":\"BROKEN\"}\n";
    let text = format!("{broken}{}{broken}", lines(4_000));
    let uri = shop.ask("format=jsonl", &text).await;
    let mut kills = 0;
    // A commit that nobody waits for any more may be the one that ends it.
    while shop.get(&uri).await["status"] != "done" {
        let reached = shop.get(&uri).await["records"].as_i64().unwrap();
        let further = async {
            while shop.get(&uri).await["records"].as_i64().unwrap() == reached {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            biased;
            () = further => kills += 1,
            done = shop.catalog.work_on_imports() => assert!(done.is_ok()),
        }
    }
    assert!(kills >= 2, "{kills}");
    let job = shop.get(&uri).await;
    assert_eq!((&job["status"], &job["created"]), (&json!("done"), &json!(4_000)), "{job}");
    assert_eq!((&job["records"], &job["failed"]), (&json!(4_002), &json!(2)));
    assert_eq!(kinds(&db).await.len(), 4_000, "no product twice");
    let errors = read_body(shop.send(TestRequest::get().uri(&format!("{uri}/errors"))).await).await;
    assert_eq!(std::str::from_utf8(&errors).unwrap().lines().count(), 3);
}

async fn a_cancelled_job_does_not_go_on(db: Db) {
    let shop = shop(&db);
    let waiting = shop.ask("format=csv", "sku,name,price\nA,A,1\n").await;
    let (status, job) = shop.post(&format!("{waiting}/cancel")).await;
    assert_eq!((status, &job["status"]), (200, &json!("cancelled")));
    assert_eq!(shop.post(&format!("{waiting}/cancel")).await.0, 409);
    assert!(shop.files().is_empty());

    let uri = shop.ask("format=jsonl", &lines(6_000)).await;
    let cancel = async {
        while shop.get(&uri).await["records"] == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        shop.post(&format!("{uri}/cancel")).await.1["records"].as_i64().unwrap()
    };
    let (worked, reached) = tokio::join!(shop.catalog.work_on_imports(), cancel);
    assert!(worked.unwrap() && reached < 6_000);
    assert_eq!(count(&db, "select count(*) from product").await, reached);
    assert_eq!(shop.get(&uri).await["status"], "cancelled");
    assert_eq!(count(&db, "select count(*) from import_progress").await, 0);
    assert!(!shop.catalog.work_on_imports().await.unwrap());
}

async fn what_cannot_be_imported_is_refused(db: Db) {
    let shop = shop(&db);
    let post = async |query: &str, text: String| {
        let post = TestRequest::post().uri(&format!("/v1/admin/imports{query}")).set_payload(text);
        let response = shop.send(post).await;
        let status = response.status().as_u16();
        (status, read_body_json::<Value, _>(response).await)
    };
    for (query, field) in [("", "format"), ("?format=xml", "format"), ("?format=csv&x=1", "x")] {
        let (status, problem) = post(query, String::new()).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!(field)), "{query}");
    }
    assert_eq!(post("?format=jsonl", "x".repeat(1_000_001)).await.0, 413);
    assert!(shop.files().is_empty(), "nothing is kept of what was refused");
    assert_eq!(count(&db, "select count(*) from import_job").await, 0);

    let (_, job) = post("?format=csv", "sku,\u{0}\"\n".to_owned()).await;
    assert_eq!(job["status"], "queued");
    for _ in 0..19 {
        assert_eq!(post("?format=jsonl", String::new()).await.0, 202);
    }
    assert_eq!(post("?format=jsonl", String::new()).await.0, 409, "as many as may wait do");
    assert_eq!(shop.files().len(), 20);
    while shop.catalog.work_on_imports().await.unwrap() {}
    assert_eq!(count(&db, "select count(*) from import_job where status = 'done'").await, 20);
}

//! Card numbers in every place where none belongs: each endpoint of the description is sent one of its own, in its
//! query, a header and its body, so that what is found afterwards says where it came in.

use std::collections::BTreeSet;
use std::path::Path;

use platform::sql::Sql;
use serde_json::{Map, Value, json};

use crate::support::{Answer, Customer, Shop};

/// How all numbers begin that are sent: as they are, in groups, as a URL spells that, in base64 and in hexadecimal.
const FORMS: [&str; 6] =
    ["45395123", "4539 5123", "4539%205123", "4539+5123", "NDUzOTUxMjM", "3435333935313233"];
/// What takes cards. Others may tell a caller which of their own words is none that they know; this never does.
const TAKES_CARDS: &str = "/v1/payment-tokens";
/// What ends a session is called last.
const ENDS: [&str; 2] = ["/v1/auth/logout", "/v1/auth/sessions"];
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Every table of a schema as text; that of SQLite is in its file.
const TABLES: Sql = Sql::split(
    "select ''",
    "select coalesce(string_agg(cast(query_to_xml(format('select * from %I.%I', table_schema, table_name),
                                                  true, false, '') as text), ''), '')
       from information_schema.tables
      where table_schema = current_schema() and table_type = 'BASE TABLE'",
);

/// A number that passes the check of Luhn, other for each endpoint.
fn number(place: usize) -> String {
    let digits = format!("45395123{place:07}");
    let sum: u32 = digits
        .chars()
        .rev()
        .filter_map(|digit| digit.to_digit(10))
        .enumerate()
        .map(|(n, digit)| match digit * (2 - u32::try_from(n % 2).unwrap()) {
            doubled @ 10.. => doubled - 9,
            single => single,
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

fn grouped(number: &str) -> String {
    [&number[..4], &number[4..8], &number[8..12], &number[12..]].join(" ")
}

fn has_a_number(text: &str) -> bool {
    FORMS.iter().any(|form| text.contains(form))
}

/// The body that the description asks for, with a number in each of its fields.
fn body(description: &Value, operation: &Value, number: &str) -> Option<(String, String)> {
    let content = operation["requestBody"]["content"].as_object()?;
    let (kind, content) = content.iter().next()?;
    if !kind.contains("json") && !kind.contains("form") {
        return Some((kind.clone(), number.to_owned()));
    }
    let name = content["schema"]["$ref"].as_str().unwrap_or_default();
    let name = name.rsplit('/').next().unwrap_or_default();
    let known = description["components"]["schemas"][name]["properties"].as_object();
    let names: Vec<String> = known.map(|known| known.keys().cloned().collect()).unwrap_or_default();
    let mut fields = Map::new();
    for (n, name) in names.into_iter().enumerate() {
        let text = if n % 2 == 0 { number.to_owned() } else { grouped(number) };
        fields.insert(name, json!(text));
    }
    if kind.contains("form") {
        let pairs = fields.keys().map(|name| format!("{name}={number}"));
        return Some((kind.clone(), pairs.collect::<Vec<_>>().join("&")));
    }
    Some((kind.clone(), Value::Object(fields).to_string()))
}

async fn ask(
    who: &Customer,
    method: &str,
    path: &str,
    place: usize,
    body: &(String, String),
) -> Answer {
    let (key, note) = (format!("key {place}"), number(place));
    let headers: [(&'static str, &[u8]); 3] = [
        ("content-type", body.0.as_bytes()),
        ("idempotency-key", key.as_bytes()),
        ("x-note", note.as_bytes()),
    ];
    who.send_as_is(&method.to_uppercase(), path, &headers, body.1.as_bytes()).await
}

/// A query with a number for each parameter that the description has.
fn query(operation: &Value, number: &str) -> String {
    let all = operation["parameters"].as_array().cloned().unwrap_or_default();
    let named = all.iter().filter(|parameter| parameter["in"] == "query");
    let pairs =
        named.filter_map(|parameter| Some(format!("{}={number}", parameter["name"].as_str()?)));
    pairs.collect::<Vec<_>>().join("&")
}

/// Sends the numbers, and returns how many endpoints there were. What takes cards is `cards`, elsewhere.
pub async fn send(shop: &Shop, staff: &Customer, ada: &Customer, cards: &Customer) -> usize {
    let description = Customer::anyone(shop).get("/v1/openapi.json").await.body;
    let mut endpoints = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        let called = METHODS.iter().filter(|method| item.get(**method).is_some());
        endpoints.extend(called.map(|method| (path.as_str(), *method, &item[*method])));
    }
    endpoints.sort_by_key(|(path, ..)| ENDS.iter().any(|end| path.starts_with(end)));
    let eve = Customer::guest(shop).await;
    let mut told = BTreeSet::new();
    for (place, (path, method, operation)) in endpoints.iter().enumerate() {
        let number = number(place);
        let who = match *path {
            TAKES_CARDS => cards,
            path if path.starts_with("/v1/admin/") => staff,
            path if path.starts_with("/v1/auth/") => &eve,
            _ => ada,
        };
        let id = kernel::id::OrderId::new().to_string();
        let path =
            path.split('/').map(|part| if part.starts_with('{') { id.as_str() } else { part });
        let path = path.collect::<Vec<_>>().join("/");
        let body = body(&description, operation, &number).unwrap_or_default();
        let unknown = format!("card={}", grouped(&number).replace(' ', "%20"));
        let stranger = (body.0.clone(), json!({"card": number}).to_string());
        // Who is refused for one of them is not asked for the others.
        for (query, body) in [
            (unknown, Default::default()),
            (query(operation, &number), Default::default()),
            (String::new(), stranger),
            (String::new(), body),
        ] {
            let answer = ask(who, method, &format!("{path}?{query}"), place, &body).await;
            assert!(answer.status < 500, "{method} {path}: {answer:?}");
            if path == TAKES_CARDS && has_a_number(&answer.text) {
                told.insert(format!("{method} {path} {}: {}", answer.status, answer.text));
            }
        }
    }
    assert!(told.is_empty(), "{told:#?}");
    endpoints.len()
}

/// No file and no table has any of the numbers.
pub async fn are_nowhere(shop: &Shop) {
    let forms = shop.folder.join("forms");
    std::fs::write(&forms, format!("{} NDUzOTUxMjMwMDAwMDAxMQ==", grouped(&number(1)))).unwrap();
    assert_eq!(kept_in(&shop.folder), [forms.display().to_string()], "what is there is seen");
    std::fs::remove_file(forms).unwrap();
    for schema in &stoa::app::SCHEMAS {
        let db = shop.database(schema.module).await;
        let (text,): (String,) = db.query(TABLES).one().await.unwrap();
        let is_in_files = db.engine() == platform::sql::Engine::Sqlite;
        assert_eq!(text.is_empty(), is_in_files, "{}: its tables are read", schema.module);
        let found = FORMS.iter().find_map(|form| text.find(form));
        let around = found.map(|at| {
            text.get(at.saturating_sub(300)..).unwrap_or(&text[at..]).chars().take(600).collect()
        });
        assert_eq!(around, None::<String>, "{} has a number", schema.module);
        db.close().await;
    }
}

fn kept_in(folder: &Path) -> Vec<String> {
    let files = super::files(folder).into_iter();
    let has = |file: &std::path::PathBuf| {
        has_a_number(&String::from_utf8_lossy(&std::fs::read(file).unwrap()))
    };
    files.filter(has).map(|file| file.display().to_string()).collect()
}

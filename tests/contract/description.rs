//! The API's description is whole: whoever reads it needs nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::{Value, json};

fn told(command: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_stoa")).arg(command).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Who may come in at each endpoint, by method and path, as `stoa routes` tells it.
fn accesses() -> BTreeMap<(String, String), String> {
    let text = told("routes");
    let lines = text.lines().map(|line| {
        let mut words = line.split_whitespace().map(str::to_owned);
        ((words.next().unwrap(), words.next().unwrap()), words.next().unwrap())
    });
    lines.collect()
}

/// An operation with its method, its path and who may come in.
struct Operation<'d> {
    method: String,
    path: &'d str,
    access: &'d str,
    said: &'d Value,
}

fn operations<'d>(
    api: &'d Value,
    accesses: &'d BTreeMap<(String, String), String>,
) -> Vec<Operation<'d>> {
    let paths = api["paths"].as_object().unwrap().iter();
    let all = paths.flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, said)| (path, method, said))
    });
    all.map(|(path, method, said)| {
        let method = method.to_uppercase();
        let access = &accesses[&(method.clone(), path.clone())];
        Operation { method, path, access, said }
    })
    .collect()
}

/// What is behind a reference, or the value itself.
fn resolved<'d>(api: &'d Value, value: &'d Value) -> &'d Value {
    match value["$ref"].as_str() {
        Some(to) => api.pointer(&to[1..]).unwrap_or(&Value::Null),
        None => value,
    }
}

/// What is refused on the way to every endpoint, by status and code.
const OF_THE_GATE: [(&str, &[&str]); 6] = [
    ("400", &["invalid_request"]),
    ("401", &["unauthenticated"]),
    ("403", &["forbidden", "mfa_required", "csrf_refused", "blocked"]),
    ("429", &["too_many_requests"]),
    ("503", &["overloaded", "unavailable"]),
    ("504", &["timeout"]),
];

/// What is missing or wrong in the description of an operation, each in a phrase.
fn faults(api: &Value, operation: &Operation<'_>) -> Vec<String> {
    let said = operation.said;
    let mut faults = Vec::new();
    let mut expect = |holds: bool, what: &str| {
        if !holds {
            faults.push(what.to_owned());
        }
    };
    expect(!said["summary"].as_str().unwrap_or_default().is_empty(), "no summary");
    let tags: Vec<&Value> =
        api["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    let own = said["tags"].as_array().map_or(&[][..], Vec::as_slice);
    expect(own.len() == 1 && tags.contains(&&own[0]), "no tag that is described");
    expect(said["security"] == security(operation), "another security than the route's");
    let answers = said["responses"].as_object().unwrap();
    expect(answers.keys().any(|status| status.starts_with(['2', '3'])), "no good answer");
    for (status, answer) in answers {
        let answer = resolved(api, answer);
        let described = answer["description"].as_str().unwrap_or_default();
        expect(!described.is_empty(), &format!("{status} is not described"));
        expect(!answer["headers"]["X-Request-Id"].is_null(), &format!("{status} has no id"));
        let content = answer["content"].as_object();
        let schemas =
            || content.into_iter().flatten().map(|(kind, media)| (kind, &media["schema"]));
        if status.starts_with(['4', '5']) {
            let problem = json!({"$ref": "#/components/schemas/Problem"});
            let is_problem = schemas().eq([(&"application/problem+json".to_owned(), &problem)]);
            expect(is_problem, &format!("{status} is no problem"));
        } else if status.starts_with('2') && !matches!(status.as_str(), "202" | "204") {
            let has_schema = content.is_some() && schemas().all(|(_, schema)| schema.is_object());
            expect(has_schema, &format!("{status} has no schema"));
        }
    }
    let mut wanted = OF_THE_GATE.to_vec();
    wanted.extend(operation.path.contains('{').then_some(("404", &["not_found"][..])));
    let has_body = !said["requestBody"].is_null();
    wanted.extend(has_body.then_some(("413", &["body_too_large"][..])));
    for (status, codes) in wanted {
        let Some(answer) = answers.get(status) else {
            expect(false, &format!("{status} is missing"));
            continue;
        };
        let told = resolved(api, answer)["description"].as_str().unwrap_or_default();
        for code in codes {
            expect(told.contains(&format!("`{code}`")), &format!("{status} names no {code}"));
        }
    }
    let done_once = said["parameters"]
        .as_array()
        .is_some_and(|all| all.iter().any(|parameter| parameter["name"] == "Idempotency-Key"));
    for (status, answer) in answers {
        let headers = &resolved(api, answer)["headers"];
        let is_good = status.starts_with('2');
        let is_replayed = !headers["Idempotency-Replayed"].is_null();
        expect(
            !is_good || is_replayed == done_once,
            &format!("{status} tells wrongly whether it may be replayed"),
        );
        expect(
            status != "409" || !done_once || !headers["Retry-After"].is_null(),
            "409 has no Retry-After",
        );
        let is_counted = !headers["RateLimit"].is_null();
        expect(status != "504" || !is_counted, "504 is past the throttle");
    }
    let parameters = said["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    for parameter in parameters {
        let name = &parameter["name"];
        let described = parameter["description"].as_str().unwrap_or_default();
        expect(!described.is_empty(), &format!("the parameter {name} is not described"));
        expect(parameter["schema"].is_object(), &format!("the parameter {name} has no schema"));
    }
    for name in operation.path.split('/').filter_map(|part| part.strip_prefix('{')) {
        let name = name.trim_end_matches('}');
        let named = |parameter: &Value| {
            parameter["name"] == name && parameter["in"] == "path" && parameter["required"] == true
        };
        expect(parameters.iter().any(named), &format!("{name} of the path is no parameter"));
    }
    faults
}

/// The ways to come in that fit who may.
fn security(operation: &Operation<'_>) -> Value {
    let needed: Vec<&str> =
        operation.access.contains('.').then_some(operation.access).into_iter().collect();
    let (bearer, key) = (json!({"bearer": needed}), json!({"api_key": needed}));
    let session = match operation.method.as_str() {
        "GET" => json!({"session": needed}),
        _ => json!({"session": needed, "csrf": []}),
    };
    match operation.access {
        "optional" => json!([{}, bearer, session]),
        "required" | "mfa" => json!([bearer, session]),
        _ => json!([bearer, session, key]),
    }
}

/// Every reference in a value.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn the_description_is_whole() {
    let (api, accesses) = (serde_json::from_str(&told("openapi")).unwrap(), accesses());
    let operations = operations(&api, &accesses);
    assert!(operations.len() > 140, "{}", operations.len());
    let told = operations.iter().flat_map(|operation| {
        let Operation { method, path, .. } = operation;
        faults(&api, operation).into_iter().map(move |fault| format!("{method} {path}: {fault}"))
    });
    let found: Vec<String> = told.collect();
    assert!(found.is_empty(), "{found:#?}");
    let names: BTreeSet<&str> = operations
        .iter()
        .map(|operation| operation.said["operationId"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), operations.len(), "each operation has a name of its own");
}

#[test]
fn the_description_says_what_the_settings_ask_of_the_staff() {
    let told = Command::new(env!("CARGO_BIN_EXE_stoa"))
        .arg("openapi")
        .env("STOA__EDGE__STAFF_SECOND_FACTOR", "true")
        .output()
        .unwrap();
    let api: Value = serde_json::from_slice(&told.stdout).unwrap();
    let said = api["paths"]["/v1/admin/stock/{product_id}"]["get"]["description"].as_str();
    let rule = "Needs the permission `stock.read` and of people a second factor.";
    assert!(said.unwrap().contains(rule), "{said:?}");
}

#[test]
fn every_reference_leads_somewhere_and_every_shared_answer_is_used() {
    let api: Value = serde_json::from_str(&told("openapi")).unwrap();
    let mut found = BTreeSet::new();
    references(&api, &mut found);
    let dangling: Vec<&String> =
        found.iter().filter(|to| api.pointer(&to[1..]).is_none()).collect();
    assert!(dangling.is_empty(), "{dangling:?}");
    for kind in ["responses", "headers"] {
        let parts = api["components"][kind].as_object().unwrap().keys();
        let unused: Vec<&String> =
            parts.filter(|name| !found.contains(&format!("#/components/{kind}/{name}"))).collect();
        assert!(unused.is_empty(), "{kind}: {unused:?}");
    }
}

#[test]
fn a_description_with_holes_is_found() {
    let api = json!({"tags": [{"name": "catalog"}]});
    let said = json!({
        "tags": ["other"], "security": [],
        "responses": {"200": {"description": ""}, "404": {"description": "Gone", "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}},
            "403": {"description": "`forbidden`"}, "409": {"description": "It is running"},
            "504": {"description": "`timeout`", "headers": {"RateLimit": {}}}},
        "parameters": [{"name": "id", "in": "query", "schema": {}}, {"name": "Idempotency-Key"}],
    });
    let operation =
        Operation { method: "PUT".into(), path: "/v1/things/{id}", access: "mfa", said: &said };
    let found = faults(&api, &operation);
    for fault in [
        "no summary",
        "no tag that is described",
        "another security than the route's",
        "200 is not described",
        "200 has no schema",
        "200 has no id",
        "404 is no problem",
        "401 is missing",
        "403 names no mfa_required",
        "409 has no Retry-After",
        "504 is past the throttle",
        "the parameter \"id\" is not described",
        "id of the path is no parameter",
    ] {
        assert!(found.iter().any(|told| told == fault), "{fault}: {found:#?}");
    }
}

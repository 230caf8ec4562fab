//! Calls of which the log is asked.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Answer, Customer};

/// The newest entries, as many as a page can have.
const NEWEST: &str = "/v1/admin/audit?limit=100";

/// What an entry is expected to be about.
pub(super) enum About<'a> {
    /// What the answer has as `id`.
    Made,
    /// This.
    Is(&'a str),
    /// Something without an id in the API.
    Named,
}

/// Who calls, what was called, and what the log had before.
pub(super) struct Scene {
    /// Whoever calls, and what the log is to say of them.
    pub caller: Customer,
    pub told: Value,
    reader: Customer,
    known: BTreeSet<String>,
    pub called: BTreeSet<String>,
}

fn key_of(entry: &Value) -> String {
    format!("{} {}", entry["module"], entry["seq"])
}

impl Scene {
    pub async fn new(caller: Customer, told: Value) -> Self {
        let reader = caller.clone();
        let mut scene =
            Self { caller, told, reader, known: BTreeSet::new(), called: BTreeSet::new() };
        scene.news().await;
        scene
    }

    /// The entries that came since the last time, the oldest first.
    pub async fn news(&mut self) -> Vec<Value> {
        let page = self.reader.get(NEWEST).await;
        assert_eq!(page.status, 200, "{page:?}");
        let all = page.body["items"].as_array().unwrap();
        let mut news: Vec<Value> =
            all.iter().filter(|entry| !self.known.contains(&key_of(entry))).cloned().collect();
        self.known.extend(news.iter().map(key_of));
        news.reverse();
        news
    }

    /// The version that is to be named for a change of what is at a path, or of what is above it.
    async fn version(&self, path: &str) -> Option<String> {
        let path = path.split('?').next().unwrap();
        for path in [path, path.rsplit_once('/').unwrap().0] {
            if let Some(etag) = self.reader.get(path).await.headers.get("etag") {
                return Some(etag.to_str().unwrap().to_owned());
            }
        }
        None
    }

    /// Calls an endpoint with ids in the place of its names, which must succeed, and asserts that
    /// exactly these entries came of it.
    pub async fn call(
        &mut self,
        endpoint: &str,
        ids: &[&str],
        (kind, body): (&str, Vec<u8>),
        expected: &[(&str, About<'_>)],
    ) -> (Answer, Vec<Value>) {
        let (method, template) = endpoint.split_once(' ').unwrap();
        let mut ids = ids.iter();
        let fill = |part: &str| match part {
            name if name.starts_with('{') => (*ids.next().unwrap()).to_owned(),
            part => part.to_owned(),
        };
        let mut path: String = template.split('/').map(fill).collect::<Vec<_>>().join("/");
        if let Some(query) = ids.next() {
            path = format!("{path}?{query}");
        }
        let run = format!("run-{}-{}", self.called.len(), self.known.len());
        let mut headers = vec![
            ("content-type", kind.to_owned()),
            ("x-request-id", run.clone()),
            ("idempotency-key", run.clone()),
        ];
        if method != "POST"
            && let Some(version) = self.version(&path).await
        {
            headers.push(("if-match", version));
        }
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let answer = self.caller.send_as_is(method, &path, &headers, &body).await;
        assert!((200..300).contains(&answer.status), "{endpoint}: {answer:?}");
        let news = self.news().await;
        let actions: Vec<&str> =
            news.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
        let wanted: Vec<&str> = expected.iter().map(|(action, _)| *action).collect();
        assert_eq!(actions, wanted, "{endpoint}: {news:#?}");
        for (entry, (_, about)) in news.iter().zip(expected) {
            let subject = &entry["subject"];
            match about {
                About::Made => assert_eq!(subject, &answer.body["id"], "{endpoint}: {entry}"),
                About::Is(id) => assert_eq!(subject, id, "{endpoint}: {entry}"),
                About::Named => assert!(subject.is_string(), "{endpoint}: {entry}"),
            }
            for (member, value) in self.told.as_object().unwrap() {
                assert_eq!(&entry[member], value, "{endpoint}: {member} of {entry}");
            }
            assert_eq!(entry["address"], "127.0.0.1", "{endpoint}: {entry}");
            assert_eq!(entry["trace"], json!(run), "{endpoint}: {entry}");
        }
        self.called.insert(endpoint.to_owned());
        (answer, news)
    }

    /// The same with a JSON body, where one entry comes of it.
    pub async fn json(
        &mut self,
        endpoint: &str,
        ids: &[&str],
        body: Value,
        action: &str,
        about: About<'_>,
    ) -> (Answer, Value) {
        let body = ("application/json", body.to_string().into_bytes());
        let (answer, mut news) = self.call(endpoint, ids, body, &[(action, about)]).await;
        (answer, news.remove(0))
    }

    /// The same without a body.
    pub async fn bare(
        &mut self,
        endpoint: &str,
        ids: &[&str],
        action: &str,
        about: About<'_>,
    ) -> Value {
        let body = ("application/json", Vec::new());
        self.call(endpoint, ids, body, &[(action, about)]).await.1.remove(0)
    }
}

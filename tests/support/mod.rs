//! A real shop in a process of its own, over real sockets, on either engine.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use platform::sql::{Db, Postgres, Sqlite};
use serde_json::{Value, json};

mod books;
mod customer;
mod process;
pub mod raw;

pub use customer::Customer;

/// How long a shop may take to start or to reach a state.
pub const WAIT_MAX: Duration = Duration::from_secs(90);
/// Accounts of those who work in the shop: e-mail address and password.
const STAFF: (&str, &str) = ("staff@test.example", "correct horse battery");
const ADMIN: (&str, &str) = ("admin@test.example", "another horse battery");

const STOA: &str = env!("CARGO_BIN_EXE_stoa");
/// Of the schemas in the database of a shop.
const SCHEMA_PREFIX: &str = "stoa_";

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// A shop's data and how to run programs over it.
pub struct Shop {
    pub folder: PathBuf,
    /// What runs over it: this version, or another one.
    pub program: PathBuf,
    variables: Vec<(String, String)>,
    /// The database that ends with it.
    copy: Option<String>,
    process: Option<Child>,
    pub base: String,
    pub ops: String,
    /// Where plain HTTP is led to TLS.
    pub redirect: String,
}

/// What a request was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub text: String,
    pub headers: reqwest::header::HeaderMap,
}

impl Shop {
    /// A new shop with these products, not running yet. None when the engine is not there.
    pub fn new(engine: Engine, products: &[Value]) -> Option<Self> {
        let mut shop = Self::empty();
        if engine == Engine::Postgres {
            let url = platform::testing::copy(&migrated(), |url| {
                let mut command = Command::new(STOA);
                let variables = shop.variables.iter().cloned();
                command.arg("migrate").envs(variables).envs(of_postgres(url));
                let migrated = command.stdin(Stdio::null()).output().unwrap();
                assert!(migrated.status.success(), "{migrated:?}");
            })?;
            shop.variables.extend(of_postgres(&url));
            shop.copy = Some(url);
        }
        shop.sells(products);
        Some(shop)
    }

    /// The same on a database of PostgreSQL that is there and has nothing in it.
    pub fn over(url: &str, products: &[Value]) -> Self {
        Self::of_version(STOA.into(), url, products)
    }

    /// The same, made and run by a program of another version.
    pub fn of_version(program: PathBuf, url: &str, products: &[Value]) -> Self {
        let mut shop = Self::empty();
        shop.program = program;
        shop.variables.extend(of_postgres(url));
        shop.sells(products);
        shop
    }

    /// A shop without a database.
    fn empty() -> Self {
        let folder = platform::testing::folder();
        let variables = vec![
            ("STOA__SERVER__DATA_DIR".to_owned(), folder.display().to_string()),
            ("STOA__SERVER__LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            ("STOA__SERVER__OPS_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            ("STOA__SERVER__WORKERS".to_owned(), "2".to_owned()),
            ("STOA__EDGE__THROTTLE".to_owned(), "false".to_owned()),
            ("STOA__EDGE__QUEUE_TARGET_MS".to_owned(), "0".to_owned()),
            ("STOA__EDGE__GUEST_CHECKOUT".to_owned(), "true".to_owned()),
            // A test buys as often as it likes.
            ("STOA__FRAUD__RULES__VELOCITY".to_owned(), "allow".to_owned()),
            ("STOA__FRAUD__RULES__DECLINES".to_owned(), "allow".to_owned()),
            // Several shops share the machine, and a test wants the end of a checkout, without a challenge that
            // nobody decided on in time.
            ("STOA__ORDER__ANSWER_WAIT_MS".to_owned(), "10000".to_owned()),
            ("STOA__FRAUD__WAIT_MS".to_owned(), "20000".to_owned()),
            ("STOA__SAGA__LEASE_MS".to_owned(), "20000".to_owned()),
            ("STOA__SAGA__POLL_MS".to_owned(), "400".to_owned()),
            ("STOA__BUS__POLL_MS".to_owned(), "400".to_owned()),
            ("STOA__BUS__LEASE_MS".to_owned(), "5000".to_owned()),
            // What was tried too early on a busy machine comes again soon.
            ("STOA__BUS__RETRY_MAX_MS".to_owned(), "2000".to_owned()),
            ("STOA__SAGA__PAUSE_MAX_MS".to_owned(), "2000".to_owned()),
            ("STOA__SERVER__HEAD_TIMEOUT_MS".to_owned(), "30000".to_owned()),
            ("STOA__LOG__LEVEL".to_owned(), "warn".to_owned()),
            ("STOA__AUTH__ARGON2_MEMORY_KIB".to_owned(), "1024".to_owned()),
            ("STOA__PAYMENT__RESOLVE_EVERY_MS".to_owned(), "200".to_owned()),
            ("STOA__PAYMENT__RESOLVE_AFTER_MS".to_owned(), "500".to_owned()),
        ];
        let none = String::new();
        Self {
            folder,
            program: STOA.into(),
            variables,
            copy: None,
            process: None,
            base: none.clone(),
            ops: none.clone(),
            redirect: none,
        }
    }

    fn sells(&self, products: &[Value]) {
        let lines: Vec<String> = products.iter().map(Value::to_string).collect();
        let file = self.folder.join("products.jsonl");
        std::fs::write(&file, lines.join("\n")).unwrap();
        let imported = self.run(&["import", "products", &file.display().to_string()]);
        assert!(imported.status.success(), "{imported:?}");
    }

    /// A running shop with these products.
    pub fn running(engine: Engine, products: &[Value]) -> Option<Self> {
        let mut shop = Self::new(engine, products)?;
        shop.start(&[]);
        Some(shop)
    }

    /// The same shop, for another process over its data.
    pub fn beside(&self) -> Self {
        let none = String::new();
        Self {
            folder: self.folder.clone(),
            program: self.program.clone(),
            variables: self.variables.clone(),
            copy: None,
            process: None,
            base: none.clone(),
            ops: none.clone(),
            redirect: none,
        }
    }

    /// A place for the same shop without anything of it but its settings and keys, and an empty database on PostgreSQL.
    pub fn elsewhere(&self) -> Self {
        let none = String::new();
        let mut other = Self {
            folder: platform::testing::folder(),
            program: self.program.clone(),
            variables: self.variables.clone(),
            copy: None,
            process: None,
            base: none.clone(),
            ops: none.clone(),
            redirect: none,
        };
        other.set("STOA__SERVER__DATA_DIR", &other.folder.display().to_string());
        if self.variables.iter().any(|(name, _)| name == "STOA__DATABASE__URL") {
            let empty = platform::testing::copy("stoa_empty", |_| {}).unwrap();
            other.set("STOA__DATABASE__URL", &empty);
            other.copy = Some(empty);
        }
        std::fs::create_dir(other.folder.join("keys")).unwrap();
        for key in std::fs::read_dir(self.folder.join("keys")).unwrap() {
            let key = key.unwrap();
            std::fs::copy(key.path(), other.folder.join("keys").join(key.file_name())).unwrap();
        }
        other
    }

    /// Another node of a shop on PostgreSQL: its folder is its own, and what nodes share is in this one's.
    pub fn node(&self) -> Self {
        let mut node = self.beside();
        node.folder = platform::testing::folder();
        let own = node.folder.display().to_string();
        node.set("STOA__SERVER__DATA_DIR", &own);
        node.set("STOA__SERVER__SHARED_DIR", &self.folder.display().to_string());
        node
    }

    /// Goes on by this version.
    pub fn is_upgraded(&mut self) {
        self.program = STOA.into();
    }

    /// Sets a setting or a fault of every later process.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).envs(self.variables.iter().cloned());
        command
    }

    /// Runs another command over the shop's data.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().unwrap()
    }

    /// The same by a shell, which may limit what the program has: `limits` are commands of it.
    pub fn run_within(&self, limits: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{limits}\nexec \"$@\""), "sh"]);
        command.arg(&self.program).args(arguments);
        command.envs(self.variables.iter().cloned()).stdin(Stdio::null()).output().unwrap()
    }

    /// Where its database is, if that is PostgreSQL's.
    pub fn url(&self) -> Option<String> {
        let url = self.variables.iter().find(|(name, _)| name == "STOA__DATABASE__URL");
        url.map(|(_, url)| url.clone())
    }

    /// The database of a module, beside a server that may be running.
    pub async fn database(&self, module: &'static str) -> Db {
        let clock = kernel::Clock::system();
        let opened = match self.url() {
            None => {
                let file = self.folder.join(format!("{module}.db"));
                Db::sqlite(module, &Sqlite { file, readers: 1 }, clock).await
            }
            Some(url) => {
                let schema = format!("{SCHEMA_PREFIX}{module}");
                Db::postgres(module, &Postgres { url, schema, role: None, connections: 1 }, clock)
                    .await
            }
        };
        opened.unwrap()
    }

    /// A letter with this subject that was written to nobody before, once it is in the folder.
    pub fn letter(&self, subject: &str) -> String {
        let began = Instant::now();
        loop {
            let files = std::fs::read_dir(self.folder.join("mail")).into_iter().flatten().flatten();
            let paths = files.map(|file| file.path());
            let letters = paths.filter(|path| path.extension().is_some_and(|kind| kind == "eml"));
            let subject = format!("Subject: {subject}");
            for path in letters {
                let letter = std::fs::read_to_string(&path).unwrap();
                if letter.contains(&subject) {
                    std::fs::remove_file(path).unwrap();
                    // Quoted-printable: long lines are broken by `=`.
                    return letter.replace("=\r\n", "").replace("=3D", "=");
                }
            }
            assert!(began.elapsed() < WAIT_MAX, "no letter: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The token of a member of the staff, whose account is made when it is not there.
    pub async fn staff(&self) -> Customer {
        self.works_here(STAFF, "staff").await
    }

    /// The same of somebody who may do everything.
    pub async fn admin(&self) -> Customer {
        self.works_here(ADMIN, "admin").await
    }

    async fn works_here(&self, (email, password): (&str, &str), role: &str) -> Customer {
        let mut child = self
            .command(&["admin", "create", email, "--role", role])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
        child.wait().unwrap();
        let anyone = Customer::anyone(self);
        let body = json!({"email": email, "password": password});
        let answer = anyone.post("/v1/auth/login", &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let known = anyone.with(answer.body["access_token"].as_str().unwrap());
        known.with_second_factor(&self.folder.join(format!("{role}.recovery"))).await
    }
}

/// What the database is called that every shop on PostgreSQL begins as a copy of: one for each build of the program.
fn migrated() -> String {
    let built = std::fs::metadata(STOA).and_then(|program| program.modified()).unwrap();
    let built = built.duration_since(std::time::UNIX_EPOCH).unwrap();
    format!("stoa_{:x}", built.as_nanos())
}

fn of_postgres(url: &str) -> [(String, String); 4] {
    let set = |name: &str, value: &str| (format!("STOA__DATABASE__{name}"), value.to_owned());
    [
        set("ENGINE", "postgres"),
        set("URL", url),
        set("SCHEMA_PREFIX", SCHEMA_PREFIX),
        set("CONNECTIONS", "3"),
    ]
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.kill();
        if let Some(url) = &self.copy {
            platform::testing::drop_copy(url);
        }
        // A folder that is left behind harms nobody.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The body of an order to Berlin, paid with a token.
pub fn order_body(token: &str) -> Value {
    json!({
        "shipping_address": {
            "name": "Ada Lovelace", "line1": "Unter den Linden 1", "city": "Berlin",
            "postal_code": "10117", "country": "DE",
        },
        "shipping_method": "standard",
        "payment": {"token": token},
    })
}

/// A card that is approved.
pub const APPROVED: &str = "4242424242424242";
/// A card that is declined.
pub const DECLINED: &str = "4000000000000002";
/// A card that asks for a 3-D Secure challenge.
pub const CHALLENGED: &str = "4000002760003184";

/// A product for the import.
pub fn product(sku: &str, price: &str, stock: i64) -> Value {
    json!({
        "sku": sku, "name": format!("Product {sku}"), "description": "For a test.",
        "price": price, "currency": "EUR", "categories": ["Tests"], "attributes": {},
        "brand": "Stoa", "stock": stock, "status": "active",
    })
}

/// What a timeline has of the order itself: not of its payments and letters, which go on beside it.
pub fn own_entries(timeline: &Value) -> Vec<&Value> {
    let beside = ["payment_", "letter_", "webhook_"];
    let is_own = |entry: &&Value| {
        let what = entry["what"].as_str().unwrap();
        !beside.iter().any(|head| what.starts_with(head))
    };
    timeline.as_array().unwrap().iter().filter(is_own).collect()
}

/// The id of a product.
pub async fn id_of(customer: &Customer, sku: &str) -> String {
    let answer = customer.get(&format!("/v1/products/{sku}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["id"].as_str().unwrap().to_owned()
}

/// Runs each test once per engine.
macro_rules! on_both_engines {
    ($($case:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { super::$case($crate::support::Engine::Sqlite).await; })+
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { super::$case($crate::support::Engine::Postgres).await; })+
        }
    };
}
pub(crate) use on_both_engines;

//! A PostgreSQL server that is lost is recovered to a moment from its base backup and its archived WAL, as
//! `docs/backup.md` says, and the shop goes on from there.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::support::{APPROVED, Customer, Shop, WAIT_MAX, id_of, product};

/// A server of its own, which archives what it writes.
struct Server {
    tools: PathBuf,
    folder: PathBuf,
    data: &'static str,
}

impl Server {
    /// None where PostgreSQL is not there.
    fn new() -> Option<Self> {
        platform::testing::postgres()?;
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
        let mut tools: Vec<PathBuf> =
            versions.map(|version| version.unwrap().path().join("bin")).collect();
        tools.sort();
        let server =
            Self { tools: tools.pop()?, folder: platform::testing::folder(), data: "data" };
        let folder = server.folder.display().to_string();
        std::fs::create_dir(server.folder.join("archive")).unwrap();
        if is_root() {
            // The server refuses to run as root.
            said(Command::new("chown").args(["-R", "postgres:postgres", &folder]));
        }
        let data = server.data().display().to_string();
        said(server.tool("initdb").args(["-D", &data, "-U", "shop", "--auth=trust", "-N"]));
        let archive = format!("{folder}/archive");
        server.set(&format!(
            "listen_addresses = ''\nunix_socket_directories = '{folder}'\nfsync = off\n\
             archive_mode = on\n\
             archive_command = 'test ! -f {archive}/%f && cp %p {archive}/%f.part && \
             mv {archive}/%f.part {archive}/%f'\n"
        ));
        Some(server)
    }

    fn data(&self) -> PathBuf {
        self.folder.join(self.data)
    }

    /// One of PostgreSQL's programs, as who may run it.
    fn tool(&self, name: &str) -> Command {
        let program = self.tools.join(name);
        if !is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
        // Its own folder is not one that everybody may look into.
        command.current_dir(&self.folder);
        command
    }

    fn set(&self, settings: &str) {
        let file = self.data().join("postgresql.conf");
        let known = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, format!("{known}\n{settings}")).unwrap();
    }

    fn start(&self) {
        let (data, log) = (self.data(), self.folder.join("log"));
        let (data, log) = (data.to_str().unwrap(), log.to_str().unwrap());
        said(self.tool("pg_ctl").args(["-D", data, "-l", log, "-w", "-t", "120", "start"]));
    }

    fn stop(&self) {
        let data = self.data();
        let stop = ["-D", data.to_str().unwrap(), "-m", "immediate", "stop"];
        let _ = self.tool("pg_ctl").args(stop).output();
    }

    fn ask(&self, database: &str, statement: &str) -> String {
        let folder = self.folder.to_str().unwrap();
        let mut psql = self.tool("psql");
        let told = said(psql.args(["-h", folder, "-U", "shop", "-d", database, "-Atc", statement]));
        String::from_utf8(told.stdout).unwrap().trim().to_owned()
    }

    /// Waits until a question is answered by this.
    fn until(&self, statement: &str, answer: &str) {
        let began = Instant::now();
        while self.ask("shop", statement) != answer {
            assert!(began.elapsed() < WAIT_MAX, "{statement} is not {answer}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        // A folder that is left behind harms nobody.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn is_root() -> bool {
    let told = Command::new("id").arg("-u").output().unwrap();
    told.stdout == b"0\n"
}

fn said(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

/// An order that is confirmed.
async fn bought(shop: &Shop, buyer: &Customer, key: &str) -> String {
    buyer.fill_cart(&id_of(buyer, "LAMP-1").await, 1).await;
    let order = buyer.order(key, &buyer.card(APPROVED).await).await;
    assert_eq!(order.body["status"], "CONFIRMED", "{order:?} {}", shop.log());
    order.body["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_is_recovered_to_a_moment() {
    let Some(mut server) = Server::new() else { return };
    server.start();
    server.ask("postgres", "create database shop");
    let socket = server.folder.display().to_string().replace('/', "%2F");
    let url = format!("postgres://shop@{socket}/shop");
    let mut shop = Shop::over(&url, &[product("LAMP-1", "20.00", 100)]);
    // What is settled is sealed before the shop stops.
    shop.set("STOA__NOTARY__POLL_MS", "20");
    shop.start(&[]);
    let ada = Customer::guest(&shop).await;
    let first = bought(&shop, &ada, "first").await;

    // The base backup, beside a shop that runs.
    let folder = server.folder.to_str().unwrap().to_owned();
    let base = server.folder.join("base");
    let to = ["-h", &folder, "-U", "shop", "-D", base.to_str().unwrap(), "--checkpoint=fast"];
    said(server.tool("pg_basebackup").args(to));

    let second = bought(&shop, &ada, "second").await;
    shop.settle();
    let moment = server.ask("shop", "select clock_timestamp()");
    let third = bought(&shop, &ada, "third").await;
    shop.settle();
    shop.stop();
    let last = server.ask("shop", "select pg_walfile_name(pg_switch_wal())");
    let archived = format!("select last_archived_wal >= '{last}' from pg_stat_archiver");
    server.until(&archived, "t");
    server.stop();

    // Another server in its place, which is told when to end.
    server.data = "base";
    let archive = server.folder.join("archive").display().to_string();
    server.set(&format!(
        "restore_command = 'cp {archive}/%f %p'\nrecovery_target_time = '{moment}'\n\
         recovery_target_action = promote\narchive_mode = off\n"
    ));
    std::fs::write(base.join("recovery.signal"), "").unwrap();
    server.start();
    server.until("select pg_is_in_recovery()", "f");

    // What is signed of the log is newer than the databases, and says so.
    let done = shop.run(&["restore", "--recovered"]);
    assert!(done.status.success(), "{done:?}");
    let told = String::from_utf8(done.stdout).unwrap();
    assert!(told.contains("entries of the log were signed after that"), "{told}");
    let verified = shop.run(&["verify", "--grace-s", "0"]);
    let told = String::from_utf8(verified.stdout).unwrap();
    let broken: Vec<&str> = told.lines().filter(|line| line.starts_with("BROKEN")).collect();
    assert!(matches!(broken[..], [line] if line.contains("every sealed entry is there")), "{told}");

    shop.start(&[]);
    let ada = ada.at(&shop);
    for (order, status) in [(&first, 200), (&second, 200), (&third, 404)] {
        let found = ada.get(&format!("/v1/orders/{order}")).await;
        assert_eq!(found.status, status, "{found:?}");
    }
    assert_eq!(ada.get("/v1/products/LAMP-1").await.body["available"], 98);
    bought(&shop, &ada, "after").await;
    shop.stop();
}

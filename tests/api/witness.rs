//! A shop and a witness as two processes: receipts and exports carry what the witness signed, and the witness signs no
//! second history, whenever it dies.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use notary::Log;
use serde_json::json;

use crate::ledger::newest_receipt;
use crate::support::{Customer, Engine, Shop, WAIT_MAX, id_of, product};

const NAME: &str = "witness.example/w1";

/// A witness that runs; it is killed when it is dropped.
struct Running {
    process: Child,
    at: String,
    key: String,
}

impl Running {
    fn start(folder: &Path, log: &str) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_stoa"))
            .args(["witness", "--listen", "127.0.0.1:0", "--name", NAME, "--log", log, "--folder"])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let told = ready.trim().strip_prefix("ready: ").unwrap_or_else(|| panic!("{ready:?}"));
        let (at, key) = told.split_once(", ").unwrap();
        Self { process, at: at.to_owned(), key: key.to_owned() }
    }

    /// What it answers to a request, and with which status.
    async fn told(&self, body: String) -> (u16, String) {
        let client = platform::http::outbound().timeout(WAIT_MAX).build().unwrap();
        let request = client.post(format!("{}/add-checkpoint", self.at)).body(body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn said(shop: &Shop, arguments: &[&str]) -> (String, Option<i32>) {
    let output = shop.run(arguments);
    (String::from_utf8(output.stdout).unwrap().trim().to_owned(), output.status.code())
}

/// A shop whose log is shown to a witness.
fn shown_to(mut shop: Shop, witness: &Running) -> Shop {
    let settings = include_str!("../../config/default.toml");
    let told = format!("witnesses = [{{ url = \"{}\", key = \"{}\" }}]", witness.at, witness.key);
    let settings = settings.replacen("witnesses = []", &told, 1);
    assert!(settings.contains(&witness.key));
    let file = shop.folder.join("own.toml");
    std::fs::write(&file, settings).unwrap();
    shop.set("STOA_CONFIG", file.to_str().unwrap());
    shop.set("STOA__NOTARY__WITNESS_EVERY_MS", "200");
    shop.start(&[]);
    shop
}

/// The receipt of the newest entry, once a witness has signed a checkpoint that it is under.
async fn witnessed_receipt(staff: &Customer) -> String {
    let began = Instant::now();
    loop {
        let receipt = newest_receipt(staff).await.1;
        if receipt.contains(&format!("\u{2014} {NAME} ")) {
            return receipt;
        }
        assert!(began.elapsed() < WAIT_MAX, "{receipt}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_witness_signs_one_history() {
    let shop = Shop::new(Engine::Sqlite, &[product("LAMP-1", "20.00", 5)]).unwrap();
    let (log_key, _) = said(&shop, &["ledger", "key"]);
    let folder = shop.folder.join("witness");
    let witness = Running::start(&folder, &log_key);
    let mut shop = shown_to(shop, &witness);
    let staff = shop.staff().await;
    let path = format!("/v1/admin/products/{}", id_of(&staff, "LAMP-1").await);
    assert_eq!(staff.edit(&path, &json!({"name": "Lamp"})).await.status, 200);

    // Whoever has a receipt can tell that the witness saw it.
    let receipt = shop.folder.join("receipt");
    std::fs::write(&receipt, witnessed_receipt(&staff).await).unwrap();
    let receipt = receipt.to_str().unwrap();
    let stranger = Running::start(&shop.folder.join("stranger"), &log_key);
    let verified = |by: &str| said(&shop, &["ledger", "verify-receipt", receipt, "--witness", by]);
    assert_eq!(verified(&witness.key).1, Some(0), "{:?}", verified(&witness.key));
    let (told, code) = verified(&stranger.key);
    assert!(told.contains("is not signed by the witness") && code == Some(1), "{told}");

    // It is shown again what was sealed while it was dead, and remembers what it has signed.
    drop(witness);
    assert_eq!(staff.edit(&path, &json!({"name": "Lamp of iron"})).await.status, 200);
    newest_receipt(&staff).await;
    shop.stop();
    let witness = Running::start(&folder, &log_key);
    let mut shop = shown_to(shop, &witness);
    let staff = staff.at(&shop);
    witnessed_receipt(&staff).await;

    let export = shop.folder.join("export");
    let export = export.to_str().unwrap();
    assert_eq!(said(&shop, &["ledger", "export", export]).1, Some(0));
    let verified = |by: &str| said(&shop, &["ledger", "verify", export, "--witness", by]);
    assert_eq!(verified(&witness.key).1, Some(0), "{:?}", verified(&witness.key));
    assert_eq!(verified(&stranger.key).1, Some(1));

    // One that is older than the export is not enough: whoever made it would choose what was seen.
    let empty =
        Log::open(&shop.folder.join("empty"), &shop.folder.join("keys"), "ignored").unwrap();
    let kept = Path::new(export).join("checkpoint.witnessed");
    let whole = std::fs::read(&kept).unwrap();
    let fresh = Running::start(&shop.folder.join("fresh"), &log_key);
    let note = empty.begin().unwrap().note;
    let line = fresh.told(format!("old 0\n\n{note}")).await.1;
    std::fs::write(&kept, note + &line).unwrap();
    let (told, code) = verified(&fresh.key);
    assert!(told.contains("only the first 0 of") && code == Some(1), "{told}");
    std::fs::write(&kept, whole).unwrap();

    // What is kept of witnesses is no more than an aid.
    let damaged = shop.folder.join("ledger/checkpoint.witnessed");
    shop.stop();
    std::fs::write(&damaged, "damaged").unwrap();
    assert_eq!(said(&shop, &["ledger", "export", export]).1, Some(0));
    assert!(std::fs::read_to_string(&damaged).unwrap().contains(NAME), "it is signed again");
    signs_nothing_else(&shop, &witness, export).await;
}

/// Whoever has the log's key cannot have another history signed.
async fn signs_nothing_else(shop: &Shop, witness: &Running, export: &str) {
    let seen = std::fs::read_to_string(Path::new(export).join("checkpoint.witnessed")).unwrap();
    let seen: u64 = seen.lines().nth(1).unwrap().parse().unwrap();
    let keys = shop.folder.join("keys");
    let forged = Log::open(&shop.folder.join("forged"), &keys, "ignored").unwrap();
    let lies = |count| (0..count).map(|n: u64| format!("lie {n}").into_bytes()).collect();
    let short = forged.append(&forged.begin().unwrap(), lies(1)).unwrap();
    let asked = |old: u64, note: &str| witness.told(format!("old {old}\n\n{note}"));
    let (status, size) = asked(0, &short.note).await;
    assert_eq!(status, 409);
    assert!(size.trim().parse::<u64>().unwrap() >= seen, "{size}");
    let long = forged.append(&short, lies(seen + 100)).unwrap();
    let size: u64 = size.trim().parse().unwrap();
    let proof = forged.consistency(size, long.checkpoint.size).unwrap();
    let proof: String = proof.iter().map(|hash| STANDARD.encode(hash) + "\n").collect();
    assert_eq!(witness.told(format!("old {size}\n{proof}\n{}", long.note)).await.0, 422);
    assert_eq!(asked(0, "nonsense").await.0, 400);
    let stranger = Log::open(&shop.folder.join("a"), &shop.folder.join("b"), "other").unwrap();
    assert_eq!(asked(0, &stranger.begin().unwrap().note).await.0, 404);
    let namesake = Log::open(&shop.folder.join("c"), &shop.folder.join("d"), "stoa.local/ledger");
    assert_eq!(asked(0, &namesake.unwrap().begin().unwrap().note).await.0, 403);
}

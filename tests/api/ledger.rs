//! The tamper-evident log as the staff reads it and as whoever keeps an older checkpoint checks it.

use std::time::Duration;

use serde_json::json;

use crate::support::{Customer, Engine, Shop, id_of, on_both_engines, product};

on_both_engines![what_the_staff_does_is_sealed_and_proved];

const LEDGER: &str = "/v1/admin/ledger";

/// The id of the newest entry of the audit log and its receipt, once it is sealed.
pub async fn newest_receipt(staff: &Customer) -> (String, String) {
    let newest = staff.get("/v1/admin/audit?limit=1").await;
    let id = newest.body["items"][0]["id"].as_str().unwrap().to_owned();
    for _ in 0..900 {
        let receipt = staff.get(&format!("{LEDGER}/receipts/{id}")).await;
        if receipt.status == 200 {
            return (id, receipt.text);
        }
        assert_eq!(receipt.status, 404, "{receipt:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{id} is never sealed");
}

async fn what_the_staff_does_is_sealed_and_proved(engine: Engine) {
    let Some(shop) = Shop::running(engine, &[product("LAMP-1", "20.00", 5)]) else { return };
    let staff = shop.staff().await;
    let path = format!("/v1/admin/products/{}", id_of(&staff, "LAMP-1").await);
    assert_eq!(staff.edit(&path, &json!({"name": "Lamp"})).await.status, 200);
    newest_receipt(&staff).await;
    let older = staff.get(&format!("{LEDGER}/checkpoint")).await;
    assert_eq!(older.headers["content-type"], "text/plain; charset=utf-8");
    let size = |note: &str| note.lines().nth(1).unwrap().parse::<u64>().unwrap();
    let from = size(&older.text);

    assert_eq!(staff.edit(&path, &json!({"name": "A lamp"})).await.status, 200);
    let (id, receipt) = newest_receipt(&staff).await;
    let proof = staff.get(&format!("{LEDGER}/proofs/inclusion?entry={id}")).await;
    assert_eq!(proof.status, 200, "{proof:?}");
    let (index, to) = (proof.body["index"].as_u64().unwrap(), proof.body["size"].as_u64().unwrap());
    assert!(from <= index && index < to, "{proof:?}");
    let proof = staff.get(&format!("{LEDGER}/proofs/consistency?from={from}&to={to}")).await;
    assert_eq!((proof.status, &proof.body["to"]), (200, &json!(to)));
    assert!(!proof.body["hashes"].as_array().unwrap().is_empty());
    let beyond = staff.get(&format!("{LEDGER}/proofs/consistency?from=0&to={}", to + 1_000)).await;
    assert_eq!((beyond.status, &beyond.body["code"]), (422, &json!("invalid_value")));
    let tile = staff.download(&format!("{LEDGER}/tile/0/000.p/{to}")).await;
    assert_eq!((tile.0, tile.2.len() as u64), (200, 32 * to));
    for nothing in ["tile/0/000.p/255", "tile/../keys/ledger.key", "receipts/x"] {
        assert_eq!(staff.get(&format!("{LEDGER}/{nothing}")).await.status, 404, "{nothing}");
    }
    let refused = Customer::guest(&shop).await.get(&format!("{LEDGER}/checkpoint")).await;
    assert_eq!((refused.status, &refused.body["code"]), (403, &json!("forbidden")));

    // From here on the shop is not asked.
    let place = |name: &str| shop.folder.join(name).display().to_string();
    let key = String::from_utf8(shop.run(&["ledger", "key"]).stdout).unwrap();
    let (export, kept, proved) = (place("export"), place("kept"), place("a.tlog-proof"));
    std::fs::write(&kept, &older.text).unwrap();
    std::fs::write(&proved, &receipt).unwrap();
    let exported = shop.run(&["ledger", "export", &export]);
    assert!(exported.status.success(), "{exported:?}");
    let said = |arguments: &[&str]| {
        let output = shop.run(arguments);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let verify = ["ledger", "verify", &export, "--checkpoint", &kept, "--key", key.trim()];
    let (code, text) = said(&verify);
    assert!(code == Some(0) && text.contains(&format!("the first {from} are those")), "{text}");
    let verify_receipt = ["ledger", "verify-receipt", &proved, "--key", key.trim()];
    let (code, text) = said(&verify_receipt);
    assert!(code == Some(0) && text.contains(&format!("product.update {id}")), "{text}");

    std::fs::write(&proved, receipt.replace("index ", "index 1")).unwrap();
    let (code, text) = said(&verify_receipt);
    assert!(code == Some(1) && text.starts_with("BROKEN"), "{text}");
    let entries = std::fs::read_dir(shop.folder.join("export/tile/entries/000.p")).unwrap();
    let bundle = entries.map(|entry| entry.unwrap().path()).next().unwrap();
    let mut bytes = std::fs::read(&bundle).unwrap();
    bytes[60] ^= 1;
    std::fs::write(&bundle, bytes).unwrap();
    let (code, text) = said(&verify);
    assert!(code == Some(1) && text.starts_with("BROKEN"), "{text}");
}

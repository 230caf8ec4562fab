//! The demo shop: a real catalogue, stock, and two accounts whose passwords everybody knows.

use std::fs::File;

use catalog::Format;
use kernel::ports::Role;
use secrecy::SecretString;

use crate::app::Shop;
use crate::command::Failure;

/// The accounts: e-mail address, password, name, role.
const ACCOUNTS: [(&str, &str, &str, Role); 2] = [
    ("staff@demo.example", "demo-staff-pass", "Sam Staff", Role::Staff),
    ("ada@demo.example", "demo-customer-pass", "Ada Lovelace", Role::Customer),
];

/// Fills a shop that has no products, makes the accounts, and returns a line about each of them.
pub async fn fill(shop: &Shop) -> Result<Vec<String>, Failure> {
    if !shop.settings.server.listen.ip().is_loopback() {
        let why = "--demo makes accounts whose passwords everybody knows; listen on 127.0.0.1";
        return Err(why.into());
    }
    if shop.catalog.product_count().await? == 0 {
        let path = &shop.settings.server.demo_catalog;
        let open = File::open(path);
        let mut file = open.map_err(|error| format!("{}: {error}", path.display()))?;
        let report = shop.catalog.import(&mut file, Format::Jsonl, &mut |_| {}).await?;
        if let Some(error) = report.errors.first() {
            return Err(format!("{}: {error}", path.display()).into());
        }
        shop.bus.drain().await?;
    }
    let mut lines = Vec::new();
    for (email, password, name, role) in ACCOUNTS {
        shop.accounts.ensure(email, SecretString::from(password), name, role).await?;
        lines.push(format!("demo account: {email} / {password} ({role:?})"));
    }
    Ok(lines)
}

//! The demo shop: a real catalogue, stock, and two accounts whose passwords everybody knows.

use std::path::Path;
use std::time::Duration;

use catalog::{AttributeInput, AttributeKind};
use kernel::ports::Role;
use platform::audit::Actor;
use secrecy::SecretString;
use tokio::process::Command;

use crate::app::Shop;
use crate::command::Failure;

/// How long the import of the demo catalogue may take.
const IMPORT_WAIT_MAX: Duration = Duration::from_mins(2);
/// The accounts: e-mail address, password, name, role.
const ACCOUNTS: [(&str, &str, &str, Role); 2] = [
    ("staff@demo.example", "demo-staff-pass", "Sam Staff", Role::Staff),
    ("ada@demo.example", "demo-customer-pass", "Ada Lovelace", Role::Customer),
];

/// The attributes that lists can be narrowed by: what products call them, and what shoppers read.
const FACETS: [(&str, &str); 6] = [
    ("brand_compatibility", "Made for"),
    ("connectivity_technology", "Connectivity"),
    ("material", "Material"),
    ("print_technology", "Print technology"),
    ("product_colour", "Colour"),
    ("type", "Type"),
];

/// Fills a shop that has no products, makes the accounts, and returns a line about each of them.
pub async fn fill(shop: &Shop, config: Option<&Path>) -> Result<Vec<String>, Failure> {
    if !shop.settings.server.listen.ip().is_loopback() {
        let why = "--demo makes accounts whose passwords everybody knows; listen on 127.0.0.1";
        return Err(why.into());
    }
    // Hashing passwords takes a while, and so does the import, in a process of its own.
    let ((), lines) = tokio::try_join!(import_once(shop, config), accounts(shop))?;
    Ok(lines)
}

async fn accounts(shop: &Shop) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    for (email, password, name, role) in ACCOUNTS {
        let secret = SecretString::from(password);
        shop.accounts.ensure(email, secret, name, role, &Actor::SYSTEM).await?;
        lines.push(format!("demo account: {email} / {password} ({role:?})"));
    }
    Ok(lines)
}

async fn import_once(shop: &Shop, config: Option<&Path>) -> Result<(), Failure> {
    if shop.catalog.product_count().await? == 0 {
        define(shop).await?;
        import(shop, config).await?;
    }
    Ok(())
}

async fn define(shop: &Shop) -> Result<(), Failure> {
    for (code, label) in FACETS {
        let attribute = AttributeInput {
            code: code.to_owned(),
            label: Some(label.to_owned()),
            kind: AttributeKind::Text,
            unit: String::new(),
            options: Vec::new(),
            facet: true,
        };
        match shop.catalog.define_attribute(attribute, &Actor::SYSTEM).await {
            // A first start that was interrupted has defined it already.
            Ok(_) | Err(catalog::Error::CodeTaken(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Imports the catalogue in a process of its own, so that the memory it takes goes back to the
/// system and the shop starts small.
async fn import(shop: &Shop, config: Option<&Path>) -> Result<(), Failure> {
    let server = &shop.settings.server;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--data-dir").arg(&server.data_dir);
    if let Some(config) = config {
        command.arg("--config").arg(config);
    }
    command.args(["import", "products"]).arg(&server.demo_catalog).kill_on_drop(true);
    let done = tokio::time::timeout(IMPORT_WAIT_MAX, command.output()).await??;
    if done.status.success() {
        return Ok(());
    }
    let (said, error) =
        (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    Err(format!("the demo catalogue was not imported: {said}{error}").into())
}

//! What is left when the processor has settled everything.

use chrono::TimeDelta;
use kernel::ports::Role;
use platform::audit::Actor;
use serde_json::Value;

use super::{Node, World, first_day, principal};

impl World {
    /// What is still open when the processor has settled all that it did.
    pub async fn open_accounts(&self, node: &Node) -> Vec<String> {
        let until = self.clock.now() + TimeDelta::days(1);
        let file = node.sandbox.settlement((first_day(), until)).await.unwrap();
        let settled = node.ledger.settle(&file, &Actor::SYSTEM).await.unwrap();
        let mut open = Vec::new();
        if settled.differences > 0 {
            open.push(format!("{} differences from\n{file}", settled.differences));
        }
        for kind in ["receivable", "clearing", "disputes"] {
            let path = format!("/v1/admin/ledger/accounts?open=true&kind={kind}");
            let page = node.ask(&principal(Role::Admin), "GET", &path, "", Value::Null).await;
            let left = page.body["items"].as_array().unwrap();
            open.extend(left.iter().map(|account| format!("{account} is left")));
        }
        open
    }
}

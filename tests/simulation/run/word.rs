//! What must be true of a seed in the end, beside the books.

use kernel::ports::Principal;
use tokio::task::spawn_local;

use super::{Run, Told};
use crate::acts::order_body;
use crate::world::Beginning;

impl Run<'_> {
    pub(super) async fn open_orders(&self) -> Vec<String> {
        let orders = self.node.orders.briefs(None, 1_000).await.unwrap();
        let open = |order: &&order::Brief| {
            matches!(order.status, order::Status::Pending | order::Status::AwaitingPayment)
                || order.is_being_edited
                || order.giving != 0
        };
        let open = orders.iter().filter(open);
        open.map(|order| format!("{} is {}, or changes still", order.number, order.status.word()))
            .collect()
    }

    /// A key is one order, and its answer is the same for ever; a shopper has as many orders as they
    /// were told of, and no key more.
    pub(super) async fn keeps_its_word(&mut self) -> Result<(), String> {
        let mut first: Vec<(&Principal, u32, &str)> = Vec::new();
        for Told { somebody, key, id, .. } in &self.told {
            let who = &self.people[*somebody].who;
            let known = first.iter().find(|(one, other, _)| one.id == who.id && other == key);
            match known {
                Some((.., before)) if before != id => {
                    return Err(format!("order {key} is {before} and {id}"));
                }
                Some(_) => {}
                None => first.push((who, *key, id)),
            }
        }
        for Told { somebody, key, card, id } in &self.told {
            let who = self.people[*somebody].who.clone();
            let Beginning { tokens, gift, .. } = self.beginning;
            let (node, body) = (self.node.clone(), order_body(&tokens[*card], *key, gift));
            let key = format!("order {key}");
            let again =
                spawn_local(async move { node.ask(&who, "POST", "/v1/orders", &key, body).await });
            let again = again.await.map_err(|error| error.to_string())?;
            let same = again.body["id"].is_null() || again.body["id"] == id.as_str();
            if !same || matches!(again.status, 202 | 500) {
                return Err(format!("an order that was {id} is {} {}", again.status, again.body));
            }
        }
        Ok(())
    }
}

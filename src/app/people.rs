//! What the whole house keeps about a person: shown to them, or erased.

use futures_util::future::try_join_all;
use kernel::Timestamp;
use kernel::id::CustomerId;
use kernel::ports::PersonalRecords;
use platform::audit::{Actor, Sought};
use serde_json::{Map, Value, json};

use super::Shop;
use crate::audit::AuditLog;
use crate::command::Failure;

/// How many entries of the audit log a person is shown, the newest.
const ENTRIES_MAX: u32 = 10_000;

impl Shop {
    /// Everything that is kept about a person, by the part of the house that keeps it.
    pub async fn kept_about(&self, person: CustomerId) -> Result<Value, Failure> {
        let parts: [(&str, &dyn PersonalRecords); 6] = [
            ("account", &self.accounts),
            ("orders", &self.orders),
            ("payments", &self.payments),
            ("credit", &self.credits),
            ("messages", &self.messages),
            ("fraud", &self.fraud),
        ];
        let told = parts.map(|(name, part)| async move {
            Ok::<_, Failure>((name.to_owned(), part.records(person).await?))
        });
        let mut all: Map<String, Value> = try_join_all(told).await?.into_iter().collect();
        let sought = Sought {
            actor: None,
            subject: Some(person.uuid()),
            action: None,
            from: Timestamp::UNIX_EPOCH,
            to: self.clock.now(),
        };
        let log = AuditLog::new(self.databases(), self.clock.clone());
        let entries = log.newest(&sought, None, ENTRIES_MAX).await?;
        all.insert("audit".to_owned(), serde_json::to_value(entries)?);
        Ok(json!({"person": person, "at": self.clock.now(), "kept": all}))
    }

    /// Whether anything here is or was about somebody: accounts and guests, and people of other issuers who ordered or
    /// have a cart.
    pub async fn knows(&self, person: CustomerId) -> Result<bool, Failure> {
        Ok(self.accounts.is_known(person).await?
            || self.privacy.is_known(person).await?
            || self.orders.knows(person).await?)
    }

    /// Why somebody cannot be erased yet, for people to read; empty when nothing is in the way.
    pub async fn in_the_way_of_erasing(&self, person: CustomerId) -> Result<Vec<String>, Failure> {
        let orders = self.orders.under_way(person).await?;
        let mut reasons: Vec<String> =
            orders.into_iter().map(|number| format!("order {number} has not ended")).collect();
        if self.accounts.is_last_admin(person).await? {
            reasons.push("nobody else is an admin of the shop".to_owned());
        }
        let disputed = self.payments.in_the_way(person).await?;
        reasons
            .extend(disputed.into_iter().map(|payment| format!("payment {payment} is disputed")));
        let left = self.credits.left_of(person).await?;
        reasons.extend(left.into_iter().map(|left| format!("there is store credit of {left}")));
        Ok(reasons)
    }

    /// Erases somebody. False when they were erased before; then what was left undone is done. What is
    /// sealed says nothing from now on; what else is kept goes when the shop hears of it.
    pub async fn erase(
        &self,
        person: CustomerId,
        with_records: bool,
        actor: &Actor,
    ) -> Result<bool, Failure> {
        if !with_records {
            self.orders.issue_invoices(person).await?;
        }
        let erased = self.accounts.erase(person, with_records, actor).await?;
        self.privacy.erase(person, with_records).await?;
        self.notary.forget(person.uuid(), actor).await?;
        Ok(erased)
    }
}

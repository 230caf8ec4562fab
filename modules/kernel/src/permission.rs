//! What somebody may do to the shop. What is one's own (a cart, an order, an account) needs none.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

macro_rules! permissions {
    ($($(#[$doc:meta])+ $name:ident = $word:tt;)+) => {
        /// One thing that the staff of a shop, or an API key, may do.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
        )]
        pub enum Permission {
            $($(#[$doc])+ #[serde(rename = $word)] $name,)+
        }

        impl Permission {
            /// Every permission there is.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its stable word, e.g. `orders.refund`.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

permissions! {
    /// See products in every status, with what only the staff knows of them.
    ProductsRead = "products.read";
    /// Change products, categories, collections, attributes, images, synonyms; import.
    ProductsWrite = "products.write";
    /// Change prices, price lists and markets.
    PricesWrite = "prices.write";
    /// Change promotions.
    PromotionsWrite = "promotions.write";
    /// See stock and its movements.
    StockRead = "stock.read";
    /// Adjust stock.
    StockWrite = "stock.write";
    /// See everybody's orders.
    OrdersRead = "orders.read";
    /// Ship, deliver and cancel orders.
    OrdersWrite = "orders.write";
    /// Give money back.
    OrdersRefund = "orders.refund";
    /// See payments.
    PaymentsRead = "payments.read";
    /// Capture and void payments.
    PaymentsWrite = "payments.write";
    /// See gift cards and store credit.
    CreditRead = "credit.read";
    /// Issue, block and adjust gift cards; grant store credit.
    CreditWrite = "credit.write";
    /// See accounts.
    CustomersRead = "customers.read";
    /// Change accounts.
    CustomersWrite = "customers.write";
    /// See what was sold and searched for.
    AnalyticsRead = "analytics.read";
    /// See who changed what.
    AuditRead = "audit.read";
    /// See events, dead letters and sagas.
    EventsRead = "events.read";
    /// Redrive events and sagas; manage webhooks.
    EventsWrite = "events.write";
    /// Change how the shop works.
    SettingsWrite = "settings.write";
    /// Make and revoke API keys.
    KeysWrite = "keys.write";
    /// Make roles and give them to people.
    RolesWrite = "roles.write";
}

/// What is not the word of a permission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no permission {0:?}")]
pub struct UnknownPermission(String);

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(text: &str) -> Result<Self, UnknownPermission> {
        let found = Self::ALL.iter().find(|permission| permission.word() == text);
        found.copied().ok_or_else(|| UnknownPermission(text.to_owned()))
    }
}

/// A set of permissions. On the wire it is the list of their words, each once.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Permissions(u64);

impl Permissions {
    /// None at all.
    pub const NONE: Self = Self(0);
    /// All there are.
    pub const ALL: Self = Self::of(Permission::ALL);

    /// These.
    pub const fn of(list: &[Permission]) -> Self {
        let (mut bits, mut n) = (0, 0);
        while n < list.len() {
            bits |= 1 << list[n] as u32;
            n += 1;
        }
        Self(bits)
    }

    /// Whether one is among them.
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u32) != 0
    }

    /// Those that are in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that are not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.contains(*permission))
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(all: I) -> Self {
        Self(all.into_iter().fold(0, |bits, permission| bits | 1 << permission as u32))
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Permission::word)).finish()
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.iter().map(Permission::word).collect();
        f.write_str(&words.join(", "))
    }
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter().map(Permission::word))
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let words: Vec<String> = Vec::deserialize(from)?;
        words.iter().map(|word| word.parse().map_err(D::Error::custom)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_unique_and_lead_back() {
        assert!(Permission::ALL.len() <= 64, "a set is 64 bits");
        for permission in Permission::ALL {
            assert_eq!(permission.word().parse(), Ok(*permission));
            assert_eq!(serde_json::json!(permission), permission.word());
        }
        assert!("orders.eat".parse::<Permission>().is_err());
    }

    #[test]
    fn sets_are_sets() {
        use Permission::{OrdersRead, OrdersRefund, StockRead};
        let set = Permissions::of(&[OrdersRead, StockRead]);
        assert!(set.contains(StockRead) && !set.contains(OrdersRefund));
        assert_eq!(set.without(Permissions::of(&[StockRead])), Permissions::of(&[OrdersRead]));
        assert_eq!(set.and(Permissions::ALL), set);
        assert_eq!(serde_json::json!(set), serde_json::json!(["stock.read", "orders.read"]));
        let read: Permissions =
            serde_json::from_str(r#"["orders.read","stock.read","orders.read"]"#).unwrap();
        assert_eq!(read, set);
        assert!(serde_json::from_str::<Permissions>(r#"["everything"]"#).is_err());
    }
}

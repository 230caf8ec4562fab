use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Unavailable;
use crate::Timestamp;
use crate::id::{CustomerId, SessionId};
use crate::permission::{Permission, Permissions};

/// A role that every shop has: a name for a set of permissions. A shop may make others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A shopper without an account: has a cart and may order.
    Guest,
    /// A shopper with an account.
    Customer,
    /// Works in the shop: everything but settings, keys and roles.
    Staff,
    /// Helps shoppers with their orders.
    Support,
    /// Looks after products and prices.
    Merchandiser,
    /// Packs and counts.
    Warehouse,
    /// Looks after the money.
    Finance,
    /// May do everything.
    Admin,
}

impl Role {
    /// Every role that each shop has.
    pub const ALL: [Self; 8] = [
        Self::Guest,
        Self::Customer,
        Self::Staff,
        Self::Support,
        Self::Merchandiser,
        Self::Warehouse,
        Self::Finance,
        Self::Admin,
    ];

    /// Its stable word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Customer => "customer",
            Self::Staff => "staff",
            Self::Support => "support",
            Self::Merchandiser => "merchandiser",
            Self::Warehouse => "warehouse",
            Self::Finance => "finance",
            Self::Admin => "admin",
        }
    }

    /// What it may do beyond what is its own.
    pub const fn permissions(self) -> Permissions {
        use Permission as P;
        match self {
            Self::Guest | Self::Customer => Permissions::NONE,
            Self::Staff => Permissions::ALL.without(Permissions::of(&[
                P::SettingsWrite,
                P::KeysWrite,
                P::RolesWrite,
            ])),
            Self::Support => Permissions::of(&[
                P::ProductsRead,
                P::StockRead,
                P::OrdersRead,
                P::OrdersWrite,
                P::PaymentsRead,
                P::CreditRead,
                P::CustomersRead,
                P::CustomersWrite,
            ]),
            Self::Merchandiser => Permissions::of(&[
                P::ProductsRead,
                P::ProductsWrite,
                P::PricesWrite,
                P::PromotionsWrite,
                P::StockRead,
                P::AnalyticsRead,
            ]),
            Self::Warehouse => Permissions::of(&[
                P::ProductsRead,
                P::StockRead,
                P::StockWrite,
                P::OrdersRead,
                P::OrdersWrite,
            ]),
            Self::Finance => Permissions::of(&[
                P::OrdersRead,
                P::OrdersRefund,
                P::PaymentsRead,
                P::PaymentsWrite,
                P::CreditRead,
                P::CreditWrite,
                P::CustomersRead,
                P::AnalyticsRead,
                P::AuditRead,
            ]),
            Self::Admin => Permissions::ALL,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What is not the name of a role that every shop has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is none of the roles that every shop has")]
pub struct NotBuiltIn;

impl FromStr for Role {
    type Err = NotBuiltIn;

    fn from_str(text: &str) -> Result<Self, NotBuiltIn> {
        Self::ALL.into_iter().find(|role| role.word() == text).ok_or(NotBuiltIn)
    }
}

/// How somebody proved who they are: a word of `amr` (RFC 8176).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Factor {
    /// A password.
    Pwd,
    /// A code that a device shows (RFC 6238), or a recovery code in its place.
    Otp,
    /// A passkey that asked for its owner's finger, face or PIN: two factors in one.
    Webauthn,
    /// A code that was sent by e-mail, the weakest.
    Email,
    /// Several factors, as another issuer says.
    Mfa,
}

/// How the caller of a request proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A login here, or at an issuer that the shop trusts.
    Login {
        /// The login the access token came from; an issuer elsewhere has none here.
        session: Option<SessionId>,
        /// How.
        amr: Vec<Factor>,
        /// When they last proved it.
        auth_time: Timestamp,
    },
    /// An API key.
    Key {
        /// Who made it.
        made_by: CustomerId,
        /// How many requests a second it may make, where that is not the route's business.
        rate_per_s: Option<u32>,
    },
}

/// Who is calling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The account, or the API key.
    pub id: CustomerId,
    /// The name of their role; that of a key is `api_key`.
    pub role: String,
    /// What they may do beyond what is their own.
    pub permissions: Permissions,
    /// How they proved who they are.
    pub proof: Proof,
    /// The customer group that the staff put them into, which has prices and promotions of its own.
    pub group: Option<String>,
}

/// The longest name of a customer group, in characters.
pub const GROUP_MAX: usize = 50;

/// Whether a text may be the name of a customer group: small letters, digits and single hyphens.
pub fn is_group(text: &str) -> bool {
    let plain = |part: &str| {
        let mut bytes = part.bytes();
        !part.is_empty() && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.len() <= GROUP_MAX && text.split('-').all(plain)
}

impl Principal {
    /// How old a second factor may be for what cannot be undone: refunds, keys and roles.
    pub const STEP_UP_MAX: TimeDelta = TimeDelta::minutes(15);

    /// Whether they may do something. Everything that is not allowed is denied.
    pub const fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(permission)
    }

    /// The login here that this comes from.
    pub const fn session(&self) -> Option<SessionId> {
        match &self.proof {
            Proof::Login { session, .. } => *session,
            Proof::Key { .. } => None,
        }
    }

    /// Whether they proved it by more than a password. A key is as good: it was made by somebody who
    /// had, and cannot type codes.
    pub fn is_second_factor(&self) -> bool {
        match &self.proof {
            Proof::Login { amr, .. } => amr.iter().any(|factor| *factor != Factor::Pwd),
            Proof::Key { .. } => true,
        }
    }

    /// Whether they proved it lately by more than a password and a letter box.
    pub fn has_stepped_up(&self, now: Timestamp) -> bool {
        match &self.proof {
            Proof::Login { amr, auth_time, .. } => {
                let strong = |factor: &Factor| !matches!(factor, Factor::Pwd | Factor::Email);
                amr.iter().any(strong) && now - *auth_time <= Self::STEP_UP_MAX
            }
            Proof::Key { .. } => true,
        }
    }
}

/// Why a token was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Malformed, expired, revoked, or not ours; the caller is not told which.
    #[error("the access token is not valid")]
    Refused,
    /// Nothing is known.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Tells who a token belongs to.
#[async_trait]
pub trait Identity: Send + Sync {
    /// The caller behind an access token or an API key.
    async fn authenticate(&self, token: &str) -> Result<Principal, IdentityError>;

    /// What a page of the shop's own shows beside the cookie of a session, and no other site knows.
    fn csrf_token(&self, session: SessionId) -> String;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(amr: &[Factor], at: i64) -> Principal {
        let auth_time = chrono::DateTime::from_timestamp(at, 0).unwrap_or_default();
        Principal {
            id: CustomerId::new(),
            role: Role::Finance.word().to_owned(),
            permissions: Role::Finance.permissions(),
            proof: Proof::Login { session: Some(SessionId::new()), amr: amr.to_vec(), auth_time },
            group: None,
        }
    }

    #[test]
    fn a_group_has_a_plain_name() {
        for name in ["trade", "trade-2", "a-b-c"] {
            assert!(is_group(name), "{name}");
        }
        for name in ["", "Trade", "-trade", "trade-", "a--b", "a b", "é", &"a".repeat(51)] {
            assert!(!is_group(name), "{name}");
        }
    }

    #[test]
    fn what_is_not_allowed_is_denied() {
        let finance = login(&[Factor::Pwd], 0);
        assert!(finance.may(Permission::OrdersRefund));
        assert!(!finance.may(Permission::StockWrite));
        for role in [Role::Guest, Role::Customer] {
            assert!(role.permissions().is_empty());
        }
        for role in Role::ALL.into_iter().filter(|role| *role != Role::Admin) {
            for kept in [Permission::KeysWrite, Permission::RolesWrite, Permission::SettingsWrite] {
                assert!(!role.permissions().contains(kept), "{role} {kept:?}");
            }
            assert_eq!(role.word().parse(), Ok(role));
        }
        assert_eq!(Role::Admin.permissions(), Permissions::ALL);
    }

    #[test]
    fn a_second_factor_counts_for_a_quarter_of_an_hour() {
        let now = chrono::DateTime::from_timestamp(10_000, 0).unwrap_or_default();
        let at = |amr: &[Factor], age: i64| {
            let who = login(amr, 10_000 - age);
            (who.is_second_factor(), who.has_stepped_up(now))
        };
        assert_eq!(at(&[Factor::Pwd], 0), (false, false));
        assert_eq!(at(&[], 0), (false, false));
        assert_eq!(at(&[Factor::Pwd, Factor::Otp], 900), (true, true));
        assert_eq!(at(&[Factor::Pwd, Factor::Otp], 901), (true, false));
        assert_eq!(at(&[Factor::Webauthn], 0), (true, true));
        assert_eq!(at(&[Factor::Pwd, Factor::Email], 0), (true, false), "the weakest");
        let key = Principal {
            proof: Proof::Key { made_by: CustomerId::new(), rate_per_s: None },
            ..login(&[], 0)
        };
        assert!(key.is_second_factor() && key.has_stepped_up(now));
        assert_eq!(key.session(), None);
    }
}

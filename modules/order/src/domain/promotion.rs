//! What a promotion is, which lines it is about, and what a shopper is told of it. What it takes off is
//! in [`super::discount`].

use kernel::id::ProductId;
use kernel::{Currency, Money, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::discount::Item;

/// The budget of a promotion that has none, in minor units.
pub const NO_BUDGET: i64 = 9_000_000_000_000_000;

/// What a promotion does with its percentage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Takes it off the lines.
    Percentage,
    /// Takes an amount of minor units off the lines together.
    Fixed(i64),
    /// Takes it off the shipping.
    FreeShipping,
    /// Takes it off the cheapest `get` of each `buy + get` units.
    BuyXGetY {
        /// How many units are paid.
        buy: i64,
        /// How many units are cheaper.
        get: i64,
    },
}

/// Products, by themselves or by a category that they are in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Targets {
    /// These products.
    #[serde(default)]
    pub products: Vec<ProductId>,
    /// What is in these categories or below them, e.g. `Home > Lighting`.
    #[serde(default)]
    pub categories: Vec<String>,
}

impl Targets {
    fn is_empty(&self) -> bool {
        self.products.is_empty() && self.categories.is_empty()
    }

    fn names(&self, item: &Item) -> bool {
        self.products.contains(&item.product_id)
            || self.categories.iter().any(|category| item.categories.contains(category))
    }
}

/// Which lines a promotion is about: those included, all when none are; never those excluded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Only these.
    #[serde(default)]
    pub include: Targets,
    /// None of these.
    #[serde(default)]
    pub exclude: Targets,
}

impl Scope {
    /// Whether a line is one of them.
    pub fn holds(&self, item: &Item) -> bool {
        (self.include.is_empty() || self.include.names(item)) && !self.exclude.names(item)
    }
}

/// A promotion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promotion {
    /// What the shopper types; what an automatic one is called.
    pub code: String,
    /// Its name, for people.
    pub name: String,
    /// Whether it applies without being typed.
    pub automatic: bool,
    /// What it does.
    pub kind: Kind,
    /// How much it takes off, in hundredths of a percent.
    pub percent_bp: i64,
    /// The currency of its sums; none when it has no sum.
    pub currency: Option<Currency>,
    /// What its lines must be worth, in minor units.
    pub min_items_minor: i64,
    /// How many units its lines must have.
    pub min_quantity: i64,
    /// Which lines it is about.
    pub scope: Scope,
    /// At most one of a class applies.
    pub class: String,
    /// Lower ones come first.
    pub priority: i64,
    /// Since when it can be used.
    pub valid_from: Option<Timestamp>,
    /// Until when; that moment is too late.
    pub valid_until: Option<Timestamp>,
    /// How often it was used.
    pub uses: i64,
    /// How often it can be.
    pub uses_max: i64,
    /// How often one customer can use it.
    pub per_customer_max: Option<i64>,
    /// What it gave away, in minor units.
    pub spent_minor: i64,
    /// What it may give away, in minor units; [`NO_BUDGET`] when there is no limit.
    pub budget_minor: i64,
    /// Whether it is in use.
    pub active: bool,
    /// The only customer group it is for; none is any.
    pub customer_group: Option<String>,
}

/// Why a promotion did not apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// There is no such code.
    Unknown,
    /// It was switched off.
    Inactive,
    /// It is for another customer group.
    NotYourGroup,
    /// It begins later.
    NotYet,
    /// It is over.
    Expired,
    /// It was used as often as it can be.
    UsedUp,
    /// This customer used it as often as one can.
    UsedByYou,
    /// What it may give away does not suffice for this cart.
    BudgetUsedUp,
    /// Its sums are in another currency.
    Currency,
    /// No line of the cart is one of its lines.
    NoMatchingLines,
    /// Its lines are not worth enough, or have too few units.
    ThresholdNotMet,
    /// Another of its class takes off as much or more.
    OtherIsBetter,
    /// There is nothing left to take off.
    NothingToTakeOff,
}

impl Reason {
    /// Whether no cart of this shopper could use it now: a code that was typed is then refused.
    pub const fn is_final(self) -> bool {
        !matches!(
            self,
            Self::NoMatchingLines
                | Self::ThresholdNotMet
                | Self::OtherIsBetter
                | Self::NothingToTakeOff
        )
    }

    /// The reason for people.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Unknown => "There is no such coupon.",
            Self::Inactive => "It is not in use.",
            Self::NotYourGroup => "It is for other customers.",
            Self::NotYet => "It cannot be used yet.",
            Self::Expired => "It is over.",
            Self::UsedUp => "It has been used up.",
            Self::UsedByYou => "You have used it as often as you can.",
            Self::BudgetUsedUp => "What it may give away does not suffice.",
            Self::Currency => "It is for another currency.",
            Self::NoMatchingLines => "It is for other products.",
            Self::ThresholdNotMet => "There is not enough in the cart for it.",
            Self::OtherIsBetter => "Another promotion takes off as much or more.",
            Self::NothingToTakeOff => "There is nothing left to take off.",
        }
    }
}

/// What the shopper is told of a promotion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Told {
    /// What it is called.
    pub code: String,
    /// Its name, for people.
    pub name: String,
    /// Whether something was taken off.
    pub applied: bool,
    /// What was taken off, off the lines or the shipping.
    pub amount: Money,
    /// Why it did not apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The reason for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

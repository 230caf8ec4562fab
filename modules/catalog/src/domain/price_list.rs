use chrono::SubsecRound;
use kernel::id::ProductId;
use kernel::problem::FieldError;
use kernel::{Currency, Money, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::market::{TITLE_MAX, check_code};
use super::{Findings, Market, PRICE_MAX, PRIORITY_MAX, TIER_QUANTITY_MAX};

/// Prices that are valid for somebody, somewhere, for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PriceList {
    /// The list.
    pub id: Uuid,
    /// What it is called in answers and files.
    pub code: String,
    /// What people call it.
    pub name: String,
    /// The currency of its prices; kept for life.
    #[schema(value_type = String)]
    pub currency: Currency,
    /// The code of the only market it is for; none is any with its currency.
    pub market: Option<String>,
    /// The only customer group it is for; none is everybody.
    pub customer_group: Option<String>,
    /// A list with a higher priority goes before one with a lower.
    pub priority: i64,
    /// When it begins to be valid; none is always.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_from: Option<Timestamp>,
    /// When it is valid no more; none is never.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_until: Option<Timestamp>,
    /// 1 when created, one more with each change of what is above. Its prices do not count.
    pub version: i64,
}

/// A price list as the staff writes it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "code": "winter-sale", "name": "Winter sale", "currency": "EUR", "market": "de",
    "priority": 10, "valid_from": "2026-12-27T00:00:00+01:00",
    "valid_until": "2027-01-16T00:00:00+01:00"
}))]
pub struct PriceListInput {
    /// What it is called in answers and files: at most 50 small letters, digits, single hyphens.
    #[schema(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 50)]
    pub code: String,
    /// What people call it; the code unless said otherwise.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// The currency of its prices; kept for life.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$")]
    pub currency: Currency,
    /// The code of the only market it is for.
    #[serde(default)]
    pub market: Option<String>,
    /// The only customer group it is for, e.g. `trade`.
    #[serde(default)]
    #[schema(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 50)]
    pub customer_group: Option<String>,
    /// -1,000 to 1,000; 0 unless said otherwise.
    #[serde(default)]
    #[schema(minimum = -1000, maximum = 1000)]
    pub priority: i64,
    /// When it begins to be valid; always unless said otherwise.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_from: Option<Timestamp>,
    /// When it is valid no more; never unless said otherwise.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_until: Option<Timestamp>,
}

impl PriceListInput {
    /// The list it describes, or every field that is not allowed. `market` is the one it names, if
    /// there is one.
    pub fn list(
        self,
        id: Uuid,
        version: i64,
        market: Option<&Market>,
    ) -> Result<PriceList, Vec<FieldError>> {
        let mut found = Findings::default();
        let name = self.name.unwrap_or_else(|| self.code.clone());
        check_code(&mut found, "code", &self.code);
        found.text("name", &name, 1, TITLE_MAX);
        match (&self.market, market) {
            (Some(_), None) => found.add("market", "must be the code of a market".to_owned()),
            (Some(_), Some(market)) if market.currency != self.currency => {
                found.add("currency", format!("must be {}, the market's", market.currency));
            }
            _ => {}
        }
        if let Some(group) = &self.customer_group {
            check_code(&mut found, "customer_group", group);
        }
        if !(-PRIORITY_MAX..=PRIORITY_MAX).contains(&self.priority) {
            found.add("priority", format!("must be {} to {PRIORITY_MAX}", -PRIORITY_MAX));
        }
        let valid_from = self.valid_from.map(|at| at.trunc_subsecs(6));
        let valid_until = self.valid_until.map(|at| at.trunc_subsecs(6));
        if valid_from.is_some_and(|from| valid_until.is_some_and(|until| from >= until)) {
            found.add("valid_until", "must be later than valid_from".to_owned());
        }
        if !found.0.is_empty() {
            return Err(found.0);
        }
        let Self { code, currency, market, customer_group, priority, .. } = self;
        Ok(PriceList {
            id,
            code,
            name,
            currency,
            market,
            customer_group,
            priority,
            valid_from,
            valid_until,
            version,
        })
    }
}

/// A price of a list as the staff writes it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "sku": "LAMP-1", "min_quantity": 10, "price": {"amount": "39.90", "currency": "EUR"}
}))]
pub struct ListedInput {
    /// The product; its SKU is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_id: Option<ProductId>,
    /// The product's SKU; its id is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// From how many units on it is the price; 1 unless said otherwise.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub min_quantity: i64,
    /// The price of one unit, in the list's currency.
    pub price: Money,
}

const fn one() -> i64 {
    1
}

/// A price of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Listed {
    /// The product.
    pub product_id: ProductId,
    /// Its SKU.
    pub sku: String,
    /// From how many units on it is the price.
    pub min_quantity: i64,
    /// The price of one unit.
    pub price: Money,
}

impl ListedInput {
    /// The fields that are not allowed in a list of this currency.
    pub(crate) fn check(&self, currency: Currency) -> Vec<FieldError> {
        let mut found = Findings::default();
        if self.product_id.is_none() && self.sku.is_none() {
            found.add("sku", "must be there, or product_id instead".to_owned());
        }
        if !(1..=TIER_QUANTITY_MAX).contains(&self.min_quantity) {
            let message = format!("must be 1 to {TIER_QUANTITY_MAX}");
            found.add("min_quantity", message);
        }
        if self.price.currency() != currency {
            let message = format!("must be in {currency}, the list's currency");
            found.add("price", message);
        } else if !(0..=PRICE_MAX).contains(&self.price.minor()) {
            let most = Money::from_minor(PRICE_MAX, currency);
            found.add("price", format!("must be 0 to {most}"));
        }
        found.0
    }
}

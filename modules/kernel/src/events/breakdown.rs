use serde::{Deserialize, Serialize};

use crate::money::Money;

/// What the total of an order is made of: its parts are in one currency and sum to the total.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breakdown {
    /// The goods, each category once.
    pub goods: Vec<CategoryGoods>,
    /// What the shipping costs, without tax.
    pub shipping: Money,
    /// The tax of all of it, whether it comes on top of the prices or is held by them.
    pub tax: Money,
}

/// The goods of one category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryGoods {
    /// The widest category that they were in when they were sold; none of goods that had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// What they cost after discounts and without tax.
    pub amount: Money,
}

use std::collections::{BTreeMap, HashSet};

use kernel::id::ProductId;
use kernel::problem::FieldError;
use kernel::{Currency, Money};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    ATTRIBUTE_TEXT_MAX, BRAND_MAX, COLLECTED_MAX, DESCRIPTION_MAX, Findings, KEY_MAX, PATH_MAX,
    RULE_VALUES_MAX, SLUG_MAX, is_slug,
};

/// What a product has to meet to be in a collection: everything that is said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"category": "Home > Lighting", "max_price": "50", "in_stock": true}))]
pub struct Rule {
    /// The slug or path of a category it is in or below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 2100)]
    pub category: Option<String>,
    /// One of these brands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 50)]
    pub brand: Vec<String>,
    /// It costs at least this, in the shop's currency.
    #[serde(
        default,
        with = "rust_decimal::serde::str_option",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>)]
    pub min_price: Option<Decimal>,
    /// It costs at most this, in the shop's currency.
    #[serde(
        default,
        with = "rust_decimal::serde::str_option",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<String>)]
    pub max_price: Option<Decimal>,
    /// Some can be had.
    #[serde(default)]
    pub in_stock: bool,
    /// Of each attribute one of these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Vec<String>>,
}

impl Rule {
    /// The lowest and the highest price in minor units, both included.
    pub(crate) fn bounds(&self, currency: Currency) -> (i64, i64) {
        let minor = |price: Decimal, strategy| {
            let price = price.round_dp_with_strategy(currency.digits(), strategy);
            Money::new(price, currency).map_or(i64::MAX, Money::minor)
        };
        let least = self.min_price.map(|price| minor(price, RoundingStrategy::ToPositiveInfinity));
        let most = self.max_price.map(|price| minor(price, RoundingStrategy::ToNegativeInfinity));
        (least.unwrap_or(0), most.unwrap_or(i64::MAX))
    }
}

/// Products that are shown together.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Collection {
    /// The collection.
    pub id: Uuid,
    /// Its name in the shop's addresses.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// What is in it, for people; may be empty.
    pub description: String,
    /// What a product has to meet; none when the products are chosen one by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Rule>,
    /// 1 when created, one more with each change.
    pub version: i64,
}

/// A collection as the staff writes it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Gifts under 50", "rule": {"max_price": "50", "in_stock": true}}))]
pub struct CollectionInput {
    /// 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// Its name in the shop's addresses; made from its name unless said.
    #[serde(default)]
    #[schema(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 200)]
    pub slug: Option<String>,
    /// What is in it; at most 20,000 characters.
    #[serde(default)]
    #[schema(max_length = 20_000)]
    pub description: String,
    /// What a product has to meet; without it the products are chosen one by one.
    #[serde(default)]
    pub rule: Option<Rule>,
}

impl CollectionInput {
    /// The collection it describes, or every field that is not allowed.
    pub(crate) fn collection(self, id: Uuid, version: i64) -> Result<Collection, Vec<FieldError>> {
        let mut found = Findings::default();
        found.text("name", &self.name, 1, KEY_MAX);
        found.text("description", &self.description, 0, DESCRIPTION_MAX);
        let made = || slug::slugify(&self.name).chars().take(SLUG_MAX).collect();
        let slug: String = self.slug.clone().unwrap_or_else(made);
        if !is_slug(&slug) {
            let message = "must be small letters, digits and single hyphens, as summer-sale";
            found.add("slug", message.to_owned());
        }
        if let Some(rule) = &self.rule {
            check_rule(rule, &mut found);
        }
        if !found.0.is_empty() {
            return Err(found.0);
        }
        let (name, description, rule) = (self.name, self.description, self.rule);
        Ok(Collection { id, slug, name, description, rule, version })
    }
}

fn check_rule(rule: &Rule, found: &mut Findings) {
    if *rule == Rule::default() {
        found.add("rule", "must say something: a rule without words takes every product".into());
    }
    if let Some(category) = &rule.category {
        found.text("rule.category", category, 1, PATH_MAX);
    }
    if found.at_most("rule.brand", rule.brand.len(), RULE_VALUES_MAX) {
        for (n, brand) in rule.brand.iter().enumerate() {
            found.text(&format!("rule.brand[{n}]"), brand, 1, BRAND_MAX);
        }
    }
    for (field, price) in [("rule.min_price", rule.min_price), ("rule.max_price", rule.max_price)] {
        if price.is_some_and(|price| price.is_sign_negative()) {
            found.add(field, "must be 0 or more".to_owned());
        }
    }
    if found.at_most("rule.attributes", rule.attributes.len(), RULE_VALUES_MAX) {
        for (name, values) in &rule.attributes {
            let field = format!("rule.attributes.{name}");
            found.text("rule.attributes", name, 1, KEY_MAX);
            if values.is_empty() {
                found.add(&field, "must have a value".to_owned());
            }
            if found.at_most(&field, values.len(), RULE_VALUES_MAX) {
                for value in values {
                    found.text(&field, value, 1, ATTRIBUTE_TEXT_MAX);
                }
            }
        }
    }
}

/// What is not allowed of the products that are chosen for a collection.
pub(crate) fn check_chosen(products: &[ProductId]) -> Vec<FieldError> {
    let mut found = Findings::default();
    found.at_most("items", products.len(), COLLECTED_MAX);
    let mut seen = HashSet::new();
    for (n, product) in products.iter().enumerate() {
        if !seen.insert(product) {
            found.add(&format!("items[{n}]"), "is there twice".to_owned());
        }
    }
    found.0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(input: serde_json::Value) -> Vec<String> {
        let input: CollectionInput = serde_json::from_value(input).unwrap();
        let errors = input.collection(Uuid::nil(), 1).err().unwrap_or_default();
        errors.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn a_price_of_a_rule_is_a_text() {
        let rule = |price| json!({"name": "Cheap", "rule": {"min_price": price, "in_stock": true}});
        assert!(serde_json::from_value::<CollectionInput>(rule(json!("5"))).is_ok());
        assert!(serde_json::from_value::<CollectionInput>(rule(json!(5))).is_err());
    }

    #[test]
    fn every_bad_field_is_named() {
        assert_eq!(fields(json!({"name": "Gifts", "rule": {"in_stock": true}})), [""; 0]);
        assert_eq!(fields(json!({"name": "!"})), ["slug"]);
        assert_eq!(fields(json!({"name": "A", "rule": {}})), ["rule"]);
        let rule = json!({"brand": [""], "min_price": "-1", "attributes": {"a": []}});
        let expected = ["rule.brand[0]", "rule.min_price", "rule.attributes.a"];
        assert_eq!(fields(json!({"name": "A", "rule": rule})), expected);
    }
}

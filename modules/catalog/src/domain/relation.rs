use std::collections::{BTreeMap, HashMap, HashSet};
use std::str::FromStr;

use kernel::id::ProductId;
use kernel::problem::FieldError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Findings, RELATED_MAX};

/// How a product belongs to another one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RelationKind {
    /// Goes with it.
    Accessory,
    /// May be bought instead.
    Alternative,
    /// The better one.
    Upsell,
}

/// The word is no kind of a relation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be accessory, alternative or upsell")]
pub struct UnknownRelation;

impl FromStr for RelationKind {
    type Err = UnknownRelation;

    fn from_str(word: &str) -> Result<Self, UnknownRelation> {
        match word {
            "accessory" => Ok(Self::Accessory),
            "alternative" => Ok(Self::Alternative),
            "upsell" => Ok(Self::Upsell),
            _ => Err(UnknownRelation),
        }
    }
}

/// A product that belongs to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Relation {
    /// How.
    pub kind: RelationKind,
    /// The product.
    pub product_id: ProductId,
}

/// The SKUs of the products that belong to one, by how they do.
pub(crate) type Related = BTreeMap<RelationKind, Vec<String>>;

/// What is not allowed of the relations of a product.
pub(crate) fn check_relations(of: ProductId, relations: &[Relation]) -> Vec<FieldError> {
    let mut found = Findings::default();
    found.at_most("items", relations.len(), RELATED_MAX);
    let mut seen = HashSet::new();
    for (n, relation) in relations.iter().enumerate() {
        if relation.product_id == of {
            let message = "must be another product".to_owned();
            found.add(&format!("items[{n}].product_id"), message);
        } else if !seen.insert(relation) {
            found.add(&format!("items[{n}]"), "is there twice".to_owned());
        }
    }
    found.0
}

/// The relations that a file says, whose products are found by SKU; or why they are not allowed.
pub(crate) fn relations_of(
    of: ProductId,
    related: &Related,
    products: &HashMap<String, ProductId>,
) -> Result<Vec<Relation>, FieldError> {
    let wrong = |message| FieldError { field: "related".to_owned(), message };
    let mut relations = Vec::new();
    for (kind, sku) in related.iter().flat_map(|(kind, skus)| skus.iter().map(|sku| (*kind, sku))) {
        let product = products.get(sku);
        let missing = || wrong(format!("{sku:?} is no product of this shop"));
        relations.push(Relation { kind, product_id: *product.ok_or_else(missing)? });
    }
    match check_relations(of, &relations).into_iter().next() {
        Some(error) => Err(wrong(error.message)),
        None => Ok(relations),
    }
}

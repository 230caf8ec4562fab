use std::collections::HashSet;

use kernel::id::ProductId;
use kernel::problem::FieldError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Findings, PART_QUANTITY_MAX, PARTS_MAX, Status};

/// A product that goes into a bundle, as the staff says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BundlePartInput)]
pub struct PartInput {
    /// The product. It is no bundle itself and has no variants; it need not be sold alone.
    pub product_id: ProductId,
    /// How many units of it are in one bundle.
    #[schema(minimum = 1, maximum = 1000, example = 1)]
    pub quantity: i64,
}

/// A product that a bundle is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = BundlePart)]
pub struct Part {
    /// The product.
    pub product_id: ProductId,
    /// Its stock keeping unit.
    pub sku: String,
    /// Its name.
    pub name: String,
    /// How many units of it are in one bundle.
    pub quantity: i64,
    /// Where it stands: a bundle of which a part is archived cannot be bought.
    pub status: Status,
    /// What one unit weighs, in grams; 0 when it is not known.
    #[serde(skip)]
    #[schema(ignore)]
    pub weight_g: i64,
}

impl Part {
    /// Whether a bundle with it can be bought.
    pub(crate) fn is_sold(&self) -> bool {
        self.status != Status::Archived
    }

    /// What the staff said of it.
    pub(crate) const fn input(&self) -> PartInput {
        PartInput { product_id: self.product_id, quantity: self.quantity }
    }
}

impl From<Part> for kernel::ports::Part {
    fn from(part: Part) -> Self {
        let Part { product_id, sku, name, quantity, .. } = part;
        Self { product_id, sku, name, quantity }
    }
}

/// What a product is to bundles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ties {
    /// It has variants, and is not sold itself.
    pub has_variants: bool,
    /// It is made of parts.
    pub is_bundle: bool,
    /// It goes into a bundle.
    pub is_part: bool,
}

/// What a bundle of these weighs, in grams.
pub(crate) fn weight_g(parts: &[Part]) -> i64 {
    let of = |part: &Part| part.weight_g.saturating_mul(part.quantity);
    parts.iter().map(of).fold(0, i64::saturating_add)
}

/// What is not allowed of the parts of a bundle, as far as they tell it themselves.
pub(crate) fn check_parts(of: ProductId, parts: &[PartInput]) -> Vec<FieldError> {
    let mut found = Findings::default();
    found.at_most("parts", parts.len(), PARTS_MAX);
    let mut seen = HashSet::new();
    for (n, part) in parts.iter().enumerate().take(PARTS_MAX) {
        if part.product_id == of {
            found.add(&format!("parts[{n}].product_id"), "must be another product".to_owned());
        } else if !seen.insert(part.product_id) {
            found.add(&format!("parts[{n}].product_id"), "is there twice".to_owned());
        }
        if !(1..=PART_QUANTITY_MAX).contains(&part.quantity) {
            let message = format!("must be 1 to {PART_QUANTITY_MAX}");
            found.add(&format!("parts[{n}].quantity"), message);
        }
    }
    found.0
}

/// What is not allowed of them by what the products are; `ties` says nothing of one that does not exist.
pub(crate) fn check_ties(
    of: ProductId,
    parts: &[PartInput],
    ties: impl Fn(ProductId) -> Option<Ties>,
) -> Vec<FieldError> {
    let mut found = Findings::default();
    for (n, part) in parts.iter().enumerate() {
        let message = match ties(part.product_id) {
            None => "must be a product that exists",
            Some(ties) if ties.is_bundle => "must be no bundle itself",
            Some(ties) if ties.has_variants => "must be sold itself: name one of its variants",
            Some(_) => continue,
        };
        found.add(&format!("parts[{n}].product_id"), message.to_owned());
    }
    if let Some(own) = ties(of).filter(|_| !parts.is_empty()) {
        if own.is_part {
            found.add("parts", "must be empty: the product is a part of a bundle".to_owned());
        } else if own.has_variants {
            found.add("parts", "must be empty: the product has variants".to_owned());
        }
    }
    found.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(product_id: ProductId, quantity: i64) -> PartInput {
        PartInput { product_id, quantity }
    }

    fn fields(errors: Vec<FieldError>) -> Vec<String> {
        errors.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn a_part_is_another_product_named_once_with_units() {
        let (of, one) = (ProductId::new(), ProductId::new());
        assert!(check_parts(of, &[part(one, 1), part(ProductId::new(), 1_000)]).is_empty());
        assert!(check_parts(of, &[]).is_empty());
        for quantity in [0, -1, 1_001, i64::MAX, i64::MIN] {
            let found = fields(check_parts(of, &[part(one, quantity)]));
            assert_eq!(found, ["parts[0].quantity"], "{quantity}");
        }
        let found = fields(check_parts(of, &[part(one, 1), part(of, 1), part(one, 2)]));
        assert_eq!(found, ["parts[1].product_id", "parts[2].product_id"]);
        let many: Vec<_> = (0..51).map(|_| part(ProductId::new(), 1)).collect();
        assert_eq!(fields(check_parts(of, &many)), ["parts"]);
        assert!(check_parts(of, &many[1..]).is_empty());
    }

    #[test]
    fn bundles_are_not_nested_and_parents_are_in_none() {
        let of = ProductId::new();
        let plain = Ties { has_variants: false, is_bundle: false, is_part: false };
        let (parent, bundle) =
            (Ties { has_variants: true, ..plain }, Ties { is_bundle: true, ..plain });
        let shared = Ties { is_part: true, ..plain };
        let check = |own: Ties, other: Option<Ties>| {
            let parts = [part(ProductId::new(), 1)];
            fields(check_ties(of, &parts, |id| if id == of { Some(own) } else { other }))
        };
        assert!(check(plain, Some(shared)).is_empty() && check(bundle, Some(plain)).is_empty());
        for wrong in [None, Some(parent), Some(bundle)] {
            assert_eq!(check(plain, wrong), ["parts[0].product_id"]);
        }
        for own in [parent, shared] {
            assert_eq!(check(own, Some(plain)), ["parts"]);
            assert!(check_ties(of, &[], |_| Some(own)).is_empty(), "it can be made plain again");
        }
    }
}

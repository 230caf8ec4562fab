use sha2::{Digest, Sha256};

use super::SLUG_MAX;

/// How much of a name its slug keeps, in characters.
const NAME_KEPT: usize = 80;
/// How much of a SKU: some letters are written with many others.
const SKU_KEPT: usize = 100;
/// How many bytes of a hash tell two SKUs apart whose slugs are the same.
const HASH_BYTES: usize = 4;

/// Whether a text can stand in an address of the shop as it is.
pub fn is_slug(text: &str) -> bool {
    let part = |part: &str| {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        !part.is_empty() && part.bytes().all(allowed)
    };
    text.len() <= SLUG_MAX && text.split('-').all(part)
}

/// The slug of a product that is given none: its name, and its SKU so that no other one has it.
pub fn slug_of(name: &str, sku: &str) -> String {
    let name: String = slug::slugify(name).chars().take(NAME_KEPT).collect();
    let key: String = slug::slugify(sku).chars().take(SKU_KEPT).collect();
    let hash = if key == sku.to_lowercase() {
        String::new()
    } else {
        hex::encode(&Sha256::digest(sku)[..HASH_BYTES])
    };
    let parts = [name.trim_matches('-'), key.trim_matches('-'), &hash];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_slug_is_readable_and_ends_with_the_sku() {
        assert_eq!(slug_of("Größe XL: Lampe", "LAMP-1"), "grosse-xl-lampe-lamp-1");
        assert_eq!(slug_of("日本", "A"), "ri-ben-a");
        assert_eq!(slug_of("!", "a"), "a");
    }

    proptest! {
        #[test]
        fn every_product_gets_a_slug(name in ".{0,300}", sku in ".{1,32}") {
            let slug = slug_of(&name, &sku);
            prop_assert!(is_slug(&slug), "{:?}", slug);
        }

        #[test]
        fn skus_that_look_alike_have_slugs_of_their_own(a in "[aA _./-]{1,4}", b in "[aA _./-]{1,4}") {
            prop_assume!(a.to_lowercase() != b.to_lowercase());
            prop_assert_ne!(slug_of("Lamp", &a), slug_of("Lamp", &b));
        }
    }
}

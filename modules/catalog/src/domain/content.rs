use std::collections::BTreeMap;

use kernel::problem::FieldError;
use kernel::{Money, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::category::check_name;
use super::{
    ATTRIBUTE_NUMBER_MAX, ATTRIBUTE_TEXT_MAX, ATTRIBUTE_VALUES_MAX, ATTRIBUTES_MAX, BARCODE_MAX,
    BRAND_MAX, CATEGORIES_MAX, DESCRIPTION_MAX, Definitions, Findings, IMAGE_MAX, IMAGES_MAX,
    KEY_MAX, NAME_MAX, OPTION_VALUE_MAX, OPTIONS_MAX, PRICE_MAX, SKU_MAX, Status, TAX_CATEGORY_MAX,
    TRANSLATIONS_MAX, WEIGHT_MAX, is_slug,
};

/// What the shop says of a product; everything an editor can change, and the SKU.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// The stock keeping unit; a product keeps it for life.
    pub sku: String,
    /// The name.
    pub name: String,
    /// The description; may be empty.
    pub description: String,
    /// The price of one unit.
    pub price: Money,
    /// The brand; may be empty.
    pub brand: String,
    /// The categories, from the widest to the narrowest.
    pub categories: Vec<String>,
    /// Texts, numbers, booleans, or lists of texts, by name.
    pub attributes: BTreeMap<String, Value>,
    /// What tells a variant from its siblings, e.g. `size`: `M`.
    pub options: BTreeMap<String, String>,
    /// Addresses of images, the first one first.
    pub images: Vec<String>,
    /// Where it stands.
    pub status: Status,
    /// When an active product comes into the shop; none is at once.
    pub publish_at: Option<Timestamp>,
    /// Its name in the shop's addresses; a variant is found at its parent's.
    pub slug: Option<String>,
    /// How it is taxed: a word that the tax rules know.
    pub tax_category: String,
    /// What one unit weighs when it is sent, in grams.
    pub weight_g: Option<i64>,
    /// The code that is printed on it, e.g. a GTIN.
    pub barcode: Option<String>,
    /// Its texts in other languages, by BCP 47 tag.
    pub translations: BTreeMap<String, Translation>,
}

/// A product's texts in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Translation {
    /// The name.
    #[schema(min_length = 1, max_length = 300)]
    pub name: String,
    /// The description; may be empty.
    #[serde(default)]
    #[schema(max_length = 20_000)]
    pub description: String,
}

/// How a product is taxed unless said otherwise.
pub(crate) const TAX_CATEGORY: &str = "standard";

/// Every field that is not allowed, with what is.
pub fn check(content: &Content, definitions: &Definitions) -> Vec<FieldError> {
    let mut found = Findings::default();
    check_sku(&content.sku, &mut found);
    found.text("name", &content.name, 1, NAME_MAX);
    found.text("description", &content.description, 0, DESCRIPTION_MAX);
    found.text("brand", &content.brand, 0, BRAND_MAX);
    if !(0..=PRICE_MAX).contains(&content.price.minor()) {
        let most = Money::from_minor(PRICE_MAX, content.price.currency());
        found.add("price", format!("must be 0 to {}", most.amount()));
    }
    if found.at_most("categories", content.categories.len(), CATEGORIES_MAX) {
        for (n, category) in content.categories.iter().enumerate() {
            check_name(&format!("categories[{n}]"), category, &mut found);
        }
    }
    if found.at_most("images", content.images.len(), IMAGES_MAX) {
        for (n, image) in content.images.iter().enumerate() {
            found.text(&format!("images[{n}]"), image, 1, IMAGE_MAX);
        }
    }
    if found.at_most("options", content.options.len(), OPTIONS_MAX) {
        for (name, value) in &content.options {
            found.text("options", name, 1, KEY_MAX);
            found.text(&format!("options.{name}"), value, 1, OPTION_VALUE_MAX);
        }
    }
    if found.at_most("attributes", content.attributes.len(), ATTRIBUTES_MAX) {
        for (name, value) in &content.attributes {
            found.text("attributes", name, 1, KEY_MAX);
            let field = format!("attributes.{name}");
            check_attribute(&field, value, &mut found);
            definitions.check(name, &field, value, &mut found);
        }
    }
    check_trade(content, &mut found);
    check_translations(content, &mut found);
    found.0
}

fn check_trade(content: &Content, found: &mut Findings) {
    if content.slug.as_deref().is_some_and(|slug| !is_slug(slug)) {
        found.add("slug", "must be small letters, digits and single hyphens, as desk-lamp".into());
    }
    found.text("tax_category", &content.tax_category, 1, TAX_CATEGORY_MAX);
    if content.weight_g.is_some_and(|grams| !(0..=WEIGHT_MAX).contains(&grams)) {
        found.add("weight_g", format!("must be 0 to {WEIGHT_MAX} grams"));
    }
    if let Some(barcode) = &content.barcode {
        found.text("barcode", barcode, 1, BARCODE_MAX);
    }
}

fn check_translations(content: &Content, found: &mut Findings) {
    if found.at_most("translations", content.translations.len(), TRANSLATIONS_MAX) {
        for (locale, texts) in &content.translations {
            if !is_locale(locale) {
                let message = format!("{locale:?} must be a language tag such as de or pt-BR");
                found.add("translations", message);
            }
            found.text(&format!("translations.{locale}.name"), &texts.name, 1, NAME_MAX);
            let field = format!("translations.{locale}.description");
            found.text(&field, &texts.description, 0, DESCRIPTION_MAX);
        }
    }
}

/// Whether a text is a language tag (BCP 47) of the kind shops use: a language, or a language and
/// a region.
pub fn is_locale(text: &str) -> bool {
    let (language, region) = text.split_once('-').map_or((text, None), |(l, r)| (l, Some(r)));
    let small = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase());
    let region_fits =
        |region: &str| region.len() == 2 && region.bytes().all(|byte| byte.is_ascii_uppercase());
    (2..=3).contains(&language.len()) && small(language) && region.is_none_or(region_fits)
}

fn check_sku(sku: &str, found: &mut Findings) {
    let length = sku.chars().count();
    if !(1..=SKU_MAX).contains(&length) || sku.trim() != sku || sku.chars().any(char::is_control) {
        let message = format!("must be 1 to {SKU_MAX} visible characters without space around");
        found.add("sku", message);
    } else if Uuid::try_parse(sku).is_ok() {
        found.add("sku", "must not look like an id: products are found by either".to_owned());
    }
}

fn check_attribute(field: &str, value: &Value, found: &mut Findings) {
    match value {
        Value::Array(values) => {
            if found.at_most(field, values.len(), ATTRIBUTE_VALUES_MAX) {
                for (n, value) in values.iter().enumerate() {
                    check_scalar(&format!("{field}[{n}]"), value, found);
                }
            }
        }
        value => check_scalar(field, value, found),
    }
}

fn check_scalar(field: &str, value: &Value, found: &mut Findings) {
    match value {
        Value::String(text) => found.text(field, text, 0, ATTRIBUTE_TEXT_MAX),
        Value::Bool(_) => {}
        Value::Number(number) => {
            if number.as_f64().is_none_or(|number| number.abs() > ATTRIBUTE_NUMBER_MAX) {
                let message = format!("must be at most {ATTRIBUTE_NUMBER_MAX}, or a text");
                found.add(field, message);
            }
        }
        Value::Null | Value::Object(_) | Value::Array(_) => {
            let message = "must be a text, a number, a boolean, or a list of these";
            found.add(field, message.to_owned());
        }
    }
}

/// The same attributes with one spelling for each number, so that `6.0` from a file and the `6` a
/// database gives back are equal.
pub fn normalize(attributes: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    attributes.into_iter().map(|(name, value)| (name, normalize_value(value))).collect()
}

fn normalize_value(value: Value) -> Value {
    match value {
        Value::Array(values) => values.into_iter().map(normalize_value).collect(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if float.fract() == 0.0 && float.abs() <= ATTRIBUTE_NUMBER_MAX => {
                #[expect(clippy::cast_possible_truncation, reason = "it is whole and in range")]
                let whole = float as i64;
                Value::from(whole)
            }
            _ => Value::Number(number),
        },
        value => value,
    }
}

#[cfg(test)]
mod tests {
    use kernel::Currency;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn content() -> Content {
        Content {
            sku: "A-1".to_owned(),
            name: "Lamp".to_owned(),
            description: String::new(),
            price: Money::from_minor(100, Currency::EUR),
            brand: String::new(),
            categories: vec!["Home".to_owned()],
            attributes: BTreeMap::from([("watts".to_owned(), json!(6))]),
            options: BTreeMap::new(),
            images: Vec::new(),
            status: Status::Active,
            publish_at: None,
            slug: Some("lamp-a-1".to_owned()),
            tax_category: TAX_CATEGORY.to_owned(),
            weight_g: Some(1_200),
            barcode: None,
            translations: BTreeMap::new(),
        }
    }

    fn fields(content: &Content) -> Vec<String> {
        check(content, &Definitions::default()).into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn a_good_product_has_no_findings() {
        assert_eq!(check(&content(), &Definitions::default()), []);
    }

    #[test]
    fn every_bad_field_is_named() {
        let mut bad = content();
        bad.sku = " ".to_owned();
        bad.name = String::new();
        bad.price = Money::from_minor(-1, Currency::EUR);
        bad.brand = "nul\0".to_owned();
        bad.categories = vec![String::new()];
        bad.images = vec!["x".to_owned(); IMAGES_MAX + 1];
        bad.attributes = BTreeMap::from([("deep".to_owned(), json!({"a": 1}))]);
        bad.options = BTreeMap::from([("size".to_owned(), String::new())]);
        bad.slug = Some("Desk lamp".to_owned());
        bad.tax_category = String::new();
        bad.weight_g = Some(-1);
        bad.barcode = Some(" ".to_owned());
        let texts = Translation { name: String::new(), description: String::new() };
        bad.translations = BTreeMap::from([("German".to_owned(), texts)]);
        let expected = [
            "sku",
            "name",
            "brand",
            "price",
            "categories[0]",
            "images",
            "options.size",
            "attributes.deep",
            "slug",
            "tax_category",
            "weight_g",
            "barcode",
            "translations",
            "translations.German.name",
        ];
        assert_eq!(fields(&bad), expected);
    }

    #[test]
    fn a_sku_is_no_id() {
        let mut bad = content();
        bad.sku = "01890000-0000-7000-8000-000000000000".to_owned();
        assert_eq!(fields(&bad), ["sku"]);
    }

    proptest! {
        #[test]
        fn a_text_is_allowed_exactly_within_its_limit(length in 0_usize..700) {
            let mut content = content();
            content.name = "ä".repeat(length);
            prop_assert_eq!(fields(&content).is_empty(), (1..=NAME_MAX).contains(&length));
        }

        #[test]
        fn a_price_is_allowed_exactly_within_its_bounds(minor in any::<i64>()) {
            let mut content = content();
            content.price = Money::from_minor(minor, Currency::USD);
            prop_assert_eq!(fields(&content).is_empty(), (0..=PRICE_MAX).contains(&minor));
        }

        #[test]
        fn any_sku_that_passes_is_short_visible_and_no_id(sku in ".{0,80}") {
            let mut content = content();
            content.sku.clone_from(&sku);
            if fields(&content).is_empty() {
                prop_assert!((1..=SKU_MAX).contains(&sku.chars().count()));
                prop_assert!(!sku.chars().any(char::is_control) && Uuid::try_parse(&sku).is_err());
            }
        }

        #[test]
        fn normal_numbers_stay_normal(number in -1e15_f64..1e15) {
            let once = normalize_value(json!(number));
            prop_assert_eq!(normalize_value(once.clone()), once.clone());
            prop_assert_eq!(once.as_f64(), Some(number));
        }
    }
}
